"""The unix socket of a sandbox host: whoever can connect to it runs code, and names files to be linked.

gRPC does not tell a Python server who connected. So the folder of the socket is the wall: it belongs to
the user, and nobody else gets into it.
"""

import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from assistd.errors import StartupError

_MOST_BYTES = 107  # `sun_path`, see unix(7)


def require_own_folder(path: Path) -> None:
    """Make the folder of a socket, and see that it is closed to everybody else.

    Raises:
        StartupError: another user owns it, or gets in; or the path is too long for a socket.
    """
    if len(os.fsencode(path)) > _MOST_BYTES:
        raise StartupError(f"{path} is longer than the {_MOST_BYTES} bytes that a socket may have.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.parent.lstat()
    except OSError as error:
        raise StartupError(f"{path.parent}: {error.strerror}.") from error
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_own or status.st_mode & 0o077:
        raise StartupError(
            f"{path.parent} must be a folder of this user that nobody else may enter (chmod 700): "
            "whoever connects to the socket in it runs code."
        )


@contextmanager
def holding_socket(path: Path) -> Generator[None]:
    """Have a path for a socket alone, as long as the block lasts.

    Raises:
        StartupError: another host has it.
    """
    require_own_folder(path)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"Another sandbox host listens on {path}.") from None
        path.unlink(missing_ok=True)  # of a host that was killed
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)
