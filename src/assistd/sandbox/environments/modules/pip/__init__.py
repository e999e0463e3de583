"""In the place of pip: nothing can be installed in a session, but what is there can be seen.

`install` succeeds for what is there already, so that code which begins with it goes on.
"""

# packaging lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_REFUSED = "Nothing can be installed here: there is no internet. `pip list` shows what is there."
# Packages of one purpose and one module: who asks for the first gets on with the second.
_SAME = {"opencv-python": "opencv-python-headless", "xgboost": "xgboost-cpu"}
_WITH_VALUE = {
    "-c", "-e", "-f", "-i", "-t", "--constraint", "--editable", "--extra-index-url", "--find-links",
    "--index-url", "--prefix", "--progress-bar", "--proxy", "--python-version", "--retries", "--root",
    "--src", "--target", "--timeout", "--trusted-host", "--upgrade-strategy",
}  # fmt: skip
_WITH_FILE = ("-r", "--requirement")


def main(arguments: "list[str]") -> int:
    """Do what pip would, as far as it changes nothing; the exit code.

    Args:
        arguments: those of the command line, without the program's name.
    """
    words = [word for word in arguments if not word.startswith("-")]
    command = words[0] if words else ""
    if command in {"list", "freeze"}:
        _list(command)
    elif command == "show":
        return _show(words[1:])
    elif command == "install":
        return _install(arguments[arguments.index("install") + 1 :])
    else:
        sys.stdout.write(f"{_REFUSED}\n")
        return 1 if command else 0
    return 0


def _list(command: str) -> None:
    pattern = "{0}=={1}\n" if command == "freeze" else "{0:<32} {1}\n"
    found = {one.metadata["Name"]: one.version for one in metadata.distributions()}
    for name in sorted(found, key=str.lower):
        sys.stdout.write(pattern.format(name, found[name]))


def _show(names: "list[str]") -> int:
    status = 0
    for name in names:
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            sys.stderr.write(f"WARNING: Package(s) not found: {name}\n")
            status = 1
            continue
        for key in ("Name", "Version", "Summary"):
            sys.stdout.write(f"{key}: {found.metadata[key]}\n")
    return status


def _install(arguments: "list[str]") -> int:
    lacking = [one for one in _requirements(arguments) if not _is_there(one)]
    if lacking:
        sys.stderr.write(f"ERROR: {_REFUSED} Not here: {', '.join(lacking)}\n")
    return 1 if lacking else 0


def _requirements(arguments: "list[str]") -> "Iterator[str]":
    """What is to be installed, by the words of a command line and the files it names."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_FILE:
            lines = Path(next(words, "")).read_text("utf-8").splitlines()
            yield from (
                line.partition("#")[0].strip() for line in lines if line.strip()[:1] not in "#-"
            )
        elif word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            yield word


def _is_there(requirement: str) -> bool:
    """Whether a requirement is met; says so as pip does."""
    try:
        wanted = Requirement(requirement)
        name = canonicalize_name(wanted.name)
        version = metadata.version(_SAME.get(name, name))
    except (InvalidRequirement, metadata.PackageNotFoundError):
        return False
    if not wanted.specifier.contains(version, prereleases=True):
        return False
    sys.stdout.write(f"Requirement already satisfied: {requirement} ({version})\n")
    return True
