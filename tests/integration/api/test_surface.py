"""The surface is whole: every operation is served, every field of every body is known."""

import re
from types import NoneType
from typing import get_args

import httpx
import pytest
from pydantic import BaseModel

from assistd.api.assistants.requests.assistants import CreateAssistant, ModifyAssistant
from assistd.api.assistants.requests.messages import CreateMessage
from assistd.api.assistants.requests.runs import CreateRun, CreateThreadAndRun, SubmitToolOutputs
from assistd.api.assistants.requests.threads import CreateThread, ModifyThread
from assistd.api.files.requests import CompleteUpload, CreateUpload
from assistd.api.vector_stores.requests import (
    AttachFile,
    CreateBatch,
    CreateStore,
    ModifyFile,
    ModifyStore,
)
from tests.live.specification import Specification


def test_every_operation_of_the_specification_is_served(
    official: Specification, raw: httpx.Client
) -> None:
    operations = official.operations()
    assert len(operations) == 53
    for method, template in operations:
        path = re.sub(r"{\w+}", "x", template).removeprefix("/")
        answer = raw.request(method, path)
        where = f"{method} {path}: {answer.text}"
        assert answer.status_code != 405, where
        if answer.status_code >= 400:
            message = answer.json()["error"]["message"]
            assert not message.startswith("Invalid URL"), where
            assert "not served here" not in message, where


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
