"""Usage and costs: what admin keys are told, and that nobody else is (contract section 8).

The fixture `wire` holds every answer against the official specification.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from assistd import ids
from assistd.db import sessions
from assistd.objects.metered_session import MeteredSession
from tests.live.server import Server
from tests.live.tenants import client_of, database_of, new_admin_key, new_project
from tests.live.wire import Wire

pytestmark = pytest.mark.every_backend

DAY = 86_400
HOUR = 3600
MONDAY = 1_700_438_400  # midnight in UTC
USAGE = "organization/usage/code_interpreter_sessions"
COSTS = "organization/costs"


@pytest.fixture
def admin(server: Server, wire: Wire) -> Iterator[httpx.Client]:
    """A client with an admin key."""
    with client_of(server, new_admin_key(server), wire) as client:
        yield client


@pytest.fixture
def opened(server: Server) -> list[str]:
    """Two projects: the first has sessions on Monday and Wednesday, the other on Monday."""
    one, two = (new_project(server)[0] for _ in range(2))
    rows = [
        (one, "a", MONDAY + HOUR),
        (one, "a", MONDAY + HOUR + 3599),  # within the hour that is paid
        (one, "b", MONDAY + HOUR + 1800),  # another thread
        (two, "c", MONDAY + 2 * HOUR),
        (one, "a", MONDAY + 2 * DAY),
    ]
    with database_of(server) as database:
        for project, thread, at in rows:
            row = MeteredSession(
                id=ids.new("sess"), project_id=project, thread_id=project + thread, opened_at=at
            )
            database.run_sync(sessions.record_opened, row)
    return [one, two]


def page(client: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params={"start_time": MONDAY, "end_time": MONDAY + 3 * DAY, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(found: dict[str, Any]) -> list[list[int]]:
    """The sessions of each result of each bucket."""
    return [[each["num_sessions"] for each in bucket["results"]] for bucket in found["data"]]


def test_trap_45_a_thread_pays_once_an_hour_and_days_without_sessions_are_empty(
    admin: httpx.Client, opened: list[str]
) -> None:
    found = page(admin, USAGE, **{"project_ids[]": opened})
    assert numbers(found) == [[3], [], [1]]
    assert found["data"][0] == {
        "object": "bucket",
        "start_time": MONDAY,
        "end_time": MONDAY + DAY,
        "results": [
            {
                "object": "organization.usage.code_interpreter_sessions.result",
                "num_sessions": 3,
                "project_id": None,
            }
        ],
    }
    assert (found["object"], found["has_more"], found["next_page"]) == ("page", False, None)


@pytest.mark.parametrize("brackets", ["", "[]"])
def test_sessions_are_grouped_and_filtered_by_project(
    admin: httpx.Client, opened: list[str], brackets: str
) -> None:
    one, two = opened
    grouped = page(
        admin, USAGE, **{f"project_ids{brackets}": opened, f"group_by{brackets}": "project_id"}
    )
    whose = {each["project_id"]: each["num_sessions"] for each in grouped["data"][0]["results"]}
    assert whose == {one: 2, two: 1}
    assert numbers(page(admin, USAGE, **{f"project_ids{brackets}": two})) == [[1], [], []]


def test_the_first_bucket_begins_at_the_start_and_the_others_at_whole_hours(
    admin: httpx.Client, opened: list[str]
) -> None:
    found = page(
        admin,
        USAGE,
        start_time=MONDAY + HOUR + 60,
        end_time=MONDAY + 3 * HOUR,
        bucket_width="1h",
        project_ids=opened,
    )
    edges = [bucket["start_time"] - MONDAY for bucket in found["data"]]
    assert edges == [HOUR + 60, 2 * HOUR]
    assert numbers(found) == [[1], [1]]


def test_pages_follow_each_other_without_gaps(admin: httpx.Client, opened: list[str]) -> None:
    seen: list[list[int]] = []
    query: dict[str, Any] = {"project_ids": opened, "limit": 1}
    while True:
        found = page(admin, USAGE, **query)
        assert len(found["data"]) == 1
        seen += numbers(found)
        if not found["has_more"]:
            break
        query["page"] = found["next_page"]
    assert seen == [[3], [], [1]]


def test_a_report_without_an_end_ends_now(admin: httpx.Client, opened: list[str]) -> None:
    answer = admin.get(USAGE, params={"start_time": MONDAY, "limit": 31})
    assert answer.json()["has_more"]
    assert admin.get(USAGE, params={"start_time": 1 << 39}).json()["data"] == []


def test_costs_are_sessions_by_their_price(admin: httpx.Client, opened: list[str]) -> None:
    found = page(
        admin, COSTS, **{"project_ids[]": opened, "group_by[]": ["line_item", "project_id"]}
    )
    cost = {each["project_id"]: each for each in found["data"][0]["results"]}
    assert cost[opened[0]] == {
        "object": "organization.costs.result",
        "amount": {"value": 0.06, "currency": "usd"},
        "line_item": "code interpreter sessions",
        "project_id": opened[0],
        "api_key_id": None,
        "quantity": 2,
        "quantity_unit": None,
    }
    assert cost[opened[1]]["amount"]["value"] == 0.03
    assert page(admin, COSTS, api_key_ids="key_x")["data"][0]["results"] == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"start_time": None}, "Missing required parameter: 'start_time'."),
        ({"start_time": "monday"}, "Invalid type for 'start_time': expected an integer"),
        ({"end_time": MONDAY}, "Invalid 'end_time'"),
        ({"bucket_width": "1w"}, "Invalid value: '1w'. Supported values are"),
        ({"group_by": "model"}, "Invalid value: 'model'. Supported values are"),
        ({"limit": 32}, "Invalid 'limit': integer above maximum value. Expected a value <= 31"),
        ({"limit": 0}, "Invalid 'limit': integer below minimum value"),
        ({"bucket_width": "1h", "limit": 169}, "Expected a value <= 168"),
        ({"page": "page_junk!"}, "Invalid 'page'"),
        ({"start_time": 1 << 80}, "Invalid 'start_time'"),
    ],
)
def test_queries_that_are_wrong_say_so(
    admin: httpx.Client, query: dict[str, Any], says: str
) -> None:
    sent = {"start_time": MONDAY, **query}
    answer = admin.get(USAGE, params={k: v for k, v in sent.items() if v is not None})
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_costs_come_by_the_day_only(admin: httpx.Client) -> None:
    answer = admin.get(COSTS, params={"start_time": MONDAY, "bucket_width": "1h"})
    assert answer.status_code == 400


def test_a_project_key_opens_no_report_and_an_admin_key_no_project(
    raw: httpx.Client, admin: httpx.Client
) -> None:
    for path in (USAGE, COSTS):
        refused = raw.get(path, params={"start_time": MONDAY})
        assert refused.status_code == 403
        assert "Missing scopes: api.usage.read" in refused.json()["error"]["message"]
    for path in ("files", "assistants", "models"):
        assert admin.get(path).status_code == 403
