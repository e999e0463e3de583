"""The system call filter of a session: BPF assembled by hand for x86-64 and aarch64.

Checked first: the architecture (a 32-bit call would carry other numbers), the x32 table, and calls
newer than the ones audited here, which answer ENOSYS so that libraries use their older way. Then a
few calls are judged by their arguments; then the refused ones answer EPERM; the rest is allowed.
"""

import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.walls.calls import (
    COMPUTING,
    COMPUTING_JUDGED,
    HOSTED,
    HOSTED_JUDGED,
    HOSTED_OWNER,
    JUDGED,
    NEWEST,
    REFUSED,
)

_ARCHITECTURES = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
_X32_BIT = 0x4000_0000

_NEW_NAMESPACES = 0x7E02_0000  # every CLONE_NEW* that clone() takes
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_SOCKET_TYPES = (1, 2, 5)  # stream, datagram, seqpacket: no raw sockets
_PROTOCOLS = (0, 6, 17)  # default, TCP, UDP: no protocol that loads a module
_SOCKET_OPTIONS = (26, 50, 51, 52)  # SO_ATTACH_FILTER and its three relatives
_BUFFER_OPTIONS = (7, 8)  # SO_SNDBUF, SO_RCVBUF: the host's limits on them are no session's
_AF_UNIX, _SOCK_DGRAM = 1, 2
_TERMINAL_IOCTLS = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD
_PRCTLS = (4, 22, 35)  # PR_SET_DUMPABLE (hides memory from the watchdog), _SECCOMP, _MM
_HOSTED_PRCTLS = (1, 36)  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER: how all of a session is found
_FIOCLEX = 0x5451
# All that code asks of files, pipes and pairs of sockets (ioctl(2)), where files of the host might be
# its own. Of what is not listed much is an owner's right, and some takes room on the disk at once.
_FILE_IOCTLS = (
    *(0x5401, 0x5411, 0x5413, 0x541B),  # TCGETS (isatty), TIOCOUTQ, TIOCGWINSZ, FIONREAD
    *(0x5421, 0x5450, _FIOCLEX, 0x5452, 0x5460),  # FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE
    *(0x4004_9409, 0x4020_940D, 0xC020_660B, 0x2),  # FICLONE, FICLONERANGE, FS_IOC_FIEMAP, FIGETBSZ
    *(0x8008_6601, 0x8008_7601, 0x801C_581F),  # FS_IOC_GETFLAGS, _GETVERSION, _FSGETXATTR
    0x8004_5200,  # RNDGETENTCNT
)
_F_SETFD = 2
_F_OWNERS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: a signal to a process, by its id
_F_LEASES = (1024, 1026)  # F_SETLEASE holds up whoever opens a file, F_NOTIFY tells who reads it
_NEWEST_F = 1038  # F_SET_FILE_RW_HINT; 6.19 has delegations of folders beyond it
_MAP_SHARED, _MAP_HUGETLB = 1, 0x4_0000
_F_OF_OWN = (1, 3, 1030)  # F_GETFD, F_GETFL, F_DUPFD_CLOEXEC
_PROT_EXEC = 4
_CLONE_THREAD = 0x1_0000
_PR_SET_NAME = 15
_MSG_OOB = 1
_RLIMIT_CORE = 4

_LOAD = 0x20
_EQUAL = 0x15
_GREATER = 0x25
_AT_LEAST = 0x35
_ANY_BIT = 0x45
_AND = 0x54
_RETURN = 0x06
_ALLOW = 0x7FFF_0000
_KILL = 0x8000_0000
_ERRNO = 0x0005_0000

_Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Host:
    """What a session shares with the host where it has no namespaces.

    Args:
        kept: a descriptor that no process of the session can close.
        guards_owned: whether files of the host are its own to change, but for Landlock: it has the
            server's id, or the right to pass by the modes of files.
    """

    kept: int
    guards_owned: bool


_DENY: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
_PASS: _Instruction = (_RETURN, 0, 0, _ALLOW)
_UNKNOWN: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
_NO_FAMILY: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT)
_PRETEND: _Instruction = (_RETURN, 0, 0, _ERRNO)
_BUSY: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EBUSY)
_INVALID: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EINVAL)
_NO_DEVICE: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.ENOTTY)
_UNSUPPORTED: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EOPNOTSUPP)


def _load_argument(index: int) -> _Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index)  # its low half, which is all the kernel looks at here


def _only(values: Iterable[int], otherwise: _Instruction) -> list[_Instruction]:
    """Go on when the accumulator is one of `values`, else return `otherwise`."""
    listed = list(values)
    tests = [(_EQUAL, len(listed) - index, 0, value) for index, value in enumerate(listed)]
    return [*tests, otherwise]


def _never(values: Iterable[int]) -> list[_Instruction]:
    """Refuse when the accumulator is one of `values`, else go on."""
    listed = list(values)
    tests = [(_EQUAL, len(listed) - 1 - index, 0, value) for index, value in enumerate(listed)]
    last = tests.pop()
    return [*tests, (last[0], 0, 1, last[3]), _DENY]


def _pretend(values: Iterable[int]) -> list[_Instruction]:
    """Do nothing, and say that it was done, when the accumulator is one of `values`; else go on."""
    return [each for value in values for each in ((_EQUAL, 0, 1, value), _PRETEND)]


def _when(number: int | None, body: list[_Instruction]) -> list[_Instruction]:
    """Judge the call `number` by `body`, which returns; skip it for any other."""
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _if_argument(index: int, value: int, body: list[_Instruction]) -> list[_Instruction]:
    """Go through `body` when an argument's low half is `value`."""
    return [_load_argument(index), (_EQUAL, 0, len(body), value), *body]


def _without(index: int, bits: int, otherwise: _Instruction) -> list[_Instruction]:
    """Allow when an argument has none of `bits`, else return `otherwise`."""
    return [_load_argument(index), (_ANY_BIT, 0, 1, bits), otherwise, _PASS]


def _socket_rules(
    families: Iterable[int] = _FAMILIES, types: Iterable[int] = _SOCKET_TYPES
) -> list[_Instruction]:
    return [
        _load_argument(0),
        *_only(families, _NO_FAMILY),
        _load_argument(1),
        (_AND, 0, 0, 0xF),
        *_only(types, _DENY),
        _load_argument(2),
        *_only(_PROTOCOLS, _DENY),
        _PASS,
    ]


def _no_datagram_rules() -> list[_Instruction]:
    """Refuse datagram sockets of the IP families, else go on."""
    of_type = [_load_argument(1), (_AND, 0, 0, 0xF), (_EQUAL, 0, 1, _SOCK_DGRAM), _DENY]
    family = [_load_argument(0), *_only(_FAMILIES, _NO_FAMILY)]
    return [*family, (_EQUAL, len(of_type), 0, _AF_UNIX), *of_type]


def _setsockopt_rules() -> list[_Instruction]:
    by_option = [_load_argument(2), *_never(_SOCKET_OPTIONS), *_pretend(_BUFFER_OPTIONS)]
    tcp_ulp = [_load_argument(1), (_EQUAL, 0, 3, 6), _load_argument(2), (_EQUAL, 0, 1, 31), _DENY]
    at_socket_level = [_load_argument(1), (_EQUAL, 0, len(by_option), 1), *by_option]
    return [*at_socket_level, *tcp_ulp, _PASS]


def _prlimit_rules(host: Host | None) -> list[_Instruction]:
    """Keep the limit on core files: of all values only its 1 keeps the host's crash handler away."""
    new_limit = [
        _load_argument(2),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, 16 + 8 * 2 + 4),
        (_EQUAL, 1, 0, 0),
        _DENY,
    ]
    own = [_load_argument(0), *_only((0,), _DENY)] if host else []
    return [*own, *_if_argument(1, _RLIMIT_CORE, new_limit), _PASS]


def _ioctl_rules(host: Host | None) -> list[_Instruction]:
    terminals = [_load_argument(1), *_never(_TERMINAL_IOCTLS)]
    if host is None:
        return [*terminals, _PASS]
    keep = _if_argument(0, host.kept, _if_argument(1, _FIOCLEX, [_PRETEND]))
    return [*keep, *terminals, *_only(_FILE_IOCTLS, _NO_DEVICE), _PASS]


def _fcntl_rules(host: Host | None) -> list[_Instruction]:
    """Refuse leases and news of what others read; commands that were not looked at are unknown."""
    keep = _if_argument(0, host.kept, _if_argument(1, _F_SETFD, [_PRETEND])) if host else []
    refused = _F_LEASES + (_F_OWNERS if host else ())
    unknown: list[_Instruction] = [(_GREATER, 0, 1, _NEWEST_F), _INVALID]
    return [*keep, _load_argument(1), *_never(refused), *unknown, _PASS]


def _judged_rules(architecture: int, host: Host | None, *, datagrams: bool) -> list[_Instruction]:
    number = {name: numbers[architecture] for name, numbers in JUDGED.items()}
    prctls = _PRCTLS + (_HOSTED_PRCTLS if host else ())
    no_datagrams = [] if datagrams else _no_datagram_rules()
    sockets = [_NO_FAMILY] if host else [*no_datagrams, *_socket_rules()]
    pairs = (
        _socket_rules((1,), (1, 5)) if host else _socket_rules()
    )  # no datagrams: they can be sent anywhere
    return [
        *_when(number["clone3"], [_UNKNOWN]),
        *_when(number["memfd_create"], [_UNKNOWN]),
        # Counted for the user who made the namespace: 128 for all sessions and all else of root.
        *[one for name in number if "inotify" in name for one in _when(number[name], [_UNKNOWN])],
        *_when(number["clone"], _without(0, _NEW_NAMESPACES, _DENY)),
        *_when(number["socket"], sockets),
        *_when(number["socketpair"], pairs),
        *_when(number["setsockopt"], _setsockopt_rules()),
        *_when(number["ioctl"], _ioctl_rules(host)),
        *_when(number["fcntl"], _fcntl_rules(host)),
        *_when(number["mmap"], _without(3, _MAP_HUGETLB, _DENY)),  # of a pool that all share
        *_when(number["prctl"], [_load_argument(0), *_never(prctls), _PASS]),
        *_when(number["prlimit64"], _prlimit_rules(host)),
        *_when(number["setrlimit"], [*_if_argument(0, _RLIMIT_CORE, [_DENY]), _PASS]),
        *_when(number["sendto"], _without(3, _MSG_OOB, _UNSUPPORTED)),
        # Without namespaces these two are refused whole.
        *([] if host else _when(number["sendmsg"], _without(2, _MSG_OOB, _UNSUPPORTED))),
        *([] if host else _when(number["sendmmsg"], _without(3, _MSG_OOB, _UNSUPPORTED))),
    ]


def _hosted_rules(architecture: int, host: Host) -> list[_Instruction]:
    """Return what namespaces would make harmless: other processes, the host's services and files."""
    number = {name: numbers[architecture] for name, numbers in HOSTED_JUDGED.items()}
    on_kept = {
        "close": [*_if_argument(0, host.kept, [_PRETEND]), _PASS],
        "dup2": [*_if_argument(1, host.kept, [_BUSY]), _PASS],
        "dup3": [*_if_argument(1, host.kept, [_BUSY]), _PASS],
    }
    own = [_load_argument(0), *_only((0,), _PRETEND)]  # some libraries abort at an error
    own_second = [_load_argument(1), *_only((0,), _PRETEND)]
    on_processes = {
        **{name: [*own, _PASS] for name in number if name.startswith("sched_")},
        "setpriority": [*own, *own_second, _PASS],
        "ioprio_set": [_load_argument(0), *_only((1,), _PRETEND), *own_second, _PASS],
    }
    program: list[_Instruction] = []
    for name, body in {**on_kept, **on_processes}.items():
        program += _when(number[name], body)
    outcomes = {**HOSTED, **(HOSTED_OWNER if host.guards_owned else {})}
    for code, calls in outcomes.values():
        for pair in calls.values():
            program += _when(pair[architecture], [(_RETURN, 0, 0, _ERRNO | code)])
    return program


def _refused_rules(architecture: int, group: int = 16) -> list[_Instruction]:
    """Refuse what REFUSED lists: sorted, in groups that a call below or above skips at once."""
    numbers = sorted(
        number
        for calls in REFUSED.values()
        for pair in calls.values()
        if (number := pair[architecture]) is not None
    )
    program: list[_Instruction] = []
    for start in range(0, len(numbers), group):
        chunk = numbers[start : start + group]
        tests = [(_EQUAL, len(chunk) - index, 0, number) for index, number in enumerate(chunk)]
        program += [(_GREATER, len(chunk) + 2, 0, chunk[-1]), *tests, _PASS, _DENY]
    return [*program, _PASS]


def assemble(
    machine: str = syscalls.MACHINE, host: Host | None = None, *, datagrams: bool = True
) -> bytes:
    """Return the filter for `machine`, as `struct sock_filter` entries.

    Args:
        machine: as `uname -m` says it.
        host: what is shared with the host; None where namespaces stand around the session.
        datagrams: whether there are datagram sockets of the IP families: nothing but a control group
            bounds what they hold.

    Raises:
        OSError: this machine's system calls are not known here.
    """
    audit, architecture = _architecture(machine)
    return _pack(
        audit,
        [
            *_judged_rules(architecture, host, datagrams=datagrams),
            *(_hosted_rules(architecture, host) if host else ()),
            *_refused_rules(architecture),
        ],
    )


def assemble_computing(machine: str = syscalls.MACHINE) -> bytes:
    """The filter of a process that only computes: it opens nothing, and starts nothing but threads.

    Args:
        machine: as `uname -m` says it.

    Returns:
        The program, as `struct sock_filter` entries.

    Raises:
        OSError: this machine's system calls are not known here.
    """
    audit, architecture = _architecture(machine)
    number = {name: numbers[architecture] for name, numbers in COMPUTING_JUDGED.items()}
    private = _without(3, _MAP_SHARED | _MAP_HUGETLB, _DENY)
    threads: list[_Instruction] = [
        *_without(0, _NEW_NAMESPACES, _DENY)[:-1],
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        _DENY,
        _PASS,
    ]
    ask_only = [_load_argument(0), *_only((0,), _DENY), _load_argument(2), *_only((0,), _DENY)]
    ask_only += [(_LOAD, 0, 0, 16 + 8 * 2 + 4), *_only((0,), _DENY), _PASS]
    program = [
        *_when(number["clone3"], [_UNKNOWN]),
        *_when(number["clone"], threads),
        *_when(number["fcntl"], [_load_argument(1), *_only(_F_OF_OWN, _DENY), _PASS]),
        *_when(number["mmap"], [*_without(2, _PROT_EXEC, _DENY)[:-1], *private]),
        *_when(number["mprotect"], _without(2, _PROT_EXEC, _DENY)),
        *_when(number["prctl"], [_load_argument(0), *_only((_PR_SET_NAME,), _DENY), _PASS]),
        *_when(number["prlimit64"], ask_only),
        *_when(number["socketpair"], _socket_rules((_AF_UNIX,), (1,))),
    ]
    for numbers in COMPUTING.values():
        program += _when(numbers[architecture], [_PASS])
    return _pack(audit, [*program, _DENY])


def _architecture(machine: str) -> tuple[int, int]:
    if machine not in _ARCHITECTURES:
        raise OSError(f"the sandbox has no system call filter for {machine}")
    return _ARCHITECTURES[machine]


def _pack(audit: int, rules: list[_Instruction]) -> bytes:
    program: list[_Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32_BIT),
        _UNKNOWN,
        (_GREATER, 0, 1, NEWEST),
        _UNKNOWN,
        *rules,
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
