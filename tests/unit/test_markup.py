"""Pages and Markdown become words and pictures."""

import base64
import time
from pathlib import Path

import pytest

from assistd.sandbox.guest.kernel.markup import (
    FOR_BROWSERS,
    Part,
    Picture,
    read_markdown,
    read_page,
)

DATA = b"any bytes: they are not decoded here"
URI = f"data:image/png;base64,{base64.b64encode(DATA).decode()}"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9"/></svg>'


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        ("<p>a<b>b</b></p><p>c</p>", ["ab\nc"]),
        (f'<p>a</p><img src="{URI}"><p>b</p>', ["a", Picture(DATA), "b"]),
        (f"<img alt=x src={URI}>", [Picture(DATA)]),
        (f"<IMG SRC='{URI}'/>", [Picture(DATA)]),
        (f'<table><tr><td>x</td><td><img src="{URI}"></td></tr></table>', ["x", Picture(DATA)]),
        (f"a{SVG}", ["a", Picture(SVG.encode(), is_svg=True)]),
        (
            f'<img src="data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}">',
            [Picture(SVG.encode(), is_svg=True)],
        ),
        ('<img src="data:image/svg+xml,%3Csvg/%3E">', [Picture(b"<svg/>", is_svg=True)]),
        ('<img src="data:image/png;base64,A">a', ["a"]),
        ('<img src="assistd-picture:7">a', ["a"]),
        (
            '<img src="https://x.example/a.png">a',
            ["[A picture at https://x.example/a.png was not shown: there is no internet here.]\na"],
        ),
        (f"<script>x = '{URI}'</script>", [FOR_BROWSERS]),
        ('<img src="/etc/passwd">', []),
        ("", []),
    ],
)
def test_a_page_is_its_words_and_its_pictures(page: str, parts: list[Part]) -> None:
    assert read_page(page, 1000) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("# a\n\n**b**\n", ["# a\n\n**b**\n"]),
        (f"a ![x]({URI}) b", ["a ", Picture(DATA), " b"]),
        (f"![x]({URI})", [Picture(DATA)]),
        (f'![x](<{URI}> "title")', [Picture(DATA)]),
        (f'a <img src="{URI}"> b', ["a", Picture(DATA), "b"]),
        (
            "![x](https://x.example/a.png)",
            ["![x](https://x.example/a.png)"],
        ),
        ("![x](nothing.png)", ["![x](nothing.png)"]),
    ],
)
def test_a_text_in_markdown_keeps_its_words(text: str, parts: list[Part]) -> None:
    assert read_markdown(text, 1000) == parts


def test_a_file_beside_is_a_picture_if_it_is_not_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.png").write_bytes(DATA)
    (tmp_path / "folder.png").mkdir()
    assert read_page('<img src="a%20b.png">', 1000) == [Picture(DATA)]
    assert read_page(f'<img src="file://{tmp_path}/a b.png">', 1000) == [Picture(DATA)]
    assert read_page('<img src="a%20b.png">', 10) == []
    assert read_page('<img src="folder.png">', 1000) == []


@pytest.mark.parametrize("piece", ["<svg>", "data:image/", "![", "![x](", '<img src="', "<"])
def test_a_page_that_repeats_itself_is_read_in_time(piece: str) -> None:
    page = piece * 40_000
    begun = time.monotonic()
    read_page(page, 1000)
    read_markdown(page, 1000)
    assert time.monotonic() - begun < 10
