"""What each jail cannot give: the only list. `assistd doctor` prints it, and the security suite expects exactly it."""

from collections.abc import Mapping

from assistd.sandbox.base import JailName

_SHARED_FILES = (
    "whoever locks a file that all may read, or waits for memory that is mapped from it, is seen by the "
    "others: sessions that work together can pass each other bits"
)
_WATCHES = (
    "what is watched by epoll has no limit of its own; where the server is an ordinary user, it counts "
    "for all sessions and the server together (`sysctl fs.epoll.max_user_watches`)"
)
_PIPES = (
    "where the server is an ordinary user, sessions share what the kernel lets it hold in pipes: "
    "others' new pipes may be as small as two pages"
)

LIMITATIONS: Mapping[JailName, Mapping[str, str]] = {
    "namespaces": {
        "locks": _SHARED_FILES,
        "watches": _WATCHES,
        "descriptors in flight": "where the server is an ordinary user, descriptors that code holds in "
        "messages count for all sessions: others may be refused sending any",
        "pipes": _PIPES,
    },
    "landlock": {
        "namespaces": "sessions are apart by Landlock, and by ids where the server is root",
        "names": "code can ask whether a path of the host exists, how large it is and when it was written",
        "processes": "code can see which process ids exist on the host",
        "loopback": "there are no sockets at all, not even inside: no local servers",
        "control group files": "what /proc and /sys tell of them is closed: DuckDB, which reads it, raises",
        "shared memory": "/dev/shm is closed: no multiprocessing.Lock, no shared_memory, no loky",  # noqa: S108
        "paths": "/mnt/data and /tmp stand for folders of the host: Python and commands are told, libraries "
        "that open files themselves find /mnt/data only where the server may make a link there",
        "disk": "/mnt/data and /tmp lie on the host's disk; a watch ends a session that goes beyond its "
        "bytes or files, a moment late",
        "owners": "where the server is an ordinary user, modes and times of files cannot be changed",
        "network tables": "code can read what the host's kernel tells of its network: connections, routes, "
        "names of sockets (/proc/self/net)",
        "locks": _SHARED_FILES,
        "watches": _WATCHES,
        "pipes": _PIPES,
    },
    "gvisor": {
        "abstract sockets": "no program can bind or reach one, neither a neighbour's nor its own",
        "32-bit calls": "gVisor has no such calls: they fail instead of ending the session",
        "host namespaces": "sessions of a project are apart by roots and by gVisor's own namespaces of "
        "users, processes and networks; the host sees one sandbox",
        "host ids": "on the host all sessions of a project are one process",
        "inodes of /tmp": "only the files of /mnt/data are counted",
        "priorities": "code may ask gVisor to go first; its kernel is behind the server all the same",
        "rest between calls": "what code left running runs on between calls, in its share of the processor: "
        "the host sees one sandbox, which others of the project use meanwhile",
        "control groups": "a session's memory is watched from inside the sandbox instead",
    },
    "dangerously_unconfined": {"walls": "code can do whatever the server's user can"},
}
"""By jail: a short name for what is missing, and what that means."""
