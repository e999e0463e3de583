"""What a model is told of a call's logs: lines as a terminal shows them, head and tail, its own frames."""

import time

import pytest

from assistd.engine.context.model_logs import cut_middle, render, shorten
from assistd.engine.tools.code_outcome import CodeResult

LIB = "/envs/default/lib/python3.11/site-packages"
TRACEBACK = f"""\
before
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[1], line 2
      1 x = 1
----> 2 plt.savefig('x.xlsx')

File {LIB}/matplotlib/pyplot.py:1346, in savefig(fname, **kwargs)
   1343 fig = gcf()
   (...)
-> 1346 res = fig.savefig(fname, **kwargs)
   1348 return res

    [... skipping hidden 1 frame]

File /mnt/data/mine.py:7, in helper(fname)
      6 # in between
----> 7 render(fname)

File /usr/lib/python3.11/contextlib.py:137, in _GeneratorContextManager.__enter__(self)
    136 try:
--> 137     return next(self.gen)

ValueError: Format 'xlsx' is not supported
"""
SHORT = """\
before
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[1], line 2
      1 x = 1
----> 2 plt.savefig('x.xlsx')

File /mnt/data/mine.py:7, in helper(fname)
      6 # in between
----> 7 render(fname)

ValueError: Format 'xlsx' is not supported
"""
CHAIN = f"""\
---------------------------------------------------------------------------
KeyError                                  Traceback (most recent call last)
File {LIB}/pandas/core/indexes/base.py:3816, in Index.get_loc(self, key)
-> 3816     return self._engine.get_loc(casted_key)

File pandas/_libs/index.pyx:172, in pandas._libs.index.IndexEngine.get_loc()
--> 172 'Could not get source, probably due dynamically evaluated source code.'
File <frozen codecs>:322, in BufferedIncrementalDecoder.decode(self, input, final)
    319 'Could not get source, probably due dynamically evaluated source code.'
KeyError: 'b'

The above exception was the direct cause of the following exception:

KeyError                                  Traceback (most recent call last)
Cell In[2], line 3
----> 3 df['b']

KeyError: 'b'
"""


def told(logs: str, *, failed: bool = False, limit: int = 16_000) -> str:
    return shorten(logs, failed=failed, limit=limit)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("  0%|  | 0/3\r 33%|# | 1/3\r100%|###| 3/3\n", "100%|###| 3/3\n"),
        ("abc\rX", "Xbc"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("12%\b\b\b99%", "99%"),
        ("\x1b[31mred\x1b[0m plain", "red plain"),
        ("\x1b]0;title\x07text", "text"),
        ("bar 1\nbar 2\n\x1b[2Adone 1\n", "done 1\nbar 2\n"),
        ("long line\r\x1b[Kshort", "short"),
        ("long line\x1b[2K\rshort", "short"),
        ("a\nb\nc\x1b[2A\r\x1b[Jz", "z"),
        ("kept\n\x1b[2J\x1b[Halso kept", "kept\nalso kept"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
        ("\b\b\x1b[99Ax\x1b[99By\x1b", "xy"),
    ],
)
def test_lines_are_those_that_a_terminal_shows_at_the_end(written: str, shown: str) -> None:
    assert render(written) == shown
    assert told(written) == shown


def test_plain_text_stays_as_it_is() -> None:
    assert told("a\tb\n\n  c \x00") == "a\tb\n\n  c \x00"


@pytest.mark.parametrize(
    "hostile",
    [
        "x" * 100_000 + "\rx" * 80_000,
        "x" * 100_000 + "\x1b[2K" * 40_000,
        "\x1b[9999B\x1b[9999A\n" * 15_000,
        "\x1b[J\n" * 50_000,
        "File " + ":1" * 120_000 + "\n",
        "A Traceback (most recent call last)\n" * 7_000,
        "\x1b]" * 120_000,
    ],
)
def test_no_output_takes_long_to_shorten(hostile: str) -> None:
    started = time.process_time()
    told(hostile, failed=True)
    assert time.process_time() - started < 2


def test_of_long_logs_the_head_and_the_tail_are_told_and_how_much_is_missing() -> None:
    lines = [f"line {number}" for number in range(10_000)]
    text = told("\n".join(lines))
    assert len(text) <= 16_100
    head, gap, tail = text.partition("\n[... ")
    assert gap
    assert lines[: head.count("\n") + 1] == head.split("\n")
    missing, _, last = tail.partition(" characters left out: print less, or write to a file ...]\n")
    assert last.split("\n") == lines[-(last.count("\n") + 1) :]
    assert int(missing) == len("\n".join(lines)) - len(head) - len(last)


def test_one_long_line_is_cut_too() -> None:
    text = cut_middle("a" * 100_000 + "z", 1000)
    assert (
        text
        == f"{'a' * 500}\n[... 99001 characters left out: print less, or write to a file ...]\n{'a' * 499}z"
    )


def test_of_a_traceback_the_frames_of_the_user_are_told() -> None:
    assert told(TRACEBACK, failed=True) == SHORT


def test_an_exception_that_only_libraries_saw_is_left_out() -> None:
    short = told(CHAIN, failed=True)
    assert short.count("KeyError") == 2
    assert short.count("Traceback") == 1
    assert "Could not get source" not in short
    assert "direct cause" not in short


def test_an_inner_exception_of_the_users_own_stays() -> None:
    own = CHAIN.replace(f"File {LIB}/pandas/core/indexes/base.py:3816", "Cell In[2], line 1", 1)
    assert told(own, failed=True).count("Traceback") == 2


def test_what_code_printed_is_told_as_it_is_even_if_it_looks_like_a_traceback() -> None:
    assert told(TRACEBACK) == TRACEBACK


def test_of_many_written_files_the_first_hundred_are_named() -> None:
    result = CodeResult("c", "", files=tuple(f"{number}.txt" for number in range(1000)))
    assert "/mnt/data/99.txt" in result.text
    assert "/mnt/data/100.txt" not in result.text
    assert "[900 more files written]" in result.text
