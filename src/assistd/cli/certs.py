"""The command `certs`: a CA and the certificates of API processes and hosts, for people who have no CA."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistd.cli.console import exiting_on_errors, fail, tell

if TYPE_CHECKING:
    from assistd.sandbox.remote.certificates import Authority, Pair

_AUTHORITY, _CERTIFICATE, _KEY = "ca.crt", "tls.crt", "tls.key"
"""The names that Kubernetes and cert-manager give to these files."""

cli = typer.Typer(pretty_exceptions_enable=False)


@cli.callback()
def _group() -> None:
    """Have typer make a group of the one command, as `LazyGroup` takes it."""


@cli.command()
def certs(
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="HOST_ID", help="Make a certificate for each of these hosts."),
    ] = None,
    *,
    folder: Annotated[Path, typer.Option(help="Where they are kept.")] = Path("certs"),
    days: Annotated[int, typer.Option(min=1, help="How long a new certificate is valid.")] = 365,
) -> None:
    """Make a CA, a certificate for API processes, and one for each host; what is there stays."""
    try:
        from assistd.sandbox.remote import certificates  # noqa: PLC0415  of the extra `hosts`
    except ModuleNotFoundError as error:
        fail(
            f"Certificates need the package {error.name}: pip install 'assistd[hosts]', or make them with "
            "a CA of your own (docs/hosts.md)."
        )
    with exiting_on_errors():
        roles = {f"host-{host}": certificates.host_role(host) for host in hosts or ()}
        for each in roles:
            if (folder / each).exists():
                fail(f"{folder / each} is there already; move it away to make a new certificate.")
        if not (folder / "api").exists():
            roles["api"] = certificates.API_ROLE
        if not roles:
            fail(f"{folder} has a CA and the API's certificate: name the hosts to make one for.")
        authority = _find_authority(folder)
        made = {each: authority.issue(role, days) for each, role in roles.items()}
        for each, pair in made.items():
            _store(folder / each, pair, authority.pair.certificate)
    _tell_what_to_copy(folder, made)


def _find_authority(folder: Path) -> "Authority":
    """Return the CA of a folder, made there where it has none.

    Raises:
        CertificateError: what is there is no CA.
    """
    from assistd.sandbox.remote.certificates import Authority, Pair  # noqa: PLC0415  see `certs`

    certificate, key = folder / _AUTHORITY, folder / "ca.key"
    if certificate.exists() and key.exists():
        return Authority.load(Pair(certificate.read_bytes(), key.read_bytes()))
    if certificate.exists() or key.exists() or (folder / "api").exists():
        fail(f"{folder} has only one of {_AUTHORITY} and ca.key: bring both, or name a new folder.")
    authority = Authority.create()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(certificate, authority.pair.certificate)
    _write(key, authority.pair.key)
    return authority


def _store(folder: Path, pair: "Pair", authority: bytes) -> None:
    folder.mkdir(mode=0o700)
    _write(folder / _AUTHORITY, authority)
    _write(folder / _CERTIFICATE, pair.certificate)
    _write(folder / _KEY, pair.key)


def _write(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone can read; never over another one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{path} is there already; nothing was written over it.")
    with open(descriptor, "wb") as file:
        file.write(content)


def _tell_what_to_copy(folder: Path, made: dict[str, "Pair"]) -> None:
    for each in made:
        where = (
            "every machine that runs `assistd serve`" if each == "api" else f"the host {each[5:]}"
        )
        tell(f"{folder / each}: copy its three files to {where}")
    tell(
        f"{folder / 'ca.key'}: keep it off those machines; whoever has it can pass for any of them"
    )
