"""The interpreter environment: the virtual environment whose packages code in a session imports.

It is not the server's: `uv` builds it from a locked list inside this package into the cache
folder, where every checkout and every version of assistd with the same list shares it.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import uv

from assistd.errors import StartupError
from assistd.sandbox.environments import additions, adjustments, carriers, programs

DEFAULT = "default"
_PARTIAL = ".partial"  # how the name of a folder ends that is being built
_LAYOUT = 3  # part of the key: raise it when the way an environment is built changes
_LISTS = Path(__file__).parent
# What an environment is given beside its packages.
_PARTS = ("fonts.py", "modules", programs.LIST, carriers.LIST)
# Our stand-ins for packages of these names, and what each needs there.
_STAND_INS = {"kaleido": "mirage", "pip": "packaging"}


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter environment that stands ready.

    Args:
        name: the name of its locked list of packages.
        path: the folder of the virtual environment; readable by every user, written by none of ours.
        python: the interpreter inside it.
    """

    name: str
    path: Path
    python: Path


def find(cache_dir: Path, name: str = DEFAULT, added: Path | None = None) -> Environment | None:
    """Return the environment `name` for this Python, or None where it was not built yet.

    Args:
        cache_dir: the folder that all checkouts share, such as `~/.cache/assistd`.
        name: which locked list of packages.
        added: a requirements file of further packages; it may be absent.

    Raises:
        StartupError: there is no locked list of that name.
    """
    lock_text = _lock_text(name)
    if added is not None and additions.text(added):
        lock_text = additions.standing_lock(added, lock_text)
        if lock_text is None:
            return None
    path = _folder(cache_dir, name, lock_text)
    python = path / "bin" / "python"
    return Environment(name, path, python) if python.exists() else None


def build(
    cache_dir: Path,
    name: str = DEFAULT,
    added: Path | None = None,
    *,
    report: Callable[[str], None],
) -> Environment:
    """Build the environment `name`, or return the one that stands already.

    Built in a folder beside and renamed into place, so a crash leaves nothing half; one process
    builds at a time and the others wait for it. On a terminal `uv` shows its own progress.

    Args:
        cache_dir: the folder that all checkouts share; made if it is missing.
        name: which locked list of packages.
        added: a requirements file of further packages; it may be absent.
        report: told one line for each stage.

    Raises:
        StartupError: there is no such list, a package cannot be had, or the disk is full; the
            message says what to do.
    """
    if standing := find(cache_dir, name, added):
        return standing
    lock_text = _lock_text(name)
    asked = added if added is not None and additions.text(added) else None
    if asked is not None:
        lock_text = additions.standing_lock(asked, lock_text) or _lock_anew(asked, name, report)
    path = _folder(cache_dir, name, lock_text)
    python = path / "bin" / "python"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock"), report):
            if not python.exists():
                _clear_leftovers(path)
                _build_beside(path, lock_text, report)
            if asked is not None:
                additions.keep(asked, lock_text)
    except OSError as error:
        message = f"The interpreter environment cannot be built in {path.parent}: {error}."
        raise StartupError(f"{message} Free some room or name another cache folder.") from error
    report(f"interpreter environment ready: {path}")
    return Environment(name, path, python)


def packages(environment: Environment) -> dict[str, str]:
    """Return the names and versions of what is installed in `environment`, sorted by name."""
    folders = (environment.path / "lib").glob("python3.*/site-packages")
    found = metadata.distributions(path=[str(folder) for folder in folders])
    return dict(sorted((one.name.lower(), one.version) for one in found))


def _lock_text(name: str) -> str:
    try:
        return (_LISTS / f"{name}.txt").read_text("utf-8")
    except FileNotFoundError as error:
        known = ", ".join(sorted(each.stem for each in _LISTS.glob("*.txt")))
        raise StartupError(
            f"No interpreter environment is named {name!r}; known: {known}."
        ) from error


def _lock_anew(added: Path, name: str, report: Callable[[str], None]) -> str:
    report(f"locking the packages of {added}")
    return additions.lock(added, _LISTS / f"{name}.txt", _compile)


def _folder(cache_dir: Path, name: str, lock_text: str) -> Path:
    """Return where the environment stands: another list, Python or layout is another folder."""
    parts = (str(_LAYOUT), lock_text, platform.python_version(), str(_base_python()))
    key = hashlib.sha256("\0".join((*parts, *_part_texts())).encode()).hexdigest()[:16]
    # Without links in its path: the sandbox shows the folder under the same name, but not its parents.
    return (cache_dir / "environments").resolve() / f"{name}-{key}"


def _part_texts() -> Iterator[str]:
    for part in _PARTS:
        path = _LISTS / part
        for file in sorted(path.rglob("*.*")) if path.is_dir() else (path,):
            if file.is_file() and file.suffix != ".pyc":
                yield file.read_text("utf-8")


def _base_python() -> Path:
    """Return the Python this process's own virtual environment stands on."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


@contextlib.contextmanager
def _alone(lock_file: Path, report: Callable[[str], None]) -> Generator[None]:
    """Hold `lock_file` against other processes; released by the kernel if this one dies."""
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process builds the interpreter environment: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear_leftovers(path: Path) -> None:
    """Remove what killed builds left beside `path`, whose lock is held; best effort.

    A build of another environment that goes on holds its own lock.
    """
    for partial in path.parent.glob(f"*{_PARTIAL}"):
        stem = partial.name.partition(".")[0]
        if stem == path.name:
            shutil.rmtree(partial, ignore_errors=True)
            continue
        with contextlib.suppress(BlockingIOError), (path.parent / f"{stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(partial, ignore_errors=True)


def _build_beside(path: Path, lock_text: str, report: Callable[[str], None]) -> None:
    """Build the environment in a folder of this build alone, and rename it into place.

    When a build is killed, its `uv` may go on for a while, and writes to the folder of that build.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    try:
        report(f"making a virtual environment on {_base_python()}")
        _uv("venv", "--no-project", "--relocatable", f"--python={_base_python()}", str(partial))
        lock = partial / "packages.txt"
        lock.write_text(lock_text, "utf-8")
        report("installing the packages that code in a session can import (up to 700 MB to fetch)")
        # Wheels only: building a package would run its code outside of any sandbox.
        strict = ("--require-hashes", "--only-binary=:all:", "--compile-bytecode")
        _uv("pip", "sync", *strict, f"--python={partial / 'bin' / 'python'}", str(lock))
        _finish(partial, path)
        _open_to_readers(partial)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _compile(requirements: Path, constraints: Path, target: Path) -> None:
    """Lock `requirements` for this Python, wheels only, at the versions of `constraints`."""
    strict = ("--generate-hashes", "--no-annotate", "--no-header", "--only-binary=:all:")
    lists = (f"--constraints={constraints}", f"--overrides={_LISTS / 'overrides.cfg'}")
    python = f"--python={_base_python()}"
    _uv(
        "pip",
        "compile",
        "--no-config",
        *strict,
        *lists,
        python,
        str(requirements),
        "-o",
        str(target),
    )


def _uv(*arguments: str) -> None:
    """Run uv: with its own progress where a person watches, else silent unless it fails."""
    watched = sys.stderr.isatty()
    command = [uv.find_uv_bin(), *arguments, "--no-python-downloads"]
    done = subprocess.run(
        command if watched else [*command, "--quiet"],
        cwd="/",  # so that no project in the current folder has a say
        stdin=subprocess.DEVNULL,
        stdout=None if watched else subprocess.PIPE,
        stderr=None if watched else subprocess.STDOUT,
        umask=0o022,
        check=False,
        text=True,
    )
    if done.returncode:
        raise StartupError(
            f"uv could not build the interpreter environment (exit {done.returncode}).\n"
            f"{(done.stdout or '').strip()}\n"
            "Check the names of packages that you added, the connection to the package index "
            "(UV_DEFAULT_INDEX names another one) and the room on the disk, then try again."
        )


def _finish(venv: Path, final: Path) -> None:
    """Add what its packages need beside them: our modules, programs, data, the fonts and their list.

    The fonts are listed once, here, instead of in each session.

    Raises:
        StartupError: its own Python fails at it.
    """
    site = next((venv / "lib").glob("python3.*/site-packages"))
    _add_modules(site)
    adjustments.adjust(site)
    _compile_modules(venv, site)
    programs.link(_LISTS / programs.LIST, venv, final)
    if (site / "geopandas").exists():  # the built-in list
        carriers.take(_LISTS / carriers.LIST, venv, _unpack)
    if not (site / "matplotlib").exists():
        return
    environment = {"MPLCONFIGDIR": str(venv / "share" / "matplotlib"), "HOME": str(venv)}
    _run_python(venv, "fonts", str(_LISTS / "fonts.py"), str(final), environment=environment)


def _add_modules(site: Path) -> None:
    """Copy our modules; one that stands in for a package, only where that is not and would be of use."""
    unused = [
        f"{name}*"
        for name, needed in _STAND_INS.items()
        if (site / name).exists() or not (site / needed).exists()
    ]
    ignored = shutil.ignore_patterns("__pycache__", *unused)
    shutil.copytree(_LISTS / "modules", site, ignore=ignored, dirs_exist_ok=True)


def _compile_modules(venv: Path, site: Path) -> None:
    """Compile our modules, as `uv` does the packages: no session can write what it compiles.

    Raises:
        StartupError: its own Python fails at it.
    """
    names = (path.name for path in (_LISTS / "modules").iterdir() if path.suffix in {"", ".py"})
    ours = [str(site / name) for name in names if (site / name).exists()]
    _run_python(venv, "modules", "-m", "compileall", "-q", *ours)


def _run_python(
    venv: Path, what: str, *arguments: str, environment: dict[str, str] | None = None
) -> None:
    """Run the environment's own Python.

    Raises:
        StartupError: it fails; `what` says at what.
    """
    done = subprocess.run(
        [venv / "bin" / "python", "-I", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o022,
        check=False,
        text=True,
    )
    if done.returncode:
        raise StartupError(f"The {what} of the interpreter environment are broken: {done.stdout}")


def _unpack(requirements: Path, folder: Path) -> None:
    """Unpack the packages of a list into `folder`, without what they depend on."""
    strict = ("--require-hashes", "--only-binary=:all:", "--no-deps")
    python = f"--python={_base_python()}"
    _uv("pip", "install", *strict, python, f"--target={folder}", f"--requirements={requirements}")


def _open_to_readers(venv: Path) -> None:
    """Give every user what the owner can read: a session may run under a uid of its own.

    `uv` links files from its cache, which may have been filled under a strict umask.
    """
    for folder, _, names in os.walk(venv):
        for entry in (folder, *(os.path.join(folder, name) for name in names)):
            mode = os.lstat(entry).st_mode
            wanted = mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0)
            if wanted != mode and not stat.S_ISLNK(mode):
                os.chmod(entry, stat.S_IMODE(wanted))
