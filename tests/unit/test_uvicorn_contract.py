"""What we override of uvicorn, or use of what is private there, is what it was when it was tested.

`api/transport` and the server depend on it (decision 0062). Where a test here fails, read what uvicorn
changed, see that `tests/integration/api/test_connections.py` and `test_transfers.py` pass, then write
the new digests here and the new bound into pyproject.toml.
"""

import hashlib
import inspect
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server

from assistd.api.transport import server
from assistd.api.transport.connection import Connection

DIGESTS: dict[Callable[..., Any], str] = {
    HttpToolsProtocol.connection_made: "6efb565ff3d36b91",
    HttpToolsProtocol.data_received: "010a7ae59a5d3b1a",
    HttpToolsProtocol.on_headers_complete: "1ea8589acfad92d8",
    HttpToolsProtocol.on_body: "dba9c32aeba35b6a",
    HttpToolsProtocol.on_message_complete: "1fbad42dc31fc01f",
    HttpToolsProtocol.send_400_response: "ae5a4a3782b646fd",
    HttpToolsProtocol._start_asgi_task: "9c08c2571ae9b038",
    HttpToolsProtocol.shutdown: "d7351fa33f00d430",
    RequestResponseCycle.__init__: "4d2f220910c33c12",
    RequestResponseCycle.run_asgi: "0f33f2449a444bc2",
    RequestResponseCycle.send: "abdd8601b326a8da",
    RequestResponseCycle.receive: "8124ae006be71184",
    FlowControl.pause_reading: "7c27388bb984e9ed",
    FlowControl.resume_reading: "a0429d30857e8488",
    FlowControl.drain: "4bda6b61c277ae87",
    Server.__init__: "c150b55284f7511e",
    Server.on_tick: "60ea49b06ccf68c1",
    Server.shutdown: "9b33c50562992b1e",
    Server.capture_signals: "e1bbcd4770d1c887",
    HttpToolsProtocol.on_message_begin: "96d377fdc7c2baef",
    HttpToolsProtocol.on_response_complete: "64e254f28e389e76",
    HttpToolsProtocol._unset_keepalive_if_required: "00a6a4e47214e68e",
}


def digest_of(function: Callable[..., Any]) -> str:
    """The digest of a function's text."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def test_the_version_is_the_one_that_pyproject_pins() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    bound = next(each for each in project["project"]["dependencies"] if each.startswith("uvicorn"))
    assert bound == "uvicorn>=0.54,<0.55"
    assert version("uvicorn").startswith("0.54.")


@pytest.mark.parametrize("function", DIGESTS, ids=lambda each: each.__qualname__)
def test_what_is_overridden_or_relied_on_has_not_changed(function: Callable[..., Any]) -> None:
    assert digest_of(function) == DIGESTS[function]


@pytest.mark.parametrize(
    ("ours", "theirs", "one"),
    [(Connection, HttpToolsProtocol, "_start_asgi_task"), (server.Server, Server, "on_tick")],
)
def test_every_override_is_among_them(ours: type, theirs: type, one: str) -> None:
    own = {name for name, each in vars(ours).items() if inspect.isfunction(each)}
    overridden = {name for name in own if hasattr(theirs, name)}
    assert {getattr(theirs, name) for name in overridden} <= DIGESTS.keys()
    assert one in overridden


def test_reading_is_paused_where_a_body_is_larger_than_a_socket_brings_at_once() -> None:
    assert HIGH_WATER_LIMIT == 1 << 16
