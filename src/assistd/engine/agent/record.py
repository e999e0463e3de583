"""What a door brings to the agent: where the conversation comes from, and who is told what happens."""

from typing import Protocol

from assistd.engine.agent.ask import Context, Spent, TokenLimit
from assistd.engine.tools.base import ToolOutcome
from assistd.models.base import Delta


class Conversation(Protocol):
    """Where the agent learns what was said and done."""

    async def read(self, *, vision: bool) -> Context:
        """Return all that stands before the next question, with what `Record` was told meanwhile.

        Args:
            vision: whether the model can see pictures; else it is told that there are some.
        """
        ...


class Record(Protocol):
    """Who is told, in order, what the agent does. What a method raises ends the agent.

    `reopen`, then for each answer `begin` (the first only), `take` for each delta and `finish_call`
    for each call of a hosted tool; at last one of `complete`, `end_at_limit` and `wait_for_client`.
    Where none of these comes the agent failed: the door hears of it by the exception of `run_loop`.
    """

    async def reopen(self) -> Spent | None:
        """Go on where another agent waited for the client, or where the process of one died.

        What that one left open is closed, and calls in flight are told as interrupted; none is made again.

        Returns:
            What was spent until then. None: there is nothing to ask, for the client is waited for, or
            the end is there.
        """
        ...

    async def begin(self) -> None:
        """Note that work has begun, or goes on; called while the first question is on its way already."""
        ...

    async def take(self, delta: Delta) -> None:
        """Record a part of the answer: text, calls as they come, and what the answer cost at its end."""
        ...

    async def finish_call(self, index: int, outcome: ToolOutcome, *, is_last: bool) -> None:
        """Record what came of a call of a hosted tool.

        Args:
            index: the call's, as in its deltas.
            outcome: what its tool returned; a record knows the kinds of the tools that its door offers.
            is_last: whether every call of the answer is answered by it.
        """
        ...

    async def complete(self) -> None:
        """End well: the last answer is the final one."""
        ...

    async def end_at_limit(self, limit: TokenLimit) -> None:
        """End at a limit on the tokens."""
        ...

    async def wait_for_client(self) -> None:
        """Hand the function calls of the answer to the client; another agent goes on with its outputs."""
        ...
