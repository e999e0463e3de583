"""The built-in model server: llama.cpp on this machine, started when it is first asked for.

It runs in a child process because loading the weights holds Python's lock for seconds. The child
reads its configuration from its standard input, answers with its address, and ends when that
input closes: so it never outlives its parent, however that one ends.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from assistd.errors import StartupError

START_SECONDS = 120.0
CONTEXT_TOKENS = 16384  # shared by the answers under way, which may each take all that is free
PARALLEL_ANSWERS = 4
CACHED_PROMPTS_MIB = 512
MOST_THREADS = 16  # more only wait for each other on one small model


class LocalServer:
    """llama.cpp behind an OpenAI-compatible address on the loopback interface.

    Args:
        weights: the GGUF file.
        cores: how many to compute with; default: those this process may use.
        context: tokens of prompt and answer, over all answers under way.
    """

    def __init__(
        self, weights: Path, *, cores: int | None = None, context: int = CONTEXT_TOKENS
    ) -> None:
        self.api_key = secrets.token_urlsafe(24)
        """What a request must carry as its bearer token: the address is open to every local user."""
        self.window = context
        """Tokens of prompt and answer together that one question may take, while no other is asked."""
        self._weights = weights
        self._cores = cores or min(len(os.sched_getaffinity(0)), MOST_THREADS)
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._url = ""

    async def base_url(self) -> str:
        """Return the address, such as `http://127.0.0.1:41351/v1`; starts the server if none is alive.

        Raises:
            StartupError: llama.cpp is not installed, or cannot load the weights.
        """
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                await self._start()
            return self._url

    async def close(self) -> None:
        """End the server, if it was started; the next `base_url` starts it again."""
        async with self._lock:
            process, self._process = self._process, None
            if process is not None:
                await _end(process)

    async def _start(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise StartupError(
                "The built-in model needs llama.cpp: pip install 'assistd[local]'. "
                "Or set ASSISTD_UPSTREAM_BASE_URL to use another model."
            )
        config = {
            "weights": str(self._weights),
            "cores": self._cores,
            "context": self.window,
            "key": self.api_key,
        }
        # A session of its own: Ctrl-C in the terminal is for the parent, which then closes us.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            answer = await asyncio.wait_for(_greet(process, config), START_SECONDS)
        except BaseException:
            await _end(process)
            raise
        if "url" not in answer:
            await _end(process)
            raise StartupError(
                f"llama.cpp could not load {self._weights}: {answer['error']}. "
                "A damaged file can be deleted: it is fetched again. The 1.5b model needs "
                "about 2 GB of memory (ASSISTD_LOCAL_MODEL=0.5b: 1 GB)."
            )
        self._process, self._url = process, f"{answer['url']}/v1"


async def _greet(process: Process, config: dict[str, Any]) -> dict[str, str]:
    """Send the child its configuration and wait for its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it died at once: its silence says so below
        process.stdin.write(json.dumps(config).encode() + b"\n")
        await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        return {"error": f"its process ended with code {await process.wait()}"}
    return json.loads(line)


async def _end(process: Process) -> None:
    """Kill and reap: the child holds nothing worth an orderly end."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def serve() -> None:
    """Be the child: load the weights, tell the address, stay until the parent is gone."""
    config = json.loads(sys.stdin.buffer.readline())
    # llama.cpp may print to descriptor 1: keep the one that leads to the parent to ourselves.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        server = _load(config)
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        answer.write(json.dumps({"error": str(error).rstrip(".") or type(error).__name__}) + "\n")
        answer.flush()
        os._exit(1)
    answer.write(json.dumps({"url": server.listening_address}) + "\n")
    answer.flush()
    sys.stdin.buffer.read()
    os._exit(0)  # no orderly end of llama.cpp's threads: nobody waits for them


def _load(config: dict[str, Any]) -> Any:
    """Load the weights into an `xllamacpp.Server` that listens."""
    xllamacpp: Any = importlib.import_module("xllamacpp")  # optional; only the child needs it
    params = xllamacpp.CommonParams()
    params.model.path = config["weights"]
    params.model_alias = {"local"}  # else its answers name the path of the weights
    params.n_ctx = config["context"]
    params.n_parallel = PARALLEL_ANSWERS
    params.kv_unified = True
    params.cache_ram_mib = CACHED_PROMPTS_MIB
    params.cpuparams_batch.n_threads = config["cores"]
    # llama.cpp's threads wait for each other hundreds of times a token: as soon as anything else
    # wants a core they all crawl (28 tokens a second became 1), so one core is left free.
    params.cpuparams.n_threads = max(1, config["cores"] - 1)
    params.api_keys = [config["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = params.endpoint_slots = params.warmup = False
    params.verbosity = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    serve()
