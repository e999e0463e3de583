"""What is mounted for a session is read as the kernel tells it."""

from pathlib import Path

import pytest

from assistd.sandbox.jails import checks

FOLDERS = checks._PRIVATE_FOLDERS


def mountinfo(*lines: str) -> str:
    return "".join(f"{36 + n} 35 98:0 / {line}\n" for n, line in enumerate(lines))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of /proc/PID/mountinfo; a test fills them in."""
    lines: list[str] = []
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mountinfo(*lines))
    return lines


def test_options_of_the_place_and_of_the_file_system_are_read(told: list[str]) -> None:
    told.append("/tmp rw,nosuid shared:1 master:2 - tmpfs tmpfs rw,size=24m,mode=700")
    assert checks._mounts(1) == {"/tmp": [("rw", "nosuid", "rw", "size=24m", "mode=700")]}


def test_the_topmost_of_what_is_mounted_at_one_place_comes_last(told: list[str]) -> None:
    told += ["/ rw - ext4 /dev/vda rw", "/ ro - overlay overlay ro"]
    assert [options[0] for options in checks._mounts(1)["/"]] == ["rw", "ro"]


def test_folders_in_memory_of_limited_size_are_private(told: list[str]) -> None:
    told += [f"{folder} rw - tmpfs tmpfs rw,size=1m" for folder in FOLDERS]
    assert checks._has_private_folders(1)


def test_an_overlay_whose_upper_folder_is_its_own_is_private(told: list[str]) -> None:
    told += [f"{folder} rw - tmpfs tmpfs rw,size=1m" for folder in FOLDERS]
    told += [f"{folder} rw - overlay o rw,upperdir={folder}/upper" for folder in FOLDERS]
    assert checks._has_private_folders(1)


@pytest.mark.parametrize("mounted", [None, "rw - tmpfs tmpfs rw", "rw - ext4 /dev/vda rw"])
def test_a_folder_that_is_not_mounted_or_unbounded_is_not_private(
    told: list[str], mounted: str | None
) -> None:
    told += [f"{folder} rw - tmpfs tmpfs rw,size=1m" for folder in FOLDERS[1:]]
    told += [f"{FOLDERS[0]} {mounted}"] if mounted else []
    assert not checks._has_private_folders(1)
