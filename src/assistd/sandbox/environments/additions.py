"""Packages that an operator adds to the interpreter environment: a requirements file and its lock.

The lock stands beside the file. It holds the built-in list too, at the built-in versions, so that an
addition never changes what code could rely on before.
"""

import hashlib
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistd.errors import StartupError


def text(requirements: Path) -> str:
    """Return what the operator asks for, one requirement a line; empty where there is no such file.

    Raises:
        StartupError: the file is there but cannot be read.
    """
    lines = (line.strip() for line in _lines(requirements))
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def names(requirements: Path) -> tuple[str, ...]:
    """Return the names of the packages that the operator asks for.

    Raises:
        StartupError: the file is there but cannot be read.
    """
    return tuple(_name(line) for line in text(requirements).splitlines())


@contextmanager
def extending(requirements: Path, wanted: Sequence[str]) -> Generator[None]:
    """Hold the file with `wanted` in it, each in the place of an older line of the same name.

    It stays so, unless what is done meanwhile fails: then the file is as it was before.

    Raises:
        StartupError: a name is an option of the installer, or the file cannot be read.
    """
    if wrong := [name for name in wanted if name.startswith("-")]:
        raise StartupError(f"{wrong[0]!r} is no package: name it as in `assistd env add polars`.")
    before = _lines(requirements)
    replaced = {_name(name) for name in wanted}
    kept = [line for line in before if _name(line) not in replaced]
    requirements.parent.mkdir(parents=True, exist_ok=True)
    _write(requirements, (*kept, *wanted))
    try:
        yield
    except BaseException:
        _write(requirements, before)
        raise


def standing_lock(requirements: Path, built_in: str) -> str | None:
    """Return the lock of the file and the built-in list; None where it was made of others, or never."""
    lock = _lock_of(requirements)
    if not lock.exists():
        return None
    found = lock.read_text("utf-8")
    return found if found.startswith(_seal(requirements, built_in)) else None


def lock(
    requirements: Path, built_in: Path, compile_lists: Callable[[Path, Path, Path], None]
) -> str:
    """Lock the file together with the built-in list; what is returned is to be kept by `keep`.

    Args:
        requirements: the operator's file.
        built_in: the lock of the built-in list, a file.
        compile_lists: given a requirements file, constraints and where to write; makes a lock.

    Raises:
        StartupError: the packages do not go together, or are not to be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, made = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        asked.write_text(f"-r {built_in.with_suffix('.in')}\n{text(requirements)}", "utf-8")
        compile_lists(asked, built_in, made)
        return _seal(requirements, built_in.read_text("utf-8")) + made.read_text("utf-8")


def keep(requirements: Path, lock_text: str) -> None:
    """Write the lock beside the file, once its environment stands: an older one was good till then."""
    _lock_of(requirements).write_text(lock_text, "utf-8")


def _lines(requirements: Path) -> list[str]:
    try:
        return requirements.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"The list of packages {requirements} cannot be read: {error}"
        ) from error


def _write(requirements: Path, lines: Sequence[str]) -> None:
    requirements.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _lock_of(requirements: Path) -> Path:
    return requirements.with_name(f"{requirements.name}.lock")


def _seal(requirements: Path, built_in: str) -> str:
    """Return the first line of a lock: what it was made of."""
    digest = hashlib.sha256(f"{text(requirements)}\0{built_in}".encode()).hexdigest()
    return f"# made of {digest}\n"


def _name(requirement: str) -> str:
    end = next((at for at, letter in enumerate(requirement) if letter in "=<>!~[;@ "), None)
    return requirement[:end].lower().replace("_", "-")
