"""What a key opens, asked of the database once in a few seconds."""

import pytest

from assistd.api import access
from assistd.api.access import Keyring, require_beta
from assistd.db import keys
from assistd.errors import RequestError
from assistd.objects.project import Access, Project, ProjectLimits

PROJECT = Project(id="proj_1", name="p", created_at=1, limits=ProjectLimits(requests=7))


class Database:
    """Opens `sk-good`, and counts how often it is asked."""

    def __init__(self) -> None:
        self.opens: Access | None = Access(key_id="key_1", project=PROJECT)
        self.asked: list[str] = []

    async def run(self, function: object, *arguments: str) -> Access | None:
        if function is not keys.note_use:
            self.asked.append(arguments[0])
        return self.opens


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def keyring(database: Database) -> Keyring:
    return Keyring(database, ProjectLimits(requests=1, runs=5))  # type: ignore[arg-type]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time; a test changes it."""
    now = [1000.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: now[0])
    return now


async def test_a_key_is_asked_for_once_and_never_in_plain(
    keyring: Keyring, database: Database, now: list[float]
) -> None:
    first = await keyring.find_access("sk-good")
    assert await keyring.find_access("sk-good") == first
    assert len(database.asked) == 1
    assert "sk-good" not in database.asked[0]


async def test_limits_of_the_settings_hold_where_a_project_has_none(
    keyring: Keyring, now: list[float]
) -> None:
    found = await keyring.find_access("sk-good")
    assert found
    assert found.project
    assert found.project.limits == ProjectLimits(requests=7, runs=5)


async def test_a_key_that_was_revoked_is_found_out_within_seconds(
    keyring: Keyring, database: Database, now: list[float]
) -> None:
    await keyring.find_access("sk-good")
    database.opens = None
    assert await keyring.find_access("sk-good")
    now[0] += 5.1
    assert await keyring.find_access("sk-good") is None


async def test_what_opens_nothing_is_not_remembered(
    keyring: Keyring, database: Database, now: list[float]
) -> None:
    opens, database.opens = database.opens, None
    assert await keyring.find_access("sk-good") is None
    database.opens = opens
    assert await keyring.find_access("sk-good")


async def test_an_admin_key_opens_no_project(
    keyring: Keyring, database: Database, now: list[float]
) -> None:
    database.opens = Access(key_id="key_2", project=None)
    assert await keyring.find_access("sk-admin") == database.opens


@pytest.mark.parametrize("header", ["assistants=v2", "a=b, assistants = v2", "assistants=v2;x"])
async def test_the_beta_header_is_found_among_others(header: str) -> None:
    await require_beta(header)


@pytest.mark.parametrize("header", [None, "", "assistants=v1", "v2"])
async def test_a_request_without_the_beta_header_is_refused(header: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        await require_beta(header)
    assert refused.value.code == "invalid_beta"
