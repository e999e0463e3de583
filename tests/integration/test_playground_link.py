"""The playground's link: with a key for a person's eyes, once, and opened in a browser with a key of its own."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.live import children
from tests.live.fixtures import StartServer
from tests.live.server import Server

ASSISTD = [sys.executable, "-m", "assistd"]
DESKTOP = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a server without a key of its settings, and without a desktop."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in DESKTOP and not name.startswith(("ASSISTD_", "OPENAI_"))
    }
    ours = {"ASSISTD_DATA_DIR": str(folder / "data"), "ASSISTD_LOCAL_MODEL": "none"}
    return kept | ours | {"COLUMNS": "200", "TERM": "dumb"} | more


@contextmanager
def shown(folder: Path, *arguments: str, on_terminal: bool, **more: str) -> Generator[str]:
    """What a server shows until it tells the playground's link; it runs within the block."""
    ours, theirs = os.openpty() if on_terminal else os.pipe()
    process = children.start(
        [*ASSISTD, "serve", "--port", "0", *arguments],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        text = b""
        with suppress(OSError):  # EIO: nobody has the other end any more
            while not re.search(rb"/playground/.*\n", text) and (more_ := os.read(ours, 4096)):
                text += more_
        yield text.decode()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        os.close(ours)


def link(text: str) -> str:
    """The playground's link in what was shown."""
    return re.findall(r"http://\S+/playground/\S*", text)[-1]


def test_the_link_has_a_key_at_the_first_start_on_a_terminal_and_never_again(
    tmp_path: Path,
) -> None:
    with shown(tmp_path, on_terminal=True) as text:
        address, _, key = link(text).partition("#key=")
        assert f"Your API key, shown this once: {key}" in text
        answer = httpx.get(
            address.replace("playground/", "v1/models"), headers={"authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 200
        assert httpx.get(address).status_code == 200
    with shown(tmp_path, on_terminal=True) as text:
        assert link(text).endswith("/playground/")


def test_a_program_that_reads_the_first_start_gets_no_link_with_a_key(tmp_path: Path) -> None:
    with shown(tmp_path, on_terminal=False) as text:
        assert link(text).endswith("/playground/")
        assert "#key=" not in text


@pytest.fixture
def browser(tmp_path: Path) -> tuple[Path, Path]:
    """A browser that writes down what it is to open, and where it does."""
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    script = tmp_path / "firefox-of-a-test"
    script.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script, opened


def test_serve_opens_the_playground_signed_in(tmp_path: Path, browser: tuple[Path, Path]) -> None:
    script, opened = browser
    with shown(tmp_path, "--open", on_terminal=False, BROWSER=str(script)) as text:
        url = opened.read_text()
        address, _, key = url.partition("#key=")
        assert address == link(text)
        headers = {"authorization": f"Bearer {key}"}
        models = address.replace("playground/", "v1/models")
        assert httpx.get(models, headers=headers).status_code == 200


def run(
    *arguments: str, folder: Path, env: dict[str, str], seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `assistd` with these arguments to its end."""
    return subprocess.run(
        [*ASSISTD, *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def run_open(server: Server, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `assistd open` for a server."""
    kept = {name: value for name, value in server.environment.items() if name not in DESKTOP}
    port = server.url.split(":")[-1].removesuffix("/v1")
    env = kept | {"COLUMNS": "200"} | more
    return run("open", "--port", port, folder=server.folder, env=env)


def test_open_makes_a_key_that_the_next_replaces_and_anybody_can_revoke(
    start_server: StartServer,
) -> None:
    server = start_server()
    links = [link(run_open(server).stdout) for _ in range(2)]
    keys = [each.partition("#key=")[2] for each in links]
    assert all(keys)
    listed = [line.split() for line in server.command("keys", "list").splitlines()]
    are_valid = {line[0]: line[-1] == "-" for line in listed if "browser" in line}
    assert sorted(are_valid.values()) == [False, True]
    root = server.url.removesuffix("/v1")
    assert links[1] == f"{root}/playground/#key={keys[1]}"
    for key, status in zip(keys, (401, 200), strict=True):
        answer = httpx.get(f"{server.url}/models", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == status
    (valid,) = [key_id for key_id, is_valid in are_valid.items() if is_valid]
    server.command("keys", "revoke", valid)


def test_open_says_what_to_do_where_no_server_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run("open", "--port", str(port), folder=tmp_path, env=environment(tmp_path))
    assert done.returncode == 1
    assert "assistd serve --open" in done.stderr


def test_a_port_that_is_taken_is_told_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = environment(tmp_path)
        done = run("serve", "--port", str(port), folder=tmp_path, env=env, seconds=120)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "--port 0" in done.stderr
