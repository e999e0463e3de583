"""`assistd env add` beside running sessions: new ones import the package, those that live go on."""

import asyncio
import itertools
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assistd.cli.main import cli
from assistd.sandbox.environments import environment
from assistd.sandbox.pool import pool
from assistd.settings import Settings
from assistd.wiring import sandbox
from tests.integration.test_environment import make_wheel

# What a session cannot do without: a list of it alone is built in seconds, of wheels that `make env` fetched.
_KERNEL = "cloudpickle\nipython\nmatplotlib-inline\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with folders of their own, and a short list of packages that is built there."""
    whole = Path(environment.__file__).parent
    lists = tmp_path / "lists"
    lists.mkdir()
    for part in ("overrides.cfg", "fonts.py", "modules", "programs.cfg", "data.cfg"):
        (lists / part).symlink_to(whole / part)
    (lists / "default.in").write_text(_KERNEL)
    environment._compile(lists / "default.in", whole / "default.txt", lists / "default.txt")
    monkeypatch.setattr(environment, "_LISTS", lists)
    monkeypatch.setenv("ASSISTD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ASSISTD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(pool, "_FOLLOW_SECONDS", 0.1)
    return Settings()


def assistd(*arguments: str) -> Result:
    """A command of the real command line, in this process."""
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    return done


async def test_a_package_added_beside_a_live_session_is_imported_by_the_next_one(
    settings: Settings, tmp_path: Path
) -> None:
    await asyncio.to_thread(assistd, "env", "build")
    built = environment.find(settings.cache_dir, added=settings.packages_file)
    assert built
    async with sandbox.open_pool(settings, built.python) as sessions:
        old = await sessions.open("old")
        assert (await old.execute("x = 41")).status == "ok"
        wheel = make_wheel(tmp_path, "extra", "2.0")
        await asyncio.to_thread(assistd, "env", "add", f"extra @ {wheel.as_uri()}")
        listed = await asyncio.to_thread(assistd, "env", "list")
        assert "extra 2.0\n" in listed.output
        async with asyncio.timeout(60):
            for number in itertools.count():
                new = await sessions.open(f"new {number}")
                found = await new.execute("import extra; extra.answer")
                if found.status == "ok":
                    break
                await asyncio.sleep(0.1)
        assert found.logs == "42"
        assert sessions.added == ("extra",)
        assert (await old.execute("x + 1")).logs == "42"
        assert (await old.execute("import extra")).status == "error", "it lives in the old one"
