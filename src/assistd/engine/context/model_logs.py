"""The logs of a call as a model is told them: as a terminal shows them, short, without the insides of libraries."""

import re

_GAP = "\n[... {} characters left out: print less, or write to a file ...]\n"
_WHOLE_LINE = 2  # as the argument of the terminal's command to erase
_LINE_REST = 200  # characters that a cut may move to stand at the end of a line

_CONTROL = re.compile(r"[\r\b\x1b]")
_TOKEN = re.compile(
    r"(?P<text>[^\r\n\b\x1b]+)"
    r"|(?P<char>[\r\n\b])"
    r"|\x1b\[(?P<number>\d{0,4})[\d;?]*(?P<command>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b.?"
)

# A frame in IPython's traceback: the head with its file, and the numbered lines around the call.
_FRAME = re.compile(
    r"^(?:File (?P<file>[^\n]+?):\d+, in .*\n(?:(?: *\d+\b| +\(\.\.\.\)|-+> *\d+\b).*\n)*"
    r"| *\[\.\.\. skipping hidden \d+ frames?\]\n)\n?",
    re.MULTILINE,
)
_LIBRARY = re.compile(r"/lib(?:64)?/python|^<frozen |\.p(?:yx|xi|xd)$")
_NO_SOURCE = re.compile(r"^-*>? *\d+ 'Could not get source, probably.*\n", re.MULTILINE)
# An exception that another one followed, of which no frame is left.
_INNER = re.compile(
    r"^\S+ +Traceback \(most recent call last\)\n(?:(?!Cell |File |-{75}$).*\n){1,40}?"
    r"(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n\n",
    re.MULTILINE,
)


def shorten(logs: str, *, failed: bool, limit: int) -> str:
    """Return what a model is told of the logs of one call.

    Args:
        logs: all that the call showed, as the step keeps it; untrusted.
        failed: whether the call ended with a traceback.
        limit: characters, about; of more the middle is left out.
    """
    if _CONTROL.search(logs):
        logs = render(logs)
    if failed:
        logs = drop_library_frames(logs)
    return cut_middle(logs, limit)


def render(text: str) -> str:
    r"""Return the lines that a terminal shows at the end: `\r`, `\b` and escape sequences carried out.

    Colours are dropped, and so is what would clear the screen or move to an absolute place, for the
    earlier lines are logs and no screen.
    """
    screen = _Terminal()
    for token in _TOKEN.finditer(text):
        if token["text"]:
            screen.write(token["text"])
        elif token["char"]:
            screen.control(token["char"])
        elif token["command"]:
            screen.command(token["command"], int(token["number"] or 0))
    return "\n".join("".join(line) for line in screen.lines)


class _Terminal:
    """Lines of characters and a cursor; every step costs no more than what it writes or deletes."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = [[]]
        self._row = 0
        self._column = 0

    def write(self, text: str) -> None:
        self.lines[self._row][self._column : self._column + len(text)] = text
        self._column += len(text)

    def control(self, char: str) -> None:
        if char == "\b":
            self._column = max(0, self._column - 1)
            return
        self._column = 0
        if char == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append([])

    def command(self, command: str, number: int) -> None:
        """Carry out one escape sequence: cursor up, down, and erase."""
        if command in "AF":
            self._go_to(self._row - max(1, number))
        elif command in "BE":
            self._go_to(self._row + max(1, number))
        elif command == "K":
            self._erase_line(number)
        elif command == "J" and number == 0:
            self._erase_line(0)
            del self.lines[self._row + 1 :]

    def _go_to(self, row: int) -> None:
        self._row = min(max(0, row), len(self.lines) - 1)
        self._column = min(self._column, len(self.lines[self._row]))

    def _erase_line(self, number: int) -> None:
        line = self.lines[self._row]
        if number == 0:
            del line[self._column :]
        elif number == _WHOLE_LINE:
            line.clear()
            self._column = 0  # what follows begins the line anew, as a rule behind a return


def drop_library_frames(logs: str) -> str:
    """Return a traceback without frames of libraries, and without exceptions that only they saw.

    A small model takes a minute to read a long traceback, and then gives up.
    """
    logs = _NO_SOURCE.sub("", _FRAME.sub(_own, logs))
    return _INNER.sub("", logs)


def _own(frame: re.Match[str]) -> str:
    """Return the frame, if it is of the user's code."""
    return frame[0] if frame["file"] and not _LIBRARY.search(frame["file"]) else ""


def cut_middle(text: str, limit: int) -> str:
    """Return the text, or its head and its tail with a line between that says how much is missing."""
    if len(text) <= limit:
        return text
    half = limit // 2
    head, tail = text[:half], text[-half:]
    if (end := head.rfind("\n", -_LINE_REST)) > 0:
        head = head[:end]
    if (start := tail.find("\n", 0, _LINE_REST)) >= 0:
        tail = tail[start + 1 :]
    return head + _GAP.format(len(text) - len(head) - len(tail)) + tail
