"""The figures of file search: quality with a peer beside, speed, what a user waits for, citations."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from openai import OpenAI
from rich.console import Console

from bench.client import KEY
from bench.figures import Figure
from bench.options import Options
from bench.search import citations, packages, peer, quality, speed
from bench.search.sets import TestSet, build
from bench.servers import built_in_model, postgres, server, upstream
from bench.tasks.ask import SETTINGS

_ROOT = Path(__file__).parent.parent.parent
_BY_MEANING = ("EN-Q", "ZH-T", "ZH->EN")
_GOALS = {
    "EN-Q": (0.92, 0.77),
    "ZH-T": (0.90, 0.77),
    "ZH->EN": (0.75, None),
    "ID-EN": (0.95, None),
    "ID-ZH": (0.95, None),
    "EN-Q by 4": (None, 0.80),
    "ZH-T by 4": (None, 0.80),
}
"""Recall and nDCG at 10 to reach."""
_SENTENCES = (
    "The quarterly report of the harbour lists every ship that was repaired. "
    "Each entry names the yard, the days in dock and the sum that was paid. "
)
_MEGABYTE = 1_000_000

console = Console()


def measure(_: Options) -> list[Figure]:
    """Measure all of it; takes about half an hour on two cores."""
    figures = _measure_waiting() + speed.measure_speed()
    try:
        with packages.unpack() as root:
            sets = build(root)
    except packages.NoPackagesError as error:
        console.print(f"quality is left out: {error}")
    else:
        figures += _measure_quality(sets)
    return figures + _measure_citations()


def _measure_quality(sets: Sequence[TestSet]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, upstream() as model:
        with server(Path(folder) / "sqlite", model) as serving:
            ours, off_topic = _judge(serving.url, sets)
        with (
            postgres() as database,
            server(Path(folder) / "postgres", model, ASSISTD_DATABASE_URL=database) as serving,
        ):
            theirs, _ = _judge(serving.url, sets)
    beside = _judge_peer(sets)
    figures: list[Figure] = []
    for each in ours:
        recall, ndcg = _GOALS[each.name]
        other = beside.get(each.name)
        for kind, value, compared, goal in (
            ("recall@10", each.recall, other and other.recall, recall),
            ("nDCG@10", each.ndcg, other and other.ndcg, ndcg),
            ("recall@1", each.first, other and other.first, None),
        ):
            figures.append(
                Figure(
                    f"{each.name}, {kind}, LlamaIndex beside",
                    "per 1",
                    (value,),
                    (compared,) if compared else (),
                    goal=goal,
                )
            )
    apart = max(
        max(abs(a.recall - b.recall), abs(a.ndcg - b.ndcg))
        for a, b in zip(ours, theirs, strict=True)
    )
    return [
        *figures,
        Figure(
            "PostgreSQL, recall and nDCG apart from SQLite's by at most", "", (apart,), goal=0.02
        ),
        Figure("best score of a question that nothing answers", "", (off_topic,), goal=0.5),
    ]


def _judge(url: str, sets: Sequence[TestSet]) -> tuple[list[quality.Quality], float]:
    stores = quality.Stores(OpenAI(base_url=url, api_key=KEY, timeout=3600))
    judged = [quality.judge(each, stores.rank(each)) for each in sets]
    off_topic = max(stores.score_off_topic(each) for each in sets if each.name in _BY_MEANING)
    return judged, off_topic


def _judge_peer(sets: Sequence[TestSet]) -> dict[str, quality.Quality]:
    try:
        ranked = peer.rank(sets)
    except peer.NoPeerError as error:
        console.print(f"no peer beside: {error}")
        return {}
    return {each.name: quality.judge(each, found) for each, found in zip(sets, ranked, strict=True)}


def _measure_waiting() -> list[Figure]:
    """What a user waits for: the response to an attachment, and the file being found."""
    attached: list[float] = []
    completed: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as model,
        server(Path(folder), model) as serving,
    ):
        client = OpenAI(base_url=serving.url, api_key=KEY)
        store = client.vector_stores.create(name="waiting").id
        for number in range(6):
            page = f"Page {number} of a letter. " + _SENTENCES * 12
            began = time.perf_counter()
            file = client.files.create(file=(f"{number}.txt", page.encode()), purpose="assistants")
            sent = time.perf_counter()
            client.vector_stores.files.create(store, file_id=file.id)
            attached.append(1000 * (time.perf_counter() - sent))
            client.vector_stores.files.poll(file.id, vector_store_id=store, poll_interval_ms=20)
            completed.append(time.perf_counter() - began)
        large = (_SENTENCES * (_MEGABYTE // len(_SENTENCES)))[:-20] + " the word quetzalcoatl."
        file = client.files.create(file=("large.txt", large.encode()), purpose="assistants")
        began = time.perf_counter()
        client.vector_stores.files.create(store, file_id=file.id)
        while not any(
            hit.file_id == file.id
            for hit in client.vector_stores.search(store, query="quetzalcoatl")
        ):
            time.sleep(0.05)
        found = time.perf_counter() - began
    return [
        Figure("attaching a file", "ms", tuple(attached), goal=30.0),
        Figure(
            "a page, uploaded, until it is searchable (the first starts the model)",
            "s",
            tuple(completed),
            goal=2.0,
        ),
        Figure("1 MB of English, attached, until found by keyword", "s", (found,), goal=3.0),
    ]


def _measure_citations() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        built_in_model(_ROOT, Path(folder), SETTINGS) as url,
    ):
        answers = citations.ask_all(OpenAI(base_url=url, api_key=KEY, timeout=1800))
    shares = citations.count_shares(answers)
    return [
        Figure("answers that cite", "per 1", (shares.cited,), goal=0.90),
        Figure("citations that name the file with the answer", "per 1", (shares.right,), goal=0.85),
        Figure(
            "questions without an answer that get no citation", "per 1", (shares.silent,), goal=0.80
        ),
        Figure("answers with a marker that is no citation", "", (float(shares.leaks),), goal=0.0),
    ]
