"""The text a model really says: surrogate pairs whole, and without its thoughts."""

import re
from collections.abc import Iterator
from enum import Enum, auto

from assistd.models.base import ReasoningDelta, RefusalDelta, SummaryDelta
from assistd.models.upstream.chunks import Chunk

_SURROGATE = re.compile("[\ud800-\udfff]")
_OPEN = "<think>"
_CLOSE = "</think>"


class SurrogateJoiner:
    """Joins surrogate pairs that were torn apart between two pieces; a lone one becomes U+FFFD."""

    def __init__(self) -> None:
        self._high = ""

    def join(self, text: str) -> str:
        """Return the text that is whole by now."""
        text, self._high = self._high + text, ""
        if _SURROGATE.search(text) is None:
            return text
        if "\ud800" <= text[-1] < "\udc00":
            text, self._high = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Asides:
    """What an upstream sends beside the text of an answer: thoughts, and why there is none."""

    def __init__(self) -> None:
        self._thought, self._refusal = SurrogateJoiner(), SurrogateJoiner()

    def feed(self, chunk: Chunk) -> Iterator[ReasoningDelta | SummaryDelta | RefusalDelta]:
        """Yield what this chunk says beside the text."""
        if chunk.thought and (thought := self._thought.join(chunk.thought)):
            yield ReasoningDelta(thought)
        for index, text in chunk.summary:
            if summary := self._thought.join(text):
                yield SummaryDelta(index, summary)
        if chunk.refusal and (refusal := self._refusal.join(chunk.refusal)):
            yield RefusalDelta(refusal)


class _State(Enum):
    START = auto()  # the text may still turn out to begin with a thought
    THINKING = auto()
    BEHIND = auto()  # in the blank behind the thought
    SPEAKING = auto()


class SpokenText:
    """The text of an answer, as it comes, without the `<think>` block that it may begin with.

    Most upstreams send thoughts in a field of their own; some leave them in the text.
    """

    def __init__(self) -> None:
        self._joiner = SurrogateJoiner()
        self._state = _State.START
        self._held = ""

    @property
    def is_thinking(self) -> bool:
        """Whether what came last is no part of the text."""
        return self._state in {_State.THINKING, _State.BEHIND}

    def feed(self, text: str) -> str:
        """Return what is said by now, perhaps nothing."""
        text = self._joiner.join(text)
        if self._state is _State.SPEAKING:
            return text
        self._held += text
        if self._state is _State.START:
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state = _State.THINKING
            elif not _OPEN.startswith(begun):
                self._state = _State.SPEAKING
                return self._take()
        if self._state is _State.THINKING:
            _, close, said = self._held.partition(_CLOSE)
            self._held = said if close else self._held[-len(_CLOSE) :]
            self._state = _State.BEHIND if close else _State.THINKING
        if self._state is _State.BEHIND and (said := self._take().lstrip()):
            self._state = _State.SPEAKING
            return said
        return ""

    def finish(self) -> str:
        """Return what was held back and is no thought."""
        return self._take() if self._state is _State.START else ""

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held
