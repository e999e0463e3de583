"""Make the state that a commit leaves behind: `python -m tests.upgrade.record 691d134`.

A server of that commit, in its own checkout, is driven over HTTP until every noun and a run of each
state is there, and killed. Once with SQLite, once with PostgreSQL; what both left, and what the
server had answered about it, is packed into `tests/upgrade/states/`.
"""

import argparse
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from tools.checkout import Checkout, checkout

from assistd.settings import Settings
from tests.live.backends import Backends, State
from tests.live.server import Server
from tests.upgrade.manifest import Manifest
from tests.upgrade.story import Story
from tests.upstream import Upstream

STATES = Path(__file__).parent / "states"


def main() -> None:
    """Record the commit that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.record")
    parser.add_argument("ref", help="the commit")
    ref = parser.parse_args().ref
    made = checkout(ref, Settings().cache_dir / "checkouts")
    target = STATES / f"{made.commit[:7]}.tar.xz"
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Backends()) as backends,
        Upstream() as upstream,
    ):
        left = Path(folder) / "left"
        for name in ("sqlite", "postgres"):
            record(made, left / name, Path(folder) / "homes" / name, backends, upstream)
        _require_portable(left, folder)
        with tarfile.open(target, "w:xz", preset=9) as tar:
            for name in ("sqlite", "postgres"):
                tar.add(left / name, arcname=name, filter=_without_owner)
    sys.stderr.write(f"{target}: {target.stat().st_size} bytes\n")


def record(made: Checkout, left: Path, homes: Path, backends: Backends, upstream: Upstream) -> None:
    """Leave one state in a folder: the data, the dump of a database that is elsewhere, the manifest.

    Args:
        made: the commit that makes it.
        left: where it is left; the folder's name says which database is behind it.
        homes: where its servers run.
        backends: what starts PostgreSQL.
        upstream: what answers for models.
    """
    settings: dict[str, object] = {"data_dir": left / "data"}
    if left.name == "postgres":
        settings["database_url"] = backends.new_database()

    def server(name: str, **more: object) -> Server:
        state = State(settings)
        return Server(homes / name, upstream.url, state=state, python=made.python, **more)

    left.mkdir(parents=True)
    upstream.clear()
    manifest = Manifest(made.commit)
    Story(manifest, server, upstream).tell()
    manifest.write(left / "manifest.json")
    if url := settings.get("database_url"):
        (left / "database.sql").write_text(backends.dump(str(url)))


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _require_portable(left: Path, *words: str) -> None:
    """See that no path of this machine is in what will be packed."""
    names = [*words, str(Path.home()), str(Path.cwd())]
    for path in left.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found = [name for name in names if name.encode() in content]
            assert not found, f"{path.relative_to(left)} names {found}"


if __name__ == "__main__":
    main()
