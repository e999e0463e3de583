"""Usage and costs: what admin keys are told, and that nobody else is (contract section 8).

The fixture `wire` holds every answer against the official specification.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, insert

from assistd import clock, ids
from assistd.db import sessions, tables, vector_stores
from assistd.db.transaction import transaction
from assistd.db.usage import requests
from assistd.db.usage.requests import Requests
from assistd.objects.metered_session import MeteredSession
from assistd.objects.vector_store import VectorStoreFile
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


def test_sessions_of_containers_cost_what_their_tier_does(
    server: Server, admin: httpx.Client
) -> None:
    project = new_project(server)[0]
    with database_of(server) as database:
        for tier, container in ((1, "cntr_1"), (4, "cntr_2"), (4, "cntr_3"), (64, "cntr_4")):
            row = MeteredSession(
                id=ids.new("sess"),
                project_id=project,
                thread_id=project + container,
                opened_at=MONDAY + HOUR,
                memory_gib=tier,
            )
            database.run_sync(sessions.record_opened, row, MONDAY)
    mine = {"project_ids[]": [project]}
    assert numbers(page(admin, USAGE, **mine)) == [[4], [], []]
    found = page(admin, COSTS, **mine)["data"][0]["results"]
    assert [each["amount"]["value"] for each in found] == [round(0.03 + 2 * 0.12 + 1.92, 6)]
    found = page(admin, COSTS, **mine, **{"group_by[]": ["line_item"]})["data"][0]["results"]
    assert {each["line_item"]: (each["amount"]["value"], each["quantity"]) for each in found} == {
        "code interpreter sessions": (0.03, 1),
        "code interpreter sessions, 4g": (0.24, 2),
        "code interpreter sessions, 64g": (1.92, 1),
    }


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


def test_searches_are_counted_by_project_key_and_store(admin: httpx.Client, server: Server) -> None:
    one, two = (new_project(server)[0] for _ in range(2))
    now = clock.seconds()
    with database_of(server) as database:
        for project, key, store in (
            (one, "key_a", "vs_a"),
            (one, "key_a", "vs_a"),
            (one, None, "vs_b"),
            (two, "key_b", "vs_c"),
        ):
            row = Requests("file_search", project, key, store)
            database.run_sync(requests.record, row)

    def results(**query: Any) -> list[dict[str, Any]]:
        span = {"start_time": now - HOUR, "limit": 2}
        path = "organization/usage/file_search_calls"
        answer = admin.get(path, params={**span, "project_ids[]": [one, two], **query})
        assert answer.status_code == 200, answer.text
        return [each for bucket in answer.json()["data"] for each in bucket["results"]]

    assert results() == [
        {
            "object": "organization.usage.file_searches.result",
            "num_requests": 4,
            "project_id": None,
            "user_id": None,
            "api_key_id": None,
            "vector_store_id": None,
        }
    ]

    def counted(name: str, **query: Any) -> dict[str, int]:
        found = results(**{"group_by[]": name, **query})
        return {each[name]: each["num_requests"] for each in found}

    assert counted("project_id") == {one: 3, two: 1}
    assert counted("api_key_id") == {"key_a": 2, None: 1, "key_b": 1}
    assert counted("vector_store_id", **{"api_key_ids[]": "key_a"}) == {"vs_a": 2}
    assert counted("vector_store_id", vector_store_ids="vs_c") == {"vs_c": 1}
    assert counted("user_id") == {None: 4}


def test_embeddings_are_counted_with_their_tokens(admin: httpx.Client, server: Server) -> None:
    project, _ = new_project(server)
    now = clock.seconds()
    with database_of(server) as database:
        for tokens, model in ((4, "small"), (6, "small"), (1, "large")):
            row = Requests("embeddings", project, "key_a", model, tokens=tokens)
            database.run_sync(requests.record, row)
    query = {"start_time": now - HOUR, "project_ids[]": project, "group_by[]": "model", "limit": 2}
    answer = admin.get("organization/usage/embeddings", params=query).json()
    found = [each for bucket in answer["data"] for each in bucket["results"]]
    assert sorted((e["model"], e["input_tokens"], e["num_model_requests"]) for e in found) == [
        ("large", 1, 1),
        ("small", 10, 2),
    ]
    assert {each["object"] for each in found} == {"organization.usage.embeddings.result"}
    wrong = admin.get("organization/usage/embeddings", params={**query, "group_by[]": "batch"})
    assert wrong.status_code == 400


def test_bytes_of_vector_stores_are_those_at_the_end_of_each_bucket(
    admin: httpx.Client, server: Server
) -> None:
    one, two = (new_project(server)[0] for _ in range(2))
    with database_of(server) as database:
        for at, project, size in (
            (MONDAY - DAY, one, 5),
            (MONDAY + HOUR, one, 1000),
            (MONDAY + 2 * HOUR, one, 3000),
            (MONDAY + DAY, two, 70),
            (MONDAY + 2 * DAY, one, 0),
        ):
            database.run_sync(_note, {"at": at, "project_id": project, "bytes": size})
    path = "organization/usage/vector_stores"

    def sizes(**query: Any) -> list[list[tuple[str | None, int]]]:
        found = page(admin, path, **{"project_ids[]": [one, two], **query})
        return [
            [(each["project_id"], each["usage_bytes"]) for each in bucket["results"]]
            for bucket in found["data"]
        ]

    assert sizes() == [[(None, 3000)], [(None, 3070)], [(None, 70)]]
    assert sizes(**{"group_by[]": "project_id"})[1] == [(one, 3000), (two, 70)]
    hours = sizes(bucket_width="1h", end_time=MONDAY + 3 * HOUR, project_ids=one)
    assert hours == [[(None, 5)], [(None, 1000)], [(None, 3000)]]


def test_bytes_of_vector_stores_are_up_to_date(admin: httpx.Client, server: Server) -> None:
    project, _ = new_project(server)
    file = VectorStoreFile(
        id="file-x", created_at=1, vector_store_id=ids.new("vs"), status="failed", usage_bytes=1045
    )
    with database_of(server) as database:
        database.run_sync(_attach, project, file)
        query = {"start_time": clock.seconds() - 60, "project_ids[]": project, "limit": 2}
        found = admin.get("organization/usage/vector_stores", params=query).json()
        assert found["data"][-1]["results"] == [
            {
                "object": "organization.usage.vector_stores.result",
                "usage_bytes": 1045,
                "project_id": None,
            }
        ]
        database.run_sync(_detach, file)


@transaction(writes=True)
def _note(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(insert(tables.index_bytes).values(row))


@transaction(writes=True)
def _attach(connection: Connection, project_id: str, file: VectorStoreFile) -> None:
    vector_stores.add_files(connection, project_id, [file])


@transaction(writes=True)
def _detach(connection: Connection, file: VectorStoreFile) -> None:
    vector_stores.remove_store(connection, file.vector_store_id)
