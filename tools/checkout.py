"""Keep other commits beside this checkout, each set up by its own `make`, to compare with or to run.

A commit is unpacked once, into a folder of the cache that all checkouts share, and nothing of it is
written into this repository. It is there whole or not at all.
"""

import fcntl
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_READY = ".checkout-ready"
_GIT, _MAKE = (shutil.which(name) or name for name in ("git", "make"))


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit that is ready to run.

    Args:
        commit: its full name.
        path: its tree.
    """

    commit: str
    path: Path

    @property
    def python(self) -> Path:
        """The interpreter that imports this commit's packages."""
        return self.path / ".venv/bin/python"


def checkout(ref: str, folder: Path, repository: Path = _ROOT) -> Checkout:
    """Return the checkout of a commit, made by its own `make setup env` where it is missing.

    Args:
        ref: a commit, branch or tag of the repository.
        folder: where checkouts are kept.
        repository: a clone that has the commit.

    Raises:
        LookupError: the repository has no such commit.
        subprocess.CalledProcessError: its `make` failed; nothing is left behind.
    """
    found = Checkout(commit := resolve(ref, repository), folder / commit)
    folder.mkdir(parents=True, exist_ok=True)
    with _locking(folder / f"{commit}.lock"):
        if not (found.path / _READY).exists():
            _build(found, repository)
    return found


def resolve(ref: str, repository: Path = _ROOT) -> str:
    """Return the full name of a commit.

    Raises:
        LookupError: the repository has no such commit.
    """
    name = f"{ref}^{{commit}}"
    asked = subprocess.run(
        [_GIT, "rev-parse", "--verify", "--quiet", "--end-of-options", name],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise LookupError(f"git knows no commit {ref!r} here; fetch it first")
    return asked.stdout.strip()


def _build(wanted: Checkout, repository: Path) -> None:
    """Unpack and set up a commit; what a killed process left half made is removed first."""
    sys.stderr.write(f"setting up {wanted.commit[:12]} in {wanted.path}\n")
    shutil.rmtree(wanted.path, ignore_errors=True)
    try:
        _unpack(wanted, repository)
        subprocess.run(
            [_MAKE, "setup", "env"],
            cwd=wanted.path,
            env=_environment(),
            stdout=sys.stderr,
            check=True,
        )
        (wanted.path / _READY).touch()
    except BaseException:
        shutil.rmtree(wanted.path, ignore_errors=True)
        raise


def _unpack(wanted: Checkout, repository: Path) -> None:
    command = [_GIT, "archive", "--format=tar", wanted.commit]
    archive = subprocess.run(command, cwd=repository, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(wanted.path, filter="data")


def _environment() -> dict[str, str]:
    """Return the environment without the arguments of the `make` that may have started us."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


@contextmanager
def _locking(path: Path) -> Generator[None]:
    """Hold a lock, so that two who want the same commit do not build it twice."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
