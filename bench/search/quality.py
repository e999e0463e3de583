"""How well a question finds its passage: recall and nDCG at 10 of each set, through the server's own API."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from openai import OpenAI
from rich.progress import track

from bench.search.sets import OFF_TOPIC, TestSet

BEST = 10
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the questions of one set were answered.

    Args:
        name: of the set.
        recall: share of the questions whose passage is among the ten best.
        ndcg: mean of 1 / log2(1 + rank), where the passage is among them.
        first: share of the questions whose passage is the best.
    """

    name: str
    recall: float
    ndcg: float
    first: float


def judge(asked: TestSet, ranked: Sequence[Sequence[int]]) -> Quality:
    """Return the quality of the ten best passages that were found for each question of a set."""
    ranks = [
        found[:BEST].index(gold) + 1 if gold in found[:BEST] else None
        for (_, gold), found in zip(asked.questions, ranked, strict=True)
    ]
    hits = [rank for rank in ranks if rank]
    count = len(ranks)
    return Quality(
        asked.name,
        recall=len(hits) / count,
        ndcg=sum(1 / math.log2(1 + rank) for rank in hits) / count,
        first=sum(rank == 1 for rank in hits) / count,
    )


class Stores:
    """Vector stores that hold the passages of sets, a file for each; sets with the same share one.

    Args:
        client: of a server.
    """

    def __init__(self, client: OpenAI) -> None:
        self._client = client
        self._stores: dict[tuple[str, ...], tuple[str, dict[str, int]]] = {}

    def rank(self, asked: TestSet) -> list[list[int]]:
        """Return for each question the passages that the server finds, the best first."""
        store, places = self._fill(asked)
        return [
            [places[hit.file_id] for hit in self._search(store, question)]
            for question, _ in track(asked.questions, f"asking {asked.name}")
        ]

    def score_off_topic(self, asked: TestSet) -> float:
        """Return the best score that a question which nothing answers gets of a set's passages."""
        store, _ = self._fill(asked)
        return max(hit.score for question in OFF_TOPIC for hit in self._search(store, question))

    def _search(self, store: str, question: str):
        return self._client.vector_stores.search(store, query=question, max_num_results=BEST).data

    def _fill(self, asked: TestSet) -> tuple[str, dict[str, int]]:
        if asked.passages not in self._stores:
            store = self._client.vector_stores.create(name=asked.name).id
            places = {
                self._client.files.create(
                    file=(f"passage-{at}.txt", text.encode()), purpose="assistants"
                ).id: at
                for at, text in enumerate(track(asked.passages, f"uploading {asked.name}"))
            }
            ids = list(places)
            for at in range(0, len(ids), _BATCH):
                batch = self._client.vector_stores.file_batches.create_and_poll(
                    store, file_ids=ids[at : at + _BATCH]
                )
                assert batch.file_counts.failed == 0, batch.file_counts
            self._stores[asked.passages] = store, places
        return self._stores[asked.passages]
