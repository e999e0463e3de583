"""Another commit is set up beside this checkout: whole or not at all, and once."""

import subprocess
from pathlib import Path

import pytest
from tools.checkout import checkout, resolve

MAKEFILE = """\
setup:
\tmkdir -p .venv/bin && echo set up >> .venv/log
env:
\ttest ! -e broken && echo "env $(ARGS)" >> .venv/log
"""


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a tag `good`, and a commit behind it that cannot be set up."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    (folder / "Makefile").write_text(MAKEFILE)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "Begin")
    git(folder, "tag", "good")
    (folder / "broken").touch()
    git(folder, "add", ".")
    git(folder, "commit", "-m", "Break")
    return folder


def test_a_commit_is_set_up_once_and_kept(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=of-another-make")
    for _ in range(2):
        made = checkout("good", tmp_path / "cache", repository)
    assert made.commit == resolve("good", repository)
    assert made.path.parent == tmp_path / "cache"
    assert (made.path / ".venv/log").read_text() == "set up\nenv \n"
    assert not (made.path / "broken").exists()


def test_nothing_is_left_of_a_commit_that_could_not_be_set_up(
    repository: Path, tmp_path: Path
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        checkout("main", tmp_path / "cache", repository)
    assert not (tmp_path / "cache" / resolve("main", repository)).exists()


def test_what_a_killed_process_left_half_made_is_made_anew(
    repository: Path, tmp_path: Path
) -> None:
    half = tmp_path / "cache" / resolve("good", repository) / ".venv"
    half.mkdir(parents=True)
    (half / "log").write_text("half made\n")
    made = checkout("good", tmp_path / "cache", repository)
    assert (made.path / ".venv/log").read_text() == "set up\nenv \n"


def test_nothing_is_written_into_the_repository(repository: Path, tmp_path: Path) -> None:
    before = sorted(repository.rglob("*"))
    checkout("good", tmp_path / "cache", repository)
    assert sorted(repository.rglob("*")) == before


def test_a_commit_that_is_not_there_is_named(repository: Path) -> None:
    with pytest.raises(LookupError, match="no commit 'nowhere'"):
        resolve("nowhere", repository)
