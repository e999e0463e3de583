"""What search needs of others, and all that the engine knows of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from assistd.extracted_text import ExtractedText


class Extractor(Protocol):
    """Takes the text out of documents."""

    @property
    def version(self) -> str:
        """Names what it does; texts of another version are extracted anew."""
        ...

    async def extract(
        self, filename: str, content: bytes, *, seconds: float | None = None
    ) -> ExtractedText:
        """Return the text of a document.

        Args:
            filename: tells its type, together with the content.
            content: of any kind, from anybody.
            seconds: how long it may take, from when it is its turn to be read; None for ever.

        Raises:
            ExtractionError: there is no text to be had; says why.
            TimeoutError: it took longer.
        """
        ...


class Embedder(Protocol):
    """Turns text into vectors whose cosine says how near two texts are in meaning."""

    @property
    def model(self) -> str:
        """Names model and form of its input; vectors of different names are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return a vector of unit length for each text.

        Args:
            texts: each no longer than a window.
            kind: what they are; some models read questions and passages differently.

        Raises:
            AssistdError: the model does not answer now.
        """
        ...

    def score(self, cosine: float) -> float:
        """Return how near two texts are, from 0 to 1, by the cosine of their vectors."""
        ...


@dataclass(frozen=True, slots=True)
class Searchable:
    """One file, as it is searched.

    Args:
        text_key: of its text in the index.
        chunk_tokens: how long a chunk is at most.
        overlap_tokens: how much of it stands in the chunk before, too.
    """

    text_key: str
    chunk_tokens: int = 800
    overlap_tokens: int = 400


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    Args:
        searchable: the file it is in.
        start: where it begins, in code points of the file's text.
        end: where it ends.
        page: the page on which its best passage begins; None where there are no pages.
        score: how well it answers, from 0 to 1.
        text: the chunk.
    """

    searchable: Searchable
    start: int
    end: int
    page: int | None
    score: float
    text: str


class SearchIndex(Protocol):
    """Texts of projects, found by keywords and by meaning.

    It knows no stores and no files: who asks says which texts may be found. Whatever is in it can be
    made again from the files. Each method raises `AssistdError` where the index cannot be reached.
    """

    @property
    def model(self) -> str:
        """Names the model of its vectors; `off` if it has none."""
        ...

    async def add_text(self, project_id: str, text_key: str, text: ExtractedText) -> None:
        """Add a text, to be found by keywords from now on; one that is there stays as it is."""
        ...

    async def has_text(self, project_id: str, text_key: str) -> bool:
        """Whether the text is there."""
        ...

    async def find_missing(self, project_id: str, text_keys: Collection[str]) -> set[str]:
        """Return those of the keys whose texts are not there."""
        ...

    async def embed_text(self, project_id: str, text_key: str) -> None:
        """Make the vectors that a text has not yet, some at a time, each kept as soon as it is made."""
        ...

    async def read_text(self, project_id: str, text_key: str) -> ExtractedText | None:
        """Return a text; None where it is not there."""
        ...

    async def count_chunks(self, project_id: str, file: Searchable) -> int:
        """Return how many chunks a file has."""
        ...

    async def search(
        self,
        project_id: str,
        queries: Sequence[str],
        files: Sequence[Searchable],
        *,
        limit: int,
        text_share: float | None = None,
    ) -> list[Hit]:
        """Return the chunks that answer best, the best first.

        Args:
            project_id: whose texts are searched.
            queries: a chunk counts by the one that it answers best.
            files: what may be found; one given twice is answered twice.
            limit: how many chunks at most.
            text_share: how much keywords count of a score, from 0 to 1, and meaning the rest; by
                default both count as the index thinks best.
        """
        ...

    async def retain(self, project_id: str, text_keys: Collection[str]) -> None:
        """Forget every other text of a project."""
        ...

    async def delete_project(self, project_id: str) -> None:
        """Forget all texts of a project."""
        ...
