"""Advice on paths: what is near by in /mnt/data, and where files can be written."""

import difflib
import errno
import os
import re

from assistd.sandbox.guest.advice.failure import Failure, is_file, quote, quote_all, without_scheme
from assistd.sandbox.guest.advice.rule import Match, rule
from assistd.sandbox.guest.walls.namespaces_outer import DATA

_ENTRIES = 2000
_CLOCK_SECONDS = 0.02  # that the clock of a file system is behind
_ELSEWHERE = re.compile(r"""(['"])((?:/tmp|~)/[^'"\n]{1,200}\.\w{1,8})\1""")
_SHOWN = 12
_CALLS_THAT_WRITE = {"makedirs", "mkdir", "savefig", "to_csv", "to_excel", "save", "to_json", "to_parquet", "write_text", "write_bytes", "imwrite", "_save", "dump", "to_html", "check_parent_directory"}  # fmt: skip


def _advise_missing(failure: Failure, match: Match) -> str | None:
    path = _path_of(failure)
    if path is None:
        return None
    if is_file(there := without_scheme(path)) and there != path:
        return f"Open {quote(there)}, without the prefix."
    if folder := _missing_folder(failure, path):
        if not os.path.abspath(folder).startswith((DATA, "/tmp/")):  # noqa: S108
            return _advise_read_only(failure, match)
        return f"The folder {quote(folder)} is not there: os.makedirs({quote(folder)}, exist_ok=True) makes it; files for the user go below {DATA}."
    return _name_near(path)


def _name_near(path: str) -> str:
    """Return what there is instead of a file that is not there."""
    names = data_names()
    if not names:
        return f"{DATA} is empty: ask the user for the file."
    near = _near(re.split(r"[/\\]", path)[-1], names)
    if near:
        return f"There is no {quote(path)}, but there is: {quote_all(f'{DATA}/{name}' for name in near)}."
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"There is no {quote(path)}. In {DATA} there is: {quote_all(names[:_SHOWN])}{more}."


def _path_of(failure: Failure) -> str | None:
    named = getattr(failure.error, "filename", None)
    if isinstance(named, str):
        return named
    return next((path for path in failure.paths() if not os.path.exists(path)), None)


def _missing_folder(failure: Failure, path: str) -> str | None:
    """Return the folder that would have to be made for a file to be written there."""
    folder = os.path.dirname(path)
    if not folder or os.path.isdir(folder) or ":" in folder or not _is_writing(failure, path):
        return None
    return folder


def _is_writing(failure: Failure, path: str) -> bool:
    if any(frame.f_code.co_name in _CALLS_THAT_WRITE for frame in failure.frames):
        return True
    mode = failure.find("str", ("mode", "file_mode"))
    name = re.escape(path)
    written = re.search(rf"['\"]{name}['\"]\s*,\s*(?:mode\s*=\s*)?['\"][wax]", failure.cell)
    return bool(written) or (isinstance(mode, str) and mode[:1] in {"w", "a", "x"})


def data_names() -> list[str]:
    """Return what is in /mnt/data and in its folders, relative to it; without the ids that files go by, too."""
    found: list[str] = []
    for folder, folders, names in os.walk(DATA):
        folders.sort()
        depth = os.path.relpath(folder, DATA)
        prefix = "" if depth == "." else f"{depth}/"
        found += [f"{prefix}{name}" for name in sorted(names) if not _is_alias(folder, name)]
        if len(found) > _ENTRIES:
            break
    return found[:_ENTRIES]


def _is_alias(folder: str, name: str) -> bool:
    return name.startswith("file-") and os.path.islink(os.path.join(folder, name))


def _near(wanted: str, names: list[str]) -> list[str]:
    """Return names like the wanted one: the same letters and digits, else similar ones."""
    plain = {name: _plain(name.rpartition("/")[2]) for name in names}
    same = [name for name in names if plain[name] == _plain(wanted)]
    if same:
        return same[:3]
    close = difflib.get_close_matches(_plain(wanted), plain.values(), n=3, cutoff=0.6)
    return [name for name in names if plain[name] in close][:3]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def name_elsewhere(code: str, began: float, told: dict[str, float]) -> str:
    """Say which files code wrote where the user does not get them; empty where there are none.

    Args:
        code: a cell that has run; files are found by the paths that it names.
        began: when it began, in seconds since 1970.
        told: path -> when it was written, of files that were named before; the new ones are added.
    """
    if "/tmp/" not in code and "~/" not in code:  # noqa: S108
        return ""
    paths = [match[2] for match in _ELSEWHERE.finditer(code)]
    # What is named again was written to be used, by a program or another step.
    written_only = [path for path in paths if code.count(path) == 1]
    times = {path: _write_time(os.path.expanduser(path)) for path in written_only}
    news = {
        path: at
        for path, at in times.items()
        if at >= began - _CLOCK_SECONDS and told.get(path) != at
    }
    told |= news
    written = list(news)[:_SHOWN]
    return (
        f"Not given to the user, for it is not in {DATA}: {quote_all(written)}" if written else ""
    )


def _write_time(path: str) -> float:
    """Return when a plain file was written; 0 where there is none, or one of its name in /mnt/data, too."""
    if not is_file(path) or os.path.exists(f"{DATA}/{os.path.basename(path)}"):
        return 0
    return os.stat(path).st_mtime


def _advise_read_only(failure: Failure, _: Match) -> str | None:
    path = _path_of(failure)
    if failure.runs_in("nltk"):
        return None
    name = os.path.basename(path.rstrip("/")) if path else "name"
    return (
        f"Only {DATA} (for the user) and /tmp can be written: save it as {quote(f'{DATA}/{name}')}."
    )


def _advise_denied(failure: Failure, match: Match) -> str | None:
    path = _path_of(failure)
    if path is None or path.startswith((f"{DATA}/", "/tmp/")):  # noqa: S108
        return None
    return _advise_read_only(failure, match)


def _advise_on_folder(failure: Failure, _: Match) -> str | None:
    path = _path_of(failure)
    folder = path if path and os.path.isdir(path) else DATA
    inside = sorted(os.listdir(folder))[:_SHOWN]
    return (
        f"{quote(folder)} is a folder; name a file in it: {quote_all(inside)}." if inside else None
    )


def _advise_full(_: Failure, __: Match) -> str:
    return f"No room is left: delete what is not needed in {DATA} and /tmp, or write less."


RULES = (
    rule("FileNotFoundError OSError DataSourceError PackageNotFoundError OperationalError PyreadstatError",
         rf"No such file or directory|\[Errno {errno.ENOENT}\]|[Nn]ot found|unable to open database file|does not exist",
         _advise_missing),
    rule("OSError", r"non-existent directory", _advise_missing),
    rule("OSError", r"Read-only file system", _advise_read_only),
    rule("OSError", r"Permission denied|Operation not permitted", _advise_denied),
    rule("IsADirectoryError", "", _advise_on_folder),
    rule("OSError", r"No space left|Disk quota exceeded", _advise_full),
)  # fmt: skip
