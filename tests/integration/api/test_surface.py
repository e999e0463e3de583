"""The surface is whole: every operation is served, every field of every body is known."""

import re
from types import NoneType
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from assistd.api.assistants.requests.assistants import CreateAssistant, ModifyAssistant
from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.runs import CreateRun, CreateThreadAndRun, SubmitToolOutputs
from assistd.api.assistants.requests.threads import CreateThread, ModifyThread
from assistd.api.files.requests import CompleteUpload, CreateUpload
from assistd.api.responses.requests.containers import CreateContainer
from assistd.api.responses.requests.conversations import CreateConversation, ModifyConversation
from assistd.api.responses.requests.counting import CountTokens
from assistd.api.responses.requests.responses import CreateResponse
from assistd.api.vector_stores.requests import (
    AttachFile,
    CreateBatch,
    CreateStore,
    ModifyFile,
    ModifyStore,
)
from tests.live.response_stream import ResponsesSpecification
from tests.live.specification import Specification


def test_every_operation_of_the_specification_is_served(
    official: Specification, raw: httpx.Client
) -> None:
    _assert_served(official, raw, 53)


def test_every_operation_of_the_specification_of_responses_is_served(
    official_responses: ResponsesSpecification, raw: httpx.Client
) -> None:
    """But for `compact`, which says by its name that it is not."""
    _assert_served(official_responses, raw, 24)
    answer = raw.post("responses/compact", json={"model": "m"})
    assert "'/responses/compact') is not supported" in answer.json()["error"]["message"]


def _assert_served(official: Specification, raw: httpx.Client, count: int) -> None:
    operations = official.operations()
    assert len(operations) == count
    for method, template in operations:
        path = re.sub(r"{\w+}", "x", template).removeprefix("/")
        answer = raw.request(method, path)
        where = f"{method} {path}: {answer.text}"
        assert answer.status_code != 405, where
        if answer.status_code >= 400:
            message = answer.json()["error"]["message"]
            assert not message.startswith("Invalid URL"), where
            assert "not served here" not in message, where


def test_bodies_of_responses_have_all_fields_of_the_specification(
    official_responses: ResponsesSpecification,
) -> None:
    """And some of later versions, which it does not know yet."""
    for name, body in (
        ("CreateResponse", CreateResponse),
        ("TokenCountsBody", CountTokens),
        ("CreateContainerBody", CreateContainer),
        ("CreateConversationBody", CreateConversation),
        ("UpdateConversationBody", ModifyConversation),
    ):
        fields = official_responses.fields(name)
        assert fields
        assert set(fields) <= set(body.model_fields), name
        for field, may_be_null in fields.items():
            annotation = body.model_fields[field].annotation
            ours = annotation is Any or NoneType in get_args(annotation)
            assert ours or not may_be_null, f"{name}.{field} refuses null"


@pytest.mark.parametrize(
    "path",
    [
        ["service_tier"], ["truncation"], ["prompt_cache_retention"], ["text", "verbosity"],
        ["reasoning", "effort"], ["reasoning", "summary"], ["reasoning", "context"], ["reasoning", "mode"],
        ["reasoning", "generate_summary"],
    ],
)  # fmt: skip
def test_each_word_that_the_specification_has_for_a_parameter_of_responses_is_taken(
    official_responses: ResponsesSpecification, path: list[str]
) -> None:
    words = official_responses.words("CreateResponse", *path)
    assert len(words) > 1
    for word in words:
        value: Any = word
        for name in reversed(path):
            value = {name: value}
        CreateResponse.model_validate({"model": "m", "input": "Hi", **value})


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("CreateAssistantRequest", CreateAssistant),
        ("ModifyAssistantRequest", ModifyAssistant),
        ("CreateThreadRequest", CreateThread),
        ("ModifyThreadRequest", ModifyThread),
        ("CreateMessageRequest", CreateMessage),
        ("CreateRunRequest", CreateRun),
        ("CreateThreadAndRunRequest", CreateThreadAndRun),
        ("SubmitToolOutputsRunRequest", SubmitToolOutputs),
        ("CreateUploadRequest", CreateUpload),
        ("CompleteUploadRequest", CompleteUpload),
        ("CreateVectorStoreRequest", CreateStore),
        ("UpdateVectorStoreRequest", ModifyStore),
        ("CreateVectorStoreFileRequest", AttachFile),
        ("UpdateVectorStoreFileAttributesRequest", ModifyFile),
        ("CreateVectorStoreFileBatchRequest", CreateBatch),
    ],
)
def test_bodies_have_the_fields_of_the_specification_and_may_be_null_where_it_says_so(
    official: Specification, name: str, body: type[BaseModel]
) -> None:
    fields = official.fields(name)
    assert set(body.model_fields) == set(fields)
    for field, may_be_null in fields.items():
        ours = NoneType in get_args(body.model_fields[field].annotation)
        assert ours or not may_be_null, f"{name}.{field} refuses null"
