"""Control groups: found where they may be made, of both versions; gone with the session and the server."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistd.sandbox.base import MIB
from assistd.sandbox.limits import cgroups, hierarchy
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.limits.hierarchy import WANTED, Hierarchy
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.live import children
from tests.sandbox.rig import LIMITS

V1 = """\
30 20 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
31 20 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 20 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 20 0:29 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
34 20 0:30 / /home rw - ext4 /dev/sda rw
"""
V1_OWN = "4:memory:/a/b\n3:cpu,cpuacct:/docker/abc/x\n2:pids:/\n1:name=systemd:/\n0::/\n"


def _left() -> list[Path]:
    """Every group of ours on this host."""
    trees = hierarchy.find(
        hierarchy.read("/proc/self/mountinfo"), hierarchy.read("/proc/self/cgroup")
    )
    return [
        Path(folder, name)
        for tree in trees
        for folder, names, _ in os.walk(tree.folder)  # others come and go meanwhile
        for name in names
        if name.startswith("assistd-")
    ]


def _own_groups(session: GuestSession) -> set[str]:
    text = Path(f"/proc/{session.pid}/cgroup").read_text()
    return {line.rpartition(":")[2] for line in text.splitlines() if "assistd-" in line}


@pytest.fixture
def _granted() -> None:
    """Skip where this host grants no control groups."""
    groups = ControlGroups()
    groups.open()
    found = groups.controllers
    groups.close()
    if not found:
        pytest.skip("this host lets us make no control groups")


@pytest.mark.usefixtures("_granted")
async def test_each_session_has_groups_of_its_own_and_they_go_with_it(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0, cores=0.5))
    await pool.start()
    try:
        sessions = [await pool.open(key) for key in "ab"]
        first, second = (one for one in sessions if isinstance(one, GuestSession))
        assert _own_groups(first)
        assert not _own_groups(first) & _own_groups(second)
        folders = [group.folder for group in first._group._groups] if first._group else []
        assert all(folder.exists() for folder in folders)
        await first.execute("import subprocess; subprocess.Popen(['sleep', '60'])")
        inside = [
            pid
            for group in (first._group._groups if first._group else ())
            for pid in (group.folder / group.members).read_text().split()
        ]
        assert len(set(inside)) >= 2
        await pool.drop("a")
        assert not any(folder.exists() for folder in folders)
        parents = [parent.folder for parent in pool._groups._parents]
    finally:
        await pool.close()
    assert parents
    assert not any(parent.exists() for parent in parents)


async def test_the_sockets_of_a_session_are_held_by_its_group(python: Path) -> None:
    """Version 2 counts them as memory (cgroup-v2.rst, `memory.stat`: sock); no limit of their own is written."""
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    try:
        trees = [one for one in pool._groups._parents if "memory" in one.controllers]
        if not trees or trees[0].version == 2:
            pytest.skip(
                "no memory controller of version 1; how version 2 counts, this host cannot show"
            )
        session = await pool.open("a")
        assert isinstance(session, GuestSession)
        code = (
            "import socket\nheld = []\nfor _ in range(60):\n"
            "    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('127.0.0.1', 0))\n"
            "    held.append(one); one.setblocking(False); one.sendto(bytes(60_000), one.getsockname())"
        )
        assert (await session.execute(code)).status == "ok"
        assert session._group
        [folder] = [one.folder for one in session._group._groups if "memory" in one.controllers]
        used = int((folder / "memory.kmem.tcp.usage_in_bytes").read_text())
        assert 0 < used <= int((folder / "memory.kmem.tcp.limit_in_bytes").read_text()) == 32 * MIB
    finally:
        await pool.close()


@pytest.mark.usefixtures("_granted")
async def test_a_session_is_held_to_its_share_of_the_processor(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0, cores=0.2))
    await pool.start()
    try:
        if "cpu" not in pool._groups.controllers:
            pytest.skip("this host lets us make no control group for the processor")
        session = await pool.open("a")
        code = """
import os, time
began = time.monotonic()
while time.monotonic() < began + 1.5: pass
print(time.process_time() < 1.0)
"""
        assert (await session.execute(code)).logs == "True\n"
    finally:
        await pool.close()


@pytest.mark.usefixtures("_granted")
async def test_what_is_in_a_group_ends_with_it() -> None:
    groups = ControlGroups()
    groups.open()
    try:
        group = groups.make(64 * MIB, 8)
        doors = group.open_members()
        join = "import os, sys, time\nfor door in sys.argv[1:]: os.write(int(door), b'0')\n"
        loops = f"{join}print(flush=True)\nos.fork() or os.setsid()\ntime.sleep(60)"
        command = [sys.executable, "-c", loops, *map(str, doors)]
        with subprocess.Popen(command, pass_fds=doors, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            for door in doors:
                os.close(door)
            await asyncio.to_thread(group.remove)
            assert process.wait() == -9
        parents = [parent.folder for parent in groups._parents]
    finally:
        groups.close()
    assert parents
    assert not any(parent.exists() for parent in parents)


@pytest.mark.usefixtures("_granted")
async def test_groups_of_a_server_that_was_killed_are_removed_by_the_next(python: Path) -> None:
    code = """
import asyncio, sys, time
from pathlib import Path
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
async def main():
    pool = SessionPool(Path(sys.argv[1]), PoolSettings(warm=1))
    await pool.start()
    await pool.open("a")
    print("ready", flush=True)
    time.sleep(60)
asyncio.run(main())
"""
    with children.start([sys.executable, "-c", code, python], stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert await asyncio.to_thread(server.stdout.readline) == b"ready\n"
        mine = f"-{server.pid}-"
        assert any(mine in str(found) for found in _left())
        server.kill()
    async with asyncio.timeout(30):
        while any(mine in str(found) for found in _left()):
            groups = ControlGroups()
            groups.open()
            groups.close()
            await asyncio.sleep(0.05)


def test_version_1_is_found_as_it_is_mounted() -> None:
    found = {tree.folder: tree.controllers for tree in hierarchy.find(V1, V1_OWN)}
    assert found == {
        Path("/sys/fs/cgroup/memory/a/b"): {"memory"},
        Path("/sys/fs/cgroup/cpu,cpuacct/x"): {"cpu"},
        Path("/sys/fs/cgroup/pids"): {"pids"},
    }


def test_version_2_beside_version_1_is_found_to_freeze_by() -> None:
    unified = "35 20 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    [tree] = [one for one in hierarchy.find(V1 + unified, V1_OWN) if one.version == 2]
    assert (tree.folder, tree.controllers) == (Path("/sys/fs/cgroup/unified"), frozenset())
    assert tree.is_threaded


class KernelV2:
    """Control groups of version 2 in a folder: the rules that matter here, from the kernel's documentation."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._files(root, WANTED)
        monkeypatch.setattr(cgroups, "os", self)
        monkeypatch.setattr(hierarchy, "os", self)
        monkeypatch.setattr(hierarchy, "write", self.write)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def tree(self, own: str) -> Hierarchy:
        """Where a process finds itself that is in the group `own`."""
        mountinfo = f"30 20 0:26 / {self.root} rw - cgroup2 cgroup2 rw,nsdelegate"
        [tree] = hierarchy.find(mountinfo, f"0::{own}\n")
        return tree

    def mkdir(self, folder: Path) -> None:
        os.mkdir(folder)
        self._files(folder, (folder.parent / "cgroup.subtree_control").read_text().split())

    def rmdir(self, folder: Path) -> None:
        if not folder.exists():
            raise FileNotFoundError(folder)
        if (folder / "cgroup.procs").read_text() or any(each.is_dir() for each in folder.iterdir()):
            raise OSError(16, "busy", str(folder))
        for file in folder.iterdir():
            file.unlink()
        os.rmdir(folder)

    def write(self, folder: Path, name: str, text: str) -> None:
        path = folder / name
        if not path.exists():
            raise FileNotFoundError(path)
        if name == "cgroup.subtree_control":
            self._hand_down(folder, text.split())
        elif name == "cgroup.procs":
            if (folder / "cgroup.subtree_control").read_text() and folder != self.root:
                raise OSError(16, "busy", str(folder))
            for other in self.root.glob("**/cgroup.procs"):
                rest = [pid for pid in other.read_text().split() if pid != text]
                other.write_text("\n".join(rest))
            path.write_text("\n".join([*path.read_text().split(), text]))
        else:
            path.write_text(text)

    def _hand_down(self, folder: Path, changes: list[str]) -> None:
        if (folder / "cgroup.procs").read_text() and folder != self.root:
            raise OSError(16, "busy", str(folder))
        given = set((folder / "cgroup.subtree_control").read_text().split())
        for change in changes:
            if change[1:] not in (folder / "cgroup.controllers").read_text().split():
                raise FileNotFoundError(change)
            given = given | {change[1:]} if change[0] == "+" else given - {change[1:]}
        (folder / "cgroup.subtree_control").write_text(" ".join(sorted(given)))
        for below in folder.iterdir():
            if below.is_dir():
                self._files(below, given)

    def _files(self, folder: Path, controllers: Any) -> None:
        plain = ["cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "cgroup.freeze"]
        files = {"memory": ["memory.max", "memory.swap.max", "memory.events"]}
        files |= {"pids": ["pids.max"], "cpu": ["cpu.max", "cpu.weight"]}
        for name in plain + [name for each in controllers for name in files[each]]:
            (folder / name).touch()
        (folder / "cgroup.controllers").write_text(" ".join(sorted(controllers)))


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KernelV2:
    """A host of version 2 with the groups of a system that runs systemd."""
    made = KernelV2(tmp_path, monkeypatch)
    made.write(tmp_path, "cgroup.subtree_control", "+memory +pids +cpu")
    for name in ("user.slice", "user.slice/session", "system.slice", "system.slice/assistd"):
        made.mkdir(tmp_path / name)
        if "/" not in name:
            made.write(tmp_path / name, "cgroup.subtree_control", "+memory +pids +cpu")
    return made


def _open_in(kernel: KernelV2, own: str, monkeypatch: pytest.MonkeyPatch) -> ControlGroups:
    tree = kernel.tree(own)
    monkeypatch.setattr(hierarchy, "find", lambda *_: iter([tree]))
    groups = ControlGroups(cores=1.5)
    groups.open()
    return groups


def test_version_2_limits_a_session_by_its_files(
    kernel: KernelV2, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kernel.root / "user.slice/session/cgroup.procs").write_text("1\n2")
    groups = _open_in(kernel, "/user.slice/session", monkeypatch)
    assert groups.controllers == WANTED
    [parent] = groups._parents
    assert parent.folder.parent == kernel.root / "user.slice"  # others are in the session's own
    assert (parent.folder / "cpu.weight").read_text() == "50"
    group = groups.make(512 * MIB, 40)
    folder = group._groups[0].folder
    wrote = {path.name: path.read_text() for path in folder.iterdir() if path.read_text()}
    assert wrote == {
        "cgroup.controllers": "cpu memory pids",
        "cpu.max": "150000 100000",
        "memory.max": str(512 * MIB),
        "memory.swap.max": "0",
        "pids.max": "40",
    }
    (folder / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert group.count_oom_kills() == 2
    assert groups.can_freeze
    group.freeze()
    assert (folder / "cgroup.freeze").read_text() == "1"
    group.thaw()
    assert (folder / "cgroup.freeze").read_text() == "0"
    group.remove()
    groups.close()
    assert not list(kernel.root.glob("**/assistd-*"))


def test_a_delegated_group_of_version_2_is_left_for_one_below_it(
    kernel: KernelV2, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = kernel.root / "system.slice/assistd"
    kernel.write(own, "cgroup.procs", str(os.getpid()))
    above = kernel.root / "system.slice"
    real = KernelV2.mkdir

    def mkdir(self: KernelV2, folder: Path) -> None:
        if folder.parent in {above, kernel.root}:
            raise PermissionError(folder)
        real(self, folder)

    monkeypatch.setattr(KernelV2, "mkdir", mkdir)
    groups = _open_in(kernel, "/system.slice/assistd", monkeypatch)
    assert groups.controllers == WANTED
    assert groups._parents[0].folder.parent == own
    assert not (own / "cgroup.procs").read_text()
    groups.make(64 * MIB, 8)
    groups.close()
    assert (own / "cgroup.procs").read_text() == str(os.getpid())
    assert not list(kernel.root.glob("**/assistd-*"))


def test_where_nothing_may_be_written_nothing_is_held(
    kernel: KernelV2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mkdir(_: KernelV2, folder: Path) -> None:
        raise PermissionError(folder)

    monkeypatch.setattr(KernelV2, "mkdir", mkdir)
    groups = _open_in(kernel, "/system.slice/assistd", monkeypatch)
    assert not groups.controllers
    assert groups.make(64 * MIB, 8).open_members() == []
    groups.close()
