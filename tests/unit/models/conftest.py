"""Models that ask the scripted upstream."""

from collections.abc import AsyncIterator

import pytest
from tests.upstream import Upstream, upstream_fixture

from assistd.models.chat_completions import ChatCompletions
from assistd.models.upstream.connection import Upstream as Connection

__all__ = ["upstream_fixture"]


@pytest.fixture
async def connection(upstream: Upstream) -> AsyncIterator[Connection]:
    connection = Connection(
        upstream.url, "sk-operator", first_delta_seconds=30, idle_seconds=30, retry_seconds=20
    )
    yield connection
    await connection.close()


@pytest.fixture
def native(connection: Connection) -> ChatCompletions:
    return ChatCompletions(connection)


@pytest.fixture
def fenced(connection: Connection) -> ChatCompletions:
    return ChatCompletions(connection, protocol="fenced")
