"""The command line as a person and as a program use it."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assistd import __version__
from assistd.db import keys, projects
from assistd.settings import Settings
from assistd.wiring.storage import migrated_database

REPOSITORY = Path(__file__).resolve().parents[2]
ASSISTD = [sys.executable, "-m", "assistd"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ASSISTD, *arguments],
        cwd=cwd,
        env=os.environ | {"ASSISTD_DATA_DIR": str(cwd / "data")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_exec_prints_what_a_notebook_would_show(tmp_path: Path) -> None:
    done = run("exec", "print('a'); 6 * 7", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("a\n42", 0), done.stderr


@pytest.mark.parametrize("asked", ["--version", "version"])
def test_the_version_is_printed_alone(asked: str, tmp_path: Path) -> None:
    done = run(asked, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (f"{__version__}\n", "", 0)


def run_on_terminal(*arguments: str, cwd: Path) -> str:
    """What a command shows on a terminal, both of its streams."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*ASSISTD, *arguments],
        cwd=cwd,
        env=os.environ | {"ASSISTD_DATA_DIR": str(cwd / "data"), "COLUMNS": "200", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # EIO: nobody has the other end any more
            while more := os.read(ours, 1 << 16):
                shown += more
        os.close(ours)
    return shown.decode()


ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b2J\u202ea\tb"
HARMLESS = r"\x1b]0;title\x07\x1b[2J\x9b2J\u202ea"


@pytest.mark.parametrize(
    "code", ["print({})", "import sys; sys.stderr.write({})", "raise ValueError({})"]
)
def test_exec_shows_escapes_to_a_terminal_and_hands_them_on_to_a_program(
    tmp_path: Path, code: str
) -> None:
    code = code.format(f"bytes.fromhex('{ESCAPES.encode().hex()}').decode()")
    shown = run_on_terminal("exec", code, cwd=tmp_path)
    assert HARMLESS in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    done = run("exec", code, cwd=tmp_path)
    assert ESCAPES in done.stdout + done.stderr


def test_names_of_projects_and_keys_are_no_escapes_and_no_markup_on_a_terminal(
    tmp_path: Path,
) -> None:
    name = f"[red]{ESCAPES}[/] [/bold]"
    with migrated_database(Settings(data_dir=tmp_path / "data")) as database:
        project = database.run_sync(projects.create, name)
        database.run_sync(keys.create, "sk-x", name, project.id)
    for command in ("projects", "keys"):
        shown = run_on_terminal(command, "list", cwd=tmp_path)
        assert f"[red]{HARMLESS}" in shown
        assert not set(shown) & set("\x1b\x07\x9b\u202e")
    assert "\x1b[2J" in run("projects", "list", cwd=tmp_path).stdout


def test_exec_says_by_its_exit_code_that_the_code_failed(tmp_path: Path) -> None:
    done = run("exec", "1/0", cwd=tmp_path)
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr


def test_exec_saves_pictures_in_the_current_folder(tmp_path: Path) -> None:
    code = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"
    done = run("exec", code, cwd=tmp_path)
    assert "picture-1.png" in done.stderr
    assert (tmp_path / "picture-1.png").read_bytes().startswith(b"\x89PNG")


def test_exec_says_when_the_time_is_over(tmp_path: Path) -> None:
    done = run("exec", "--seconds", "0.5", "while True: pass", cwd=tmp_path)
    assert done.returncode == 1
    assert "0.5 s" in done.stderr


def test_doctor_examines_the_walls(tmp_path: Path) -> None:
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jail: namespaces" in done.stdout
    assert "system call filter" in done.stdout


def test_usage_of_a_new_folder_is_empty(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert "0 sessions metered, $0.00" in run("usage", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("CALL_SECONDS", "0"),
        ("MODELS", "{"),
        ("JAIL", "open"),
        ("DATABASE_URL", "mysql://h/x"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    done = run("doctor", cwd=tmp_path, **{f"ASSISTD_{name}": value})
    assert done.returncode == 2
    assert f"ASSISTD_{name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/x"
    done = run("keys", "list", cwd=tmp_path, ASSISTD_DATABASE_URL=url)
    assert done.returncode == 1
    assert "postgresql://somebody:***@127.0.0.1:1/x cannot be used" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bucket_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    done = run(
        *("serve", "--port", "0"),
        cwd=tmp_path,
        ASSISTD_BLOBS_URL="s3://bucket/x",
        ASSISTD_UPSTREAM_BASE_URL="http://127.0.0.1:1/v1",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ALLOW_HTTP="true",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
    )
    assert done.returncode == 1
    assert "ASSISTD_BLOBS_URL cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_without_namespaces_is_told_what_to_do(tmp_path: Path) -> None:
    """A user namespace of its own whose limit is set to none stands for such a host."""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "-Ur", "sh", "-c", script, "sh", *ASSISTD]
    if subprocess.run([*command[:4], "true"], check=False, capture_output=True).returncode:
        pytest.skip("this host does not let a test make a user namespace")
    environment = os.environ | {"ASSISTD_DATA_DIR": str(tmp_path), "ASSISTD_LOCAL_MODEL": "none"}
    environment["ASSISTD_JAIL"] = "namespaces"
    for arguments in (["serve", "--port", "0"], ["doctor"]):
        done = subprocess.run(
            [*command, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "max_user_namespaces" in said
        assert "Traceback" not in said


def test_a_host_without_namespaces_makes_do_with_landlock(tmp_path: Path) -> None:
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "-Ur", "sh", "-c", script, "sh", *ASSISTD, "doctor"]
    if subprocess.run([*command[:2], "true"], check=False, capture_output=True).returncode:
        pytest.skip("this host does not let a test make a user namespace")
    environment = os.environ | {"ASSISTD_DATA_DIR": str(tmp_path), "ASSISTD_LOCAL_MODEL": "none"}
    if os.geteuid() == 0:  # the root of that namespace would still be the host's
        python = [sys.executable, "-m", "tests.security.as_ordinary_user"]
        ways = [REPOSITORY, sys.prefix, sys.base_prefix, Settings().cache_dir, tmp_path]
        command = [
            *python,
            *map(str, ways),
            "--",
            shutil.which("unshare") or "unshare",
            *command[1:],
        ]
        environment |= {"HOME": str(tmp_path), "ASSISTD_CACHE_DIR": str(Settings().cache_dir)}
        tmp_path.chmod(0o777)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "jail: landlock" in done.stdout
    assert "this jail cannot give: names" in done.stdout
    assert "jail namespaces: not on this host" in done.stdout


class Lines:
    """A program that speaks JSON lines with `assistd exec --json`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, **request: Any) -> dict[str, Any]:
        return self.say(json.dumps(request))

    def say(self, line: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    process = subprocess.Popen(
        [*ASSISTD, "exec", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    speaker = Lines(process)
    yield speaker
    assert speaker.ask(op="quit")["ok"]
    assert process.wait(30) == 0
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.stdout.close()


@pytest.fixture
def sid(lines: Lines) -> Iterator[str]:
    sid = lines.ask(op="new")["sid"]
    yield sid
    lines.ask(op="close", sid=sid)


def test_a_cell_is_answered_with_all_it_showed(lines: Lines, sid: str) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); 1 + 1"
    answer = lines.ask(op="exec", sid=sid, code=code)
    assert answer["ok"]
    assert answer["status"] == "ok"
    assert (answer["stdout"], answer["stderr"], answer["result"]) == ("out\n", "err\n", "2")
    assert answer["error"] is None
    assert answer["images"] == []


def test_a_result_behind_an_open_line_is_only_the_result(lines: Lines, sid: str) -> None:
    answer = lines.ask(op="exec", sid=sid, code="print('a', end=''); 1 + 1")
    assert (answer["stdout"], answer["result"]) == ("a", "2")


def test_an_error_is_shown_apart_and_the_state_lives_on(lines: Lines, sid: str) -> None:
    assert lines.ask(op="exec", sid=sid, code="x = 5; x / 0")["status"] == "error"
    answer = lines.ask(op="exec", sid=sid, code="x")
    assert answer["result"] == "5"


def test_files_go_in_are_listed_and_come_out(lines: Lines, sid: str) -> None:
    data = base64.b64encode(bytes(range(256))).decode()
    assert lines.ask(op="put", sid=sid, name="in.bin", b64=data) == {"ok": True}
    code = "open('out.bin', 'wb').write(open('/mnt/data/in.bin', 'rb').read()[::-1]); None"
    assert lines.ask(op="exec", sid=sid, code=code)["status"] == "ok"
    assert lines.ask(op="list", sid=sid)["files"] == [["in.bin", 256], ["out.bin", 256]]
    got = base64.b64decode(lines.ask(op="get", sid=sid, name="out.bin")["b64"])
    assert got == bytes(range(256))[::-1]
    assert not lines.ask(op="get", sid=sid, name="out.bin", max=10)["ok"]


def test_a_cell_in_the_background_does_not_hold_others_up(lines: Lines, sid: str) -> None:
    assert lines.ask(op="exec_bg", sid=sid, code="import time; time.sleep(0.2); done = 1")["ok"]
    assert lines.ask(op="exec", sid=sid, code="done")["result"] == "1"


def test_a_timeout_is_in_seconds_and_interrupts(lines: Lines, sid: str) -> None:
    assert (
        lines.ask(op="exec", sid=sid, code="while True: pass", timeout=0.3)["status"]
        == "interrupted"
    )


def test_a_dead_session_is_seen_to_be_dead(lines: Lines, sid: str) -> None:
    assert lines.ask(op="exec", sid=sid, code="import os; os._exit(1)")["status"] == "dead"
    assert lines.ask(op="exec", sid=sid, code="1")["status"] == "dead"


@pytest.mark.parametrize(
    "line",
    [
        "junk",
        "[]",
        '{"op": "nothing"}',
        '{"op": "exec"}',
        '{"op": "exec", "sid": "unknown", "code": "1"}',
        '{"op": "close", "sid": 5}',
        "[" * 100_000,
    ],
)
def test_a_line_that_asks_for_nonsense_is_refused_in_one_line(lines: Lines, line: str) -> None:
    answer = lines.say(line)
    assert answer["ok"] is False
    assert answer["error"]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\x00b", "", "x" * 300])
def test_names_that_lead_outside_are_refused(lines: Lines, sid: str, name: str) -> None:
    assert not lines.ask(op="get", sid=sid, name=name)["ok"]
    assert not lines.ask(op="put", sid=sid, name=name, b64="")["ok"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("assistd ", {"serve", "open", "keys", "projects", "usage", "runs", "env"}),
        ("assistd keys ", {"create", "list", "revoke"}),
        ("assistd projects ", {"create", "list", "limit", "archive"}),
        ("assistd usage --", {"--project", "--days", "--sessions"}),
        ("assistd runs ", {"show"}),
    ],
)
def test_a_shell_completes_the_words_of_every_command(
    tmp_path: Path, words: str, offered: set[str]
) -> None:
    asked = {"_ASSISTD_COMPLETE": "complete_bash", "COMP_WORDS": words}
    asked["COMP_CWORD"] = str(words.count(" "))
    done = subprocess.run(
        [Path(sys.executable).with_name("assistd")],
        cwd=tmp_path,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert offered <= set(done.stdout.split()), done.stderr


# Refuses `sethostname` as the filters of container engines do, and runs what follows.
_REFUSING = """
import ctypes, os, platform, struct, sys
number = {"x86_64": 170, "aarch64": 161}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))
program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP
try:
    __import__("socket").sethostname("x")
except PermissionError:
    os.execv(sys.argv[1], sys.argv[1:])
"""


def test_the_strong_jail_stands_where_its_name_cannot_be_given(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REFUSING, *ASSISTD, "exec", "print(6 * 7)"],
        cwd=tmp_path,
        env=os.environ | {"ASSISTD_DATA_DIR": str(tmp_path / "data"), "ASSISTD_JAIL": "namespaces"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("42\n", 0), done.stderr
