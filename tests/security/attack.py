"""How an attack is run and judged: on a real session, beside a neighbour that must not notice."""

from dataclasses import dataclass

from assistd.sandbox.base import Execution
from assistd.sandbox.session.session import GuestSession

_SYS_RESOURCE = 24

# How `landlock` refuses what other jails answer more exactly.
_ALSO = ("EPERM", "EACCES", "EAFNOSUPPORT", "EXDEV", "EBADF", "ENOENT")

# What the code of an attack may use: `refused(f)` prints how `f` was refused, or that it was not.
_PRELUDE = """
import ctypes, errno, os, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *args):
    result = libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def refused(attempt, *expected):
    try:
        result = attempt()
    except BaseException as error:
        number = getattr(error, "errno", None)
        name = errno.errorcode.get(number, type(error).__name__)
        print("refused" if not expected or name in expected or name in ALSO else "ODD", name)
    else:
        print("ESCAPED", repr(result)[:300])
def harmless(path, attempt):
    def look():
        try: status = os.stat(path)
        except OSError: return None
        return status.st_mode, status.st_uid, status.st_mtime_ns, status.st_nlink
    before = look()
    try: attempt()
    except OSError: pass
    print("ESCAPED" if look() != before else "refused", path)
def others():
    try: return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except PermissionError: return [1, 2, os.getppid(), os.getppid() - 1]
def absent(attempt):
    try:
        found = attempt()
    except OSError as error:
        print("refused", error)
    else:
        print("ESCAPED" if found else "absent", repr(found)[:300])
"""


@dataclass(frozen=True)
class Attack:
    """A piece of code that tries to get out, or to get more than its share.

    Args:
        name: what it tries, for the test's id.
        code: prints `ESCAPED` where it succeeds; the last line it prints must say it got that far.
        seconds: wall time it may take.
        statuses: how the call may end.
        wall: what stops it, by the name under which a jail says that it lacks it; None where all have it.
    """

    name: str
    code: str
    seconds: float = 10
    statuses: frozenset[str] = frozenset({"ok", "error"})
    wall: str | None = None

    async def logs_of(self, session: GuestSession) -> str:
        """What it prints, however it fares."""
        await session.execute(_prelude(session))
        return (await session.execute(self.code, seconds=self.seconds)).logs

    async def run(self, session: GuestSession) -> Execution:
        """Run it and check that nothing it tried succeeded."""
        prelude = await session.execute(_prelude(session))
        assert prelude.status == "ok", prelude.logs
        execution = await session.execute(self.code, seconds=self.seconds)
        assert "ESCAPED" not in execution.logs, execution.logs
        assert "ODD" not in execution.logs, execution.logs
        assert execution.status in self.statuses, (
            execution.status,
            execution.notes,
            execution.logs,
        )
        return execution


ANY_END = frozenset({"ok", "error", "interrupted", "timeout", "dead"})


def _prelude(session: GuestSession) -> str:
    by_hand = session.folder is not None  # without namespaces, that is
    known = f"HOSTED, ROOT, ALSO = {by_hand}, {_may_bind()}, {_ALSO if by_hand else ()}"
    return f"{known}\n{_PRELUDE}"


def _may_bind() -> bool:
    """Whether what the server says of a session is the least that it may say of itself."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    return bool(effective >> _SYS_RESOURCE & 1)
