"""What one call has shown so far: in order, neighbours joined, within the limits of a call."""

from collections import deque
from collections.abc import Callable
from typing import Literal

from assistd.sandbox.base import Limits, Logs, Output, Picture

Name = Literal["stdout", "stderr", "result", "error"]

_BLOCKS = {"result", "error"}  # each starts on a line of its own, as a notebook shows it
_PIECE_BYTES = 32  # what a piece costs beside its text, so that a million of them hit the limit
_PNG = b"\x89PNG\r\n\x1a\n"

PICTURES_AT_ONCE = 4
"""All pictures of a call together may have this many times the bytes of the largest."""


class Transcript:
    """Collects the outputs of a call; hands each on as it appears, until the cap is reached.

    Past half of `output_bytes` it keeps only the last half, so head and tail of a flood survive.

    Args:
        limits: of the session.
        on_output: called with each output in order; the held-back tail comes at `finish`.
    """

    def __init__(self, limits: Limits, on_output: Callable[[Output], None] | None) -> None:
        self._limits = limits
        self._on_output = on_output
        self._head: list[Output] = []
        self._head_room = limits.output_bytes // 2
        self._tail: deque[Output] = deque()
        self._tail_bytes = 0
        self.failure: Exception | None = None  # of `on_output`
        self.dropped_bytes = 0  # of the middle, so far
        self._pictures = 0
        self._picture_room = limits.picture_bytes * PICTURES_AT_ONCE
        self._dropped_pictures = 0
        self._in_tail = False
        self._line_open = False
        self._last: Name = "stdout"

    def write(self, name: Name, text: str) -> None:
        """Add text to what was shown."""
        if not text:
            return
        if self._line_open and name in _BLOCKS:
            text = f"\n{text}"
        elif self._line_open and self._last in _BLOCKS:
            self._add_text(self._last, "\n")
        self._line_open = not text.endswith("\n")
        self._last = name
        self._add_text(name, text)

    def picture(self, data: bytes) -> None:
        """Add a picture, if it is one and there is room."""
        size = len(data)
        is_full = self._pictures >= self._limits.pictures or size > self._picture_room
        if is_full or not is_sane_picture(data, self._limits):
            self._dropped_pictures += 1
            return
        self._pictures += 1
        self._picture_room -= size
        self._add(Picture(data))

    def finish(self) -> tuple[tuple[Output, ...], tuple[str, ...]]:
        """Return all outputs, and notes on what the limits left out."""
        notes: list[str] = []
        if self.dropped_bytes:
            gap = f"\n[... {self.dropped_bytes} bytes left out ...]\n"
            held = [Logs(gap), *self._tail]
            notes.append(
                f"The output was longer than {self._limits.output_bytes} bytes: "
                f"{self.dropped_bytes} bytes in its middle were left out. Print less, or write to a file."
            )
        else:
            held = list(self._tail)
        if self._dropped_pictures:
            notes.append(
                f"{self._dropped_pictures} pictures were left out: a call shows at most "
                f"{self._limits.pictures}, none larger than {self._limits.picture_bytes} bytes "
                f"or {self._limits.picture_pixels} pixels."
            )
        for output in held:
            self._show(output)
        return tuple(join_logs([*self._head, *held])), tuple(notes)

    def _add_text(self, name: Name, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if not self._in_tail:
            room = max(0, self._head_room - _PIECE_BYTES)
            if len(data) <= room:
                self._head_room -= len(data) + (
                    0 if self._continues(self._head, name) else _PIECE_BYTES
                )
                self._add(Logs(text, name))
                return
            first = data[:room].decode("utf-8", "ignore")
            if first:
                self._add(Logs(first, name))
            text = data[len(first.encode()) :].decode("utf-8", "ignore")
            self._in_tail = True
        self._add_to_tail(name, text)

    def _add_to_tail(self, name: Name, text: str) -> None:
        self._tail.append(Logs(text, name))
        self._tail_bytes += len(text.encode()) + _PIECE_BYTES
        kept: list[Output] = []
        room = self._limits.output_bytes // 2
        while self._tail_bytes > room:
            oldest = self._tail.popleft()
            if isinstance(oldest, Picture):
                kept.append(oldest)
                continue
            data = oldest.text.encode()
            excess = self._tail_bytes - room
            self._tail_bytes -= len(data) + _PIECE_BYTES
            rest = data[excess:].decode("utf-8", "ignore") if excess < len(data) else ""
            self.dropped_bytes += len(data) - len(rest.encode())
            if rest:
                self._tail.appendleft(Logs(rest, oldest.name))
                self._tail_bytes += len(rest.encode()) + _PIECE_BYTES
                break
        self._tail.extendleft(reversed(kept))

    def _add(self, output: Output) -> None:
        if self._in_tail:
            self._tail.append(output)
            return
        self._head.append(output)
        self._show(output)

    def _show(self, output: Output) -> None:
        if self._on_output is None:
            return
        try:
            self._on_output(output)
        except Exception as error:  # noqa: BLE001  raised to the caller once the call is over
            self._on_output = None
            self.failure = error

    @staticmethod
    def _continues(outputs: list[Output], name: Name) -> bool:
        last = outputs[-1] if outputs else None
        return isinstance(last, Logs) and last.name == name


def is_sane_picture(data: bytes, limits: Limits) -> bool:
    """Return whether it begins as a PNG whose size, in bytes and on screen, no viewer has to fear."""
    if len(data) > limits.picture_bytes or not data.startswith(_PNG) or data[12:16] != b"IHDR":
        return False
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    return 0 < width * height <= limits.picture_pixels


def join_logs(outputs: list[Output]) -> list[Output]:
    """Return the outputs with neighbouring logs of one name made one."""
    joined: list[Output] = []
    texts: list[str] = []
    name: Name = "stdout"
    for output in outputs:
        if texts and (isinstance(output, Picture) or output.name != name):
            joined.append(Logs("".join(texts), name))
            texts = []
        if isinstance(output, Picture):
            joined.append(output)
        else:
            texts.append(output.text)
            name = output.name
    if texts:
        joined.append(Logs("".join(texts), name))
    return joined
