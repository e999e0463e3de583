"""Reads XML that may be hostile: as events, as far as it is wanted, and without entities."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from assistd.engine.previews.sample import PreviewError


@dataclass(frozen=True, slots=True)
class Start:
    """The start of an element; names are without their namespaces."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class End:
    """The end of an element."""

    name: str


Event = Start | End | str
"""A string is text between the marks of elements."""


def read_events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield what the XML in `chunks` says; of chunks that break off, what they hold.

    Raises:
        PreviewError: it has a document type, which may define entities without end, or is no XML.
    """
    found: deque[Event] = deque()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda name, attributes: found.append(
        Start(_local(name), {_local(key): value for key, value in attributes.items()})
    )
    parser.EndElementHandler = lambda name: found.append(End(_local(name)))
    parser.CharacterDataHandler = found.append
    for chunk in chunks:
        try:
            parser.Parse(chunk)
        except expat.ExpatError as error:
            raise PreviewError("the file is no XML") from error
        yield from found
        found.clear()


def _refuse(*_: object) -> None:
    raise PreviewError("XML with a document type")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
