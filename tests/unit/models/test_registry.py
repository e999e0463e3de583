"""The registry finds the model behind a name."""

import json
from typing import Any

import pytest
from tests.unit.models.asking import answer, asking, codes_of, text_of
from tests.upstream import Upstream

from assistd.errors import BadGatewayError, RequestError, StartupError
from assistd.models.base import ModelError
from assistd.models.conversation import Assistant, System, Text, User
from assistd.models.direct import Direct
from assistd.models.registry import ModelEntry, Registry, sees
from assistd.models.upstream.connection import Upstream as Connection


class Local:
    """A local server that is really the scripted upstream."""

    api_key = "sk-local"

    def __init__(self, url: str) -> None:
        self.url = url
        self.closed = False

    window = 8192

    async def base_url(self) -> str:
        if not self.url:
            raise StartupError("no weights")
        return self.url

    async def close(self) -> None:
        self.closed = True


async def test_an_unknown_name_goes_to_the_upstream_as_it_is(
    upstream: Upstream, connection: Connection
) -> None:
    model = Registry(upstream=connection, local=Local("")).resolve("gpt-4o-mini")
    await answer(model, asking())
    assert upstream.last.body["model"] == "gpt-4o-mini"


async def test_the_default_model_takes_the_place_of_every_unknown_name(
    upstream: Upstream, connection: Connection
) -> None:
    registry = Registry(upstream=connection, default=ModelEntry(model="qwen", protocol="fenced"))
    upstream.say("```python\nx\n```\n")
    deltas = await answer(registry.resolve("gpt-4o"), asking(code_tool=True))
    assert codes_of(deltas) == ["x"]
    assert upstream.last.body["model"] == "qwen"


async def test_the_map_of_names_comes_first(upstream: Upstream, connection: Connection) -> None:
    entries = {
        "gpt-4o": ModelEntry(model="big"),
        "local": ModelEntry(model="theirs"),
        "echo": ModelEntry(backend="direct"),
    }
    registry = Registry(upstream=connection, entries=entries)
    await answer(registry.resolve("gpt-4o"), asking())
    await answer(registry.resolve("local"), asking())
    assert [request.body["model"] for request in upstream.requests] == ["big", "theirs"]
    assert isinstance(registry.resolve("echo"), Direct)


async def test_without_an_upstream_every_name_goes_to_the_local_model(upstream: Upstream) -> None:
    local = Local(upstream.url)
    registry = Registry(local=local)
    upstream.say("```python\nx\n```\n")
    request = asking(code_tool=True, temperature=1.0)
    assert codes_of(await answer(registry.resolve("gpt-4o"), request)) == ["x"]
    assert upstream.last.headers["authorization"] == "Bearer sk-local"
    assert upstream.last.body["temperature"] < 1
    assert upstream.last.body["max_tokens"] == 2048
    upstream.say("Hi")
    kept = asking(temperature=0.7, max_tokens=5)
    assert text_of(await answer(registry.resolve("local"), kept)) == "Hi"
    assert (upstream.last.body["temperature"], upstream.last.body["max_tokens"]) == (0.7, 5)
    await registry.close()
    assert local.closed


@pytest.mark.parametrize(
    "question",
    [
        "A chart of a.csv in Chinese, and the data as Excel.",
        "画一张图并把数据存成 xlsx",
        "Un gráfico de a.csv y un archivo de Excel.",
    ],
)
async def test_the_local_model_is_shown_an_example_before_a_question_for_a_chart_and_a_sheet(
    question: str, upstream: Upstream
) -> None:
    registry = Registry(local=Local(upstream.url))
    earlier = (System("Be brief."), User((Text("Hi"),)), Assistant("Hello"))
    await answer(registry.resolve("local"), asking(*earlier, question, code_tool=True))
    await registry.close()
    messages = upstream.last.body["messages"]
    roles = [message["role"] for message in messages]
    assert roles == ["system", *["user", "assistant"] * 5, "user"]
    assert messages[0]["content"].startswith("Be brief.")
    assert "to_excel" in messages[2]["content"]
    assert [message["content"] for message in messages[-3:]] == ["Hi", "Hello", question]


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("A chart of a.csv.", {"code_tool": True}),
        ("The data as Excel.", {"code_tool": True}),
        ("The last paragraph as Excel.", {"code_tool": True}),
        ("A chart and the data as Excel.", {}),
        ("A chart and the data as Excel.", {"code_tool": True, "tool_choice": "none"}),
    ],
)
async def test_no_example_stands_before_other_questions_nor_where_no_code_may_run(
    question: str, options: dict[str, Any], upstream: Upstream
) -> None:
    registry = Registry(local=Local(upstream.url))
    await answer(registry.resolve("local"), asking(question, **options))
    await registry.close()
    assert "trees" not in json.dumps(upstream.last.body)


async def test_a_local_model_that_cannot_start_fails_the_answer() -> None:
    with pytest.raises(ModelError, match="cannot start: no weights"):
        await answer(Registry(local=Local("")).resolve("local"), asking())


@pytest.mark.parametrize("name", ["gpt-4o", "local", "mine"])
def test_without_any_backend_the_error_says_what_to_set(name: str) -> None:
    registry = Registry(entries={"mine": ModelEntry()})
    with pytest.raises(ModelError, match="ASSISTD_UPSTREAM_BASE_URL"):
        registry.resolve(name)


def test_direct_is_always_there() -> None:
    assert isinstance(Registry().resolve("direct"), Direct)


async def test_names_are_ours_and_those_the_upstream_lists(
    upstream: Upstream, connection: Connection
) -> None:
    entries = {"mapped": ModelEntry()}
    registry = Registry(upstream=connection, local=Local(""), entries=entries)
    assert await registry.names() == ["direct", "gpt-4o", "local", "mapped"]
    assert await Registry().names() == ["direct"]


async def test_the_upstreams_names_are_not_ours_where_all_go_to_the_default_model(
    connection: Connection,
) -> None:
    registry = Registry(upstream=connection, default=ModelEntry(model="qwen"))
    assert await registry.names() == ["direct", "qwen"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "{}/no/such/path", "{}?a=nonsense"])
async def test_an_upstream_that_cannot_say_its_names_adds_none(
    upstream: Upstream, url: str
) -> None:
    upstream.models = [1]  # type: ignore[list-item]
    connection = Connection(url.format(upstream.url))
    assert await Registry(upstream=connection).names() == ["direct"]
    await connection.close()


@pytest.mark.parametrize(
    ("name", "seeing"),
    [("gpt-4o-mini", True), ("Qwen2.5-VL-7B", True), ("gpt-3.5-turbo", False), ("o3-mini", False),
     ("qwen2.5-coder", False), ("llama3.1", False)],
)  # fmt: skip
def test_which_models_see(name: str, seeing: bool) -> None:
    assert sees(name) is seeing


async def test_vision_can_be_set(connection: Connection) -> None:
    entries = {"blind": ModelEntry(model="gpt-4o", vision=False), "seeing": ModelEntry(vision=True)}
    registry = Registry(upstream=connection, entries=entries)
    assert not registry.resolve("blind").vision
    assert registry.resolve("seeing").vision
    assert registry.resolve("gpt-4o").vision


async def test_a_clients_own_request_goes_where_a_run_of_the_same_name_would(
    upstream: Upstream, connection: Connection
) -> None:
    local = Local(upstream.url)
    entries = {"gpt-4o": ModelEntry(model="big"), "here": ModelEntry(backend="local")}
    registry = Registry(upstream=connection, local=local, entries=entries)
    expected = [
        ("gpt-4o", "big", "sk-operator"),
        ("other", "other", "sk-operator"),
        ("here", "here", "sk-local"),
    ]
    for name, model, key in expected:
        backend = registry.pass_through(name)
        assert backend.model == model
        answer = await backend.ask("/completions", b'{"prompt": "x"}')
        assert b"Hello from upstream." in b"".join([piece async for piece in answer.pieces()])
        assert upstream.last.raw == b'{"prompt": "x"}'
        assert upstream.last.headers["authorization"] == f"Bearer {key}"
    await registry.close()


@pytest.mark.parametrize("name", ["direct", "echo"])
def test_direct_completes_nothing_and_says_what_it_is(name: str) -> None:
    registry = Registry(entries={"echo": ModelEntry(backend="direct")})
    with pytest.raises(RequestError, match=r"is no language model.*name another") as raised:
        registry.pass_through(name)
    assert raised.value.param == "model"


async def test_a_model_that_is_not_there_or_cannot_start_is_a_bad_gateway() -> None:
    with pytest.raises(BadGatewayError, match="ASSISTD_UPSTREAM_BASE_URL"):
        Registry().pass_through("gpt-4o")
    backend = Registry(local=Local("")).pass_through("gpt-4o")
    with pytest.raises(BadGatewayError, match="cannot start: no weights"):
        await backend.ask("/chat/completions", b"{}")
