"""Pictures and documents show every script, whatever fonts their code asks for."""

import pytest

from assistd.sandbox.session.session import GuestSession
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


# What a PDF says to whoever copies its text, and what a reader of it sees.
READ = """
import pypdf, pypdfium2, unicodedata
def words_missing(path, texts):
    pages = pypdf.PdfReader(path).pages
    found = unicodedata.normalize("NFKC", " ".join(page.extract_text() for page in pages))
    return [word for text in texts for word in text.split() if word not in found]
def fonts(path):
    pages = pypdf.PdfReader(path).pages
    found = [font for page in pages for font in page["/Resources"]["/Font"].values()]
    return {str(font.get_object()["/BaseFont"]) for font in found}
def drawn(path):
    return [page.render(scale=2).to_pil().tobytes() for page in pypdfium2.PdfDocument(path)]
"""
SCRIPTS = {name: text for name, text in TEXTS.items() if name != "emoji"} | {
    "Polish": "Łódź",
    "Vietnamese": "Tiếng Việt",
    "mixed": "Sales 销售 Продажи 2026",
}

CANVAS = """
from reportlab.pdfgen import canvas
page = canvas.Canvas(path)
names = ("Helvetica", "Times-BoldItalic", "Courier-Bold", "Helvetica-Oblique")
for number, text in enumerate(texts):
    page.setFont(names[number % 4], 12)
    page.drawString(50, 800 - 50 * number, text)
    page.drawRightString(500, 785 - 50 * number, text)
    page.drawCentredString(300, 770 - 50 * number, text)
    written = page.beginText(50, 755 - 50 * number); written.textLine(text); page.drawText(written)
page.save()
"""
PLATYPUS = """
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table
styles = getSampleStyleSheet()
story = [Paragraph(text, styles[name]) for text in texts for name in ("Title", "Normal", "Italic")]
marked = "<b>{0}</b> and <i>{0}</i> <font color='red'>{0}</font>"
story += [Paragraph(marked.format(text), styles["BodyText"]) for text in texts]
SimpleDocTemplate(path).build([*story, Table([[text, text] for text in texts])])
"""
FPDF = """
import datetime, warnings; warnings.simplefilter("ignore")
from fpdf import FPDF
pdf = FPDF()
pdf.creation_date = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
pdf.add_page()
for text in texts:
    for family, style in (("helvetica", ""), ("times", "I"), ("Arial", "B"), ("courier", "BI")):
        pdf.set_font(family, style, 10)
        pdf.cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")
    pdf.multi_cell(60, 5, f"**{text}** {text}", markdown=True, new_x="LMARGIN", new_y="NEXT")
    pdf.write(5, text)
    pdf.text(150, pdf.get_y(), text)
    pdf.ln()
    pdf.write_html(f"<h2>{text}</h2><ul><li>{text}</li></ul>")
with pdf.table() as table:
    for text in texts:
        table.row([text, "x"])
pdf.output(path)
"""
MAKERS = {"canvas": CANVAS, "platypus": PLATYPUS, "fpdf2": FPDF}


@pytest.mark.parametrize("maker", MAKERS)
async def test_a_pdf_holds_every_script_without_a_font_being_named(
    session: GuestSession, maker: str
) -> None:
    head = f"{READ}\ntexts, path = {list(SCRIPTS.values())!r}, 'a.pdf'\n"
    execution = await session.execute(f"{head}{MAKERS[maker]}words_missing(path, texts)")
    assert execution.logs == "[]", execution


@pytest.mark.parametrize(
    "maker",
    [
        "from reportlab.pdfgen import canvas\npdf = canvas.Canvas('a.pdf')\n"
        "for letter in letters: pdf.drawString(50, 700, letter); pdf.showPage()\n"
        "pdf.save()",
        "from fpdf import FPDF\npdf = FPDF(); pdf.set_font('helvetica', '', 12)\n"
        "for letter in letters: pdf.add_page(); pdf.cell(0, 9, letter)\n"
        "pdf.output('a.pdf')",
    ],
    ids=["reportlab", "fpdf2"],
)
async def test_the_letters_of_a_pdf_are_really_there(session: GuestSession, maker: str) -> None:
    """None is drawn as a square or as nothing: each differs from what no font has."""
    code = f"""{READ}
letters = "■ 销売매жΣعשहยŁ"
{maker}
drawings = drawn("a.pdf")
len(set(drawings)), [letter for letter, one in zip(letters[2:], drawings[2:]) if one in drawings[:2]]
"""
    execution = await session.execute(code)
    assert execution.logs == "(12, [])", execution


# The letters of a page by their places, from left to right.
ORDER = """
import pdfplumber
def from_left(path, letters):
    found = [char for char in pdfplumber.open(path).pages[0].chars if char["text"] in letters]
    return "".join(char["text"] for char in sorted(found, key=lambda char: char["x0"]))
"""


@pytest.mark.parametrize(
    "maker",
    [
        "from reportlab.pdfgen import canvas\n"
        "c = canvas.Canvas('a.pdf'); c.drawString(50, 700, text); c.save()",
        "from reportlab.platypus import Paragraph, SimpleDocTemplate\n"
        "from reportlab.lib.styles import getSampleStyleSheet\n"
        "story = [Paragraph(text, getSampleStyleSheet()['Normal'])]\n"
        "SimpleDocTemplate('a.pdf').build(story)",
        "from reportlab.platypus import Paragraph, SimpleDocTemplate\n"
        "from reportlab.lib.styles import getSampleStyleSheet\n"
        "first, rest = text.split(' ', 1)\n"
        "story = [Paragraph(f'<b>{first}</b> {rest}', getSampleStyleSheet()['Normal'])]\n"
        "SimpleDocTemplate('a.pdf').build(story)",
        "from fpdf import FPDF\np = FPDF(); p.add_page(); p.set_font('helvetica', '', 12)\n"
        "p.cell(0, 9, text); p.output('a.pdf')",
        "from fpdf import FPDF\np = FPDF(); p.add_page(); p.set_font('helvetica', '', 12)\n"
        "first, rest = text.split(' ', 1)\n"
        "p.multi_cell(0, 9, f'**{first}** {rest}', markdown=True); p.output('a.pdf')",
    ],
    ids=["canvas", "paragraph", "bold", "fpdf2", "markdown"],
)
@pytest.mark.parametrize(
    ("text", "seen"),
    [("אבג דהו (12) זחט", "טחז(12)והדגבא"), ("مرحبا بكم 34", "34مكبابحرم")],  # noqa: RUF001
    ids=["hebrew", "arabic"],
)
async def test_hebrew_and_arabic_stand_from_right_to_left(
    session: GuestSession, maker: str, text: str, seen: str
) -> None:
    code = f"{ORDER}\ntext = {text!r}\n{maker}\nfrom_left('a.pdf', {seen!r})"
    execution = await session.execute(code)
    assert execution.logs == repr(seen), execution


async def test_letters_of_a_word_change_with_their_neighbours(session: GuestSession) -> None:
    """A word is narrower than its letters side by side: Arabic joins, Devanagari stacks."""
    code = """
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen import canvas
def width(text): return pdfmetrics.stringWidth(text, "Helvetica", 100)
[sum(map(width, word)) - width(word) > 9 for word in ("مبيعات", "क्षेत्र", "Отчёт")]
"""
    assert (await session.execute(code)).logs == "[True, True, False]"


@pytest.mark.parametrize("maker", MAKERS)
async def test_latin_text_is_what_it_was_byte_for_byte(session: GuestSession, maker: str) -> None:
    script = f"""
import sys
if sys.argv[1] == "without":
    del sys.meta_path[0]
from reportlab import rl_config
rl_config.invariant = 1
texts, path = ["Café déjà vu", "plain (text)"], sys.argv[1] + ".pdf"
if {maker!r} != "fpdf2":
    texts += ["“naïve” \N{EN DASH} 5 €", "\N{GREEK SMALL LETTER ALPHA} ± 1 ≤ 2 ✓"]
{MAKERS[maker]}"""
    code = f"""
import subprocess, sys
for name in ("with", "without"):
    subprocess.run([sys.executable, "-c", {script!r}, name], check=True)
open("with.pdf", "rb").read() == open("without.pdf", "rb").read()
"""
    execution = await session.execute(code)
    assert execution.logs == "True", execution


async def test_a_font_that_code_chose_is_used(session: GuestSession) -> None:
    code = f"""{READ}
import os
from fpdf import FPDF
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
pdfmetrics.registerFont(TTFont("own", "wqy-microhei.ttc"))
page = canvas.Canvas("a.pdf"); page.setFont("own", 9); page.drawString(9, 99, "销售 Łódź"); page.save()
pdf = FPDF(); pdf.add_page(); pdf.add_font("own", fname=os.environ["FONTS"] + "/NotoSans.ttf")
pdf.set_font("own"); pdf.cell(0, 9, "Łódź"); pdf.output("b.pdf")
[len([name for name in fonts(path) if "+" in name]) for path in ("a.pdf", "b.pdf")]
"""
    assert (await session.execute(code)).logs == "[1, 1]"


async def test_a_program_that_is_started_writes_every_script_too(session: GuestSession) -> None:
    head = f"texts, path = {list(SCRIPTS.values())!r}, 'a.pdf'\n"
    code = f"{READ}\nopen('make.py', 'w').write({head + CANVAS!r})\n!python make.py\n"
    execution = await session.execute(f"{code}{head}words_missing(path, texts)")
    assert execution.logs == "[]", execution


async def test_office_files_hold_the_text_and_leave_its_fonts_to_the_reader(
    session: GuestSession,
) -> None:
    """Word, PowerPoint, Excel and LibreOffice look for missing letters in their machine's fonts."""
    code = f"""
import html, re, zipfile
texts = {list(TEXTS.values())!r}
import docx, openpyxl, pptx, xlsxwriter
document = docx.Document()
for text in texts: document.add_heading(text); document.add_paragraph(text)
document.save("a.docx")
deck = pptx.Presentation()
for text in texts: deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = text
deck.save("a.pptx")
book = openpyxl.Workbook()
for text in texts: book.active.append([text])
book.save("a.xlsx")
book = xlsxwriter.Workbook("b.xlsx"); sheet = book.add_worksheet()
for row, text in enumerate(texts): sheet.write(row, 0, text)
book.close()
def missing(path):
    with zipfile.ZipFile(path) as parts:
        whole = "".join(parts.read(name).decode() for name in parts.namelist() if name.endswith(".xml"))
    return [text for text in texts if text not in html.unescape(whole)]
styles = zipfile.ZipFile("a.docx").read("word/styles.xml").decode()
themed = re.search('<w:rPrDefault>.*?<w:rFonts ([^>]*)', styles, re.S)[1]
([missing(path) for path in ("a.docx", "a.pptx", "a.xlsx", "b.xlsx")],
 "eastAsiaTheme" in themed, "cstheme" in themed)
"""
    execution = await session.execute(code)
    assert execution.logs == "([[], [], [], []], True, True)", execution


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
