"""Addresses of pictures: which hosts are everybody's, however they are written."""

import pytest

from assistd.engine.context.picture_urls import explain_refusal

PUBLIC = [
    "https://example.com/a.png",
    "HTTP://EXAMPLE.COM:8080/a.png?x=http://localhost/",
    "https://example.com./a.png#x",
    "https://bücher.example.org/ä.png",
    "https://93.184.215.14/a.png",
    "https://[2606:2800:220:1:248:1893:25c8:1946]:443/a.png",
    "https://[64:ff9b::5db8:d70e]/a.png",
    "https://10.0.0.1.example.com/a.png",
    "https://my-internal.example.com/",
]
DATA = [
    *(f"data:image/{kind};base64,AAAA" for kind in ("png", "jpeg", "jpg", "gif", "webp")),
    "DATA:image/PNG;charset=utf-8;base64,AAAA",
]
PRIVATE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8000/v1/files",
    "http://127.0.0.1./",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://[fd00:ec2::254]/",
    "http://localhost/",
    "http://LOCALHOST.:80/",
    "http://a.localhost/",
    "http://metadata.google.internal/",
    "http://metadata.google.internal./",
    "http://printer.local/",
    "http://nas.home.arpa/",
    "http://postgres:5432/",
    "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\u30020\u30020\u30021/",
]
NONSENSE = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "javascript:alert(1)",
    "ftp://example.com/a.png",
    "//example.com/a.png",
    "/etc/passwd",
    "a.png",
    "https:example.com",
    "http:/example.com",
    "http:///example.com",
    "http://",
    "http://:80/",
    "data:text/html,<script>",
    "data:text/html;base64,AAAA",
    "data:image/svg+xml;base64,AAAA",
    "data:image/png,AAAA",
    "data:,x",
    " http://127.0.0.1/",
    "http://exa mple.com/",
    "http://exam\tple.com/",
    "java\nscript:alert(1)",
    "http://example.com\\@127.0.0.1/",
    "http://user@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://010.0.0.1/",
    "http://1.2.3.4.5/",
    "http://127.0.0.0x1/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://[x]/",
    "http://[2606::1]example.com/",
    "http://example.com:80:80/",
    "http://a..b/",
    "http://\u202e.example.com/",
]


@pytest.mark.parametrize("url", PUBLIC + DATA)
def test_the_address_of_a_public_host_and_a_picture_itself_are_passed_on(url: str) -> None:
    assert explain_refusal(url, private=False) is None


@pytest.mark.parametrize("url", PRIVATE)
def test_the_address_of_a_private_host_is_passed_on_only_where_the_operator_says_so(
    url: str,
) -> None:
    assert "is private" in (explain_refusal(url, private=False) or "")
    assert explain_refusal(url, private=True) is None


@pytest.mark.parametrize("url", NONSENSE)
def test_what_is_no_address_of_the_web_in_its_usual_form_is_never_passed_on(url: str) -> None:
    for private in (False, True):
        refusal = explain_refusal(url, private=private)
        assert refusal
        assert "is private" not in refusal
