"""Pictures and documents show every script, whatever fonts their code asks for."""

import pytest

from assistd.sandbox.session import GuestSession
from tests.sandbox.rig import logs_of

TEXTS = {
    "Chinese": "季度销售额",
    "Japanese": "売上カタログ",
    "Korean": "분기별 매출",
    "Cyrillic": "Продажи",
    "Greek": "Πωλήσεις",
    "Arabic": "مبيعات",
    "Hebrew": "מכירות",
    "Devanagari": "बिक्री",
    "Thai": "ยอดขาย",
    "emoji": "📈😀",
}

# What matplotlib draws without a glyph, it draws as a box and warns of.
CHARTS = """
import warnings
import matplotlib.pyplot as plt
warnings.simplefilter("error")
for text in {texts!r}:
    figure, axis = plt.subplots(figsize=(3, 2), dpi=60)
    axis.bar([text, "b"], [1, -2], label=text)
    axis.set_title(text + " 2026", fontweight="bold")
    axis.set_xlabel(text)
    axis.legend(title=text)
    figure.canvas.draw()
    plt.close(figure)
"""


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import seaborn; seaborn.set_theme()\n",
        "import matplotlib as m; m.rcParams['font.family'] = 'sans-serif'; m.rcParams['font.sans-serif'] = ['SimHei']\n",
        "import matplotlib as m; m.rcParams['font.family'] = 'Arial'\n",
    ],
    ids=["plain", "seaborn", "simhei", "arial"],
)
async def test_no_glyph_is_missing_in_a_chart(session: GuestSession, before: str) -> None:
    execution = await session.execute(before + CHARTS.format(texts=list(TEXTS.values())))
    assert (execution.status, execution.logs) == ("ok", "")


async def test_the_letters_of_a_chart_are_really_there(session: GuestSession) -> None:
    """A warning could fail to come: what is drawn for a letter differs from the box for no letter."""
    code = """
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
def drawn(text):
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.text(.1, .3, text, fontsize=30)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).tobytes()
import warnings
warnings.simplefilter("ignore")
seen = {drawn(letter) for letter in "销売매жΣعשहย😀" + chr(0x10ffff)}
len(seen)
"""
    execution = await session.execute(code)
    assert execution.logs == "11"


@pytest.mark.parametrize(
    "font",
    [
        "ImageFont.truetype('NotoSansCJK-Regular.ttc', 24)",
        "ImageFont.truetype('/usr/share/fonts/truetype/msyh.ttc', 24)",
        "ImageFont.truetype('arial.ttf', 24)",
        "ImageFont.load_default(24)",
        "None",
    ],
)
async def test_pillow_writes_chinese_with_the_fonts_programs_name(
    session: GuestSession, font: str
) -> None:
    code = f"""
from PIL import Image, ImageDraw, ImageFont
def drawn(text):
    image = Image.new("L", (60, 40))
    ImageDraw.Draw(image).text((2, 2), text, font={font}, fill=255)
    return image.tobytes()
len({{drawn(letter) for letter in "销売매жΣ" + chr(0x10ffff)}})
"""
    assert (await session.execute(code)).logs == "6"


async def test_a_pdf_of_reportlab_holds_chinese_that_can_be_read_back(
    session: GuestSession,
) -> None:
    code = """
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
pdfmetrics.registerFont(TTFont("hei", "simhei.ttf"))
page = canvas.Canvas("a.pdf")
page.setFont("hei", 20)
page.drawString(50, 700, "季度销售额 매출 Продажи")
page.save()
import pypdf
pypdf.PdfReader("a.pdf").pages[0].extract_text().strip()
"""
    assert (await session.execute(code)).logs == "'季度销售额 매출 Продажи'"


async def test_a_plotly_figure_shows_every_script(session: GuestSession) -> None:
    code = f"""
import plotly.graph_objects as go
texts = {list(TEXTS.values())!r}
def drawn(text):
    layout = dict(width=300, height=120, title=text, xaxis_visible=False, yaxis_visible=False)
    return go.Figure(go.Bar(y=[1]), layout).to_image("png")
len({{drawn(text) for text in texts}} - {{drawn(chr(0x10ffff) * len(text)) for text in texts}})
"""
    execution = await session.execute(code)
    assert execution.logs == str(len(TEXTS)), logs_of(execution, "error")
