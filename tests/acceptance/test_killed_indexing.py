"""A server is killed again and again while it indexes a batch: no file is lost, doubled, or left in progress."""

import random
import time
from collections import Counter

import pytest
from openai import OpenAI

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import wait_until

_FILES = 200
_ROUNDS, _LONG_ROUNDS = 3, 20


def completed(client: OpenAI, store_id: str) -> int:
    """How many files of a store are indexed."""
    return client.vector_stores.retrieve(store_id).file_counts.completed


def wait_for_progress(client: OpenAI, store_id: str) -> None:
    """Wait until one more file is indexed, or all are."""
    before = completed(client, store_id)
    wait_until(lambda: completed(client, store_id) > before or before == _FILES, "progress")


@pytest.mark.every_backend
@pytest.mark.timeout(600)
def test_search_trap_33_a_batch_outlives_the_servers_that_index_it(
    start_server: StartServer, connect: ConnectClient, *, long: bool
) -> None:
    rounds = _LONG_ROUNDS if long else _ROUNDS
    dice = random.Random(13)
    server = start_server(lease_seconds=1)
    client = connect(server)
    file_ids = [
        client.files.create(
            file=(f"{n}.txt", f"note{n} of the batch".encode()), purpose="assistants"
        ).id
        for n in range(_FILES)
    ]
    store = client.vector_stores.create()
    batch = client.vector_stores.file_batches.create(store.id, file_ids=file_ids)
    for _ in range(rounds):
        wait_for_progress(client, store.id)
        time.sleep(dice.uniform(0, 0.3))
        server.kill()
        server.start()
        client = connect(server)
    batch = client.vector_stores.file_batches.poll(batch.id, vector_store_id=store.id)
    counts = batch.file_counts
    assert (counts.completed, counts.failed, counts.total) == (_FILES, 0, _FILES)
    found = Counter(
        result.file_id
        for n in range(_FILES)
        for result in client.vector_stores.search(store.id, query=f"note{n}", max_num_results=1)
    )
    assert found == Counter(file_ids)
    every = client.vector_stores.search(store.id, query="batch", max_num_results=50).data
    assert len({result.file_id for result in every}) == len(every) == 50
