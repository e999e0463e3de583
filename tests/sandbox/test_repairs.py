"""Code with a slip in how it was sent runs, and is reported as it ran."""

# ruff: noqa: RUF001  signs that look like others are what this is about

import pytest

from assistd.sandbox.guest.shared import repair
from assistd.sandbox.session.session import GuestSession
from tests.security.test_control import FRAME

FENCED = "```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("sent", "run", "logs"),
    [
        (FENCED, "print(1)", "1\n"),
        (r"import math\nprint(math.floor(1.5))", "import math\nprint(math.floor(1.5))", "1\n"),
        ("print（“你好（），”）", 'print("你好（），")', "你好（），\n"),
        ("x\xa0= 'a\xa0b'\nx", "x = 'a\xa0b'\nx", "'a\\xa0b'"),
        ("if 1 &lt; 2:\n    print(&quot;a&quot;)", 'if 1 < 2:\n    print("a")', "a\n"),
        ("```\n!echo shell\n%pwd\n```", "!echo shell\n%pwd", "shell\n'/mnt/data'"),
        (
            "~~~python\nimport asyncio\nawait asyncio.sleep(0, 7)\n~~~",
            "import asyncio\nawait asyncio.sleep(0, 7)",
            "7",
        ),
    ],
)
async def test_code_with_a_slip_runs_without_it(
    session: GuestSession, sent: str, run: str, logs: str
) -> None:
    execution = await session.execute(sent)
    assert (execution.status, execution.logs, execution.repaired) == ("ok", logs, run)


@pytest.mark.parametrize(
    "code",
    ["print('```')", "!echo “”", "%%bash\necho （）", ">>> print(1)", "  print(1)", "1 &lt", "x = '&lt;'"],
)  # fmt: skip
async def test_what_ipython_takes_is_run_as_it_is(session: GuestSession, code: str) -> None:
    assert (await session.execute(code)).repaired is None


async def test_what_no_repair_helps_is_told_as_it_is(session: GuestSession) -> None:
    execution = await session.execute("x = = “a”")
    assert execution.status == "error"
    assert execution.repaired is None
    assert "SyntaxError" in execution.logs


async def test_an_error_of_repaired_code_is_told_by_its_own_lines(session: GuestSession) -> None:
    execution = await session.execute("```python\n1 / 0\n```")
    assert execution.repaired == "1 / 0"
    assert execution.logs.count("SyntaxError") == 0
    assert "----> 1 1 / 0" in execution.logs


async def test_the_history_has_the_code_that_ran(session: GuestSession) -> None:
    await session.execute("1")
    await session.execute(FENCED)
    assert (await session.execute("In[1:], len(Out)")).logs == (
        "(['1', 'print(1)', 'In[1:], len(Out)'], 1)"
    )


@pytest.mark.parametrize(
    "frames",
    [
        "frame(22, 1, b'\\0')",
        "frame(22, 1, b'\\xff')",
        "frame(22, 1, b'')",
        "frame(22, 1, b'\\x01\\x01')",
        "frame(22, 2, b'\\x01')",
        "frame(22, 1, b'\\x01'); frame(22, 1, b'\\x01')",
    ],
)
async def test_a_report_of_repairs_that_is_none_ends_the_session(
    session: GuestSession, frames: str
) -> None:
    execution = await session.execute(f"{FRAME}{frames}\nimport time; time.sleep(8)")
    assert execution.status == "dead"


async def test_a_forged_report_can_only_repair_the_code_that_was_sent(
    session: GuestSession,
) -> None:
    code = f"{FRAME}frame(22, 1, bytes([{repair.ALL}]))\nx = '''\n```python\nprint('harmless')\n```\n'''"
    execution = await session.execute(code)
    assert execution.repaired == repair.apply(code, repair.ALL)
    assert "os.write(3" in execution.repaired
