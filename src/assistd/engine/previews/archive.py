"""The preview of an archive: the names of what is in it."""

import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from assistd.encoding import decode
from assistd.engine.previews.sample import BoundedFile, PreviewError
from assistd.engine.previews.wording import call, literals

_UTF_8 = 0x800  # flags of an entry
_ENCRYPTED = 0x1
_METHODS = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
}  # others unpack more at once than is asked for
_CHUNK_BYTES = 4 << 10
_RUBBISH = ("__MACOSX/", ".DS_Store")
_DOCUMENT = {"[Content_Types].xml", "mimetype"}  # entries of a document that is a zip


def open_zip(file: BoundedFile) -> zipfile.ZipFile:
    """Read the directory of a zip.

    Raises:
        PreviewError: the directory is larger than a preview may read.
        zipfile.BadZipFile: the file is no zip.
    """
    return zipfile.ZipFile(file)


def read_entry(archive: zipfile.ZipFile, name: str, most: int) -> Iterator[bytes]:
    """Yield the first `most` bytes of an entry, in chunks.

    Raises:
        KeyError: there is no such entry.
        PreviewError: it is encrypted, or packed in a way that has no bounds.
    """
    entry = archive.getinfo(name)
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise PreviewError("an entry that is read only by whoever wants all of it")
    with archive.open(entry) as content:
        while most > 0 and (chunk := content.read(min(most, _CHUNK_BYTES))):
            most -= len(chunk)
            yield chunk


def describe_zip(path: str, archive: zipfile.ZipFile) -> str:
    """Return the preview of a zip; empty for a document of an office that happens to be one.

    Args:
        path: where code finds it.
        archive: the zip.
    """
    entries = archive.infolist()
    if not _DOCUMENT.isdisjoint(archive.NameToInfo):
        return ""
    encoding, names = _names(entries)
    encrypted = any(entry.flag_bits & _ENCRYPTED for entry in entries)
    told = f"; its names need {call('zipfile.ZipFile', path, encoding)}" if encoding else ""
    return f"{_listing(names)}{told}{'; it has a password' if encrypted else ''}"


def describe_tar(head: bytes, *, whole: bool) -> str:
    """Return the preview of a tar; empty where it is none.

    Args:
        head: its first bytes, unpacked.
        whole: whether they are all.
    """
    names: list[str] = []
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
        names += (member.name for member in archive if member.isfile())
    if not names:
        return ""
    return _listing(names) if whole else f"archive that begins with {literals(names)}"


def _names(entries: Sequence[zipfile.ZipInfo]) -> tuple[list[tuple[str, object]], list[str]]:
    """Names as who packed them wrote them, and what must be told to read them so."""
    if all(entry.flag_bits & _UTF_8 or entry.filename.isascii() for entry in entries):
        return [], [entry.filename for entry in entries]
    raw = [entry.filename.encode("cp437", "replace") for entry in entries]
    decoded = decode(b"\n".join(raw), whole=True)
    if any(entry.flag_bits & _UTF_8 for entry in entries) or decoded is None:
        return [], [entry.filename for entry in entries]
    encoding = "utf-8" if decoded.is_default else decoded.encoding
    return [("metadata_encoding", encoding)], decoded.text.split("\n")


def _listing(names: Sequence[str]) -> str:
    files = [name for name in names if not name.endswith("/") and not _is_rubbish(name)]
    return f"archive of {len(files)} file{'s' * (len(files) != 1)}: {literals(files)}"


def _is_rubbish(name: str) -> bool:
    return name.startswith(_RUBBISH[0]) or PurePosixPath(name).name == _RUBBISH[1]
