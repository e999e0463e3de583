"""Containers and their files over HTTP as the official SDK and plain clients meet them; no model is asked."""

import re
from typing import Any

import httpx
import pytest
from openai import NotFoundError, OpenAI

from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire

pytestmark = pytest.mark.every_backend

CONTAINER = [
    "id",
    "object",
    "created_at",
    "status",
    "expires_after",
    "last_active_at",
    "memory_limit",
    "name",
    "network_policy",
]
FILE = ["id", "object", "created_at", "bytes", "container_id", "path", "source"]
LIST = ["object", "data", "first_id", "has_more", "last_id"]


def problem(answer: httpx.Response) -> tuple[str | None, str | None]:
    """The parameter and the code that an error names."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    return error["param"], error["code"]


def refuse(answer: httpx.Response, status: int = 404) -> str:
    """The words of an error."""
    assert answer.status_code == status, answer.text
    message: str = answer.json()["error"]["message"]
    return message


def make(raw: httpx.Client, **body: Any) -> str:
    answer = raw.post("containers", json={"name": "c"} | body)
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


def upload(raw: httpx.Client, container: str, name: str, data: bytes) -> httpx.Response:
    return raw.post(f"containers/{container}/files", files={"file": (name, data)})


def test_objects_have_the_keys_of_the_recordings_in_their_order(raw: httpx.Client) -> None:
    body = {
        "name": "test-container",
        "memory_limit": "1g",
        "expires_after": {"anchor": "last_active_at", "minutes": 20},
        "network_policy": {"type": "disabled"},
    }
    made = raw.post("containers", json=body)
    assert made.status_code == 200
    container = made.json()
    assert list(container) == CONTAINER
    assert re.fullmatch(r"cntr_[0-9a-f]{48}", container["id"])
    assert container == body | {
        "id": container["id"],
        "object": "container",
        "created_at": container["created_at"],
        "status": "running",
        "last_active_at": container["created_at"],
    }
    listed = raw.get("containers").json()
    assert list(listed) == LIST
    assert listed["first_id"] == container["id"]
    file = upload(raw, container["id"], "test-get-file.txt", b"some text").json()
    assert list(file) == FILE
    assert re.fullmatch(r"cfile_[0-9a-f]{32}", file["id"])
    assert re.fullmatch(r"/mnt/data/[0-9a-f]{32}-test-get-file\.txt", file["path"])
    expected = {"object": "container.file", "bytes": 9, "source": "user"}
    assert expected | {"container_id": container["id"]} == {
        key: value for key, value in file.items() if key not in {"id", "created_at", "path"}
    }
    files = raw.get(f"containers/{container['id']}/files").json()
    assert list(files) == LIST
    assert files["data"] == [file]
    gone = raw.delete(f"containers/{container['id']}/files/{file['id']}").json()
    assert gone == {"id": file["id"], "object": "container.file.deleted", "deleted": True}
    empty = raw.get(f"containers/{container['id']}/files").json()
    assert empty == {
        "object": "list",
        "data": [],
        "first_id": None,
        "has_more": False,
        "last_id": None,
    }
    gone = raw.delete(f"containers/{container['id']}").json()
    assert gone == {"id": container["id"], "object": "container.deleted", "deleted": True}


def test_the_sdk_makes_lists_and_deletes_containers(client: OpenAI) -> None:
    made = [client.containers.create(name=f"sdk {number}") for number in range(3)]
    other = client.containers.create(name="another")
    assert client.containers.retrieve(made[0].id).status == "running"
    found = [each.id for each in client.containers.list(limit=2)]
    assert found[:4] == [other.id, *(each.id for each in reversed(made))]
    named = client.containers.list(name="another", order="asc").data
    assert other.id in {each.id for each in named}
    assert {each.name for each in named} == {"another"}
    client.containers.delete(other.id)
    with pytest.raises(NotFoundError, match=f"Container with id '{other.id}' not found."):
        client.containers.retrieve(other.id)


def test_responses_trap_43_the_sdk_puts_files_in_in_two_ways_and_gets_them_back(
    client: OpenAI,
) -> None:
    """By upload and by id, on the same path."""
    source = client.files.create(file=("data.csv", b"a,b\n1,2\n"), purpose="assistants")
    container = client.containers.create(name="c", file_ids=[source.id])
    (given,) = client.containers.files.list(container.id).data
    assert given.path == f"/mnt/data/{source.id}-data.csv"
    again = client.containers.files.create(container.id, file_id=source.id)
    assert again.id == given.id, "a file is not listed twice"
    sent = client.containers.files.create(container.id, file=("x.txt", b"hello"))
    assert (
        client.containers.files.retrieve(sent.id, container_id=container.id).model_dump()
        == sent.model_dump()
    )
    content = client.containers.files.content.retrieve(sent.id, container_id=container.id)
    assert content.read() == b"hello"
    client.files.delete(source.id)
    content = client.containers.files.content.retrieve(given.id, container_id=container.id)
    assert content.read() == b"a,b\n1,2\n", "the copy stays when its source is deleted"
    client.containers.files.delete(sent.id, container_id=container.id)
    with pytest.raises(NotFoundError, match=f"File {sent.id} not found on container"):
        client.containers.files.retrieve(sent.id, container_id=container.id)
    assert [each.id for each in client.containers.files.list(container.id)] == [given.id]


def test_a_form_may_name_a_file_of_the_project(client: OpenAI, raw: httpx.Client) -> None:
    source = client.files.create(file=("data.csv", b"1"), purpose="assistants").id
    here = f"containers/{make(raw)}/files"
    form: dict[str, Any] = {"files": {"file_id": (None, source)}}
    assert raw.post(here, **form).json()["path"] == f"/mnt/data/{source}-data.csv"
    both = {"file": ("a", b"1"), "file_id": (None, source)}
    assert "Only one of" in refuse(raw.post(here, files=both), 400)
    assert problem(raw.post(here, json={})) == ("file_id", "missing_required_parameter")
    assert problem(raw.post(here, files={"other": (None, "x")})) == (
        "file",
        "missing_required_parameter",
    )
    assert raw.post(here, content=b"{", headers={"content-type": "text/plain"}).status_code == 400
    assert raw.post(here, json={"file_id": 7}).status_code == 400
    assert refuse(raw.post(here, json={"file_id": "file-none"})) == "No such File object: file-none"


def test_responses_trap_42_content_has_its_media_type_and_its_name(raw: httpx.Client) -> None:
    """And what is missing is a 404 in JSON."""
    container = make(raw)
    file = upload(raw, container, "naïve 表.txt", "é\n".encode()).json()
    answers = [
        raw.get(f"containers/{container}/files/{file['id']}/content"),
        raw.get(f"container-files/{file['id']}/content"),
    ]
    for answer in answers:
        assert answer.content == "é\n".encode()
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-length"] == "3"
        saved = answer.headers["content-disposition"]
        assert saved.startswith('attachment; filename="')
        assert re.search(r"filename\*=UTF-8''[0-9a-f]{32}-na%C3%AFve%20%E8%A1%A8\.txt$", saved)
    picture = upload(raw, container, "p.png", b"\x89PNG\r\n\x1a\n").json()["id"]
    answer = raw.get(f"containers/{container}/files/{picture}/content")
    assert answer.headers["content-type"] == "image/png"
    missing = raw.get(f"containers/{container}/files/cfile_none/content")
    assert refuse(missing) == f"File cfile_none not found on container {container}."
    assert missing.headers["content-type"] == "application/json"
    assert refuse(raw.get("container-files/cfile_none/content"))


def test_the_files_api_knows_files_of_containers_but_does_not_list_them(
    client: OpenAI, raw: httpx.Client
) -> None:
    container = make(raw)
    file = upload(raw, container, "a.csv", b"x\n1\n").json()["id"]
    described = client.files.retrieve(file)
    assert (described.id, described.filename, described.bytes) == (file, "a.csv", 4)
    assert client.files.content(file).read() == b"x\n1\n"
    assert file not in {each.id for each in client.files.list()}
    with pytest.raises(NotFoundError):
        client.files.delete(file)
    with pytest.raises(NotFoundError):  # what code changes there would change in a thread
        client.beta.threads.create(tool_resources={"code_interpreter": {"file_ids": [file]}})
    store = client.vector_stores.create(file_ids=[])
    with pytest.raises(NotFoundError):
        client.vector_stores.files.create(store.id, file_id=file)
    other = make(raw)
    answer = raw.post(f"containers/{other}/files", json={"file_id": file})
    assert refuse(answer) == f"No such File object: {file}"
    assert refuse(raw.get(f"containers/{other}/files/{file}"))


def test_responses_trap_39_another_project_knows_nothing_of_a_container(
    server: Server, raw: httpx.Client, wire: Wire
) -> None:
    """What is of another project is unknown, without a hint."""
    container = make(raw, name="secret")
    file = upload(raw, container, "a.txt", b"1").json()["id"]
    source = raw.post("files", files={"file": ("s", b"1")}, data={"purpose": "assistants"}).json()
    _, key = new_project(server)
    with client_of(server, key, wire) as other:
        for path in (
            f"containers/{container}",
            f"containers/{container}/files",
            f"containers/{container}/files/{file}",
            f"containers/{container}/files/{file}/content",
        ):
            unknown = path.replace(container, "cntr_0")
            theirs, nobody = refuse(other.get(path)), refuse(other.get(unknown))
            assert theirs.replace(container, "cntr_0") == nobody
        for path in (f"container-files/{file}/content", f"files/{file}", f"files/{file}/content"):
            refuse(other.get(path))
        refuse(other.delete(f"containers/{container}"))
        refuse(other.delete(f"containers/{container}/files/{file}"))
        refuse(upload(other, container, "x", b"1"))
        assert other.get("containers").json()["data"] == []
        assert other.get("containers", params={"name": "secret"}).json()["data"] == []
        assert other.get("containers", params={"after": container}).status_code == 400
        own = make(other)
        refuse(other.post(f"containers/{own}/files", json={"file_id": source["id"]}))
        refuse(other.post("containers", json={"name": "x", "file_ids": [source["id"]]}))
    assert raw.get(f"containers/{container}/files/{file}").status_code == 200


def test_pages_go_on_behind_a_file_that_was_deleted(raw: httpx.Client) -> None:
    container = make(raw)
    here = f"containers/{container}/files"
    made = [upload(raw, container, f"{number}.txt", b"1").json()["id"] for number in range(5)]
    first = raw.get(here, params={"limit": 2}).json()
    assert [each["id"] for each in first["data"]] == [made[4], made[3]]
    assert (first["first_id"], first["has_more"], first["last_id"]) == (made[4], True, made[3])
    raw.delete(f"{here}/{made[3]}")
    second = raw.get(here, params={"limit": 2, "after": made[3]}).json()
    assert [each["id"] for each in second["data"]] == [made[2], made[1]]
    upward = raw.get(here, params={"order": "asc", "limit": 1}).json()
    assert upward["data"][0]["id"] == made[0]
    assert problem(raw.get(here, params={"limit": 101}))[0] == "limit"
    assert problem(raw.get(here, params={"after": "cfile_none"}))[0] == "after"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "name", "missing_required_parameter"),
        ({"name": 7}, "name", "invalid_type"),
        ({"name": "a\0b"}, "name", "invalid_value"),
        ({"name": "x", "files": []}, "files", "unknown_parameter"),
        ({"name": "x", "memory_limit": "2g"}, "memory_limit", "invalid_value"),
        ({"name": "x", "expires_after": {}}, "expires_after.anchor", "missing_required_parameter"),
        (
            {"name": "x", "expires_after": {"anchor": "created_at", "minutes": 5}},
            "expires_after.anchor",
            "invalid_value",
        ),
        (
            {"name": "x", "expires_after": {"anchor": "last_active_at", "minutes": 0}},
            "expires_after.minutes",
            "integer_below_min_value",
        ),
        ({"name": "x", "file_ids": ["f"] * 51}, "file_ids", "array_above_max_length"),
        ({"name": "x", "skills": [{"type": "inline"}]}, "skills", "invalid_value"),
        (
            {"name": "x", "network_policy": {"type": "allowlist", "allowed_domains": ["a.b"]}},
            "network_policy.type",
            "unsupported_value",
        ),
        ({"name": "x", "network_policy": {"type": "open"}}, "network_policy.type", "invalid_value"),
    ],
)
def test_what_cannot_be_is_refused(
    raw: httpx.Client, body: dict[str, Any], param: str, code: str
) -> None:
    assert problem(raw.post("containers", json=body)) == (param, code)


def test_nulls_are_as_if_nothing_was_sent(raw: httpx.Client) -> None:
    names = ("file_ids", "expires_after", "memory_limit", "network_policy", "skills")
    made = raw.post("containers", json={"name": "n"} | dict.fromkeys(names)).json()
    assert made["memory_limit"] == "1g"
    assert made["expires_after"] == {"anchor": "last_active_at", "minutes": 20}
    assert made["network_policy"] == {"type": "disabled"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "passwd"),
        ("a/b/c.csv", "c.csv"),
        ("\\..\\x.txt", None),
        ("with space & 'quote'.csv", "with space & 'quote'.csv"),
        ("x" * 300 + ".csv", None),
        ("é" * 126 + ".csv", None),
        (".hidden", ".hidden"),
        ("-rf", "-rf"),
        ("a.b.c.tar.gz", "a.b.c.tar.gz"),
        ("日本語.txt", "日本語.txt"),
    ],
)
def test_hostile_names_stay_names_of_one_folder(
    raw: httpx.Client, name: str, path: str | None
) -> None:
    container = make(raw)
    file = upload(raw, container, name, b"1").json()
    folder, _, shown = file["path"].rpartition("/")
    assert folder == "/mnt/data"
    assert len(shown.encode()) <= 255
    prefix, _, kept = shown.partition("-")
    assert re.fullmatch("[0-9a-f]{32}", prefix)
    assert kept
    if path is not None:
        assert kept == path
    answer = raw.get(f"containers/{container}/files/{file['id']}/content")
    assert answer.content == b"1"


def test_a_project_keeps_no_more_than_it_may_in_containers_too(server: Server, wire: Wire) -> None:
    _, key = new_project(server, storage_bytes=1000)
    with client_of(server, key, wire) as client:
        container = make(client)
        kept = upload(client, container, "a", b"x" * 600).json()["id"]
        assert "exceeded your file storage quota" in refuse(
            upload(client, container, "b", b"y" * 600), 400
        )
        source = client.post(
            "files", files={"file": ("s", b"z" * 300)}, data={"purpose": "assistants"}
        ).json()["id"]
        copy = {"file_id": source}
        assert "quota" in refuse(client.post(f"containers/{container}/files", json=copy), 400)
        assert "quota" in refuse(
            client.post("containers", json={"name": "n", "file_ids": [source]}), 400
        )
        listed = client.get(f"containers/{container}/files").json()["data"]
        assert [each["id"] for each in listed] == [kept]
        assert len(client.get("containers").json()["data"]) == 1, "no container without its files"
        client.delete(f"containers/{container}")
        other = make(client)
        assert upload(client, other, "b", b"y" * 600).status_code == 200


def test_containers_survive_a_killed_server(start_server: StartServer, wire: Wire) -> None:
    server = start_server(None)
    with client_of(server, API_KEY, wire) as raw:
        container = make(raw, name="kept")
        file = upload(raw, container, "a.txt", b"kept").json()
        before = raw.get(f"containers/{container}").json()
    server.kill()
    server.start()
    with client_of(server, API_KEY, wire) as raw:
        after = raw.get(f"containers/{container}").json()
        assert {**before, "last_active_at": 0} == {**after, "last_active_at": 0}
        assert raw.get(f"containers/{container}/files").json()["data"] == [file]
        answer = raw.get(f"containers/{container}/files/{file['id']}/content")
        assert answer.content == b"kept"


def test_a_tier_that_the_server_has_not_is_refused_by_name(
    start_server: StartServer, wire: Wire
) -> None:
    server = start_server(None, container_memory_mib=5000)
    with client_of(server, API_KEY, wire) as raw:
        assert raw.post("containers", json={"name": "x", "memory_limit": "4g"}).status_code == 200
        answer = raw.post("containers", json={"name": "x", "memory_limit": "16g"})
        assert problem(answer) == ("memory_limit", "invalid_value")
        assert "'4g'" in refuse(answer, 400)


def test_clients_of_azure_find_them_too(server: Server, wire: Wire) -> None:
    base = server.url.removesuffix("/v1") + "/openai/v1/"
    headers, transport = {"api-key": API_KEY}, wire.transport()
    with httpx.Client(base_url=base, headers=headers, transport=transport) as azure:
        container = make(azure)
        file = upload(azure, container, "a.txt", b"1").json()["id"]
        answer = azure.get(f"containers/{container}/files/{file}/content")
        assert answer.content == b"1"
        source = azure.post("files", files={"file": ("s", b"1")}, data={"purpose": "assistants"})
        copy = {"file_id": source.json()["id"]}
        assert azure.post(f"containers/{container}/files", json=copy).status_code == 200
