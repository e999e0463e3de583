"""Embeddings that a client asks for itself: of the built-in model, or of the server behind a model's name."""

from collections.abc import Sequence
from typing import Literal

from assistd.errors import AssistdError, BadGatewayError, NotFoundError
from assistd.models import tokens
from assistd.models.registry import Registry
from assistd.models.upstream.pass_through import PassThrough
from assistd.search.base import Embedder

BUILTIN = "multilingual-e5-small"
"""The name of the built-in model; where there is no upstream, every other name means it, too."""
_AT_ONCE = 16  # texts; a client that goes away is noticed between so many


class Embeddings:
    """Finds who embeds for a model's name.

    Args:
        builtin: the built-in model; None where it is switched off or not installed.
        models: who has the others.
    """

    def __init__(self, builtin: Embedder | None, models: Registry) -> None:
        self._builtin = builtin
        self._models = models

    @property
    def dimensions(self) -> int:
        """How many numbers a vector of the built-in model has."""
        return self._builtin.dimensions if self._builtin else 0

    def find_backend(self, name: str) -> PassThrough | None:
        """Return the server that has a model; None where it is the built-in one.

        Raises:
            NotFoundError: there is no such model, and none that stands for it.
            RequestError: the name is that of no language model at all.
            BadGatewayError: the server is not there; the message says what to set.
        """
        elsewhere = self._models.upstream is not None or name in self._models.entries
        if name != BUILTIN and elsewhere:
            return self._models.pass_through(name)
        if self._builtin is None:
            raise NotFoundError(
                f"The model '{name}' does not exist: this server has no embedding model. Set "
                "ASSISTD_UPSTREAM_BASE_URL, or install assistd with file search "
                "(pip install 'assistd[search]').",
                param="model",
                code="model_not_found",
            )
        return None

    async def embed(
        self, texts: Sequence[str], kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return a vector of the built-in model for each text.

        Raises:
            BadGatewayError: the model does not answer.
        """
        assert self._builtin
        vectors: list[Sequence[float]] = []
        try:
            for at in range(0, len(texts), _AT_ONCE):
                vectors += await self._builtin.embed(texts[at : at + _AT_ONCE], kind=kind)
        except AssistdError as error:
            raise BadGatewayError(str(error)) from error
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Estimate the tokens of texts, for the usage."""
        return sum(map(tokens.count, texts))
