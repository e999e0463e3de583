"""The interpreter environment is built once, whole or not at all, and can be read by every user."""

import fcntl
import hashlib
import itertools
import os
import stat
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from assistd.errors import StartupError
from assistd.sandbox.environments import additions, environment
from assistd.sandbox.environments.environment import Environment


@pytest.fixture
def tiny_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of packages is one small wheel on this disk, so that nothing is downloaded."""
    wheel = make_wheel(tmp_path, "small", "1.5")
    monkeypatch.setattr(environment, "_lock_text", lambda _: locked("small", wheel))
    return wheel


def make_wheel(folder: Path, name: str, version: str, layout: str = "1.0") -> Path:
    """A wheel with one module, whose `answer` is 42."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "answer = 42\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", f"Wheel-Version: {layout}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def locked(name: str, wheel: Path) -> str:
    """The line of a lock for a wheel on this disk."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name} @ {wheel.as_uri()} --hash=sha256:{digest}\n"


def build(cache: Path, told: list[str] | None = None) -> Environment:
    return environment.build(cache, report=(told if told is not None else []).append)


def extend(requirements: Path, names: list[str]) -> None:
    """Have the operator's file name more packages."""
    with additions.extending(requirements, names):
        pass


def test_it_is_built_once_and_found_again(tiny_list: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert environment.find(cache) is None
    told: list[str] = []
    built = build(cache, told)
    assert told[-1] == f"interpreter environment ready: {built.path}"
    assert environment.find(cache) == built
    assert environment.packages(built) == {"small": "1.5"}
    told.clear()
    assert build(cache, told) == built
    assert told == []


def test_its_python_imports_its_packages_and_none_of_ours(tiny_list: Path, tmp_path: Path) -> None:
    built = build(tmp_path / "cache")
    code = "import small, importlib.util as u; print(small.answer, u.find_spec('assistd'))"
    done = subprocess.run(
        [built.python, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "42 None\n"


def test_every_user_can_read_it_also_under_a_strict_umask(tiny_list: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        built = build(tmp_path / "cache")
    finally:
        os.umask(before)
    for folder, _, names in os.walk(built.path):
        assert os.stat(folder).st_mode & 0o005 == 0o005
        for name in names:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            assert stat.S_ISLNK(mode) or mode & 0o004, name


def test_a_build_that_fails_leaves_nothing_and_says_what_to_do(
    tiny_list: Path, tmp_path: Path
) -> None:
    whole = tiny_list.read_bytes()
    tiny_list.write_bytes(whole + b"tampered")
    with pytest.raises(StartupError, match="try again"):
        build(tmp_path / "cache")
    left = [each.name for each in (tmp_path / "cache" / "environments").iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == []
    tiny_list.write_bytes(whole)
    assert build(tmp_path / "cache").python.exists()


def test_what_a_crash_left_is_cleared_away(tiny_list: Path, tmp_path: Path) -> None:
    folder = build(tmp_path / "cache").path
    partial = folder.with_suffix(".partial")
    folder.rename(partial)
    assert environment.find(tmp_path / "cache") is None
    assert build(tmp_path / "cache").path == folder
    assert not partial.exists()


def test_a_killed_build_whose_uv_goes_on_harms_none_of_several_who_build_next(
    tiny_list: Path, tmp_path: Path
) -> None:
    folder = environment.build(tmp_path / "cache", report=lambda _: None).path
    left = [folder.with_suffix(".partial"), folder.with_name(f"{folder.name}.0a.partial")]
    folder.rename(left[0])
    built = threading.Event()

    def go_on() -> None:
        for number in itertools.count():
            if built.wait(0.002):
                return
            for each in left:
                (each / "lib" / str(number % 100)).mkdir(parents=True, exist_ok=True)

    orphan = threading.Thread(target=go_on)
    found: list[Environment] = []
    askers = [
        threading.Thread(target=lambda: found.append(build(tmp_path / "cache"))) for _ in range(3)
    ]
    orphan.start()
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    built.set()
    orphan.join()
    assert [each.path for each in found] == [folder] * 3


def test_what_killed_builds_of_other_lists_left_is_cleared_unless_they_go_on(
    tiny_list: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / "environments"
    killed, running = folder / "default-1.0a.partial", folder / "default-2.0b.partial"
    for each in (killed, running):
        (each / "lib").mkdir(parents=True)
    with (folder / "default-2.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build(tmp_path / "cache")
    assert (killed.exists(), running.exists()) == (False, True)


def test_of_several_who_want_it_at_once_one_builds(tiny_list: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found: list[Environment] = []
    askers = [
        threading.Thread(target=lambda: found.append(build(tmp_path / "cache", told)))
        for _ in range(3)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(set(found)) == 1
    assert len([line for line in told if line.startswith("installing")]) == 1


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="known: default"):
        environment.find(tmp_path, "nonesuch")


def test_a_folder_that_cannot_be_written_is_said(tiny_list: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(StartupError, match="another cache folder"):
        build(tmp_path / "cache")


def test_the_list_holds_the_packages_that_the_documentation_promises() -> None:
    promised = [
        "numpy",
        "pandas",
        "scipy",
        "sympy",
        "scikit-learn",
        "statsmodels",
        "matplotlib",
        "seaborn",
        "plotly",
        "altair",
        "bokeh",
        "pillow",
        "opencv-python-headless",
        "openpyxl",
        "python-docx",
        "python-pptx",
        "pypdf",
        "pdfplumber",
        "reportlab",
        "lxml",
        "beautifulsoup4",
        "geopandas",
        "soundfile",
        "nltk",
        "xgboost-cpu",
        "ipython",
    ]
    lists = Path(environment.__file__).parent
    locked = (lists / "default.txt").read_text()
    assert [name for name in promised if f"\n{name}==" not in locked] == []


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The built-in list is one small wheel; what belongs to a list is there."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "modules").mkdir()
    wheel = make_wheel(tmp_path, "small", "1.5")
    (folder / "default.in").write_text(f"small @ {wheel.as_uri()}\n")
    (folder / "default.txt").write_text(locked("small", wheel))
    for name in ("overrides.cfg", "fonts.py", "programs.cfg"):
        (folder / name).write_text("")
    monkeypatch.setattr(environment, "_LISTS", folder)
    return folder


def test_packages_an_operator_names_join_the_built_in_ones(lists: Path, tmp_path: Path) -> None:
    cache, wanted = tmp_path / "cache", tmp_path / "state" / "packages.txt"
    plain = environment.build(cache, added=wanted, report=print)
    extend(wanted, [f"extra @ {make_wheel(tmp_path, 'extra', '2.0').as_uri()}"])
    assert environment.find(cache, added=wanted) is None
    built = environment.build(cache, added=wanted, report=print)
    assert built.path != plain.path
    assert environment.packages(built) == {"extra": "2.0", "small": "1.5"}
    assert environment.find(cache, added=wanted) == built
    assert environment.find(cache) == plain
    wanted.write_text("# nothing any more\n")
    assert environment.find(cache, added=wanted) == plain


def test_an_addition_is_locked_anew_when_the_built_in_list_changes(
    lists: Path, tmp_path: Path
) -> None:
    cache, wanted = tmp_path / "cache", tmp_path / "packages.txt"
    extend(wanted, [f"extra @ {make_wheel(tmp_path, 'extra', '2.0').as_uri()}"])
    before = environment.build(cache, added=wanted, report=print)
    newer = make_wheel(tmp_path, "small", "1.6")
    (lists / "default.in").write_text(f"small @ {newer.as_uri()}\n")
    (lists / "default.txt").write_text(locked("small", newer))
    assert environment.find(cache, added=wanted) is None
    after = environment.build(cache, added=wanted, report=print)
    assert after.path != before.path
    assert environment.packages(after)["small"] == "1.6"


def test_packages_that_do_not_exist_are_said_and_change_nothing(
    lists: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "packages.txt"
    extend(wanted, [f"extra @ {(tmp_path / 'nothing-1-py3-none-any.whl').as_uri()}"])
    with pytest.raises(StartupError, match="try again"):
        environment.build(tmp_path / "cache", added=wanted, report=print)
    assert not list(tmp_path.glob("cache/environments/default-*"))


def test_a_package_replaces_the_older_wish_for_it_and_an_option_is_refused(tmp_path: Path) -> None:
    wanted = tmp_path / "packages.txt"
    extend(wanted, ["polars", "Some_Thing>=1"])
    extend(wanted, ["some-thing==2"])
    assert additions.text(wanted) == "polars\nsome-thing==2\n"
    with pytest.raises(StartupError, match="no package"):
        extend(wanted, ["--index-url=http://127.0.0.1"])


def test_a_package_that_cannot_be_built_leaves_the_file_and_its_environment_as_they_were(
    lists: Path, tmp_path: Path
) -> None:
    cache, wanted = tmp_path / "cache", tmp_path / "packages.txt"
    extra = make_wheel(tmp_path, "extra", "2.0")
    wanted.write_text(f"# for the analysts\nextra @ {extra.as_uri()}\n")
    standing = environment.build(cache, added=wanted, report=print)
    broken = make_wheel(tmp_path, "broken", "1.0", layout="9.0")
    before = wanted.read_text()
    told: list[str] = []
    with (
        pytest.raises(StartupError),
        additions.extending(wanted, [f"broken @ {broken.as_uri()}"]),
    ):
        environment.build(cache, added=wanted, report=told.append)
    assert told[-1].startswith("installing"), "it was locked, and then could not be installed"
    assert wanted.read_text() == before
    assert environment.find(cache, added=wanted) == standing


def test_an_environment_built_again_has_the_versions_that_were_locked(
    lists: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "packages.txt"
    extend(wanted, [f"extra @ {make_wheel(tmp_path, 'extra', '2.0').as_uri()}"])
    first = environment.build(tmp_path / "one", added=wanted, report=print)
    told: list[str] = []
    again = environment.build(tmp_path / "two", added=wanted, report=told.append)
    assert again.path.name == first.path.name
    assert not [line for line in told if line.startswith("locking")]
