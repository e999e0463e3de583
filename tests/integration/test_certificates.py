"""`assistd certs`: what it makes holds in a TLS handshake, and it destroys nothing."""

import ssl
import stat
from pathlib import Path

import pytest

from assistd.sandbox.remote.certificates import CertificateError, dns_name, host_role
from tests.integration.test_command_line import run


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    done = run("certs", "one", "two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "certs/host-one: copy its three files to the host one" in done.stdout
    return tmp_path / "certs"


def shake_hands(server: Path, client: Path, name: str) -> tuple[str, str]:
    """Have two ends prove themselves to each other; return the common names they saw, the server's first."""
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server / "ca.crt")
    there.verify_mode = ssl.CERT_REQUIRED
    there.load_cert_chain(server / "tls.crt", server / "tls.key")
    here = ssl.create_default_context(cafile=client / "ca.crt")
    here.load_cert_chain(client / "tls.crt", client / "tls.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        here.wrap_bio(down, up, server_hostname=name),
        there.wrap_bio(up, down, server_side=True),
    ]
    waiting = ends
    while waiting:
        waiting = [end for end in waiting if not is_through(end)]
    with pytest.raises(ssl.SSLWantReadError):  # the server's tickets of TLS 1.3 arrive
        ends[0].read()
    return common_name(ends[0]), common_name(ends[1])


def is_through(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def common_name(end: ssl.SSLObject) -> str:
    certificate = end.getpeercert()
    assert certificate
    (((_, name),),) = certificate["subject"]  # type: ignore[misc]
    return str(name)


def test_both_ends_learn_the_role_of_the_other(certs: Path) -> None:
    seen = shake_hands(certs / "host-one", certs / "api", "one.host.assistd")
    assert seen == ("host/one", "api")
    seen = shake_hands(certs / "api", certs / "host-two", "api.assistd")
    assert seen == ("api", "host/two")


def test_a_host_cannot_pass_for_another(certs: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(certs / "host-two", certs / "api", dns_name(host_role("one")))


def test_another_installation_is_a_stranger(certs: Path, tmp_path: Path) -> None:
    assert run("certs", "--folder", "others", cwd=tmp_path).returncode == 0
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certs / "host-one", tmp_path / "others" / "api", "one.host.assistd")


def test_only_the_owner_can_read_any_of_it(certs: Path) -> None:
    paths = [certs, *certs.rglob("*")]
    assert len(paths) == 1 + 2 + 3 * 4
    for path in paths:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_what_is_there_stays(certs: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in certs.rglob("*") if path.is_file()}
    done = run("certs", "three", "two", cwd=tmp_path)
    assert done.returncode == 1
    assert "host-two is there already" in done.stderr
    done = run("certs", "three", cwd=tmp_path)
    assert done.returncode == 0
    now = {path: path.read_bytes() for path in certs.rglob("*") if path.is_file()}
    assert before.items() < now.items()
    assert len(now) == len(before) + 3
    shake_hands(certs / "host-three", certs / "api", "three.host.assistd")


def test_a_ca_without_its_key_is_not_replaced(certs: Path, tmp_path: Path) -> None:
    (certs / "ca.key").unlink()
    done = run("certs", "three", cwd=tmp_path)
    assert done.returncode == 1
    assert "has only one of" in done.stderr
    assert not (certs / "host-three").exists()


@pytest.mark.parametrize("host_id", ["", "One", "a.b", "../api", "-a", "a" * 64, "a/b", "a\n"])
def test_an_id_that_is_no_dns_label_is_refused(host_id: str) -> None:
    with pytest.raises(CertificateError):
        host_role(host_id)
