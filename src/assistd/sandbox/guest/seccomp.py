"""The system call filter of a session: BPF assembled by hand for x86-64 and aarch64.

Checked first: the architecture (a 32-bit call would carry other numbers), the x32 table, and calls
newer than the ones audited here, which answer ENOSYS so that libraries use their older way. Then a
few calls are judged by their arguments; then the refused ones answer EPERM; the rest is allowed.
"""

import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from assistd.sandbox.guest import syscalls

# Refused, by the reason for it: (number on x86-64, number on aarch64).
REFUSED: dict[str, dict[str, tuple[int | None, int | None]]] = {
    "reading or steering other processes": {
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "pidfd_getfd": (438, 438),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
    },
    "mounts, roots and namespaces": {
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "statmount": (457, 457),
        "listmount": (458, 458),
        "setns": (308, 268),
        "unshare": (272, 97),
    },
    "files past the mount namespace": {
        "open_by_handle_at": (304, 265),
        "name_to_handle_at": (303, 264),
        "fanotify_init": (300, 262),
        "fanotify_mark": (301, 263),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "lookup_dcookie": (212, 18),
    },
    "the machine": {
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "delete_module": (176, 106),
        "create_module": (174, None),
        "get_kernel_syms": (177, None),
        "query_module": (178, None),
        "reboot": (169, 142),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "syslog": (103, 116),
        "acct": (163, 89),
        "settimeofday": (164, 170),
        "clock_settime": (227, 112),
        "adjtimex": (159, 171),
        "clock_adjtime": (305, 266),
        "sethostname": (170, 161),
        "setdomainname": (171, 162),
        "vhangup": (153, 58),
        "iopl": (172, None),
        "ioperm": (173, None),
    },
    "large or seldom used kernel surface": {
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "seccomp": (317, 277),
        "landlock_create_ruleset": (444, 444),
        "landlock_add_rule": (445, 445),
        "landlock_restrict_self": (446, 446),
        "lsm_get_self_attr": (459, 459),
        "lsm_set_self_attr": (460, 460),
        "lsm_list_modules": (461, 461),
        "cachestat": (451, 451),
        "map_shadow_stack": (453, 453),
        "personality": (135, 92),
        "modify_ldt": (154, None),
        "vmsplice": (278, 75),
        "remap_file_pages": (216, 234),
        "nfsservctl": (180, 42),
        "uselib": (134, None),
        "ustat": (136, None),
        "sysfs": (139, None),
        "_sysctl": (156, None),
        "uretprobe": (335, None),
        "uprobe": (336, None),
    },
    "memory that no limit sees, or that moves between nodes": {
        "memfd_secret": (447, 447),
        "move_pages": (279, 239),
        "migrate_pages": (256, 238),
        "mbind": (237, 235),
        "set_mempolicy": (238, 237),
        "set_mempolicy_home_node": (450, 450),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "shmctl": (31, 195),
    },
    "a pool that all of the host shares": {"io_setup": (206, 0)},
    "keys and queues outside of the session": {
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "msgget": (68, 186),
        "msgsnd": (69, 189),
        "msgrcv": (70, 188),
        "msgctl": (71, 187),
        "semget": (64, 190),
        "semop": (65, 193),
        "semctl": (66, 191),
        "semtimedop": (220, 192),
        "mq_open": (240, 180),
        "mq_unlink": (241, 181),
    },
}

# Answered beside those where a session has no namespaces: by the reason, the errno (0: it seems to
# succeed, so that libraries go on) and the calls.
_Answers = dict[str, tuple[int, dict[str, tuple[int | None, int | None]]]]
HOSTED: _Answers = {
    "services of the host, and descriptors in flight that no quota sees": (
        errno.EPERM,
        {
            "connect": (42, 203),
            "bind": (49, 200),
            "listen": (50, 201),
            "accept": (43, 202),
            "accept4": (288, 242),
            "sendmsg": (46, 211),
            "sendmmsg": (307, 269),
        },
    ),
    "the kept descriptor among others": (errno.ENOSYS, {"close_range": (436, 436)}),
}
# And where files of the host are its own: an owner's rights, which Landlock does not take away.
HOSTED_OWNER: _Answers = {
    "modes and times": (
        0,
        {
            "chmod": (90, None),
            "fchmod": (91, 52),
            "fchmodat": (268, 53),
            "fchmodat2": (452, 452),
            "utime": (132, None),
            "utimes": (235, None),
            "futimesat": (261, None),
            "utimensat": (280, 88),
        },
    ),
    "extended attributes": (
        errno.EOPNOTSUPP,
        {
            "setxattr": (188, 5),
            "lsetxattr": (189, 6),
            "fsetxattr": (190, 7),
            "removexattr": (197, 14),
            "lremovexattr": (198, 15),
            "fremovexattr": (199, 16),
            "setxattrat": (463, 463),
            "removexattrat": (466, 466),
        },
    ),
    "owners": (
        errno.EPERM,
        {"chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54)},
    ),
}

# Judged by argument, or answered with ENOSYS.
JUDGED: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "setsockopt": (54, 208),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "setrlimit": (160, 164),
}
# Judged beside those where a session has no namespaces.
HOSTED_JUDGED: dict[str, tuple[int | None, int | None]] = {
    "close": (3, 57),
    "dup2": (33, None),
    "dup3": (292, 24),
    "fcntl": (72, 25),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
}

# The newest call that was looked at (removexattrat, Linux 6.13).
NEWEST = 466

_ARCHITECTURES = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
_X32_BIT = 0x4000_0000

_NEW_NAMESPACES = 0x7E02_0000  # every CLONE_NEW* that clone() takes
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_SOCKET_TYPES = (1, 2, 5)  # stream, datagram, seqpacket: no raw sockets
_PROTOCOLS = (0, 6, 17)  # default, TCP, UDP: no protocol that loads a module
_SOCKET_OPTIONS = (26, 50, 51, 52)  # SO_ATTACH_FILTER and its three relatives
_TERMINAL_IOCTLS = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD
_PRCTLS = (4, 22, 35)  # PR_SET_DUMPABLE (hides memory from the watchdog), _SECCOMP, _MM
_HOSTED_PRCTLS = (1, 36)  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER: how all of a session is found
_OWNER_IOCTLS = (0x4008_6602, 0x401C_5820, 0x4004_6602)  # FS_IOC_SETFLAGS, _FSSETXATTR, 32-bit
_FIOCLEX = 0x5451
_F_SETFD = 2
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


def _when(number: int | None, body: list[_Instruction]) -> list[_Instruction]:
    """Judge the call `number` by `body`, which returns; skip it for any other."""
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _if_argument(index: int, value: int, body: list[_Instruction]) -> list[_Instruction]:
    """Go through `body` when an argument's low half is `value`."""
    return [_load_argument(index), (_EQUAL, 0, len(body), value), *body]


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


def _setsockopt_rules() -> list[_Instruction]:
    by_option = [_load_argument(2), *_never(_SOCKET_OPTIONS)]
    tcp_ulp = [_load_argument(1), (_EQUAL, 0, 3, 6), _load_argument(2), (_EQUAL, 0, 1, 31), _DENY]
    at_socket_level = [_load_argument(1), (_EQUAL, 0, len(by_option), 1), *by_option]
    return [*at_socket_level, *tcp_ulp, _PASS]


def _prlimit_rules(host: Host | None) -> list[_Instruction]:
    """The limit on core files stays: of all values only its 1 keeps the host's crash handler away."""
    new_limit = [
        _load_argument(2),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, 16 + 8 * 2 + 4),
        (_EQUAL, 1, 0, 0),
        _DENY,
    ]
    own = [_load_argument(0), *_only((0,), _DENY)] if host else []
    return [*own, *_if_argument(1, _RLIMIT_CORE, new_limit), _PASS]


def _judged_rules(architecture: int, host: Host | None) -> list[_Instruction]:
    number = {name: numbers[architecture] for name, numbers in JUDGED.items()}
    namespaces: list[_Instruction] = [
        _load_argument(0),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        _DENY,
        _PASS,
    ]
    ioctls = _TERMINAL_IOCTLS + (_OWNER_IOCTLS if host and host.guards_owned else ())
    keep = _if_argument(0, host.kept, _if_argument(1, _FIOCLEX, [_PRETEND])) if host else []
    prctls = _PRCTLS + (_HOSTED_PRCTLS if host else ())
    sockets = [_NO_FAMILY] if host else _socket_rules()
    pairs = (
        _socket_rules((1,), (1, 5)) if host else _socket_rules()
    )  # no datagrams: they can be sent anywhere
    return [
        *_when(number["clone3"], [_UNKNOWN]),
        *_when(number["memfd_create"], [_UNKNOWN]),
        # Counted for the user who made the namespace: 128 for all sessions and all else of root.
        *[one for name in number if "inotify" in name for one in _when(number[name], [_UNKNOWN])],
        *_when(number["clone"], namespaces),
        *_when(number["socket"], sockets),
        *_when(number["socketpair"], pairs),
        *_when(number["setsockopt"], _setsockopt_rules()),
        *_when(number["ioctl"], [*keep, _load_argument(1), *_never(ioctls), _PASS]),
        *_when(number["prctl"], [_load_argument(0), *_never(prctls), _PASS]),
        *_when(number["prlimit64"], _prlimit_rules(host)),
        *_when(number["setrlimit"], [*_if_argument(0, _RLIMIT_CORE, [_DENY]), _PASS]),
    ]


def _hosted_rules(architecture: int, host: Host) -> list[_Instruction]:
    """What namespaces would make harmless: other processes, the host's services and files."""
    number = {name: numbers[architecture] for name, numbers in HOSTED_JUDGED.items()}
    on_kept = {
        "close": [*_if_argument(0, host.kept, [_PRETEND]), _PASS],
        "dup2": [*_if_argument(1, host.kept, [_BUSY]), _PASS],
        "dup3": [*_if_argument(1, host.kept, [_BUSY]), _PASS],
        "fcntl": [*_if_argument(0, host.kept, _if_argument(1, _F_SETFD, [_PRETEND])), _PASS],
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
    answers = {**HOSTED, **(HOSTED_OWNER if host.guards_owned else {})}
    for code, calls in answers.values():
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


def assemble(machine: str = syscalls.MACHINE, host: Host | None = None) -> bytes:
    """The filter for `machine`, as `struct sock_filter` entries.

    Args:
        machine: as `uname -m` says it.
        host: what is shared with the host; None where namespaces stand around the session.

    Raises:
        OSError: this machine's system calls are not known here.
    """
    if machine not in _ARCHITECTURES:
        raise OSError(f"the sandbox has no system call filter for {machine}")
    audit, architecture = _ARCHITECTURES[machine]
    program: list[_Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32_BIT),
        _UNKNOWN,
        (_GREATER, 0, 1, NEWEST),
        _UNKNOWN,
        *_judged_rules(architecture, host),
        *(_hosted_rules(architecture, host) if host else ()),
        *_refused_rules(architecture),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
