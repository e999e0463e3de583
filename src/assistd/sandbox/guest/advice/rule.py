"""A rule of advice: which errors it is about, and what to do about them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from assistd.sandbox.guest.advice.failure import Failure

Match = re.Match[str]
Advice = str | Callable[[Failure, Match], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence for one kind of error.

    Args:
        kinds: names of exception classes, apart by spaces; a class counts with those below it.
        pattern: what the message holds.
        advice: the sentence, or what makes it; None where it turns out to know none.
    """

    kinds: frozenset[str]
    pattern: re.Pattern[str]
    advice: Advice

    def apply(self, failure: Failure) -> str | None:
        """Return the sentence for the error that is looked at, if the rule is about it."""
        if self.kinds.isdisjoint(kind.__name__ for kind in type(failure.error).__mro__):
            return None
        match = self.pattern.search(failure.message)
        if match is None:
            return None
        return self.advice if isinstance(self.advice, str) else self.advice(failure, match)


def rule(kinds: str, pattern: str, advice: Advice) -> Rule:
    """Make a rule; see `Rule`."""
    return Rule(frozenset(kinds.split()), re.compile(pattern, re.DOTALL), advice)
