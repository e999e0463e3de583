"""The Responses API at the addresses of Azure, as the clients of the official SDK send it (decision 0022)."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from openai import AzureOpenAI, OpenAI

from tests.integration.responses.conversing import CODE
from tests.live.server import API_KEY, Server
from tests.live.wire import Wire
from tests.upstream import Upstream

CLIENTS: dict[str, Callable[[str, httpx.Client], OpenAI]] = {
    "AzureOpenAI, dated": lambda root, http: AzureOpenAI(
        azure_endpoint=root, api_version="2025-04-01-preview", api_key=API_KEY, http_client=http
    ),
    "AzureOpenAI, a deployment": lambda root, http: AzureOpenAI(
        azure_endpoint=root,
        azure_deployment="my-gpt",
        api_version="2025-04-01-preview",
        api_key=API_KEY,
        http_client=http,
    ),
    "AzureOpenAI, v1": lambda root, http: AzureOpenAI(
        base_url=f"{root}/openai/v1/", api_version="preview", api_key=API_KEY, http_client=http
    ),
    "OpenAI, v1": lambda root, http: OpenAI(
        base_url=f"{root}/openai/v1/", api_key=API_KEY, http_client=http
    ),
}


@pytest.fixture(params=list(CLIENTS))
def azure(request: pytest.FixtureRequest, server: Server, wire: Wire) -> Iterator[OpenAI]:
    http = httpx.Client(transport=wire.transport(), timeout=60)
    with CLIENTS[request.param](server.url.removesuffix("/v1"), http) as client:
        yield client


def test_the_whole_door_answers_at_the_addresses_of_azure(
    azure: OpenAI, client: OpenAI, upstream: Upstream, wire: Wire
) -> None:
    conversation = azure.conversations.create(metadata={"a": "b"})
    upstream.code("_ = open('/mnt/data/a.txt', 'w').write('kept')")
    upstream.say("Written.")
    with azure.responses.stream(
        model="m",
        input="Hi",
        tools=CODE,  # type: ignore[arg-type]
        conversation=conversation.id,
    ) as events:
        made = events.get_final_response()
    assert made.output_text == "Written."
    assert all("/openai/" in each.path for each in wire.exchanges)
    assert azure.responses.retrieve(made.id).output == client.responses.retrieve(made.id).output
    assert len(list(azure.conversations.items.list(conversation.id))) == len(made.output) + 1
    assert len(list(azure.responses.input_items.list(made.id))) == 1
    (call,) = [each for each in made.output if each.type == "code_interpreter_call"]
    assert azure.containers.retrieve(call.container_id).name == "auto"
    (file,) = azure.containers.files.list(call.container_id)
    content = azure.containers.files.content.retrieve(file.id, container_id=call.container_id)
    assert content.read() == b"kept"
    upload = azure.containers.files.create(call.container_id, file=("b.txt", b"given"))
    azure.containers.files.delete(upload.id, container_id=call.container_id)
    azure.responses.delete(made.id)
    azure.containers.delete(call.container_id)
    azure.conversations.delete(conversation.id)
