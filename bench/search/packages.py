"""Documentation packages of Debian, as `apt-get` brings them; only their files are read."""

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_PACKAGES = (
    "debian-faq",
    "debian-faq-zh-cn",
    "debian-reference-zh-cn",
    "python3.11-doc",
)
_PROGRAMS = ("apt-get", "dpkg-deb")


class NoPackagesError(Exception):
    """This machine cannot fetch packages of Debian; says why."""


@contextmanager
def unpack() -> Generator[Path]:
    """Return a folder with the files of all packages, as they would lie below `/`.

    Raises:
        NoPackagesError: they cannot be had here.
    """
    if missing := [name for name in _PROGRAMS if not shutil.which(name)]:
        raise NoPackagesError(f"no {' and no '.join(missing)} here")
    with tempfile.TemporaryDirectory(prefix="assistd-bench-") as folder:
        archives = Path(folder, "archives")
        archives.mkdir()
        _call("apt-get", "download", "--quiet", *_PACKAGES, within=archives)
        root = Path(folder, "root")
        for archive in sorted(archives.glob("*.deb")):
            _call("dpkg-deb", "--extract", str(archive), str(root), within=archives)
        yield root


def _call(*command: str, within: Path) -> None:
    done = subprocess.run(command, cwd=within, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoPackagesError(f"{command[0]} failed: {last}")
