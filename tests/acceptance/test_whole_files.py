"""What a user is given of /mnt/data: files that are finished and there, each once, and no rubbish."""

import io
import zipfile
from typing import Any

import pytest

from tests.acceptance.conftest import Ask, Talk
from tests.acceptance.test_code_files import attach, compute, upload
from tests.upstream import Upstream

UNFINISHED = {
    "a.csv": ("f = open('/mnt/data/a.csv', 'w')", "f.write('a')\nf.close()", "is empty"),
    "a.xlsx": (
        "import pandas as pd\nw = pd.ExcelWriter('/mnt/data/a.xlsx')\npd.DataFrame({'a': [1]}).to_excel(w)",
        "w.close()",
        "is empty",
    ),
    "a.zip": (
        "import zipfile\nz = zipfile.ZipFile('/mnt/data/a.zip', 'w')\nz.writestr('x', 'y')",
        "z.close()",
        "is not finished",
    ),
    "a.mp4": (
        "import cv2, numpy as np\nv = cv2.VideoWriter('/mnt/data/a.mp4', cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 64))\n"
        "for _ in range(5): v.write(np.zeros((64, 64, 3), 'uint8'))",
        "v.release()",
        "is not finished",
    ),
    "b.xlsx": (
        "import xlsxwriter\nb = xlsxwriter.Workbook('/mnt/data/b.xlsx')\nb.add_worksheet().write(0, 0, 1)",
        "b.close()",
        "is not written yet",
    ),
}


def told(upstream: Upstream) -> str:
    """What the model was told last of a call."""
    return str(upstream.last.messages[-1]["content"])


def attached(talk: Talk) -> dict[str, bytes]:
    """The files of the newest message: path below /mnt/data -> content."""
    files = talk.client.files
    found = [(files.retrieve(one.file_id).filename, one.file_id) for one in talk.answer.attachments]
    return {name.removeprefix("/mnt/data/"): files.content(id_).read() for name, id_ in found}


def one_turn(talk: Talk, upstream: Upstream, code: str, answer: str = "Done.") -> Any:
    """Have code run and the model answer."""
    upstream.code(code)
    upstream.say(answer)
    talk.say("Go on.")
    run = talk.run()
    assert run.status == "completed", run.last_error
    return run


@pytest.mark.parametrize("name", UNFINISHED)
def test_an_unfinished_file_is_named_to_the_model_and_given_when_it_is_closed(
    ask: Ask, upstream: Upstream, name: str
) -> None:
    begin, finish, words = UNFINISHED[name]
    talk = ask()
    link = f"[it](sandbox:/mnt/data/{name})"
    one_turn(talk, upstream, f"{begin}\nNone", link)
    assert f"/mnt/data/{name} {words}: close it" in told(upstream)
    assert "[file written" not in told(upstream)
    assert talk.answer.attachments == []
    assert talk.answer.content[0].text.annotations == []
    one_turn(talk, upstream, f"{finish}\nNone", link)
    (content,) = attached(talk).values()
    assert content
    (annotation,) = talk.answer.content[0].text.annotations
    assert annotation.file_path.file_id == talk.answer.attachments[0].file_id
    if content.startswith(b"PK"):
        assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_csv_and_an_hdf5_file_that_are_not_closed_are_given_whole(
    ask: Ask, upstream: Upstream
) -> None:
    code = (
        "import csv, h5py\nf = open('/mnt/data/a.csv', 'w', newline='')\n"
        "csv.writer(f).writerow(['a', 'b'])\nh = h5py.File('/mnt/data/a.h5', 'w')\nh['x'] = [1, 2, 3]"
    )
    talk = ask()
    one_turn(talk, upstream, code)
    given = attached(talk)
    assert given["a.csv"] == b"a,b\r\n"
    upload_again = upload(talk, "again.h5", given["a.h5"])
    attach(talk, upload_again.id)
    assert compute(talk, upstream, "print(h5py.File('again.h5')['x'][:].sum())") == "6\n"


@pytest.mark.every_backend
def test_code_that_takes_all_files_takes_each_once(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    files = [upload(talk, f"{name}.csv", f"a\n{n}\n".encode()) for n, name in ((1, "x"), (2, "y"))]
    for file in files:
        attach(talk, file.id)
    sum_all = (
        "import os, glob, pandas as pd\n"
        "print(pd.concat(pd.read_csv(f'/mnt/data/{f}') for f in os.listdir('/mnt/data')).a.sum())\n"
        "print(pd.concat(pd.read_csv(f) for f in glob.glob('/mnt/data/*')).a.sum())\n"
        "print(sum(len(names) for _, _, names in os.walk('/mnt/data')))"
    )
    assert compute(talk, upstream, sum_all) == "3\n3\n2\n"
    assert compute(talk, upstream, "!ls /mnt/data").split() == ["x.csv", "y.csv"]
    by_id = f"print(pd.read_csv('/mnt/data/{files[0].id}').a.sum())"
    assert compute(talk, upstream, by_id) == "1\n"
    assert compute(talk, upstream, sum_all) == "3\n3\n2\n"
    assert compute(talk, upstream, f"!cat /mnt/data/{files[1].id}").split() == ["a", "2"]
    assert talk.answer.attachments == []


@pytest.mark.every_backend
def test_a_file_that_code_removed_is_gone_also_after_a_crash(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    one_turn(talk, upstream, "for n in 'ab': open(f'/mnt/data/{n}.csv', 'w').write(n)\nNone")
    (first, second) = talk.answer.attachments
    one_turn(
        talk,
        upstream,
        "import os\nos.remove('/mnt/data/a.csv')\nos.rename('/mnt/data/b.csv', '/mnt/data/c.csv')",
        "[a](sandbox:/mnt/data/a.csv)",
    )
    assert talk.answer.content[0].text.annotations == []
    assert list(attached(talk)) == ["c.csv"]
    one_turn(talk, upstream, "import os; os._exit(1)")
    assert compute(talk, upstream, "import os; print(os.listdir('/mnt/data'))") == "['c.csv']\n"
    prompt = upstream.last.messages[0]["content"]
    assert "/mnt/data/c.csv" in prompt
    assert "/mnt/data/a.csv" not in prompt
    assert "/mnt/data/b.csv" not in prompt
    for each in (first, second):
        assert talk.client.files.content(each.file_id).read() in {b"a", b"b"}


def test_a_file_that_is_written_and_removed_in_one_run_is_not_attached(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    upstream.code("open('/mnt/data/temporary.txt', 'w').write('t')\nNone")
    one_turn(talk, upstream, "import os; os.remove('/mnt/data/temporary.txt')")
    assert talk.answer.attachments == []


@pytest.mark.every_backend
def test_an_upload_that_code_removed_stays_away_until_it_is_attached_again(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    file = upload(talk, "in.csv", b"a\n1\n")
    attach(talk, file.id)
    listing = "import os; print(os.listdir('/mnt/data'))"
    assert compute(talk, upstream, listing) == "['in.csv']\n"
    one_turn(talk, upstream, "os.remove('/mnt/data/in.csv')")
    assert compute(talk, upstream, listing) == "[]\n"
    assert "/mnt/data/in.csv" not in upstream.last.messages[0]["content"]
    one_turn(talk, upstream, "os._exit(1)")
    assert compute(talk, upstream, listing) == "[]\n"
    assert talk.client.files.retrieve(file.id).filename == "in.csv"
    attach(talk, file.id)
    assert compute(talk, upstream, listing) == "['in.csv']\n"
    assert "/mnt/data/in.csv" in upstream.last.messages[0]["content"]


def _mac_archive() -> bytes:
    """A zip as macOS makes it, with what other systems leave in folders besides."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("a.csv", "__MACOSX/._a.csv", ".DS_Store", "~$lock.xlsx", "Thumbs.db"):
            archive.writestr(name, "x")
    return buffer.getvalue()


def test_rubbish_of_an_archive_is_not_attached(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    attach(talk, upload(talk, "mac.zip", _mac_archive()).id)
    code = "import zipfile\nzipfile.ZipFile('/mnt/data/mac.zip').extractall('/mnt/data')"
    one_turn(talk, upstream, code)
    assert list(attached(talk)) == ["a.csv"]


def test_what_a_call_that_failed_wrote_half_is_not_attached(ask: Ask, upstream: Upstream) -> None:
    code = (
        "import pandas as pd\n"
        "open('/mnt/data/a.mp4', 'wb').write(b'\\0\\0\\0\\x10ftypisom' + bytes(4))\n"
        "pd.DataFrame({'t': [pd.Timestamp('2020-01-01', tz='UTC')]}).to_excel('/mnt/data/a.xlsx')"
    )
    talk = ask()
    one_turn(talk, upstream, code)
    assert talk.answer.attachments == []
    assert "/mnt/data/a.mp4 is cut off" in told(upstream)
    assert "/mnt/data/a.xlsx was being written when the error came" in told(upstream)
