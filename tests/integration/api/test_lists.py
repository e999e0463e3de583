"""Lists: pages in both directions, cursors that survive, and the envelope around them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from openai import OpenAI


@pytest.fixture(params=["messages", "assistants", "files"])
def listed(
    request: pytest.FixtureRequest, raw: httpx.Client
) -> tuple[str, list[str], Callable[[str], str]]:
    """A path to 25 objects, their ids oldest first, and how one is deleted.

    Lists of a project hold what other tests made too; so each begins behind a mark of its own.
    """
    if request.param == "messages":
        contents = [{"role": "user", "content": str(n)} for n in range(25)]
        thread = raw.post("threads", json={"messages": contents}).json()["id"]
        path = f"threads/{thread}/messages"
        ids = [each["id"] for each in raw.get(f"{path}?limit=100&order=asc").json()["data"]]
    elif request.param == "assistants":
        path = "assistants"
        ids = [raw.post(path, json={"model": "m"}).json()["id"] for _ in range(25)]
    else:
        path = "files"
        ids = [
            raw.post(path, files={"file": (f"{n}.txt", b"x")}, data={"purpose": "batch"}).json()[
                "id"
            ]
            for n in range(25)
        ]
    return path, ids, lambda id_: f"{path}/{id_}"


def page(raw: httpx.Client, path: str, **query: object) -> tuple[list[str], bool]:
    """The ids of a page, and whether more follow."""
    answer = raw.get(path, params={key: str(value) for key, value in query.items()}).json()
    ids = [each["id"] for each in answer["data"]]
    assert answer["object"] == "list"
    assert answer["first_id"] == (ids[0] if ids else None)
    assert answer["last_id"] == (ids[-1] if ids else None)
    return ids, answer["has_more"]


def test_pages_walk_through_a_list_in_both_orders(raw: httpx.Client, listed) -> None:
    path, ids, _ = listed
    newest, more = page(raw, path, limit=10)
    assert newest == ids[:14:-1]
    assert more
    second, more = page(raw, path, limit=10, after=newest[-1])
    assert second == ids[14:4:-1]
    assert more
    third, _ = page(raw, path, limit=5, after=second[-1])
    assert third == ids[4::-1]
    ascending, more = page(raw, path, limit=10, order="asc", after=ids[4])
    assert ascending == ids[5:15]
    assert more
    last, more = page(raw, path, limit=10, order="asc", after=ids[14])
    assert last == ids[15:]
    assert not more


def test_a_cursor_keeps_its_place_after_its_object_was_deleted(raw: httpx.Client, listed) -> None:
    path, ids, one = listed
    first, _ = page(raw, path, limit=10)
    assert raw.delete(one(first[-1])).json()["deleted"] is True
    second, _ = page(raw, path, limit=10, after=first[-1])
    assert second == ids[14:4:-1]
    assert raw.delete(one(first[-1])).status_code == 404
    assert page(raw, path, limit=10)[0] == [*first[:-1], second[0]]


def test_trap_28_before_returns_what_stands_ahead_in_the_order_of_the_list(
    raw: httpx.Client,
) -> None:
    contents = [{"role": "user", "content": str(n)} for n in range(12)]
    thread = raw.post("threads", json={"messages": contents}).json()["id"]
    path = f"threads/{thread}/messages"
    ids, more = page(raw, path, limit=100, order="asc")
    assert not more
    assert page(raw, path, order="asc", before=ids[3]) == (ids[:3], False)
    assert page(raw, path, order="asc", before=ids[0]) == ([], False)
    assert page(raw, path, before=ids[8]) == (ids[:8:-1], False)
    assert page(raw, path, before=ids[-1]) == ([], False)
    assert page(raw, path, order="asc", before=ids[6], limit=2) == (ids[4:6], True)
    assert page(raw, path, order="asc", after=ids[2], before=ids[6]) == (ids[3:6], False)


def test_runs_and_their_steps_are_listed_in_pages_too(client: OpenAI, raw: httpx.Client) -> None:
    assistant = client.beta.assistants.create(model="direct", tools=[{"type": "code_interpreter"}])
    text = "```python\n1\n```\n" * 3
    thread = client.beta.threads.create(messages=[{"role": "user", "content": text}])
    runs = [
        client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id).id
        for _ in range(3)
    ]
    path = f"threads/{thread.id}/runs"
    assert page(raw, path) == (runs[::-1], False)
    assert page(raw, path, limit=2, order="asc") == (runs[:2], True)
    assert page(raw, path, after=runs[1]) == ([runs[0]], False)
    assert page(raw, path, before=runs[1]) == ([runs[2]], False)
    path = f"threads/{thread.id}/runs/{runs[0]}/steps"
    steps, more = page(raw, path, order="asc")
    assert (len(steps), more) == (4, False)
    assert page(raw, path, limit=3) == (steps[:0:-1], True)
    assert page(raw, path, after=steps[2], order="asc") == (steps[3:], False)
    assert page(raw, path, before=steps[2], order="asc") == (steps[:2], False)


def test_trap_28_an_empty_list_has_null_ids(raw: httpx.Client) -> None:
    thread = raw.post("threads", json={}).json()["id"]
    for path in ("messages", "runs"):
        assert raw.get(f"threads/{thread}/{path}").json() == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }


def test_trap_29_messages_of_one_second_keep_the_order_of_their_creation(
    raw: httpx.Client,
) -> None:
    contents = [{"role": "user", "content": str(n)} for n in range(30)]
    thread = raw.post("threads", json={"messages": contents}).json()["id"]
    for order, expected in (("asc", list(range(30))), ("desc", list(range(29, -1, -1)))):
        found = raw.get(f"threads/{thread}/messages?limit=100&order={order}").json()["data"]
        assert [int(each["content"][0]["text"]["value"]) for each in found] == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_walk_through_a_list_sees_all_that_stays_once_while_others_insert_and_delete(
    raw: httpx.Client, order: str
) -> None:
    contents = [{"role": "user", "content": str(n)} for n in range(60)]
    thread = raw.post("threads", json={"messages": contents}).json()["id"]
    path = f"threads/{thread}/messages"
    ids, _ = page(raw, path, limit=100, order="asc")
    doomed, staying = ids[1::3], [each for at, each in enumerate(ids) if at % 3 != 1]
    walking = threading.Event()

    def disturb() -> list[str]:
        """Delete every third message and add one for it, as long as somebody walks."""
        with httpx.Client(base_url=raw.base_url, headers=raw.headers, timeout=60) as other:
            added: list[str] = []
            for each in doomed:
                walking.wait(20)
                other.delete(f"{path}/{each}").raise_for_status()
                body = {"role": "user", "content": "new"}
                added.append(other.post(path, json=body).json()["id"])
            return added

    with ThreadPoolExecutor(1) as pool:
        disturbing = pool.submit(disturb)
        seen: list[str] = []
        more = True
        while more:
            walking.set()
            cursor = {"after": seen[-1]} if seen else {}
            found, more = page(raw, path, limit=4, order=order, **cursor)
            assert found or not more
            seen += found
        added = disturbing.result(60)
    assert len(set(seen)) == len(seen), "something was seen twice"
    assert [each for each in seen if each in staying] == staying[:: 1 if order == "asc" else -1]
    assert set(seen) <= {*ids, *added}
    if order == "desc":
        assert not set(seen[4:]) & set(added), "what came later stands before the cursor"


def test_objects_of_one_second_are_listed_in_the_order_of_their_creation_whatever_they_are(
    raw: httpx.Client,
) -> None:
    assistant = raw.post("assistants", json={"model": "direct"}).json()["id"]
    thread = raw.post("threads", json={"messages": [{"role": "user", "content": "x"}]}).json()["id"]
    runs: list[str] = []
    for _ in range(4):
        body = {"assistant_id": assistant, "stream": True}
        with raw.stream("POST", f"threads/{thread}/runs", json=body) as events:
            events.read()
        runs += [each for each in page(raw, f"threads/{thread}/runs")[0] if each not in runs]
    assert page(raw, f"threads/{thread}/runs", order="asc")[0] == runs
    said, _ = page(raw, f"threads/{thread}/messages", order="asc", limit=100)
    answers = [page(raw, f"threads/{thread}/messages", run_id=run)[0] for run in runs]
    assert said[1:] == [each for (each,) in answers]


def test_lists_have_twenty_objects_and_the_newest_first_by_default(raw: httpx.Client) -> None:
    contents = [{"role": "user", "content": str(n)} for n in range(21)]
    thread = raw.post("threads", json={"messages": contents}).json()["id"]
    ids, more = page(raw, f"threads/{thread}/messages")
    assert len(ids) == 20
    assert more
    newest = raw.get(f"threads/{thread}/messages/{ids[0]}").json()
    assert newest["content"][0]["text"]["value"] == "20"


def test_trap_39_files_are_listed_in_pages_of_ten_thousand_without_before(
    raw: httpx.Client,
) -> None:
    made = [
        raw.post("files", files={"file": ("x", b"")}, data={"purpose": "evals"}).json()["id"]
        for _ in range(110)
    ]
    ids, more = page(raw, "files", purpose="evals")
    assert ids[:110] == made[::-1]
    assert not more
    assert raw.get("files?limit=10000").status_code == 200
    assert raw.get("files?limit=10001").status_code == 400


def test_trap_33_include_arrives_bracketed_and_percent_encoded(
    client: OpenAI, raw: httpx.Client, wire
) -> None:
    assistant = client.beta.assistants.create(model="direct")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "x"}]}
    )
    include = ["step_details.tool_calls[*].file_search.results[*].content"]
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, include=include)  # type: ignore[arg-type]
    assert len(steps.data) == 1
    path = f"threads/{run.thread_id}/runs/{run.id}/steps"
    assert raw.get(path, params={"include": include}).status_code == 200
    for name in ("include[]", "include"):
        for wrong in (path, f"{path}/{steps.data[0].id}"):
            refused = raw.get(wrong, params={name: "everything"})
            assert refused.status_code == 400
            assert "'everything'" in refused.json()["error"]["message"]
            assert refused.json()["error"]["param"] == "include[0]"


def test_a_list_holds_the_very_characters_of_its_objects(raw: httpx.Client) -> None:
    """Line ends of Unicode within a text are text, in a list too."""
    odd = "a\u2028b\u2029c\u0085d\x0be"
    thread = raw.post("threads", json={"messages": [{"role": "user", "content": odd}]}).json()["id"]
    (message,) = raw.get(f"threads/{thread}/messages").json()["data"]
    assert message["content"][0]["text"]["value"] == odd
