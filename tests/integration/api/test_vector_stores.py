"""Vector stores over HTTP as the official SDK and plain clients meet them; the rules are in test_vector_stores."""

import json
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.live.fixtures import StartServer
from tests.live.server import Server
from tests.live.tenants import client_of, new_admin_key, new_project
from tests.live.wire import Wire

pytestmark = pytest.mark.every_backend

STORE = [
    "id",
    "object",
    "created_at",
    "name",
    "description",
    "usage_bytes",
    "file_counts",
    "status",
    "expires_after",
    "expires_at",
    "last_active_at",
    "metadata",
]
COUNTS = ["in_progress", "completed", "failed", "cancelled", "total"]
FILE = [
    "id",
    "object",
    "usage_bytes",
    "created_at",
    "vector_store_id",
    "status",
    "last_error",
    "chunking_strategy",
    "attributes",
]
BATCH = ["id", "object", "created_at", "status", "vector_store_id", "file_counts"]
BATCH_FILE = ["id", "object", "created_at", "vector_store_id", "status", "last_error"]


def upload(client: OpenAI, name: str = "a.txt", purpose: Any = "assistants") -> str:
    return client.files.create(file=(name, b"some text"), purpose=purpose).id


def problem(answer: httpx.Response) -> tuple[str | None, str | None]:
    """The parameter and the code that an error names."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    return error["param"], error["code"]


def test_objects_have_the_keys_of_the_recordings_in_their_order(
    client: OpenAI, raw: httpx.Client, wire: Wire
) -> None:
    store = raw.post("vector_stores", json={"file_ids": [upload(client) for _ in range(5)]}).json()
    assert list(store) == STORE
    assert list(store["file_counts"]) == COUNTS
    expected = {"object": "vector_store", "name": None, "description": None, "usage_bytes": 0}
    expected |= {"status": "in_progress", "expires_after": None, "expires_at": None, "metadata": {}}
    assert expected.items() <= store.items()
    assert store["file_counts"] == dict(zip(COUNTS, (5, 0, 0, 0, 5), strict=True))
    assert store["last_active_at"] == store["created_at"]
    here = f"vector_stores/{store['id']}"
    static = {"max_chunk_size_tokens": 1200, "chunk_overlap_tokens": 250}
    chunking = {"type": "static", "static": static}
    id_ = upload(client)
    file = raw.post(f"{here}/files", json={"file_id": id_, "chunking_strategy": chunking}).json()
    assert list(file) == FILE
    assert file == {
        "id": id_,
        "object": "vector_store.file",
        "usage_bytes": 0,
        "created_at": file["created_at"],
        "vector_store_id": store["id"],
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": chunking,
        "attributes": {},
    }
    assert list(file["chunking_strategy"]["static"]) == list(static)
    batch = raw.post(f"{here}/file_batches", json={"file_ids": [upload(client)]}).json()
    assert list(batch) == BATCH
    assert list(batch["file_counts"]) == COUNTS
    assert batch["object"] == "vector_store.file_batch"
    (listed,) = raw.get(f"{here}/file_batches/{batch['id']}/files").json()["data"]
    assert list(listed) == BATCH_FILE


def test_trap_50_a_batch_is_a_file_batch_and_a_file_of_a_store_has_the_files_id(
    client: OpenAI,
) -> None:
    file = upload(client)
    store = client.vector_stores.create()
    batch = client.vector_stores.file_batches.create(store.id, file_ids=[file])
    assert batch.object == "vector_store.file_batch"  # type: ignore[comparison-overlap]
    (only,) = client.vector_stores.files.list(store.id).data
    assert (only.id, only.object) == (file, "vector_store.file")


def test_ids_have_the_shapes_of_the_recordings(client: OpenAI) -> None:
    store = client.vector_stores.create()
    batch = client.vector_stores.file_batches.create(store.id, file_ids=[upload(client)])
    for id_, prefix in ((store.id, "vs_"), (batch.id, "vsfb_")):
        assert id_.startswith(prefix)
        assert len(bytes.fromhex(id_.removeprefix(prefix))) == 16


def test_search_trap_01_a_file_of_a_store_has_the_files_own_id_and_it_is_the_cursor(
    client: OpenAI,
) -> None:
    store = client.vector_stores.create(name="pages")
    names = [upload(client) for _ in range(5)]
    for each in names:
        assert client.vector_stores.files.create(store.id, file_id=each).id == each
    seen = [each.id for each in client.vector_stores.files.list(store.id, limit=2, order="asc")]
    assert seen == names
    page = client.vector_stores.files.list(store.id, after=names[3], limit=2)
    assert [each.id for each in page.data] == [names[2], names[1]]
    assert (page.first_id, page.last_id, page.has_more) == (names[2], names[1], True)  # type: ignore[attr-defined]


def test_every_file_of_a_store_can_be_detached_while_its_list_is_read(client: OpenAI) -> None:
    names = [upload(client) for _ in range(7)]
    store = client.vector_stores.create(file_ids=names)
    for file in client.vector_stores.files.list(store.id, limit=3):
        gone = client.vector_stores.files.delete(file.id, vector_store_id=store.id)
        assert (gone.id, gone.object, gone.deleted) == (file.id, "vector_store.file.deleted", True)
    assert client.vector_stores.retrieve(store.id).file_counts.total == 0
    assert client.files.retrieve(names[0]).id == names[0]


def test_search_trap_02_a_batch_answers_with_its_own_id(client: OpenAI) -> None:
    store = client.vector_stores.create()
    made = client.vector_stores.file_batches.create(store.id, file_ids=[upload(client)])
    got = client.vector_stores.file_batches.retrieve(made.id, vector_store_id=store.id)
    assert (got.id, got.vector_store_id) == (made.id, store.id)
    cancelled = client.vector_stores.file_batches.cancel(made.id, vector_store_id=store.id)
    assert cancelled.id == made.id
    assert cancelled.file_counts.in_progress == 0


def test_search_trap_04_auto_comes_back_as_what_it_does(client: OpenAI) -> None:
    auto = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}
    store = client.vector_stores.create()
    for strategy in ({"type": "auto"}, None):
        more: Any = {"chunking_strategy": strategy} if strategy else {}
        made = client.vector_stores.files.create(store.id, file_id=upload(client), **more)
        assert made.chunking_strategy
        assert made.chunking_strategy.to_dict() == {"type": "static", "static": auto}


def test_search_trap_05_files_in_the_list_of_a_batch_have_six_keys_only(
    client: OpenAI, raw: httpx.Client
) -> None:
    store = client.vector_stores.create()
    batch = client.vector_stores.file_batches.create(
        store.id, file_ids=[upload(client), "file-none"]
    )
    files = raw.get(f"vector_stores/{store.id}/file_batches/{batch.id}/files?order=asc").json()
    assert [list(each) for each in files["data"]] == [BATCH_FILE] * 2
    failed = client.vector_stores.file_batches.list_files(
        batch.id, vector_store_id=store.id, filter="failed"
    )
    (only,) = failed.data
    assert only.last_error
    assert (only.id, only.last_error.code) == ("file-none", "invalid_file")


def test_search_trap_06_what_is_not_set_is_null(raw: httpx.Client) -> None:
    for sent in ({}, {"name": None, "expires_after": None, "metadata": None}):
        store = raw.post("vector_stores", json=sent).json()
        assert {store[each] for each in ("name", "description", "expires_at")} == {None}
    assert raw.post("vector_stores").json()["status"] == "completed"


def test_search_trap_26_no_beta_header_is_needed(server: Server, raw: httpx.Client) -> None:
    with httpx.Client(
        base_url=server.url, headers={"authorization": raw.headers["authorization"]}
    ) as plain:
        store = plain.post("vector_stores", json={}).json()
        assert plain.get(f"vector_stores/{store['id']}").json() == store
        plain.headers["openai-beta"] = "assistants=v1"
        assert plain.get(f"vector_stores/{store['id']}").json() == store


def test_search_trap_27_what_is_said_of_all_files_of_a_batch_is_not_said_of_a_list_of_objects(
    client: OpenAI,
) -> None:
    static: Any = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}
    chunking: Any = {"type": "static", "static": static}
    everything: Any = {"attributes": {"of": "all"}, "chunking_strategy": chunking}
    one, two, three = (upload(client) for _ in range(3))
    store = client.vector_stores.create()
    batches, files = client.vector_stores.file_batches, client.vector_stores.files
    batches.create(store.id, file_ids=[one], **everything)
    each: Any = [{"file_id": two}, {"file_id": three, "attributes": {"of": 1}}]
    batches.create(store.id, files=each, **everything)
    got = {name: files.retrieve(name, vector_store_id=store.id) for name in (one, two, three)}
    assert [got[name].attributes for name in (one, two, three)] == [{"of": "all"}, {}, {"of": 1}]
    sizes = [
        got[name].chunking_strategy.to_dict()["static"]["max_chunk_size_tokens"]  # type: ignore[index, union-attr]
        for name in (one, two, three)
    ]
    assert sizes == [100, 800, 800]


def test_search_trap_28_a_stores_chunking_is_of_its_first_files_only(client: OpenAI) -> None:
    static: Any = {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 100}
    first, later = upload(client), upload(client)
    store = client.vector_stores.create(
        file_ids=[first], chunking_strategy={"type": "static", "static": static}
    )
    client.vector_stores.files.create(store.id, file_id=later)
    shown = {
        each.id: each.chunking_strategy.to_dict()["static"]  # type: ignore[union-attr]
        for each in client.vector_stores.files.list(store.id)
    }
    assert shown[first] == static
    assert shown[later]["max_chunk_size_tokens"] == 800


def test_search_trap_38_null_takes_the_policy_away_and_nothing_leaves_it(client: OpenAI) -> None:
    policy: Any = {"anchor": "last_active_at", "days": 3}
    store = client.vector_stores.create(expires_after=policy)
    assert store.expires_at == store.created_at + 3 * 86_400
    named = client.vector_stores.update(store.id, name="n", metadata={"a": "b"})
    assert (named.expires_at, named.name, named.metadata) == (store.expires_at, "n", {"a": "b"})
    assert named.last_active_at == store.last_active_at
    cleared = client.vector_stores.update(store.id, expires_after=None, name=None)
    assert (cleared.expires_after, cleared.expires_at, cleared.name) == (None, None, None)
    assert cleared.metadata == {"a": "b"}


def test_search_trap_39_files_of_both_purposes_can_be_attached(client: OpenAI) -> None:
    ids = [upload(client, purpose=each) for each in ("assistants", "user_data")]
    store = client.vector_stores.create(file_ids=ids)
    assert store.file_counts.total == 2


def test_attributes_are_replaced_as_a_whole(client: OpenAI, raw: httpx.Client) -> None:
    store = client.vector_stores.create()
    first: Any = {"year": 2024, "share": 0.5, "kept": True, "who": "é你"}
    file = client.vector_stores.files.create(store.id, file_id=upload(client), attributes=first)
    assert file.attributes == first
    here = f"vector_stores/{store.id}/files/{file.id}"
    assert json.dumps(raw.get(here).json()["attributes"]) == json.dumps(first)  # 2024, not 2024.0
    files = client.vector_stores.files
    changed = files.update(file.id, vector_store_id=store.id, attributes={"year": 2025})
    assert changed.attributes == {"year": 2025}
    assert raw.post(here, json={"attributes": None}).json()["attributes"] == {}
    assert problem(raw.post(here, json={})) == ("attributes", "missing_required_parameter")


@pytest.mark.parametrize(
    ("attributes", "param", "code"),
    [
        ({str(each): 1 for each in range(17)}, "attributes", "object_above_max_properties"),
        ({"k" * 65: 1}, f"attributes.{'k' * 65}", "property_name_above_max_length"),
        ({"a": "x" * 513}, "attributes.a", "string_above_max_length"),
        ({"a": [1]}, "attributes.a", "invalid_type"),
        ({"a": None}, "attributes.a", "invalid_type"),
        ({"a": {"b": 1}}, "attributes.a", "invalid_type"),
        ({"a": 10**400}, "attributes.a", "invalid_value"),
    ],
)
def test_attributes_beyond_their_limits_are_refused(
    client: OpenAI, raw: httpx.Client, attributes: Any, param: str, code: str
) -> None:
    id_ = upload(client)
    store = client.vector_stores.create()
    sent = {"file_id": id_, "attributes": attributes}
    assert problem(raw.post(f"vector_stores/{store.id}/files", json=sent)) == (param, code)
    listed = {"files": [{"file_id": id_}, sent]}
    refused = problem(raw.post(f"vector_stores/{store.id}/file_batches", json=listed))
    assert refused == (f"files[1].{param}", code)
    assert client.vector_stores.retrieve(store.id).file_counts.total == 0


@pytest.mark.parametrize(
    ("chunking", "param"),
    [
        ({"type": "static"}, "static"),
        ({"type": "other"}, "type"),
        ({"type": "auto", "static": {}}, "static"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 200}}, "chunk_overlap_tokens"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 1}},
         "max_chunk_size_tokens"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 4097, "chunk_overlap_tokens": 1}},
         "max_chunk_size_tokens"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 201, "chunk_overlap_tokens": 101}},
         "chunk_overlap_tokens"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": -1}},
         "chunk_overlap_tokens"),
        ({"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 1,
                                       "more": 1}}, "more"),
    ],
)  # fmt: skip
def test_chunks_beyond_their_limits_are_refused_where_they_are_wrong(
    client: OpenAI, raw: httpx.Client, chunking: Any, param: str
) -> None:
    id_ = upload(client)
    blamed, _ = problem(
        raw.post("vector_stores", json={"file_ids": [id_], "chunking_strategy": chunking})
    )
    assert blamed
    assert blamed.startswith("chunking_strategy.")
    assert blamed.endswith(param)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("vector_stores", {"expires_after": {"anchor": "created_at", "days": 1}}, "anchor"),
        ("vector_stores", {"expires_after": {"anchor": "last_active_at", "days": 0}}, "days"),
        ("vector_stores", {"expires_after": {"anchor": "last_active_at", "days": 366}}, "days"),
        ("vector_stores", {"metadata": {"a": 1}}, "metadata.a"),
        ("vector_stores", {"tags": []}, "tags"),
        ("vector_stores/{store}", {"description": "x"}, "description"),
        ("vector_stores/{store}", {"file_ids": []}, "file_ids"),
        ("vector_stores/{store}/files", {}, "file_id"),
        ("vector_stores/{store}/file_batches", {}, "file_ids"),
        ("vector_stores/{store}/file_batches", {"file_ids": []}, "file_ids"),
        ("vector_stores/{store}/file_batches", {"files": []}, "files"),
        ("vector_stores/{store}/file_batches", {"file_ids": ["file-x" * 20]}, "file_ids[0]"),
        ("vector_stores/{store}/file_batches", {"file_ids": ["a\0b"]}, "file_ids[0]"),
        (
            "vector_stores/{store}/file_batches",
            {"file_ids": ["file-x"], "files": [{"file_id": "file-x"}]},
            "file_ids",
        ),
    ],
)
def test_bodies_beyond_their_limits_are_refused(
    client: OpenAI, raw: httpx.Client, path: str, body: Any, param: str
) -> None:
    store = client.vector_stores.create()
    blamed, _ = problem(raw.post(path.format(store=store.id), json=body))
    assert blamed
    assert blamed.endswith(param)


@pytest.mark.parametrize("wrong", ["limit=0", "limit=101", "filter=done", "order=up"])
def test_lists_of_files_refuse_what_they_do_not_know(
    client: OpenAI, raw: httpx.Client, wrong: str
) -> None:
    store = client.vector_stores.create()
    batch = client.vector_stores.file_batches.create(store.id, file_ids=["file-x"])
    for path in ("files", f"file_batches/{batch.id}/files"):
        answer = raw.get(f"vector_stores/{store.id}/{path}?{wrong}")
        assert problem(answer)[0] == wrong.partition("=")[0]


def test_unknown_ids_are_named_in_the_words_of_the_contract(client: OpenAI) -> None:
    stores = client.vector_stores
    store = stores.create().id
    for ask, words in (
        (lambda: stores.retrieve("vs_x"), "No vector store found with id 'vs_x'."),
        (lambda: stores.files.list("vs_x"), "No vector store found with id 'vs_x'."),
        (
            lambda: stores.files.retrieve("file-x", vector_store_id=store),
            f"No file found with id 'file-x' in vector store '{store}'.",
        ),
        (
            lambda: stores.file_batches.retrieve("vsfb_x", vector_store_id=store),
            "No vector store file batch found with id 'vsfb_x'.",
        ),
        (lambda: stores.files.create(store, file_id="file-x"), "No such File object: file-x"),
        (lambda: stores.create(file_ids=["file-x"]), "No such File object: file-x"),
    ):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.body["message"] == words  # type: ignore[index]


def test_the_numbers_of_files_are_settings(start_server: StartServer, wire: Wire) -> None:
    server = start_server(search_first_files=2, search_batch_files=2, search_store_files=3)
    with client_of(server, new_project(server)[1], wire) as client:
        names = [
            client.post("files", files={"file": ("a", b"x")}, data={"purpose": "assistants"})
            for _ in range(4)
        ]
        ids = [each.json()["id"] for each in names]
        too_long = ("file_ids", "array_above_max_length")
        assert problem(client.post("vector_stores", json={"file_ids": ids[:3]})) == too_long
        store = client.post("vector_stores", json={"file_ids": ids[:2]}).json()["id"]
        batches = f"vector_stores/{store}/file_batches"
        assert problem(client.post(batches, json={"file_ids": ids[:3]})) == too_long
        full = client.post(batches, json={"file_ids": ids[2:]})
        assert "more than 3 files" in full.json()["error"]["message"]
        assert client.post(f"vector_stores/{store}/files", json={"file_id": ids[2]}).is_success
        assert problem(client.post(f"vector_stores/{store}/files", json={"file_id": ids[3]}))


def test_a_batch_may_have_all_that_its_files_can_carry(raw: httpx.Client) -> None:
    store = raw.post("vector_stores", json={}).json()["id"]
    attributes = {f"key{number}": number for number in range(16)}
    static = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}
    files = [
        {
            "file_id": f"file-{number}",
            "attributes": attributes,
            "chunking_strategy": {"type": "static", "static": static},
        }
        for number in range(2000)
    ]
    made = raw.post(f"vector_stores/{store}/file_batches", json={"files": files})
    assert made.status_code == 200, made.text
    assert made.json()["file_counts"]["failed"] == 2000
    assert made.json()["status"] == "completed"
    assert problem(raw.post(f"vector_stores/{store}/file_batches", json={"files": files * 2}))


@pytest.mark.parametrize(("limit", "pause"), [(None, "200"), (12, "10000")])
def test_who_polls_is_told_when_to_come_back(
    server: Server, wire: Wire, limit: int | None, pause: str
) -> None:
    _, key = new_project(server, **({"requests": limit} if limit else {}))
    with client_of(server, key, wire) as client:
        sent = {"files": {"file": ("a", b"x")}, "data": {"purpose": "assistants"}}
        file = client.post("files", **sent).json()["id"]  # type: ignore[arg-type]
        store = client.post("vector_stores", json={}).json()["id"]
        here = f"vector_stores/{store}"
        batch = client.post(f"{here}/file_batches", json={"file_ids": [file]}).json()["id"]
        for path in (f"files/{file}", f"file_batches/{batch}"):
            assert client.get(f"{here}/{path}").headers["openai-poll-after-ms"] == pause


def test_a_store_that_is_deleted_is_gone_and_its_files_stay(client: OpenAI) -> None:
    file = upload(client)
    store = client.vector_stores.create(file_ids=[file])
    gone = client.vector_stores.delete(store.id)
    assert (gone.id, gone.object, gone.deleted) == (store.id, "vector_store.deleted", True)
    with pytest.raises(NotFoundError):
        client.vector_stores.retrieve(store.id)
    assert client.files.retrieve(file).id == file


def test_a_deleted_file_is_in_no_store_any_more(client: OpenAI) -> None:
    file, other = upload(client), upload(client)
    store = client.vector_stores.create(file_ids=[file, other])
    client.files.delete(file)
    assert [each.id for each in client.vector_stores.files.list(store.id)] == [other]
    assert client.vector_stores.retrieve(store.id).file_counts.total == 1


def test_stores_are_listed_like_everything_else(client: OpenAI) -> None:
    made = [client.vector_stores.create(name=f"n{number}").id for number in range(3)]
    newest = client.vector_stores.list(limit=2)
    assert [each.id for each in newest.data] == made[:0:-1]
    assert newest.has_more
    after = client.vector_stores.list(after=made[1], limit=1)
    assert [each.id for each in after.data] == made[:1]
    with pytest.raises(BadRequestError):
        client.vector_stores.list(after="vs_x")


def test_search_trap_35_several_queries_are_all_told_back(raw: httpx.Client) -> None:
    store = raw.post("vector_stores", json={}).json()["id"]
    for sent in ("one", ["one", "two"]):
        found = raw.post(f"vector_stores/{store}/search", json={"query": sent}).json()
        assert found["search_query"] == ([sent] if isinstance(sent, str) else sent)
        assert (found["data"], found["has_more"], found["next_page"]) == ([], False, None)


def test_search_trap_36_the_tool_of_assistants_has_no_filters(raw: httpx.Client) -> None:
    tool = {"type": "file_search", "file_search": {"filters": {"type": "eq"}}}
    refused = raw.post("assistants", json={"model": "m", "tools": [tool]})
    assert problem(refused)[1] == "unknown_parameter"


def test_searches_show_up_in_the_usage_of_the_organization(server: Server, wire: Wire) -> None:
    project, key = new_project(server)
    with (
        client_of(server, key, wire) as client,
        client_of(server, new_admin_key(server), wire) as admin,
    ):
        store = client.post("vector_stores", json={}).json()
        for _ in range(2):
            client.post(f"vector_stores/{store['id']}/search", json={"query": "x"})
        query = {
            "start_time": store["created_at"] - 60,
            "project_ids[]": project,
            "group_by[]": "vector_store_id",
        }
        page = admin.get("organization/usage/file_search_calls", params=query).json()
        results = [each for bucket in page["data"] for each in bucket["results"]]
        counts = {each["vector_store_id"]: each["num_requests"] for each in results}
        assert counts == {store["id"]: 2}
