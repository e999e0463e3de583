"""Families about Excel: the right sheet, all sheets, and writing one."""

from random import Random

from bench.tasks.checks import HandsTable, Says
from bench.tasks.inputs import Plain, Workbook, format_table
from bench.tasks.task import SEEN, UNSEEN, Task

Names3 = tuple[str, str, str]


def _make_sheet(
    variant: str,
    seed: int,
    name: str,
    titles: tuple[str, ...],
    wanted: str,
    header: Names3,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for a sum on a sheet that is named in another way than in the question."""
    random = Random(seed)
    sheets = {
        title: [(each, random.randint(5, 400), random.randint(1, 9)) for each in names]
        for title in titles
    }
    solution = (
        f"import pandas as pd\n"
        f"print(pd.read_excel({name!r}, sheet_name={wanted!r})[{header[1]!r}].sum())"
    )
    return Task(
        "sheet",
        variant,
        (_workbook(name, header, sheets),),
        wordings,
        Says(sum(row[1] for row in sheets[wanted])),
        solution,
    )


def _make_all_sheets(
    variant: str,
    seed: int,
    name: str,
    titles: tuple[str, ...],
    header: Names3,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for a sum over every sheet of a workbook."""
    random = Random(seed)
    sheets = {
        title: [(each, random.randint(5, 90), random.randint(100, 4000)) for each in names]
        for title in titles
    }
    total = sum(row[2] for rows in sheets.values() for row in rows)
    solution = (
        f"import pandas as pd\n"
        f"sheets = pd.read_excel({name!r}, sheet_name=None)\n"
        f"print(pd.concat(sheets.values())[{header[2]!r}].sum())"
    )
    return Task(
        "all-sheets", variant, (_workbook(name, header, sheets),), wordings, Says(total), solution
    )


def _make_to_excel(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for an Excel file with a total for each group."""
    random = Random(seed)
    rows = [(2000 + i, random.choice(names), random.randint(100, 9000) / 10) for i in range(50)]
    sums = {each: sum(row[2] for row in rows if row[1] == each) for each in names}
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r})\n"
        f"t.groupby({header[1]!r}, as_index=False)[{header[2]!r}].sum()"
        f".to_excel('totals.xlsx', index=False)\n"
        f"print('[totals.xlsx](sandbox:/mnt/data/totals.xlsx)')"
    )
    check = HandsTable(".xlsx", tuple(sums.items()))
    return Task(
        "to-excel", variant, (Plain(name, format_table(header, rows)),), wordings, check, solution
    )


def _workbook(name: str, header: Names3, sheets: dict[str, list[tuple[str, int, int]]]) -> Workbook:
    return Workbook(name, tuple((title, (header, *rows)) for title, rows in sheets.items()))


TASKS = (
    _make_sheet(SEEN, 31, "units.xlsx", ("Notes", "Q1 2024", "Q2 2024", "Q3 2024"), "Q2 2024",
           ("Product", "Units", "Shelf"),
           ("Lamp", "Desk", "Chair", "Sofa", "Shelf", "Rug", "Mirror"), (
        "How many units were sold in the second quarter?",
        "What is the sum of Units in Q2?",
        "Tell me the total of units for the second quarter of 2024.")),
    _make_sheet(UNSEEN, 32, "harvest.xlsx", ("Intro", "Farm_North", "Farm_South", "Farm_West"),
           "Farm_South", ("Crop", "Tons", "Field"),
           ("Wheat", "Barley", "Oats", "Maize", "Rye", "Hops"), (
        "How many tons did the southern farm harvest?",
        "Give me the total of Tons for the south farm.",
        "What is the sum of the tons on the farm in the south?")),
    _make_all_sheets(SEEN, 33, "门店.xlsx", ("东区", "西区", "南区", "北区"), ("商品", "数量", "收入"),
                ("茶叶", "咖啡", "牛奶", "果汁", "面包"), (
        "所有工作表的收入合计是多少？",
        "四个区的收入加起来一共多少？",
        "请把每个工作表的收入都加在一起，告诉我总数。")),
    _make_all_sheets(UNSEEN, 34, "工资.xlsx", ("一月", "二月", "三月"), ("姓名", "天数", "工资"),
                ("陈静", "刘洋", "杨帆", "黄磊", "周婷", "吴昊"), (
        "三个月的工资总额是多少？",
        "请统计全部工作表里工资的总和。",
        "一月到三月一共发了多少工资？")),
    _make_to_excel(SEEN, 37, "expenses.csv", ("no", "category", "cost"),
              ("travel", "food", "office", "rent"), (
        "Make an Excel file with the total cost of each category.",
        "Please sum the cost per category and give me the result as an Excel file.",
        "I need a spreadsheet (xlsx) that lists every category with its total cost.")),
    _make_to_excel(UNSEEN, 38, "trips.csv", ("trip", "driver", "km"),
              ("Maria", "Jonas", "Elif", "Tom", "Zoe"), (
        "Create an Excel sheet that shows how many km each driver drove in total.",
        "Group the trips by driver, add up the km, and send me an xlsx file.",
        "Could you export the total km per driver to Excel?")),
)  # fmt: skip
