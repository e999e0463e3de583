"""The programs on the PATH of a session: a fixed list, so that code finds the same on every host."""

import os
import shutil
from pathlib import Path

LIST = "programs.cfg"  # beside the lists of packages
_SYSTEM_PATH = "/usr/bin:/bin"
# Programs that packages bring: where they lie in the packages' folder.
_FROM_PACKAGES = {
    "ffmpeg": "imageio_ffmpeg/binaries/ffmpeg-*",
    "pandoc": "pypandoc/files/pandoc",  # where an operator adds pypandoc-binary
}
_PIP = '#!/bin/sh\nexec "{python}" -m pip "$@"\n'


def link(listed: Path, venv: Path, final: Path) -> None:
    """Fill `share/programs` of an environment with links to all that sessions find on their PATH.

    A link stands for a program that this host lacks, too: it leads nowhere until the host has it.

    Args:
        listed: the names of the host's programs, one a line.
        venv: the folder in which the environment is made.
        final: the folder that it is renamed to.
    """
    folder = venv / "share" / "programs"
    folder.mkdir(parents=True)
    for name in names(listed):
        (folder / name).symlink_to(_find_program(name))
    for name, pattern in _FROM_PACKAGES.items():
        for found in (venv / "lib").glob(f"python3.*/site-packages/{pattern}"):
            (folder / name).symlink_to(os.path.relpath(found, folder))
    for name in ("pip", "pip3"):
        script = folder / name
        script.write_text(_PIP.format(python=final / "bin" / "python"), "utf-8")
        script.chmod(0o755)


def names(listed: Path) -> list[str]:
    """Return the names of the host's programs in a list."""
    lines = listed.read_text("utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


def missing(venv: Path) -> list[str]:
    """Return which programs of the list this host lacks, sorted."""
    return sorted(
        each.name for each in (venv / "share" / "programs").iterdir() if not each.exists()
    )


def _find_program(name: str) -> str:
    """Return where the host has a program, or would have it."""
    if found := shutil.which(name, path=_SYSTEM_PATH):
        return found
    found = shutil.which(name)  # where a profile of links stands for /usr/bin, as on NixOS
    return os.path.realpath(found) if found else f"/usr/bin/{name}"
