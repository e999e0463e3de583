"""Counts what models read and wrote for projects: in memory, and every few seconds in the database."""

from collections import defaultdict
from dataclasses import dataclass

from assistd.db.database import Database
from assistd.db.usage import requests
from assistd.db.usage.requests import Requests
from assistd.periodic import Duty

_FLUSH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a model was asked.

    Args:
        project_id: whose it was.
        model: which model, by a name of a closed set.
        api_key_id: on which key; None where the run knows it.
        run_id: for which run; None where it was none.
    """

    project_id: str
    model: str
    api_key_id: str | None = None
    run_id: str | None = None


@dataclass(slots=True)
class _Sums:
    requests: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0


class CompletionsMeter:
    """What was asked of models and is not written down yet; a server that is killed loses its last seconds.

    Args:
        database: where it is written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sums: dict[Asker, _Sums] = defaultdict(_Sums)

    def add(self, asker: Asker, *, prompt: int, completion: int, cached: int) -> None:
        """Count one answer of a model, in tokens; `cached` ones are among those of the prompt."""
        sums = self._sums[asker]
        sums.requests += 1
        sums.prompt += prompt
        sums.completion += completion
        sums.cached += cached

    async def flush(self) -> None:
        """Write down what was counted since the last time."""
        taken, self._sums = self._sums, defaultdict(_Sums)
        if not taken:
            return
        made = [
            Requests(
                kind="completions",
                project_id=asker.project_id,
                api_key_id=asker.api_key_id,
                subject=asker.model,
                requests=sums.requests,
                tokens=sums.prompt,
                output_tokens=sums.completion,
                cached_tokens=sums.cached,
                run_id=asker.run_id,
            )
            for asker, sums in taken.items()
        ]
        await self._database.run(requests.record_all, made)

    def duty(self) -> Duty:
        """Return the duty to write it down now and then."""
        return Duty("usage of models", self.flush, _FLUSH_SECONDS)
