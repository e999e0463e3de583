"""What the zygote asks of the walls of a jail: `Walls`, and the limits that they build by: `Rules`.

The zygote knows no jail. It makes one `Walls` object after its imports and calls it for each session,
on three occasions: around the fork, in the new session, and after the session's death.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from assistd.sandbox.guest.walls import memory


@dataclass
class Rules:
    """The limits of a session (bytes and counts), and where ids begin."""

    memory_bytes: int
    processes: int
    open_files: int
    data_bytes: int
    data_inodes: int
    tmp_bytes: int
    tmp_inodes: int
    uid_base: int | None
    holds_sockets: bool = False  # whether a control group counts the memory of sockets

    def grant(self, request: dict[str, Any]) -> None:
        """Take over the limits that the server grants to one session."""
        self.memory_bytes = int(request["memory"])
        self.data_bytes = int(request["data"])
        self.tmp_bytes = int(request["tmp"])

    @classmethod
    def read(cls, config: Mapping[str, Any], uid_base: int | None) -> "Rules":
        """Return the rules in what the server tells a zygote."""
        limits = config["limits"]
        names = [each.name for each in fields(cls) if each.name in limits]
        numbers = {name: int(limits[name]) for name in names}
        return cls(**numbers, uid_base=uid_base, holds_sockets=bool(config["holds_sockets"]))


class Walls(Protocol):
    """The walls of one kind of jail; made by the zygote once, from the `Rules` of its sessions.

    A method that a jail has no need of does nothing. Sessions inherit the object by the fork: what a
    session changes in it stays its own.
    """

    rules: Rules
    """Read by the zygote; a session has the server's grant written into its own copy before `shut_in`."""

    own_data: int
    """Bytes that count against RLIMIT_DATA before any code ran; the zygote sets it after each warm-up step."""

    copies: str | None
    """Why files are copied into sessions, or None where they can be linked; told to the server at the start."""

    folder: str | None
    """The next session's folder on the host, or None where all it writes is in memory; told at its fork."""

    path_map: dict[str, str]
    """The real path for each path in code that means another; the session's kernel rewrites code by it."""

    watch: memory.Watch | None
    """What measures sessions that the server cannot see, asked at each turn of the zygote; else None."""

    def open_streams(self, number: int, /) -> tuple[dict[str, int], dict[str, int]]:
        """Open the socket and the pipes of a session; the zygote calls it first for each one.

        Args:
            number: the server's number of the session.

        Returns:
            The session's ends by name (`control`, `out`, `err`), and the server's. The zygote closes both.

        Raises:
            OSError: the kernel gives no more; the request is refused.
        """
        ...

    def fork(self) -> int:
        """Fork the session's first process; the zygote calls it after `open_streams`.

        Returns:
            As fork(2) does: 0 in the session, its process id in the zygote.

        Raises:
            OSError: the kernel makes no more processes; the request is refused.
        """
        ...

    def get_ready(self) -> None:
        """Make beforehand what the next session needs; the zygote calls it after it answered a request.

        Raises:
            OSError: the kernel makes no more; `fork` tries again.
        """
        ...

    def shut_in(self, uid: int, control: int, out: int, err: int, /) -> list[int]:
        """Isolate this process for good; the session calls it once, before any code can run.

        Args:
            uid: its id in the zygote's user namespace, where that maps many.
            control: the socket to the server; becomes descriptor CONTROL.
            out: the pipe for output; becomes 1 and OUTPUT.
            err: the pipe for raw standard error; becomes 2.

        Returns:
            The descriptors to hand to the server: that of /mnt/data, or none.

        Raises:
            OSError: a wall does not stand; the session reports that and ends.
        """
        ...

    def seal(self) -> None:
        """Close what had to stay open until the server has its descriptors; the session's last step."""
        ...

    def forget(self, pid: int, /) -> None:
        """Remove what a session left; the zygote calls it when the session's first process is reaped."""
        ...

    def abandon(self) -> None:
        """Remove what all sessions leave; the zygote calls it before it ends, the server being gone."""
        ...
