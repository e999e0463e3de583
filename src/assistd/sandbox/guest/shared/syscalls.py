"""System calls that Python 3.11 does not offer, through ctypes; each raises OSError when it fails."""

import ctypes
import os
import platform
import struct

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

MADV_COLLAPSE = 25

_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_CAPABILITY_VERSION_3 = 0x2008_0522
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_NOSUID = 0x2
_MOUNT_ATTR_NODEV = 0x4
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100

# Numbers above 423 are the same on every architecture.
_OPENAT2 = 437
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_VERSION = 1
_LANDLOCK_PATH_BENEATH = 1
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capset": 126, "seccomp": 317},
    "aarch64": {"pivot_root": 41, "capset": 91, "seccomp": 277},
}
MACHINE = platform.machine()

_libc_keeping_lock = ctypes.PyDLL(None, use_errno=True)  # the interpreter's lock, across a call
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.unshare.argtypes = [ctypes.c_int]
_libc.setns.argtypes = [ctypes.c_int, ctypes.c_int]
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_libc.sethostname.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.setfsuid.argtypes = [ctypes.c_uint]
_libc.setfsgid.argtypes = [ctypes.c_uint]
_OVERFLOW_ID = 65_534  # what is shown of a user who has no number in a user namespace


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)} ({what})")
    return result


def fork() -> int:
    """Fork like `os.fork`, without what Python does in the child; for a process of one thread.

    Python makes all locks of `threading` and `logging` anew there, which nobody can hold, and draws
    a seed for `random`. That wrote to 100 pages of each session, which it has of its own then. The
    caller must draw the seeds.
    """
    return _check(_libc_keeping_lock.fork(), "fork")


def _number(name: str) -> int:
    try:
        return _NUMBERS[MACHINE][name]
    except KeyError:
        raise OSError(f"the sandbox does not know the system calls of {MACHINE}") from None


def _path(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str = ""
) -> None:
    """Mount `source` at `target`; `options` are those of the file system `kind`."""
    data = options.encode() if options else None
    result = _libc.mount(_path(source), _path(target), _path(kind), flags, data)
    _check(result, f"mount {kind or source} at {target}")


def unmount(target: str) -> None:
    """Detach the mount at `target`, also while it is in use."""
    _check(_libc.umount2(_path(target), MNT_DETACH), f"unmount {target}")


def make_read_only(target: str, *, recursive: bool = True) -> None:
    """Make the mount at `target`, and those below it, read-only and free of setuid and devices."""
    wanted = _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV
    attributes = struct.pack("=QQQQ", wanted, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(_path(target)),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, f"make {target} read-only")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root of this mount namespace and put the old root at `old`."""
    number = ctypes.c_long(_number("pivot_root"))
    result = _libc.syscall(number, ctypes.c_char_p(_path(new)), ctypes.c_char_p(_path(old)))
    _check(result, "pivot_root")


def unshare(flags: int) -> None:
    """Move this process into new namespaces (CLONE_NEWPID: its next child)."""
    _check(_libc.unshare(flags), f"unshare {flags:#x}")


def setns(descriptor: int, kind: int) -> None:
    """Join the namespace behind `descriptor`."""
    _check(_libc.setns(descriptor, kind), "setns")


def prctl(option: int, argument: int = 0) -> None:
    """Set one attribute of this process."""
    _check(_libc.prctl(option, argument, 0, 0, 0), f"prctl {option}")


def sethostname(name: str) -> None:
    """Name this UTS namespace."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def drop_capabilities() -> None:
    """Empty every capability set of this process, for good."""
    drop_bounding_set()
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.syscall(ctypes.c_long(_number("capset")), header, bytes(24)), "capset")


def drop_bounding_set(kept: int | None = None) -> None:
    """Let no program bring a capability back, but `kept`; does nothing where this process may not."""
    for capability in range(64):
        if capability != kept and _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last one this kernel knows


def keep_capability(kept: int) -> None:
    """Hold one capability only, here and in every program that is started from here."""
    sets = struct.pack("=III", *[1 << kept] * 3)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.syscall(ctypes.c_long(_number("capset")), header, sets + bytes(12)), "capset")
    _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0), "raise a capability")


def landlock_version() -> int:
    """Return which version of Landlock this kernel speaks; 0 where it has none, or a filter hides it."""
    number = ctypes.c_long(_LANDLOCK_CREATE_RULESET)
    return max(0, _libc.syscall(number, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION)))


def landlock_ruleset(files: int, network: int, scopes: int) -> int:
    """Return a descriptor of a new ruleset that handles these rights; what it handles, rules must allow.

    Args:
        files: rights on files, as bits.
        network: rights on ports; 0 before version 4.
        scopes: what stays within the ruleset's domain; 0 before version 6.
    """
    attributes = struct.pack("=QQQ", files, network, scopes)
    while len(attributes) > 8 and attributes.endswith(bytes(8)):
        attributes = attributes[:-8]  # an older kernel knows fewer fields
    number = ctypes.c_long(_LANDLOCK_CREATE_RULESET)
    size = ctypes.c_size_t(len(attributes))
    result = _libc.syscall(number, attributes, size, ctypes.c_uint(0))
    return _check(result, "landlock_create_ruleset")


def landlock_allow(ruleset: int, parent: int, rights: int) -> None:
    """Allow `rights` on the file, or below the folder, behind the descriptor `parent`."""
    rule = struct.pack("=Qi", rights, parent)
    number = ctypes.c_long(_LANDLOCK_ADD_RULE)
    result = _libc.syscall(
        number, ctypes.c_int(ruleset), ctypes.c_int(_LANDLOCK_PATH_BENEATH), rule, ctypes.c_uint(0)
    )
    _check(result, "landlock_add_rule")


def landlock_restrict(ruleset: int) -> None:
    """Hold this process and all below it to the ruleset, for good."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    number = ctypes.c_long(_LANDLOCK_RESTRICT_SELF)
    _check(_libc.syscall(number, ctypes.c_int(ruleset), ctypes.c_uint(0)), "landlock_restrict_self")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter(program: bytes, *, all_threads: bool = False) -> None:
    """Put the BPF `program` before every system call of this process and its children.

    Args:
        program: as `struct sock_filter` entries.
        all_threads: whether it holds for the other threads of this process, too.
    """
    struct_ = _Program(len(program) // 8, program)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    number = ctypes.c_long(_number("seccomp"))
    flags = ctypes.c_uint(_SECCOMP_FILTER_FLAG_TSYNC if all_threads else 0)
    result = _libc.syscall(
        number, ctypes.c_uint(_SECCOMP_SET_MODE_FILTER), flags, ctypes.byref(struct_)
    )
    if _check(result, "seccomp") > 0:
        raise OSError(f"thread {result} cannot take over the filter (seccomp)")


def openat2(folder: int, path: str, flags: int, *, mode: int = 0, resolve: int) -> int:
    """Open `path` below the descriptor `folder` under the rules of `resolve`; close-on-exec."""
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve)
    result = _libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(folder),
        ctypes.c_char_p(_path(path)),
        how,
        ctypes.c_size_t(len(how)),
    )
    return _check(result, "openat2")


def set_file_ids(uid: int) -> None:
    """Act on files as `uid` (and the group of that number), in the calling thread only."""
    _libc.setfsgid(uid)
    _libc.setfsuid(uid)


def collapse(start: int, length: int) -> bool:
    """Ask for huge pages behind an address range; False where the kernel would not."""
    return _libc.madvise(start, length, MADV_COLLAPSE) == 0


def trim_heap() -> None:
    """Give the free pages of the heap back to the kernel, where libc can."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def is_host_root(uid: int) -> bool:
    """Return whether the kernel takes `uid`, as it is called here, for the root of the host.

    The files below /proc/sys belong to that user in every user namespace; where it has no number, as
    in a rootless container, the kernel shows the overflow id (user_namespaces(7)).
    """
    return uid == os.stat("/proc/sys").st_uid != _OVERFLOW_ID
