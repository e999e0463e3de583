"""Families that hold no surprise: plain tables, plain sums, plain charts."""

from datetime import date
from random import Random
from statistics import median

from bench.tasks.checks import HandsPicture, HandsTable, Says, Shows
from bench.tasks.inputs import Picture, Plain, format_table
from bench.tasks.task import SEEN, UNSEEN, Task

Names3 = tuple[str, str, str]


def _make_groups(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the mean of one group."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(100, 9999) / 100) for i in range(60)]
    values = [row[2] for row in rows if row[1] == wanted]
    solution = (
        f"import pandas as pd\n"
        f"print(pd.read_csv({name!r}).groupby({header[1]!r})[{header[2]!r}].mean()[{wanted!r}])"
    )
    check = Says(sum(values) / len(values))
    return Task(
        "groups", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _make_threshold(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    least: int,
    wordings: Names3,
) -> Task:
    """Ask how many rows reach a value."""
    random = Random(seed)
    rows = [
        (f"{each}{i}", random.randint(10, 19), random.randint(31, 99))
        for i in range(70)
        for each in names
    ]
    solution = (
        f"import pandas as pd\nprint((pd.read_csv({name!r})[{header[2]!r}] >= {least}).sum())"
    )
    check = Says(sum(row[2] >= least for row in rows))
    return Task(
        "threshold", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _make_median(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for the median of a column."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(1000, 99999) / 10) for i in range(50)]
    solution = f"import pandas as pd\nprint(pd.read_csv({name!r})[{header[2]!r}].median())"
    check = Says(median(row[2] for row in rows))
    return Task(
        "median", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _make_days(variant: str, first: date, last: date, wordings: Names3) -> Task:
    """Ask how many days lie between two dates, without a file."""
    solution = f"from datetime import date\nprint((date{_format_arguments(last)} - date{_format_arguments(first)}).days)"
    return Task("days", variant, (), wordings, Says((last - first).days), solution)


def _make_savings(variant: str, start: int, percent: float, years: int, wordings: Names3) -> Task:
    """Ask what money grows to with compound interest, without a file."""
    solution = f"print({start} * (1 + {percent} / 100) ** {years})"
    check = Says(start * (1 + percent / 100) ** years, within=0.0501)
    return Task("savings", variant, (), wordings, check, solution)


def _make_histogram(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a histogram."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(1450, 1990) / 10) for i in range(90)]
    solution = f"import pandas as pd\npd.read_csv({name!r})[{header[2]!r}].plot.hist()"
    return Task(
        "histogram",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Shows(),
        solution,
    )


def _make_filter(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the rows of one group as a CSV file."""
    random = Random(seed)
    rows = [(700 + i, random.choice(names), random.randint(10, 99)) for i in range(55)]
    chosen = tuple(row for row in rows if row[1] == wanted)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r})\n"
        f"t[t[{header[1]!r}] == {wanted!r}].to_csv('chosen.csv', index=False)\n"
        f"print('[chosen.csv](sandbox:/mnt/data/chosen.csv)')"
    )
    check = HandsTable(".csv", chosen, height=len(chosen))
    return Task(
        "filter", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _make_rotate(variant: str, name: str, size: tuple[int, int], wordings: Names3) -> Task:
    """Ask for a picture turned by 90 degrees."""
    solution = (
        f"from PIL import Image\n"
        f"Image.open({name!r}).rotate(-90, expand=True).save('turned.png')\n"
        f"print('[turned.png](sandbox:/mnt/data/turned.png)')"
    )
    check = HandsPicture(".png", size[1], size[0])
    return Task("rotate", variant, (Picture(name, *size),), wordings, check, solution)


def _make_sum(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the sum of one group."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(50, 3000)) for i in range(52)]
    solution = (
        f"import pandas as pd\n"
        f"print(pd.read_csv({name!r}).groupby({header[1]!r})[{header[2]!r}].sum()[{wanted!r}])"
    )
    check = Says(sum(row[2] for row in rows if row[1] == wanted))
    return Task(
        "sum", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _make_pie(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a pie chart of sums."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(20, 300)) for i in range(40)]
    solution = (
        f"import pandas as pd\n"
        f"pd.read_csv({name!r}).groupby({header[1]!r})[{header[2]!r}].sum().plot.pie()"
    )
    return Task(
        "pie", variant, (Plain(name, format_table(header, rows)),), wordings, Shows(), solution
    )


def _make_list(variant: str, numbers: tuple[float, ...], wordings: Names3) -> Task:
    """Ask for the mean of numbers in the question, without a file."""
    listed = ", ".join(str(each) for each in numbers)
    asked = tuple(each.format(listed) for each in wordings)
    check = Says(sum(numbers) / len(numbers))
    return Task("list", variant, (), asked, check, f"print(sum({numbers}) / {len(numbers)})")


def _format_arguments(day: date) -> str:
    return f"({day.year}, {day.month}, {day.day})"


TASKS = (
    _make_groups(SEEN, 91, "menu.csv", ("no", "course", "price"), ("starter", "main", "dessert"),
                 "dessert", (
        "What is the average price of a dessert?",
        "Please give me the mean price where the course is dessert.",
        "How much does a dessert cost on average on this menu?")),
    _make_groups(UNSEEN, 92, "parcels.csv", ("parcel", "service", "weight"),
                 ("air", "road", "ship"), "road", (
        "What is the average weight of parcels that go by road?",
        "Compute the mean weight for the service road.",
        "How heavy is a parcel of the road service on average?")),
    _make_threshold(SEEN, 93, "成绩单.csv", ("学生", "年龄", "分数"), ("甲", "乙"), 60, (
        "有多少学生的分数不低于60分？",
        "请数一下及格（分数大于等于60）的学生有几个。",
        "分数在60分及以上的一共有多少人？")),
    _make_threshold(UNSEEN, 94, "传感器.csv", ("编号", "位置", "读数"), ("左", "右", "中"), 75, (
        "读数达到75或更高的有多少条？",
        "请统计读数大于等于75的记录数量。",
        "表中有几行的读数不小于75？")),
    _make_median(SEEN, 95, "incomes.csv", ("person", "town", "income"), ("Ulm", "Graz", "Bern"), (
        "What is the median income?",
        "Please tell me the median of the column income.",
        "Half of the people earn less than which income (the median)?")),
    _make_median(UNSEEN, 96, "lakes.csv", ("lake", "country", "area"), ("FI", "SE", "CA"), (
        "Which value is the median of the areas?",
        "Give me the median lake area from this file.",
        "Find the median in the column area.")),
    _make_days(SEEN, date(2019, 3, 3), date(2024, 8, 17), (
        "How many days are there from 3 March 2019 to 17 August 2024?",
        "I was hired on 2019-03-03 and left on 2024-08-17. How many days lie between the two dates?",
        "Count the days between March 3rd, 2019 and August 17th, 2024.")),
    _make_days(UNSEEN, date(1998, 11, 21), date(2021, 2, 6), (
        "How many days passed between 21 November 1998 and 6 February 2021?",
        "What is the difference in days of the dates 1998-11-21 and 2021-02-06?",
        "Our shop opened on November 21, 1998 and closed on February 6, 2021; how many days is that?")),
    _make_savings(SEEN, 8000, 3.2, 12, (
        "本金8000元，年利率3.2%，按年复利，12年后本息一共多少？",
        "我存了8000元，每年利息3.2%，利滚利12年后有多少钱？请保留两位小数。",
        "8000元以3.2%的年复利增长12年，最后是多少元？")),
    _make_savings(UNSEEN, 15000, 2.7, 9, (
        "把15000元存9年，年利率2.7%，每年复利一次，到期总额是多少？",
        "请计算15000元在2.7%年复利下9年后的金额，精确到分。",
        "如果15000元每年按2.7%复利增值，9年之后变成多少？")),
    _make_histogram(SEEN, 97, "身高.csv", ("编号", "班级", "身高"), ("一班", "二班"), (
        "请画出身高的直方图。",
        "用直方图展示身高的分布。",
        "帮我做一张身高分布的直方图。")),
    _make_histogram(UNSEEN, 98, "水位.csv", ("序号", "站点", "水位"), ("甲站", "乙站", "丙站"), (
        "画一个水位的直方图给我看。",
        "我想看水位数据的分布图（直方图）。",
        "请绘制水位直方图。")),
    _make_filter(SEEN, 99, "members-2024.csv", ("id", "level", "points"),
                 ("gold", "silver", "bronze"), "gold", (
        "Give me a CSV file with only the gold members.",
        "Please keep just the rows whose level is gold and save them as a new CSV.",
        "I need all gold members in a CSV of their own.")),
    _make_filter(UNSEEN, 100, "shipments.csv", ("nr", "port", "boxes"),
                 ("Oslo", "Riga", "Genoa", "Porto"), "Riga", (
        "Save the shipments of the port Riga in a separate CSV file.",
        "Please filter the table for Riga and send me the result as CSV.",
        "Make me a CSV that holds nothing but the rows with port Riga.")),
    _make_rotate(SEEN, "scan.png", (420, 300), (
        "Please rotate this picture by 90 degrees clockwise and give me a PNG.",
        "The scan lies on its side: turn it 90 degrees to the right and save it as PNG.",
        "Turn the image a quarter clockwise, nothing cut off, and return it as a PNG file.")),
    _make_rotate(UNSEEN, "plan.png", (360, 500), (
        "Rotate the plan by 90 degrees clockwise; I'd like a PNG back.",
        "Can you turn this image by a right angle (clockwise) and send me the PNG?",
        "Please make a PNG in which the plan is rotated a quarter turn to the right.")),
    _make_sum(SEEN, 101, "支出.csv", ("编号", "部门", "支出"), ("行政", "技术", "市场"), "技术", (
        "技术部门的支出总额是多少？",
        "请算一下技术部门一共支出了多少。",
        "部门为技术的支出合计是多少？")),
    _make_sum(UNSEEN, 102, "产量.csv", ("批次", "车间", "产量"), ("一号", "二号", "三号"), "三号", (
        "三号车间的产量总共是多少？",
        "请统计车间为三号的产量之和。",
        "三号车间一共生产了多少？")),
    _make_pie(SEEN, 103, "budget.csv", ("id", "purpose", "money"), ("rent", "food", "fun", "bus"), (
        "Draw a pie chart of the money spent for each purpose.",
        "Please show me the shares of each purpose in the money as a pie.",
        "I'd like a pie chart: total money by purpose.")),
    _make_pie(UNSEEN, 104, "votes.csv", ("ballot", "party", "votes"), ("red", "blue", "green"), (
        "Make a pie chart that shows the votes of each party.",
        "How are the votes split among the parties? Show it in a pie chart.",
        "Plot total votes by party as a pie, please.")),
    _make_list(SEEN, (83.5, 91, 77.25, 68, 95.5, 88, 72.75, 64), (
        "What is the average of these numbers: {}?",
        "My results were {}. What is their mean?",
        "Please compute the arithmetic mean of {}.")),
    _make_list(UNSEEN, (12.4, 19.1, 15.75, 22, 17.3, 9.85, 30.2), (
        "I measured {}. What is the average?",
        "Calculate the mean value of the numbers {}.",
        "What do {} come to on average?")),
)  # fmt: skip
