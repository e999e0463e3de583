"""A cell behaves as it would in a notebook."""

import dataclasses
import struct

import pytest

from assistd.sandbox.base import MIB, Logs, Output, Picture, Tenant
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import content, logs_of, pictures_of

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def session(session: GuestSession, monkeypatch: pytest.MonkeyPatch) -> GuestSession:
    """A session that has time to import what draws, however busy its machine is."""
    patient = dataclasses.replace(session.limits, call_seconds=100)
    monkeypatch.setattr(session, "limits", patient)
    return session


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("2+2", "4"),
        ('print("a"); 1+1', "a\n2"),
        ("x = 1", ""),
        ("1;", ""),
        ("None", ""),
        ("display(1); display(2); 3", "1\n2\n3"),
        ("print('a', end=''); 1", "a\n1"),
        ("'text'", "'text'"),
        ("await __import__('asyncio').sleep(0, 7)", "7"),
        ("%pwd", "'/mnt/data'"),
        ("!echo shell", "shell\n"),
        ("a = !echo one\na", "['one']"),
        ("%%bash\necho cell magic", "cell magic\n"),
        ("import pandas as pd\npd.DataFrame({'a': [1, 2]})", "   a\n0  1\n1  2"),
        ("from IPython.display import Markdown\nMarkdown('**b**')", "**b**"),
        ("import sys\nsys.stdout.write('w'); None", "w"),
        ("import sys\nsys.stdout.buffer.write(b'raw'); sys.stdout.flush()", "raw"),
        ("import os\n_ = os.write(1, b'fd')", "fd"),
        ("exit()", ""),
        ("import sys\nsys.exit(0)", ""),
    ],
)
async def test_a_cell_shows_what_a_notebook_shows(
    session: GuestSession, code: str, logs: str
) -> None:
    execution = await session.execute(code)
    assert execution.logs == logs
    assert execution.status == "ok"
    assert not execution.notes


async def test_state_is_kept_between_cells(session: GuestSession) -> None:
    await session.execute("x = 20")
    await session.execute("def double(v):\n    return 2 * v")
    assert (await session.execute("double(x) + 2")).logs == "42"
    assert (await session.execute("_ + Out[3]")).logs == "84"


async def test_outputs_have_names_and_stand_in_real_order(session: GuestSession) -> None:
    code = "\n".join(
        (
            "import sys",
            "print('one'); print('two', file=sys.stderr); print('three')",
            "!echo four",
            "sys.stderr.write('five'); display('six')",
            "print('seven')",
            "'eight'",
        )
    )
    execution = await session.execute(code)
    assert execution.outputs == (
        Logs("one\n", "stdout"),
        Logs("two\n", "stderr"),
        Logs("three\nfour\n", "stdout"),
        Logs("five", "stderr"),
        Logs("\n'six'\n", "result"),
        Logs("seven\n", "stdout"),
        Logs("'eight'", "result"),
    )


async def test_raw_standard_error_of_a_child_is_caught(session: GuestSession) -> None:
    execution = await session.execute("!echo oops >&2")
    assert execution.outputs == (Logs("oops\n", "stderr"),)


async def test_output_appears_while_the_cell_runs(session: GuestSession) -> None:
    seen: list[Output] = []
    code = "import time\nprint('early')\ntime.sleep(.2)\nraise SystemError if False else ValueError"
    execution = await session.execute(code, on_output=seen.append)
    assert seen[0] == Logs("early\n", "stdout")
    assert len(seen) > 1
    assert execution.status == "error"


async def test_a_traceback_is_plain_and_begins_in_the_cell(session: GuestSession) -> None:
    execution = await session.execute("def f():\n    1/0\nf()")
    error = logs_of(execution, "error")
    assert execution.status == "error"
    assert error.endswith("ZeroDivisionError: division by zero")
    assert "Cell In[1], line 3" in error
    assert "\x1b" not in error
    assert "assistd" not in error
    assert "run_code" not in error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("this is no python", "SyntaxError: invalid syntax"),
        ("raise ExceptionGroup('two', [ValueError(1), KeyError(2)])", "KeyError: 2"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("input('name?')", "RuntimeError: input() is not available here"),
        ("import getpass; getpass.getpass()", "RuntimeError: input() is not available here"),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("import nothing_like_it", "nothing can be installed, for there is no internet"),
        ("import matplotlib.pyplot as p\np.plot([1])\np.savefig('x.xlsx')", "Format 'xlsx' is not"),
        ("import matplotlib.pyplot as p\np.plot([1])\np.savefig('x.xlsx')", "table.to_excel("),
        (
            "import pandas as pd, matplotlib.pyplot as p\n"
            "p.bar(pd.period_range('2024-01', periods=2, freq='M'), [1, 2])",
            "with .astype(str)",
        ),
        ("e = ValueError('x'); e.__notes__ = 5; raise e", "ValueError: x"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = bytearray(1 << 40)", "MemoryError"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("def f(n):\n    try: f(n + 1)\n    except RecursionError: 1/0\nf(0)", "ZeroDivisionError"),
        (
            "e = ValueError(1); e.__context__ = f = KeyError(2); f.__context__ = e; raise e",
            "ValueError: 1",
        ),
        ("import sys; sys.exit(['a', 'list'])", "SystemExit: ['a', 'list']"),
    ],
)
async def test_what_goes_wrong_is_said_in_words(
    session: GuestSession, code: str, words: str
) -> None:
    execution = await session.execute(code)
    assert execution.status == ("interrupted" if "Keyboard" in code else "error")
    error = logs_of(execution, "error")
    assert words in error
    assert "/run/assistd" not in error
    assert (await session.execute("1+1")).logs == "2"


async def test_a_figure_is_shown_at_show_and_at_the_end_of_the_cell(session: GuestSession) -> None:
    code = (
        "import matplotlib.pyplot as plt\nprint('a')\nplt.plot([1, 2])\nplt.show()\n"
        "print('b')\nplt.bar([1], [2]);"
    )
    execution = await session.execute(code)
    kinds = [type(one).__name__ for one in execution.outputs]
    assert kinds == ["Logs", "Picture", "Logs", "Picture"]
    assert all(data.startswith(PNG) for data in pictures_of(execution))
    assert not pictures_of(await session.execute("1"))


async def test_a_figure_that_was_closed_is_not_shown(session: GuestSession) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.close()"
    assert not (await session.execute(code)).outputs
    code = (
        "plt.figure()\nplt.plot([1, 2])\nplt.savefig('kept.png')\nplt.close('all'); print('saved')"
    )
    assert (await session.execute(code)).outputs == (Logs("saved\n", "stdout"),)
    assert [file.path for file in (await session.changes()).files] == ["kept.png"]


async def test_figures_of_one_cell_are_shown_in_the_order_they_were_made(
    session: GuestSession,
) -> None:
    code = (
        "import matplotlib.pyplot as plt\nfor width in (6, 2, 4):\n"
        "    plt.figure(figsize=(width, 2)); plt.plot([1, 2])"
    )
    first, second, third = map(_width, pictures_of(await session.execute(code)))
    assert second < third < first


async def test_a_figure_that_is_saved_is_shown_all_the_same_and_once(session: GuestSession) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
        "plt.savefig('saved.png')\nplt.show()\nplt.savefig('later.png')"
    )
    shown = pictures_of(await session.execute(code))
    assert len(shown) == 1
    assert [file.path for file in (await session.changes()).files] == ["later.png", "saved.png"]
    saved = await content(session, "saved.png")
    assert saved.startswith(PNG)
    assert _width(saved) > _width(shown[0])  # only what is shown is cut to what is drawn


def _width(png: bytes) -> int:
    return struct.unpack(">I", png[16:20])[0]


@pytest.mark.parametrize(
    "code",
    [
        "from PIL import Image\nImage.new('RGB', (9, 9), 'red')",
        "import io\nfrom PIL import Image\nfrom IPython.display import Image as Shown\n"
        "b = io.BytesIO()\nImage.new('RGB', (9, 9)).save(b, 'JPEG')\nShown(b.getvalue())",
        "import io\nfrom PIL import Image\nfrom IPython.display import Image as Shown, display\n"
        "b = io.BytesIO()\nImage.new('RGB', (9, 9)).save(b, 'PNG')\ndisplay(Shown(b.getvalue()))",
        "import seaborn as sns, pandas as pd\n"
        "sns.barplot(data=pd.DataFrame({'a': ['x', 'y'], 'b': [1, 2]}), x='a', y='b');",
        "from IPython.display import SVG\n"
        'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\')',
        "import plotly.express as px\npx.bar(x=['一', 'b'], y=[1, 2], title='a')",
        "import plotly.express as px\npx.line(x=[1, 2], y=[1, 2]).show()",
    ],
    ids=["pil", "jpeg", "png", "seaborn", "svg", "plotly", "plotly-show"],
)
async def test_every_kind_of_picture_becomes_a_png(session: GuestSession, code: str) -> None:
    execution = await session.execute(code)
    assert [data[:8] for data in pictures_of(execution)] == [PNG]


async def test_a_chart_of_altair_becomes_a_png(pool: SessionPool) -> None:
    code = "import altair as alt, pandas as pd\ntable = pd.DataFrame({'a': ['一', 'b'], 'b': [1, 2]})\n"
    roomy = Tenant("altair", memory_bytes=1024 * MIB)  # the default: its engine takes 300 at once
    session = await pool.open("altair", roomy)
    execution = await session.execute(f"{code}alt.Chart(table).mark_bar().encode(x='a', y='b')")
    assert [data[:8] for data in pictures_of(execution)] == [PNG]
    await pool.drop("altair")


async def test_a_late_thread_harms_nobody(session: GuestSession) -> None:
    code = (
        "import threading, time\ndef late():\n    time.sleep(.2); print('late'); display(9)\n"
        "threading.Thread(target=late).start()"
    )
    assert (await session.execute(code)).status == "ok"
    execution = await session.execute("time.sleep(.4); 5")
    assert execution.logs == "late\n9\n5"


async def test_closed_and_replaced_streams_come_back(session: GuestSession) -> None:
    await session.execute("import sys, os\nsys.stdout.close(); sys.stderr.close()")
    assert (await session.execute("print('back')")).logs == "back\n"
    await session.execute("os.close(1); os.close(2)")
    assert (await session.execute("print('still'); 1/1")).logs == "still\n1.0"


async def test_processes_threads_and_sockets_inside_work(session: GuestSession) -> None:
    code = """
import http.server, multiprocessing, sqlite3, subprocess, sys, threading, urllib.request
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as workers:
    print(sum(workers.map(abs, [-1, -2])))
with multiprocessing.get_context("fork").Pool(2) as workers:
    print(workers.map(len, ["a", "bb"]))
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}").status)
server.shutdown()
print(sqlite3.connect("x.db").execute("select 6*7").fetchone()[0])
print(subprocess.run([sys.executable, "-c", "import numpy; print(numpy.arange(3).sum())"], capture_output=True, text=True).stdout)
"""
    execution = await session.execute(code)
    assert "3\n[1, 2]\n" in logs_of(execution, "stdout")
    assert logs_of(execution, "stdout").endswith("200\n42\n3\n\n")


async def test_two_sessions_draw_different_random_numbers(
    pool: SessionPool, session: GuestSession
) -> None:
    code = "import random, numpy, uuid\n(random.random(), numpy.random.rand(), uuid.uuid4())"
    other = await pool.open("random")
    mine, theirs = await session.execute(code), await other.execute(code)
    await pool.drop("random")
    assert mine.status == theirs.status == "ok"
    assert not set(mine.logs.split(",")) & set(theirs.logs.split(","))


async def test_a_picture_is_of_its_place(session: GuestSession) -> None:
    code = (
        "import matplotlib.pyplot as plt\nfor n in range(4):\n"
        "    print(n)\n    plt.plot([n, 1])\n    plt.show()"
    )
    outputs = (await session.execute(code)).outputs
    assert [one.text if isinstance(one, Logs) else "-" for one in outputs] == [
        "0\n", "-", "1\n", "-", "2\n", "-", "3\n", "-",
    ]  # fmt: skip
    assert sum(isinstance(one, Picture) for one in outputs) == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("from IPython.display import HTML\nHTML('<p>a<b>b</b></p><p>c</p>')", "ab\nc"),
        ("from IPython.display import HTML\nHTML('<script>x</script>')", "only a browser can show"),
        ("import pandas as pd\npd.DataFrame({'a': [1]}).style.format('{:.2f}')", "1.00"),
        ("from IPython.display import JSON\nJSON({'a': 1})", '"a": 1'),
        ("from IPython.display import Latex\nLatex('$x$')", "$x$"),
    ],
)
async def test_what_only_a_page_would_show_is_said_in_text(
    session: GuestSession, code: str, words: str
) -> None:
    execution = await session.execute(code)
    assert execution.status == "ok"
    assert words in execution.logs


async def test_a_plotly_figure_that_needs_a_browser_is_refused_with_a_way_out(
    session: GuestSession,
) -> None:
    code = "import plotly.express as px\npx.scatter_3d(x=[1], y=[1], z=[1]).show()"
    execution = await session.execute(code)
    assert execution.status == "error"
    assert "fig.write_html()" in logs_of(execution, "error")


async def test_a_figure_is_cut_to_what_is_drawn_as_jupyter_cuts_it(session: GuestSession) -> None:
    execution = await session.execute(
        "import io, matplotlib.pyplot as plt\nfrom PIL import Image\n"
        "def draw(x):\n    plt.plot([1, 2, 3], label='a'); plt.title('t')\n"
        "    plt.legend(bbox_to_anchor=(x, 1)); return plt.gcf()\n"
        "for x in (1, 1.5):\n"
        "    data = io.BytesIO(); draw(x).savefig(data, bbox_inches='tight'); plt.close()\n"
        "    print(*Image.open(data).size)\n    draw(x); plt.show()"
    )
    wanted = [tuple(map(int, line.split())) for line in execution.logs.splitlines()]
    shown = [struct.unpack(">II", data[16:24]) for data in pictures_of(execution)]
    assert len(shown) == len(wanted) == 2
    for one, other in zip(shown, wanted, strict=True):
        assert abs(one[0] - other[0]) <= 2
        assert abs(one[1] - other[1]) <= 2
    assert shown[1][0] > 640  # the second legend lies outside of the figure


_TRANSFORM = """\
import warnings; warnings.simplefilter("ignore")
from IPython.core.interactiveshell import InteractiveShell
def double(value): return 2 * value
cells = {cells!r}
shell = get_ipython()
[cell for cell in cells if shell.transform_cell(cell) != InteractiveShell.transform_cell(shell, cell)]
"""
_CELLS = (
    "print(1)",
    "print(1)\n\n",
    "print ('a')",
    "double(4)  # PYTHON-MODE",
    "double(4);",
    "a = 1\nb = 2\r\nif a:\n\tprint(b)",
    "x = (4\n  , 5)",
    "def f():\n    ...\nf()",
    "a.b\\\n.c",
    "\n\nprint(1)",
    "    print(1)\n    print(2)",
    "'''\n>>> 1\n'''\nprint(2)",
    ">>> a = 1\n>>> a",
    "In [3]: a = 1",
    "pwd",
    "ls(1)",
    "who",
    "exit",
    "exit()",
    "quit()",
    "%time print(1)",
    "a = 5 % 3",
    "a = !ls\nb = 1",
    "double?",
    "/double 4",
    ",double 4",
    "x = 1\n;double 4",
    "print(1",
    "'open",
    "print(1)\x0cprint(2)",
    "print(1)\u2028print(2)",
    "",
    " ",
)


async def test_what_is_python_already_is_what_ipython_would_have_made_of_it(
    session: GuestSession,
) -> None:
    assert (await session.execute(_TRANSFORM.format(cells=_CELLS))).logs == "[]"


async def test_transformers_of_the_codes_own_are_heeded(session: GuestSession) -> None:
    await session.execute(
        "def shout(lines): return [line.replace('cat', 'dog') for line in lines]\n"
        "get_ipython().input_transformers_post.append(shout)"
    )
    assert (await session.execute("print('cat')")).logs == "dog\n"


async def test_earlier_cells_are_at_hand(session: GuestSession) -> None:
    await session.execute("first = 1")
    await session.execute("second = 2")
    assert (await session.execute("(_i, _ii, In[1], _i2)")).logs == (
        "('second = 2', 'first = 1', 'first = 1', 'second = 2')"
    )
