"""A machine with nothing but Python gets the pinned uv, from the cache or from an index."""

import hashlib
import importlib.util
import io
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.integration.carriers import Carriers, serving

ROOT = Path(__file__).parents[2]
NAME = "uv-9.9-py3-none-any_tag.whl"


def wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("uv-9.9.data/scripts/uvx", "#!/bin/sh\necho wrong one\n")
        archive.writestr("uv-9.9.data/scripts/uv", "#!/bin/sh\necho uv 9.9\n")
    return content.getvalue()


WHEEL = wheel()


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a small uv pinned and an empty home."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    digest = hashlib.sha256(WHEEL).hexdigest()
    monkeypatch.setattr(module, "VERSION", "9.9")
    monkeypatch.setattr(module, "WHEELS", {platform.machine(): ("any_tag", digest)})
    monkeypatch.setattr(module, "PYPI", "http://127.0.0.1:9/simple")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return module


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Carriers]:
    with serving() as carriers:
        page = f"<a href='uv-9.8-py3-none-any_tag.whl'>old</a><a href='../../f/{NAME}#sha256=1'>"
        carriers.bodies["/simple/uv/"] = page.encode()
        carriers.bodies[f"/f/{NAME}"] = WHEEL
        monkeypatch.setenv("PIP_INDEX_URL", f"{carriers.url}/simple/")
        yield carriers


def version(uv: Path) -> str:
    return subprocess.run([uv], capture_output=True, text=True, check=True).stdout.strip()


def test_uv_comes_from_the_index_and_then_from_the_cache(
    bootstrap: ModuleType, index: Carriers, tmp_path: Path
) -> None:
    bootstrap.main(str(tmp_path / "one" / "uv"))
    assert version(tmp_path / "one" / "uv") == "uv 9.9"
    assert index.paths == ["/simple/uv/", f"/f/{NAME}"]
    bootstrap.main(str(tmp_path / "two" / "uv"))
    assert version(tmp_path / "two" / "uv") == "uv 9.9"
    assert len(index.paths) == 2, "the second checkout took it from the cache"


def test_a_damaged_copy_in_the_cache_is_replaced(
    bootstrap: ModuleType, index: Carriers, tmp_path: Path
) -> None:
    cached = Path(bootstrap.cache_dir()) / NAME
    cached.parent.mkdir(parents=True)
    cached.write_bytes(WHEEL[:50])
    bootstrap.main(str(tmp_path / "uv"))
    assert version(tmp_path / "uv") == "uv 9.9"
    assert cached.read_bytes() == WHEEL


def test_a_download_that_breaks_off_is_tried_again(
    bootstrap: ModuleType, index: Carriers, tmp_path: Path
) -> None:
    index.cut[f"/f/{NAME}"] = 20
    bootstrap.main(str(tmp_path / "uv"))
    assert version(tmp_path / "uv") == "uv 9.9"


def test_another_file_than_the_pinned_one_is_refused(
    bootstrap: ModuleType, index: Carriers, tmp_path: Path
) -> None:
    index.bodies[f"/f/{NAME}"] = WHEEL + b"tampered"
    with pytest.raises(SystemExit, match="another SHA-256"):
        bootstrap.main(str(tmp_path / "uv"))
    assert not (tmp_path / "uv").exists()
    assert not Path(bootstrap.cache_dir()).exists()


def test_an_index_that_is_down_is_named_without_its_password(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://me:secret@127.0.0.1:9/simple")
    with pytest.raises(SystemExit) as raised:
        bootstrap.main(str(tmp_path / "uv"))
    assert "http://127.0.0.1:9/simple" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "UV_DEFAULT_INDEX" in str(raised.value)


def test_an_index_that_never_answers_is_left_for_the_next(
    bootstrap: ModuleType, index: Carriers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ANSWER_SECONDS", 1)
    index.silent.add("/silent/uv/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/silent")
    bootstrap.main(str(tmp_path / "uv"))
    assert version(tmp_path / "uv") == "uv 9.9"


def test_a_machine_we_have_no_uv_for_is_told_so(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(SystemExit, match="make UV="):
        bootstrap.main(str(tmp_path / "uv"))


def test_an_old_python_is_told_what_to_do(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match="make PYTHON="):
        bootstrap.main(str(tmp_path / "uv"))


def test_make_without_a_target_lists_every_target() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert listed >= {"setup", "demo", "run", "check", "test", "accept", "bench"}
