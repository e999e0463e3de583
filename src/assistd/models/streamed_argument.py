"""Decodes one string argument of a tool call, such as code, while its JSON is still streaming."""

import ast
import json
import re
import string
from enum import Enum, auto

from assistd.errors import AssistdError

_SPECIAL = re.compile(r'["\\]')
_SCALAR_END = re.compile(r"[\s,\]}]")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WHITESPACE = " \t\r\n"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ADVICE = (
    'Nothing was run. Call the tool again with one JSON object {{"{name}": "..."}}, in which quotes, '
    "backslashes and line breaks of the {name} are escaped."
)


class ArgumentError(AssistdError):
    """The argument could not be read; the message tells the model what to do."""


class _State(Enum):
    START = auto()  # before anything
    RAW = auto()  # the arguments are the text itself
    HELD = auto()  # undecided until the end: a JSON string, a Python dict, or text that looks so
    FIRST_KEY = auto()  # behind the brace
    KEY = auto()  # behind a comma
    IN_KEY = auto()
    COLON = auto()
    VALUE = auto()
    IN_TEXT = auto()
    IN_STRING = auto()  # of another member
    IN_OTHER = auto()  # any other value of such a member
    NEXT = auto()  # behind a value
    END = auto()  # behind the closing brace
    BROKEN = auto()


_MOVES = {
    (_State.START, "{"): _State.FIRST_KEY,
    (_State.START, '"'): _State.HELD,
    (_State.FIRST_KEY, '"'): _State.IN_KEY,
    (_State.FIRST_KEY, "}"): _State.END,
    (_State.KEY, '"'): _State.IN_KEY,
    (_State.KEY, "}"): _State.END,
    (_State.COLON, ":"): _State.VALUE,
    (_State.NEXT, ","): _State.KEY,
    (_State.NEXT, "}"): _State.END,
}
_OTHERWISE = {_State.START: _State.RAW, _State.FIRST_KEY: _State.HELD}


class _JsonString:
    r"""The inside of one JSON string, decoded as it comes.

    More forgiving than JSON: control characters stand for themselves, and an escape that JSON
    does not know (`\d`) stands for both of its characters, as models that forget to double a
    backslash mean it. Half of a surrogate pair becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._escape = ""
        self._high = 0

    def read(self, text: str, at: int) -> tuple[str, int, bool]:
        """Decode `text` from position `at`: what it says, the next position, whether it closed."""
        decoded: list[str] = []
        while at < len(text):
            if self._escape:
                if self._escape[1:2] == "u" and text[at] not in string.hexdigits:
                    decoded.append(self._literal(self._escape))
                    self._escape = ""
                    continue
                self._escape += text[at]
                at += 1
                decoded.append(self._unescape())
                continue
            special = _SPECIAL.search(text, at)
            end = special.start() if special else len(text)
            decoded.append(self._literal(text[at:end]))
            at = end + 1
            if special and special[0] == '"':
                decoded.append(self._lone())
                return "".join(decoded), at, True
            if special:
                self._escape = "\\"
        return "".join(decoded), min(at, len(text)), False

    def _unescape(self) -> str:
        escape = self._escape
        if escape[1] != "u":
            self._escape = ""
            return self._literal(_ESCAPES.get(escape[1], escape))
        if len(escape) < 6:
            return ""
        self._escape = ""
        unit = int(escape[2:], 16)
        if 0xD800 <= unit < 0xDC00:
            lone, self._high = self._lone(), unit
            return lone
        if 0xDC00 <= unit < 0xE000:
            high, self._high = self._high, 0
            pair = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)
            return chr(pair) if high else _REPLACEMENT
        return self._literal(chr(unit))

    def _literal(self, text: str) -> str:
        return self._lone() + text if text else ""

    def _lone(self) -> str:
        high, self._high = self._high, 0
        return _REPLACEMENT if high else ""


class StreamedArgument:
    r"""Reads the arguments of one call, fed in pieces, as the text of one string among them.

    What is expected is `{"NAME": "..."}`. Other members are skipped; one of them is taken for the
    argument where it is the only string. Also read, because models send it: the text itself without
    JSON, the text as one JSON string, and a Python dict. Line breaks of the text stay as they are,
    `\r\n` too (contract trap 44). What follows the closing brace is ignored.

    Args:
        name: of the argument.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = _State.START
        self._string = _JsonString()
        self._arguments = ""  # all that came, while it may still be needed
        self._key = ""
        self._value = ""
        self._strings: list[str] = []
        self._depth = 0  # of brackets in the value of a skipped member
        self._quoted: _JsonString | None = None  # a string within such a value
        self._found = False
        self._problem = ""

    @property
    def complete(self) -> bool:
        """Whether the JSON object has been closed."""
        return self._state is _State.END

    @property
    def _raw(self) -> bool:
        return self._state is _State.RAW

    def feed(self, piece: str) -> str:
        """Take more of the arguments; return the text that became known by it, perhaps none."""
        if self._raw:
            return piece
        if not self._found:
            self._arguments += piece
        text: list[str] = []
        at = 0
        while at < len(piece):
            if self._state is _State.IN_TEXT:
                decoded, at, closed = self._string.read(piece, at)
                text.append(decoded)
                if closed:
                    self._state = _State.NEXT
            else:
                at = self._step(piece, at)
        return self._arguments if self._raw else "".join(text)

    def finish(self) -> str:
        """Say that the arguments are over; return the text that only this decides.

        Raises:
            ArgumentError: the argument is not there, it ends in the middle, or the JSON is broken.
        """
        if self._state is _State.IN_TEXT:
            raise ArgumentError(
                f"The arguments ended in the middle of the {self._name}. Nothing was run. Call the "
                f"tool again with the whole {self._name}, shorter if need be."
            )
        advice = _ADVICE.format(name=self._name)
        if self._problem:
            raise ArgumentError(f"{self._problem} {advice}")
        if self._found or self._raw:
            return ""
        if self._state is _State.HELD:
            return _unwrap(self._arguments, self._name)
        if self._state is _State.END and len(self._strings) == 1:
            return self._strings[0]
        raise ArgumentError(f"The arguments hold no {self._name}. {advice}")

    def _step(self, piece: str, at: int) -> int:
        """Read on in any state but within the text; return the next position."""
        match self._state:
            case _State.IN_KEY | _State.IN_STRING:
                return self._read_string(piece, at)
            case _State.IN_OTHER:
                return self._skip_value(piece, at)
            case _State.HELD | _State.END | _State.BROKEN | _State.RAW:
                return len(piece)
            case _:
                if piece[at] not in _WHITESPACE:
                    self._state = self._after(piece[at])
                    # A value that is no string begins with this character.
                    return at if self._state is _State.IN_OTHER else at + 1
                return at + 1

    def _after(self, char: str) -> _State:
        """Return the state behind the next character that is not a space."""
        self._string, self._value = _JsonString(), ""
        if self._state is _State.VALUE:
            return self._begin_value(char)
        move = _MOVES.get((self._state, char)) or _OTHERWISE.get(self._state)
        return move or self._break(f"The arguments are no JSON: {char!r} is out of place.")

    def _begin_value(self, char: str) -> _State:
        if self._key != self._name or self._found:
            return _State.IN_STRING if char == '"' else _State.IN_OTHER
        if char != '"':
            return self._break(f"`{self._name}` must be a string.")
        self._found = True
        self._arguments = ""
        return _State.IN_TEXT

    def _break(self, problem: str) -> _State:
        self._problem = problem
        return _State.BROKEN

    def _read_string(self, piece: str, at: int) -> int:
        decoded, at, closed = self._string.read(piece, at)
        self._value += decoded
        if closed and self._state is _State.IN_KEY:
            self._key, self._state = self._value, _State.COLON
        elif closed:
            self._strings.append(self._value)
            self._state = _State.NEXT
        return at

    def _skip_value(self, piece: str, at: int) -> int:
        if self._quoted:
            _, at, closed = self._quoted.read(piece, at)
            self._quoted = None if closed else self._quoted
            return at
        char = piece[at]
        if self._depth == 0 and _SCALAR_END.match(char):
            self._state = _State.NEXT
            return at
        if char == '"':
            self._quoted = _JsonString()
        self._depth += (char in "[{") - (char in "]}")
        if self._depth == 0 and char in "]}":
            self._state = _State.NEXT
        return at + 1


def _unwrap(text: str, name: str) -> str:
    """Return an argument given as a JSON string or within a Python dict; else all is its text."""
    try:
        value = (
            json.loads(text) if text.lstrip().startswith('"') else ast.literal_eval(text.strip())
        )
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(value, dict):
        value = value.get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(value, str):
        return text
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
