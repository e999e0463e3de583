"""Runs the server as several processes behind one address: API workers, one sandbox host, one with the models.

They are forks of the supervisor, which has imported the server, so that a worker shares what was imported.
"""

import importlib.util
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvloop

from assistd import logs
from assistd.cli.console import exiting_on_errors, fail
from assistd.cli.serve.listening import listen_often
from assistd.cli.serve.one_process import import_server
from assistd.cli.serve.supervisor import Part, Supervisor, wait_for_child
from assistd.sandbox.held_folders import holding_folder
from assistd.settings import Settings, list_environment
from assistd.wiring.group import Boards, Drain, Group
from assistd.wiring.sandbox import Assets, open_sandbox

_GIVEN = re.compile(
    r"HOME|LANG|LANGUAGE|LC_\w+|LD_\w+|LOGNAME|MALLOC_\w+|PATH|PYTHON\w+|SHELL|TERM|TMPDIR|TZ|USER|XDG_\w+"
)
"""The variables that a sandbox host is given beside settings; its interpreter environment is built by now."""
_SQLITE_WORKERS = 4
_LAST_SECONDS = 30.0
"""What a worker may take to stop beside the seconds for runs and variables that are set."""


def run_workers(settings: Settings, assets: Assets, count: int, *, opens: bool = False) -> None:
    """Serve the API with so many workers until a signal comes; end the command.

    Args:
        settings: the settings.
        assets: the interpreter environment and the weights.
        count: how many workers.
        opens: whether to open the playground in a browser once requests are handled.
    """
    _require(settings, count)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    listeners = listen_often(settings, count)
    port = listeners[0].getsockname()[1]
    boards, drain = Boards(count + 1), Drain(count)
    supervisor = Supervisor(
        settings.drain_seconds + settings.snapshot_closing_seconds + _LAST_SECONDS, drain.begin
    )
    # Not in the data folder: the path of a socket has at most 107 bytes, unix(7).
    sockets = holding_folder(Path(tempfile.gettempdir()), "assistd-sockets-")
    with sockets as folder, exiting_on_errors():
        if settings.sandbox_socket is None and settings.hosts_listen is None:
            settings = settings.model_copy(update={"sandbox_socket": folder / "sandbox.sock"})
            run_host = partial(_run_host, settings, boards.make_inheritable(count))
            bury = partial(boards.bury, count)
            supervisor.start(Part("host", run_host, is_support=True, buried=bury))
        import_server(settings)  # while the sandbox starts
        from assistd.wiring import server  # noqa: PLC0415  imported by now

        if not wait_for_child(partial(server.prepare, settings)):
            sys.exit(1)
        group = Group(0, count, boards, drain, folder / "models.sock", None)
        parts = _make_parts(settings, assets, listeners, group)
        greeting = partial(_greet, settings, port, opens=opens)
        code = supervisor.run(parts, partial(wait_for_child, greeting))
    sys.exit(code)


def _require(settings: Settings, count: int) -> None:
    """End the command where so many workers are not possible."""
    if settings.database_url is None and count > _SQLITE_WORKERS:
        fail(
            f"SQLite takes {_SQLITE_WORKERS} workers at most: they wait for each other's writes. Set "
            "ASSISTD_DATABASE_URL to a PostgreSQL database to have more."
        )
    if importlib.util.find_spec("grpc") is None:
        fail("Workers reach the sandbox host with gRPC: pip install 'assistd[hosts]'.")


def _make_parts(
    settings: Settings,
    assets: Assets,
    listeners: list[socket.socket],
    shared: Group,
) -> list[Part]:
    """Return the workers, and the process of the built-in models."""
    from assistd.wiring.scraping import open_listener  # noqa: PLC0415  imported by now

    models = _listen_at(shared.models)
    address = settings.metrics_listen if settings.metrics else None
    scraped = [open_listener(address, is_shared=True) if address else None for _ in listeners]
    sockets = [*listeners, *filter(None, scraped)]
    parts: list[Part] = []
    for number, (listener, metrics) in enumerate(zip(listeners, scraped, strict=True)):
        group = replace(shared, number=number, metrics_listener=metrics)
        own = [each for each in (listener, metrics) if each]
        run = partial(_work, settings, assets, listener, group)
        parts.append(
            Part(
                f"worker {number}",
                partial(_close_then, [each for each in sockets if each not in own], run),
                buried=partial(_bury, group),
                # While workers end one after the other, those that work on get what clients ask for.
                dismissed=partial(_close_all, own),
            )
        )
    share = partial(_share_models, models, assets.weights)
    parts.append(Part("models", partial(_close_then, sockets, share), is_support=True))
    return parts


def _bury(group: Group) -> None:
    """Do what a worker that has ended cannot do any more."""
    group.boards.bury(group.number)
    group.drain.note(group.number, 0)


def _close_all(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _close_then(
    sockets: Iterable[socket.socket],
    run: Callable[[Callable[[], None]], None],
    ready: Callable[[], None],
) -> None:
    """Close the sockets of other processes, which a fork has too, then do what this process is for.

    A socket takes connections as long as any process has it.
    """
    _close_all(sockets)
    run(ready)


def _listen_at(path: Path) -> socket.socket:
    """Return a listening socket that only this user can reach: the folder is closed to others."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chmod(path, 0o600)
    listener.listen(128)
    return listener


def _work(
    settings: Settings,
    assets: Assets,
    listener: socket.socket,
    group: Group,
    ready: Callable[[], None],
) -> None:
    """Be a worker."""
    from assistd.wiring import server  # noqa: PLC0415  imported by now

    async def serve() -> None:
        async with open_sandbox(settings, assets.python) as sandbox:
            await server.serve(settings, assets, sandbox, listener, ready, group=group)

    group.drain.note(group.number, 1)
    logs.configure(settings.log_level, settings.log_format, worker=group.number)
    uvloop.run(serve())


def _run_host(settings: Settings, numbers: int, _ready: Callable[[], None]) -> None:
    """Become the sandbox host, which has neither the keys of this process nor its memory.

    Args:
        settings: where it listens.
        numbers: the descriptor of its board.
    """
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
    )  # the greeting is the supervisor's
    options = ["--socket", str(settings.sandbox_socket), "--numbers", str(numbers)]
    command = [sys.executable, "-m", "assistd", "host", *options]
    os.execve(sys.executable, command, list_environment(_is_given))  # noqa: S606  it is our own interpreter


def _is_given(name: str) -> bool:
    """Tell whether a sandbox host is given a variable of the environment."""
    prefix, _, setting = name.lower().partition("_")  # settings are read in either case
    field = Settings.model_fields.get(setting) if prefix == "assistd" else None
    return field.repr if field else _GIVEN.fullmatch(name) is not None


def _share_models(
    listener: socket.socket, weights: Path | None, _ready: Callable[[], None]
) -> None:
    """Be the process of the built-in models."""
    from assistd.wiring.shared_models import share_models  # noqa: PLC0415  imported by now

    uvloop.run(share_models(listener, weights))


def _greet(settings: Settings, port: int, *, opens: bool) -> None:
    from assistd.cli.browser import open_playground  # noqa: PLC0415  imported by now
    from assistd.cli.serve.greeting import greet  # noqa: PLC0415  as well
    from assistd.wiring import server  # noqa: PLC0415  as well

    greet(settings, port, server.first_key(settings))
    if opens and settings.playground:
        open_playground(settings, port)
