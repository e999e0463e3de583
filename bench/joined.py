"""Hosts that join over mTLS, each a real `assistd host`, in a network of its own where that can be had."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from assistd.sandbox.remote.certificates import API_ROLE, Authority, host_role
from bench.cgroups import Group, new_group
from bench.networks import Place

_DAYS = 1


@dataclass(frozen=True, slots=True)
class Papers:
    """Certificates of an installation, in folders as `assistd certs` makes them.

    Args:
        folder: has one for each role.
        authority: signs them.
    """

    folder: Path
    authority: Authority

    def write(self, role: str) -> Path:
        """Write the certificate of a role; return its folder."""
        folder = self.folder / role.replace("/", "-")
        folder.mkdir(parents=True)
        pair = self.authority.issue(role, _DAYS)
        contents = (self.authority.pair.certificate, pair.certificate, pair.key)
        for name, content in zip(("ca.crt", "tls.crt", "tls.key"), contents, strict=True):
            (folder / name).write_bytes(content)
        return folder


def write_api_certificate(folder: Path) -> tuple[Papers, Path]:
    """Make a CA and the certificate of the API; return both."""
    papers = Papers(folder, Authority.create())
    return papers, papers.write(API_ROLE)


@dataclass(frozen=True, slots=True)
class Joined:
    """A host that listens, and joins.

    Args:
        pid: of its process.
        group: which holds its processes; None where it is held to nothing.
    """

    pid: int
    group: Group | None


@contextmanager
def joined_host(
    papers: Papers, host_id: str, place: Place, port: int, *, held: bool = False, **more: str
) -> Generator[Joined]:
    """A host; it has ended at the end.

    Args:
        papers: make its certificate.
        host_id: its id.
        place: where it runs.
        port: where the API hears hosts.
        held: whether its processes are to be in a group of their own.
        more: settings.
    """
    folder = papers.write(host_role(host_id))
    settings = {
        "ASSISTD_HOSTS_CERTIFICATES": str(folder),
        "ASSISTD_DATA_DIR": str(folder / "data"),
        "ASSISTD_DRAIN_SECONDS": "1",
        **more,
    }
    command = [
        *(*place.prefix, sys.executable, "-m", "assistd", "host"),
        *("--join", f"{place.api}:{port}", "--listen", f"{place.address}:8486"),
        *("--memory-mib", "65536"),
    ]
    with new_group() if held else nullcontext() as group:
        process = subprocess.Popen(
            group.wrap(command) if group else command,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout
            assert "listens on" in process.stdout.readline()
            yield Joined(process.pid, group)
        finally:
            process.terminate()
            process.wait(30)
