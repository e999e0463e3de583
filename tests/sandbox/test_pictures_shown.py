"""A picture that code shows reaches the user, once, whichever way it is shown."""

import pytest

from assistd.sandbox.base import MIB, Logs, Picture, Tenant
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import logs_of, pictures_of

PNG = b"\x89PNG\r\n\x1a\n"
PLOT = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(); axes.plot([1, 2])\n"
DATA = """\
import base64, io
from PIL import Image
from IPython.display import HTML, Markdown, SVG, display
from IPython.display import Image as Shown
def data(kind="PNG", mode="RGB"):
    target = io.BytesIO(); Image.new(mode, (30, 20)).save(target, kind); return target.getvalue()
def address(kind="png"):
    return f"data:image/{kind};base64," + base64.b64encode(data(kind)).decode()
drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="9" height="9"/></svg>'
"""


def kinds_of(outputs: tuple[Logs | Picture, ...]) -> list[str]:
    """What was shown, in order: texts, and "picture" for each picture."""
    return [one.text.strip() if isinstance(one, Logs) else "picture" for one in outputs]


@pytest.mark.parametrize(
    "backend",
    [
        "import matplotlib; matplotlib.use('Agg')\n",
        "import matplotlib.pyplot as plt; import matplotlib; matplotlib.use('agg')\n",
        "import matplotlib.pyplot as plt; plt.switch_backend('agg')\n",
        "import matplotlib; matplotlib.use('svg')\n",
        "import matplotlib; matplotlib.use('cairo')\n",
        "import matplotlib; matplotlib.use('TkAgg')\n",
        "import matplotlib; matplotlib.use('Qt5Agg')\n",
        "import matplotlib; matplotlib.use('WebAgg')\n",
        "import matplotlib; matplotlib.use('nbAgg')\n",
        "%matplotlib agg\n",
        "%matplotlib notebook\n",
        "%matplotlib qt\n",
        "%matplotlib tk\n",
        "%matplotlib widget\n",
        "%matplotlib inline\n",
        "%config InlineBackend.figure_format = 'svg'\n",
        "%config InlineBackend.figure_format = 'pdf'\n",
        "%config InlineBackend.figure_format = 'jpeg'\n",
        "%config InlineBackend.figure_formats = {'svg', 'png'}\n",
        "from matplotlib_inline.backend_inline import set_matplotlib_formats as f; f('svg')\n",
        "from matplotlib_inline.backend_inline import set_matplotlib_formats as f; f('pdf', 'png')\n",
        "from IPython.display import set_matplotlib_formats as f; f('jpeg', quality=90)\n",
    ],
)
async def test_a_figure_is_shown_once_whichever_backend_or_format_code_asks_for(
    session: GuestSession, backend: str
) -> None:
    cells = (
        f"{backend}{PLOT}plt.show()",
        f"{PLOT}figure.show()",
        f"{PLOT}None",
        f"{PLOT}figure",
    )
    for cell in cells:
        execution = await session.execute(cell)
        assert kinds_of(execution.outputs) == ["picture"], (cell, execution)
        assert pictures_of(execution)[0].startswith(PNG)
    saved = f"{PLOT}figure.savefig('a.png'); plt.close(figure)"
    assert not (await session.execute(saved)).outputs


async def test_a_figure_is_as_fine_as_code_wants_it(session: GuestSession) -> None:
    plain = pictures_of(await session.execute(f"{PLOT}plt.show()"))
    await session.execute("%config InlineBackend.figure_format = 'retina'")
    fine = pictures_of(await session.execute(f"{PLOT}plt.show()"))
    widths = [int.from_bytes(one[16:20]) for one in (*plain, *fine)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)


async def test_a_backend_for_files_still_names_their_format(session: GuestSession) -> None:
    code = f"import matplotlib; matplotlib.use('pdf')\n{PLOT}plt.savefig('report'); plt.close()"
    await session.execute(code)
    assert [file.path for file in (await session.changes()).files] == ["report.pdf"]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("figure.show(); figure.savefig('a.png')", 1),
        ("figure.show(); plt.savefig('a.png'); plt.close('all')", 1),
        ("figure.show(); axes.set_title('later'); None", 2),
        ("display(figure); plt.show()", 1),
        ("display(plt.gcf())", 1),
        ("plt.show(); plt.show()", 1),
        ("plt.show()\nfigure", 1),
        ("plt.show(); display(figure)", 2),
        ("plt.ioff(); display(figure)", 1),
        (
            "from matplotlib.figure import Figure\nplt.close()\n"
            "other = Figure(); other.add_subplot(); other.show()",
            1,
        ),
        (
            "from matplotlib.figure import Figure\nplt.close()\n"
            "other = Figure(); other.add_subplot(); other",
            1,
        ),
    ],
)
async def test_a_figure_is_shown_again_only_if_it_changed_or_code_says_so(
    session: GuestSession, code: str, count: int
) -> None:
    assert len(pictures_of(await session.execute(PLOT + code))) == count


async def test_a_figure_of_an_earlier_cell_is_shown_again(session: GuestSession) -> None:
    assert len(pictures_of(await session.execute(f"{PLOT}plt.show()"))) == 1
    assert len(pictures_of(await session.execute("figure"))) == 1


MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB",
         "HSV", "I", "I;16", "F")  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
async def test_an_image_of_any_mode_is_a_picture(session: GuestSession, mode: str) -> None:
    code = f"from PIL import Image\nimage = Image.new({mode!r}, (30, 20))\n"
    for show in ("image", "image.show()", "image.show(title='a')"):
        execution = await session.execute(code + show)
        assert kinds_of(execution.outputs) == ["picture"], execution


@pytest.mark.parametrize(
    ("numbers", "darkest", "brightest"),
    [
        ("linspace(0, 1, 256).astype('float32')", 0, 255),
        ("linspace(-5, 5, 256).astype('float32')", 0, 255),
        ("arange(256).astype('uint16') * 257", 0, 255),
        ("arange(256).astype('uint16') * 16", 0, 254),
        ("arange(256).astype('int32')", 0, 255),
        ("full(256, np.nan).astype('float32')", 0, 0),
    ],
)
async def test_large_numbers_become_shades_that_can_be_seen(
    session: GuestSession, numbers: str, darkest: int, brightest: int
) -> None:
    execution = await session.execute(
        "import numpy as np\nfrom PIL import Image\nimport shown_pictures, io\n"
        f"image = Image.fromarray((np.{numbers}).reshape(16, 16))\ndisplay(image)\n"
        "Image.open(io.BytesIO(shown_pictures.draw(image))).convert('L').getextrema()"
    )
    assert len(pictures_of(execution)) == 1
    assert execution.logs.strip() == str((darkest, brightest))


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("HTML(f'<p>before</p><img src=\"{address()}\"><p>after</p>')", "before|picture|after"),
        ("HTML(f'<img src=\"{address()}\">')", "picture"),
        ("display(HTML(f'<img src=\"{address(\"webp\")}\">'))", "picture"),
        ("HTML('<b>x</b>' + drawing)", "x|picture"),
        ("Markdown(f'text ![a]({address()}) after')", "text|picture|after"),
        ("open('/tmp/a.png', 'wb').write(data()); HTML('<img src=\"/tmp/a.png\">')", "picture"),
        ("display(SVG(drawing))", "picture"),
        ("Shown(data=data())", "picture"),
        ("Shown(data=data('JPEG'))", "picture"),
        ("Shown(data=data('JPEG', 'CMYK'))", "picture"),
        ("Shown(data=data('GIF'))", "picture"),
        ("Shown(data=data('WEBP'))", "picture"),
        ("open('/tmp/a.jpg', 'wb').write(data('JPEG')); Shown('/tmp/a.jpg')", "picture"),
        ("Shown(url=address())", "picture"),
        ("display({'image/bmp': data('BMP')}, raw=True)", "picture"),
        ("import cv2, numpy\ncv2.imshow('a', numpy.zeros((20, 30, 3), 'uint8'))\n"
         "while cv2.waitKey(0) != 27: pass\ncv2.destroyAllWindows()", "picture"),
        ("import cv2, numpy\ncv2.imshow('a', numpy.random.rand(20, 30)); cv2.waitKey(1);", "picture"),
        ("import plotly.express as px\npx.line(x=[1, 2], y=[1, 2]).show('browser')", "picture"),
        ("import plotly.io as io, plotly.express as px\nio.renderers.default = 'notebook'\n"
         "px.line(x=[1, 2], y=[1, 2])", "picture"),
        ("import plotly.express as px\npx.line(x=[1, 2], y=[1, 2]).show('colab')", "picture"),
        ("import pandas as pd\npd.DataFrame({'a': [1]}).plot(backend='plotly').show()", "picture"),
    ],
)  # fmt: skip
async def test_what_a_notebook_would_show_as_a_picture_is_one(
    session: GuestSession, code: str, kinds: str
) -> None:
    execution = await session.execute(DATA + code)
    assert kinds_of(execution.outputs) == kinds.split("|"), execution


async def test_colours_of_opencv_are_those_of_the_picture(session: GuestSession) -> None:
    code = (
        "import cv2, numpy\nimport IPython.display\nseen = []\n"
        "IPython.display.display = seen.append\n"
        "cv2.imshow('a', numpy.full((2, 2, 3), (255, 0, 0), 'uint8'))\nseen[0].getpixel((0, 0))"
    )
    assert (await session.execute(code)).logs == "(0, 0, 255)"  # blue comes first in OpenCV


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("HTML('x<img src=\"data:image/png;base64,AAAA\">')", "its data cannot be read"),
        (
            "import struct, zlib\n"
            "def chunk(name, body):\n"
            "    end = struct.pack('>I', zlib.crc32(name + body))\n"
            "    return struct.pack('>I', len(body)) + name + body + end\n"
            "head = chunk(b'IHDR', struct.pack('>IIBBBBB', 40000, 40000, 8, 2, 0, 0, 0))\n"
            "bomb = b'\\x89PNG\\r\\n\\x1a\\n' + head + chunk(b'IDAT', zlib.compress(bytes(9)))\n"
            "HTML('<img src=\"data:image/png;base64,' + base64.b64encode(bomb).decode() + '\">')",
            "it is too large",
        ),
        ("HTML('<img src=\"https://x.example/a.png\">')", "there is no internet here"),
        ("import webbrowser; webbrowser.open('/tmp/a.html')", "there is no browser here"),
        (
            "from bokeh.plotting import figure, show\nshow(figure())",
            "there is no browser here",
        ),
        (
            "from bokeh.plotting import figure, show, output_notebook\noutput_notebook(); show(figure())",
            "only a browser can show",
        ),
    ],
)
async def test_what_cannot_be_shown_is_said(session: GuestSession, code: str, words: str) -> None:
    execution = await session.execute(DATA + code)
    assert not pictures_of(execution)
    assert words in execution.logs


async def test_a_server_for_a_browser_is_not_waited_for(session: GuestSession) -> None:
    code = "import webbrowser; webbrowser.open('http://localhost:5000')"
    assert "there is no browser here" in logs_of(await session.execute(code), "error")


CHILD = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"


@pytest.mark.parametrize(
    "code",
    [
        f"open('/tmp/s.py', 'w').write({CHILD!r})\n!python /tmp/s.py >/tmp/out 2>&1",
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}], capture_output=True);",
        "open('/tmp/s.py', 'w').write('import matplotlib; matplotlib.use(\"Agg\")\\n'"
        f" + {CHILD!r})\n!python /tmp/s.py >/tmp/out 2>&1",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', "
        "'from PIL import Image; Image.new(\"CMYK\", (9, 9)).show()']);",
        "import multiprocessing\ndef draw(n):\n    import matplotlib.pyplot as plt\n"
        "    plt.plot([n]); plt.show()\n"
        "child = multiprocessing.get_context('fork').Process(target=draw, args=(1,))\n"
        "child.start(); child.join()",
    ],
    ids=["shell", "subprocess", "agg", "pillow", "fork"],
)
async def test_what_a_child_process_shows_is_shown_at_the_end_of_the_cell(
    pool: SessionPool, code: str
) -> None:
    roomy = Tenant("child", memory_bytes=1024 * MIB)
    session = await pool.open(code, roomy)
    execution = await session.execute(code + "\nprint('done')")
    assert kinds_of(execution.outputs) == ["done", "picture"], execution
    assert not pictures_of(await session.execute("1"))
    await pool.drop(code)


async def test_nothing_that_code_leaves_for_pictures_harms_the_session(
    session: GuestSession,
) -> None:
    code = """
import os, tempfile
folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), ".shown")
os.makedirs(folder + "/folder.png")
os.mkfifo(folder + "/pipe.png")
os.symlink("/dev/zero", folder + "/link.png")
os.symlink(folder + "/link.png", folder + "/far.png")
os.symlink("/etc/passwd", folder + "/text.png")
open(folder + "/broken.png", "w").write("x")
open(folder + "/large.png", "w").truncate(8 << 20)
print("done")
"""
    execution = await session.execute(code)
    assert (execution.status, execution.logs.strip()) == ("ok", "done")
    assert (await session.execute("1 + 1")).logs == "2"
