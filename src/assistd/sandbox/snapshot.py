"""What a session keeps of its variables: numbers and names that `base` promises, for who keeps the bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from assistd.units import MIB

STATE = "<state>"
"""The name of what is no variable: working folder, random states and options of libraries."""

MOST_NAMES = 10_000
"""Variables that one snapshot may name, kept or left out."""

_MOST_CHARACTERS = 200  # of a name, and of a reason


def is_name(text: str) -> bool:
    """Tell whether a session may call a variable so; who shows it need not fear what is in it."""
    return 0 < len(text) <= _MOST_CHARACTERS and text.isprintable()


def clean_reason(text: str) -> str:
    """Return why a variable is not kept, as a session says it, so that it can be shown."""
    return "".join(each if each.isprintable() else " " for each in text[:_MOST_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Section:
    """Variables that are kept together.

    Args:
        names: of the variables.
        start: where its bytes begin in the file.
        size: how many there are.
    """

    names: tuple[str, ...]
    start: int
    size: int


def read_sections(file: BinaryIO, sections: Sequence[Section]) -> Iterator[bytes]:
    """Yield the bytes of sections, one after the other, at most a mebibyte at once."""
    for section in sections:
        file.seek(section.start)
        left = section.size
        while left and (chunk := file.read(min(left, MIB))):
            left -= len(chunk)
            yield chunk


@dataclass(frozen=True, slots=True)
class SavedSession:
    """What a session kept of its variables.

    Args:
        sections: in the order in which they are to be loaded.
        left: variables that could not be kept: name -> why, as the session says.
        is_whole: whether it had time and room for all of them.
    """

    sections: tuple[Section, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict[str, str])
    is_whole: bool = False

    @property
    def size(self) -> int:
        """Bytes of all sections."""
        return sum(section.size for section in self.sections)

    @property
    def names(self) -> list[str]:
        """The variables that it holds."""
        return [name for section in self.sections for name in section.names]


class KeepsVariables(Protocol):
    """What a session does so that a later one has its variables; a part of `base.Session`."""

    async def save(self, file: BinaryIO, most_bytes: int, seconds: float) -> SavedSession:
        """Write the variables of its code into a file, for a later session; what cannot be kept is named.

        Args:
            file: an empty file of this host.
            most_bytes: what the sections may have in all.
            seconds: after which it stops with what there is.

        Raises:
            HostLostError: it is over.
        """
        ...

    async def restore(
        self, file: BinaryIO, sections: Sequence[Section], seconds: float
    ) -> Mapping[str, str]:
        """Load variables that another session saved, before a cell runs.

        Args:
            file: a file of this host, with the sections.
            sections: which, in their order.
            seconds: after which it is given up.

        Returns:
            Variables that are not back: name -> why.

        Raises:
            HostLostError: it did not survive that.
        """
        ...
