"""Families about documents, pictures, charts and statistics."""

from random import Random

from bench.tasks.checks import Every, HandsPicture, Says, Shows
from bench.tasks.inputs import Document, Pdf, Picture, Plain, Row, format_table
from bench.tasks.task import SEEN, UNSEEN, Task

Names3 = tuple[str, str, str]


def _make_pdf(
    variant: str,
    seed: int,
    name: str,
    company: str,
    label: str,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for the sum of the amounts on the pages of a PDF."""
    random = Random(seed)
    amounts = [random.randint(5000, 90000) / 100 for _ in names]
    pages = tuple(
        (company, f"No. {4000 + i}", f"For: {each}", f"{label}: {amount:.2f} EUR", "Thank you.")
        for i, (each, amount) in enumerate(zip(names, amounts, strict=True))
    )
    solution = (
        f"import pdfplumber, re\n"
        f"text = ' '.join(p.extract_text() for p in pdfplumber.open({name!r}).pages)\n"
        f"print(round(sum(map(float, re.findall(r'{label}: ([\\d.]+)', text))), 2))"
    )
    return Task("pdf", variant, (Pdf(name, pages),), wordings, Says(sum(amounts)), solution)


def _make_document(
    variant: str,
    seed: int,
    name: str,
    heading: str,
    paragraph: str,
    header: Names3,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for a sum in a table of a Word document."""
    random = Random(seed)
    rows: list[Row] = [(each, random.randint(2, 30), random.randint(100, 5000)) for each in names]
    solution = (
        f"import docx\n"
        f"rows = docx.Document({name!r}).tables[0].rows[1:]\n"
        f"print(sum(int(r.cells[2].text) for r in rows))"
    )
    document = Document(name, heading, paragraph, (header, *rows))
    return Task(
        "document", variant, (document,), wordings, Says(sum(int(row[2]) for row in rows)), solution
    )


def _make_resize(
    variant: str, name: str, size: tuple[int, int], width: int, wordings: Names3
) -> Task:
    """Ask for a picture made smaller in both directions."""
    height = round(size[1] * width / size[0])
    solution = (
        f"from PIL import Image\n"
        f"Image.open({name!r}).resize(({width}, {height})).save('small.png')\n"
        f"print('[small.png](sandbox:/mnt/data/small.png)')"
    )
    return Task(
        "resize",
        variant,
        (Picture(name, *size),),
        wordings,
        HandsPicture(".png", width, height),
        solution,
    )


def _make_convert(
    variant: str, name: str, size: tuple[int, int], suffix: str, wordings: Names3
) -> Task:
    """Ask for a picture in another format."""
    solution = (
        f"from PIL import Image\n"
        f"Image.open({name!r}).save('new{suffix}')\n"
        f"print('[new{suffix}](sandbox:/mnt/data/new{suffix})')"
    )
    return Task(
        "convert", variant, (Picture(name, *size),), wordings, HandsPicture(suffix, *size), solution
    )


def _make_chart(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a chart of sums, and for the largest in words."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(10, 500)) for i in range(66)]
    sums = [sum(row[2] for row in rows if row[1] == each) for each in names]
    solution = (
        f"import pandas as pd\n"
        f"s = pd.read_csv({name!r}).groupby({header[1]!r})[{header[2]!r}].sum()\n"
        f"s.plot.bar()\nprint(s.max())"
    )
    return Task(
        "chart",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Every((Shows(), Says(max(sums)))),
        solution,
    )


def _make_correlation(
    variant: str, seed: int, name: str, header: Names3, noise: int, wordings: Names3
) -> Task:
    """Ask for the correlation of two columns."""
    rows = _make_points(seed, noise)
    x, y = [row[1] for row in rows], [row[2] for row in rows]
    r = _compute_covariance(x, y) / (_compute_covariance(x, x) * _compute_covariance(y, y)) ** 0.5
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r})\n"
        f"print(t[{header[1]!r}].corr(t[{header[2]!r}]))"
    )
    return Task(
        "correlation",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Says(r, within=0.0051),
        solution,
    )


def _make_regression(
    variant: str, seed: int, name: str, header: Names3, noise: int, wordings: Names3
) -> Task:
    """Ask for the slope of a line through points."""
    rows = _make_points(seed, noise)
    x, y = [row[1] for row in rows], [row[2] for row in rows]
    solution = (
        f"import pandas as pd, numpy as np\n"
        f"t = pd.read_csv({name!r})\n"
        f"print(np.polyfit(t[{header[1]!r}], t[{header[2]!r}], 1)[0])"
    )
    return Task(
        "regression",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Says(_compute_covariance(x, y) / _compute_covariance(x, x)),
        solution,
    )


def _make_points(seed: int, noise: int) -> list[tuple[int, float, float]]:
    random = Random(seed)
    xs = [random.randint(50, 400) / 10 for _ in range(48)]
    return [
        (i + 1, x, round(2.7 * x + random.randint(-noise, noise) / 10, 1)) for i, x in enumerate(xs)
    ]


def _compute_covariance(x: list[float], y: list[float]) -> float:
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))


TASKS = (
    _make_pdf(SEEN, 71, "invoices.pdf", "Blue Sky Cleaning", "Amount due",
         ("Mr Lopez", "Ms Chen", "Mr Novak", "Ms Okoro", "Mr Hill"), (
        "What is the sum of all amounts due in this PDF?",
        "Please add up the invoices in the file and tell me the total.",
        "How much money is due in all these invoices together?")),
    _make_pdf(UNSEEN, 72, "receipts.pdf", "City Garage", "Paid",
         ("brakes", "tyres", "battery", "oil", "lights", "wipers"), (
        "How much was paid altogether according to this PDF?",
        "What do the receipts in the document come to in total?",
        "Sum all the paid amounts in the attached file, please.")),
    _make_document(SEEN, 75, "预算.docx", "年度预算", "以下为各部门的预算，单位为万元。",
              ("部门", "人数", "预算"), ("市场部", "研发部", "财务部", "人事部", "法务部", "后勤部"), (
        "文档里所有部门的预算合计是多少？",
        "请把表格中的预算加起来告诉我。",
        "这份 Word 文件里预算的总和是多少？")),
    _make_document(UNSEEN, 76, "采购.docx", "采购清单", "本清单由采购科提供。",
              ("物品", "数量", "总价"), ("桌子", "椅子", "书柜", "电脑", "打印机"), (
        "采购清单中总价一列的合计是多少？",
        "请问文档中全部物品的总价加起来多少？",
        "读一下这个 Word 文档，把总价求和。")),
    _make_resize(SEEN, "photo.png", (840, 600), 280, (
        "Please make this picture 280 pixels wide, keeping its proportions, as PNG.",
        "Scale the photo down to a width of 280 px (same aspect ratio) and give me the PNG file.",
        "I need a smaller version of this image, 280 pixels wide and not distorted, as a PNG file.")),
    _make_resize(UNSEEN, "banner.png", (1000, 400), 250, (
        "Shrink this banner to 250 pixels in width; the proportions must stay. PNG please.",
        "Can I have the banner as a PNG that is 250 px wide, with the aspect ratio kept?",
        "Resize the image to width 250, height to match, and send it back as PNG.")),
    _make_convert(SEEN, "图片.jpg", (320, 240), ".png", (
        "请把这张图片转换成 PNG 格式给我。",
        "我需要这张照片的 PNG 版本。",
        "帮我把图片另存为 png 文件。")),
    _make_convert(UNSEEN, "海报.png", (300, 420), ".jpg", (
        "把这张海报转成 JPG 格式。",
        "请给我这张图的 jpg 文件。",
        "帮忙将图片保存为 JPG 并发给我。")),
    _make_chart(SEEN, 77, "sales.csv", ("id", "region", "sold"), ("north", "south", "east", "west"), (
        "Show the total sold per region as a bar chart, and tell me the highest total.",
        "Draw a bar chart of sold by region. What is the largest sum?",
        "Please plot the sum of sold for each region and name the maximum value.")),
    _make_chart(UNSEEN, 78, "books.csv", ("no", "genre", "pages"),
           ("crime", "poetry", "travel", "history", "cooking"), (
        "Make a bar chart of the total pages per genre and tell me the greatest total.",
        "Plot pages summed up by genre. How many pages does the top genre have?",
        "I'd like a chart of all pages by genre, and the largest number in it.")),
    _make_correlation(SEEN, 79, "plants.csv", ("plant", "water", "height"), 700, (
        "How strongly are water and height correlated?",
        "What is the correlation coefficient between water and height?",
        "Give me Pearson's correlation of water and height, to two decimals.")),
    _make_correlation(UNSEEN, 80, "cars.csv", ("car", "weight", "fuel"), 500, (
        "What is the correlation between weight and fuel?",
        "Compute how weight and fuel correlate (Pearson).",
        "Do weight and fuel correlate? Tell me the coefficient to two decimals.")),
    _make_regression(SEEN, 81, "广告.csv", ("周", "广告费", "销量"), 300, (
        "用线性回归分析广告费对销量的影响，斜率是多少？",
        "请以广告费为自变量、销量为因变量做线性拟合，给出斜率（保留两位小数）。",
        "广告费每增加1，销量按线性回归平均增加多少？")),
    _make_regression(UNSEEN, 82, "学习.csv", ("学生", "时长", "成绩"), 400, (
        "对时长和成绩做线性回归，成绩随时长变化的斜率是多少？",
        "以时长为 x、成绩为 y 拟合一条直线，斜率是多少？保留两位小数。",
        "学习时长每多1小时，成绩按线性回归平均提高多少？")),
)  # fmt: skip
