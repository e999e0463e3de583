"""What a hosted tool is: one that this server runs when a model calls it."""

from typing import Any, Protocol


class HostedTool(Protocol):
    """A tool, made for one ask."""

    def instruct(self) -> str:
        """Return what the system message says of it."""
        ...

    async def run(self, arguments: str) -> Any:
        """Carry out one call and return its outcome; what the model did wrong is an outcome, too."""
        ...

    def reject(self, reason: str) -> Any:
        """Return the outcome of a call whose arguments could not be read; nothing is run."""
        ...
