"""The peer: LlamaIndex with its default splitter and retriever, and the embedding model that we use."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from assistd.settings import Settings
from bench.search.sets import TestSet

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_LOCK = _HERE / "peer.txt"
_UV = _ROOT / ".tools" / "uv"


class NoPeerError(Exception):
    """The peer cannot be installed here; says why."""


def rank(sets: Sequence[TestSet]) -> list[list[list[int]]]:
    """Return for each set and question the ten best passages, the best first.

    Raises:
        NoPeerError: it cannot be installed.
    """
    asked = [
        {"passages": each.passages, "questions": [text for text, _ in each.questions]}
        for each in sets
    ]
    done = subprocess.run(
        [_install(), "-m", "peer_rank"],
        cwd=_HERE,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _install() -> str:
    """Return the interpreter of an environment with the locked packages; made once per lock."""
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder = Settings().cache_dir / "bench" / f"peer-{digest}"
    python = folder / "bin" / "python"
    if not python.exists():
        partial = folder.with_suffix(".partial")
        base = sys._base_executable  # noqa: SLF001  the interpreter itself, not our environment's
        try:
            _call("venv", "--clear", "--python", base, str(partial))
            _call("pip", "install", "--python", str(partial), "--require-hashes", "-r", str(_LOCK))
        except subprocess.CalledProcessError as error:
            raise NoPeerError(error.stderr.strip().splitlines()[-1]) from error
        partial.rename(folder)
    return str(python)


def _call(*words: str) -> None:
    subprocess.run([str(_UV), "-q", *words], check=True, capture_output=True, text=True)
