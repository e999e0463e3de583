"""The built-in embedding model: in a child that is started anew when it dies, and never outlives its server."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from assistd.search.embedding.builtin import BuiltinEmbedder
from tests.live.server import assert_gone, wait_until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not BuiltinEmbedder.is_installed(), reason="without the extra `search`"),
]

WINDOW = "Debian packages are upgraded by apt, one after the other, in an order it finds. " * 12


@pytest.fixture
async def builtin() -> AsyncIterator[BuiltinEmbedder]:
    embedder = BuiltinEmbedder()
    yield embedder
    await embedder.close()


def child() -> psutil.Process:
    [found] = [
        each
        for each in psutil.Process().children()
        if "assistd.search.embedding.child" in each.cmdline()
    ]
    return found


def cosine(one: object, other: object) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))  # type: ignore[call-overload]


async def test_a_question_is_nearer_to_its_answer_in_either_language(
    builtin: BuiltinEmbedder,
) -> None:
    passages = [
        "The capital of France is Paris.",
        "法国的首都是巴黎。",
        "Cats sleep most of the day.",
    ]
    near, near_too, far = await builtin.embed(passages, kind="passage")
    [question] = await builtin.embed(["What is the capital of France?"], kind="query")
    assert len(question) == builtin.dimensions
    assert math.isclose(cosine(near, near), 1, abs_tol=1e-3)
    scores = [builtin.score(cosine(question, each)) for each in (near, near_too, far)]
    assert scores[0] > 0.6
    assert scores[0] > scores[1] > scores[2]


async def test_odd_texts_have_vectors_too(builtin: BuiltinEmbedder) -> None:
    texts = ["", "\0", "a\0b", "\ud800", "\u0301" * 50, "😀" * 400, "x" * 3000, " \n "]
    for vector in await builtin.embed(texts, kind="passage"):
        assert math.isclose(math.sqrt(cosine(vector, vector)), 1, abs_tol=1e-3)
    assert await builtin.embed([], kind="query") == []


async def test_a_long_text_is_read_to_its_end(builtin: BuiltinEmbedder) -> None:
    end = " The secret word is xylophone."
    whole, begun = await builtin.embed([WINDOW * 3 + end, WINDOW * 3], kind="passage")
    assert cosine(whole, begun) < 0.9999


async def test_a_query_does_not_wait_for_passages(builtin: BuiltinEmbedder) -> None:
    await builtin.embed(["warm"], kind="query")
    indexing = asyncio.create_task(builtin.embed([WINDOW] * 48, kind="passage"))
    await asyncio.sleep(0.05)
    await builtin.embed(["a question"], kind="query")
    assert not indexing.done()
    indexing.cancel()


async def test_a_child_that_is_killed_in_the_middle_is_replaced(builtin: BuiltinEmbedder) -> None:
    [before] = await builtin.embed(["the same text"], kind="passage")
    work = asyncio.create_task(builtin.embed([WINDOW] * 8 + ["the same text"], kind="passage"))
    await asyncio.sleep(0.05)
    first = child()
    first.kill()
    after = await work
    assert list(after[-1]) == list(before)
    assert child().pid != first.pid


async def test_its_memory_is_bounded(builtin: BuiltinEmbedder) -> None:
    await builtin.embed([WINDOW] * 32, kind="passage")
    await builtin.embed(["a question"], kind="query")
    assert child().memory_info().rss < 160 << 20


async def test_the_child_ends_with_its_server(builtin: BuiltinEmbedder) -> None:
    await builtin.embed(["a"], kind="query")
    process = child()
    await builtin.close()
    assert_gone([process])


def test_the_child_ends_when_its_server_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from assistd.search.embedding.builtin import BuiltinEmbedder\n"
        "async def main():\n"
        "    embedder = BuiltinEmbedder()\n"
        "    await embedder.embed(['a'], kind='query')\n"
        "    print('embedded', flush=True)\n"
        f"    await embedder.embed([{WINDOW!r}] * 500, kind='passage')\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdout.readline() == b"embedded\n"
        [embedding] = psutil.Process(server.pid).children()
        wait_until(lambda: embedding.cpu_times().user > 0.5, "the child does not embed")
        os.kill(server.pid, signal.SIGKILL)
        began = time.monotonic()
        assert_gone([embedding])
        assert time.monotonic() - began < 5
