"""Families about delimited text: encodings, separators, headers, gaps, dates, money, joins."""

from datetime import date, timedelta
from random import Random

from bench.tasks.checks import Every, HandsTable, Names, Says
from bench.tasks.inputs import Plain, Row, format_table
from bench.tasks.task import SEEN, UNSEEN, Task

Names3 = tuple[str, str, str]


def _make_semicolons(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a sum in a table with 1234,5 and semicolons, in Latin 1."""
    random = Random(seed)
    rows = [(each, random.randint(3, 90), random.randint(1000, 99999) / 100) for each in names * 6]
    text = format_table(header, rows, separator=";", decimal=",")
    total = sum(row[2] for row in rows)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, sep=';', decimal=',', encoding='latin-1')\n"
        f"print(t[{header[2]!r}].sum())"
    )
    return Task(
        "semicolons", variant, (Plain(name, text, "latin-1"),), wordings, Says(total), solution
    )


def _make_gbk(
    variant: str, seed: int, name: str, header: Names3, names: dict[str, str], wordings: Names3
) -> Task:
    """Ask which group of a table, saved by a Chinese Excel, has the largest sum."""
    random = Random(seed)
    groups = list(names)  # the values are their English names
    rows = [
        (f"2024-{1 + i % 12:02}", groups[i % len(groups)], random.randint(120, 980))
        for i in range(48)
    ]
    sums = {each: sum(row[2] for row in rows if row[1] == each) for each in groups}
    best = max(sums, key=sums.__getitem__)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, encoding='gbk')\n"
        f"s = t.groupby({header[1]!r})[{header[2]!r}].sum()\n"
        f"print(s.idxmax(), s.max())"
    )
    return Task(
        "gbk",
        variant,
        (Plain(name, format_table(header, rows), "gbk"),),
        wordings,
        Every((Names((best, names[best])), Says(sums[best]))),
        solution,
    )


def _make_shift_jis(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the mean of one group of a Japanese table."""
    random = Random(seed)
    rows = [(f"{1000 + i}", random.choice(names), random.randint(18, 79)) for i in range(57)]
    values = [row[2] for row in rows if row[1] == wanted]
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, encoding='cp932')\n"
        f"print(round(t[t[{header[1]!r}] == {wanted!r}][{header[2]!r}].mean(), 2))"
    )
    return Task(
        "shift-jis",
        variant,
        (Plain(name, format_table(header, rows), "shift_jis"),),
        wordings,
        Says(sum(values) / len(values), within=0.051),
        solution,
    )


def _make_utf16(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a sum of products in what Excel calls Unicode text: UTF-16 with tabs."""
    random = Random(seed)
    rows = [(each, random.randint(1, 40), random.randint(200, 9000) / 100) for each in names * 5]
    value = sum(row[1] * row[2] for row in rows)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, sep='\\t', encoding='utf-16')\n"
        f"print((t[{header[1]!r}] * t[{header[2]!r}]).sum())"
    )
    text = format_table(header, rows, separator="\t")
    return Task("utf16", variant, (Plain(name, text, "utf-16"),), wordings, Says(value), solution)


def _make_late_header(
    variant: str,
    seed: int,
    name: str,
    above: Names3,
    header: Names3,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for a sum in a report whose header stands below its titles."""
    random = Random(seed)
    rows = [(each, random.randint(2, 60), random.randint(1000, 90000) / 100) for each in names * 4]
    text = "\n".join(above) + "\n\n" + format_table(header, rows)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, skiprows={len(above) + 1})\n"
        f"print(t[{header[2]!r}].sum())"
    )
    return Task(
        "late-header",
        variant,
        (Plain(name, text),),
        wordings,
        Says(sum(row[2] for row in rows)),
        solution,
    )


def _make_gaps(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    gap: str,
    wordings: Names3,
) -> Task:
    """Ask for the mean of a column in which some values are missing."""
    random = Random(seed)
    rows: list[Row] = [
        (
            f"2023-{1 + i // 28:02}-{1 + i % 28:02}",
            random.choice(names),
            gap if i % 7 == 3 else random.randint(50, 400) / 10,
        )
        for i in range(84)
    ]
    values = [row[2] for row in rows if isinstance(row[2], float)]
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r}, na_values=[{gap!r}])\n"
        f"print(t[{header[2]!r}].mean())"
    )
    return Task(
        "gaps",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Says(sum(values) / len(values), within=0.0051),
        solution,
    )


def _make_join(
    variant: str,
    seed: int,
    files: tuple[str, str],
    left: Names3,
    right: Names3,
    names: tuple[str, ...],
    groups: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the sum of one group, where another table tells the groups."""
    random = Random(seed)
    people = [(100 + i, each, groups[i % len(groups)]) for i, each in enumerate(names)]
    orders = [
        (5000 + i, random.choice(people)[0], random.randint(500, 50000) / 100) for i in range(64)
    ]
    inside = {each[0] for each in people if each[2] == wanted}
    inputs = (
        Plain(files[0], format_table(left, people)),
        Plain(files[1], format_table(right, orders)),
    )
    solution = (
        f"import pandas as pd\n"
        f"a, b = pd.read_csv({files[0]!r}), pd.read_csv({files[1]!r})\n"
        f"t = b.merge(a, left_on={right[1]!r}, right_on={left[0]!r})\n"
        f"print(t[t[{left[2]!r}] == {wanted!r}][{right[2]!r}].sum())"
    )
    return Task(
        "join",
        variant,
        inputs,
        wordings,
        Says(sum(row[2] for row in orders if row[1] in inside)),
        solution,
    )


def _make_dates(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    form: str,
    month: int,
    wordings: Names3,
) -> Task:
    """Ask for the sum of one month, with the day first in dates."""
    random = Random(seed)
    days = [date(2024, 1, 1) + timedelta(days=random.randint(0, 360)) for _ in range(90)]
    rows = [(day.strftime(form), random.choice(names), random.randint(20, 800)) for day in days]
    total = sum(row[2] for day, row in zip(days, rows, strict=True) if day.month == month)
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r})\n"
        f"d = pd.to_datetime(t[{header[0]!r}], format={form!r})\n"
        f"print(t[d.dt.month == {month}][{header[2]!r}].sum())"
    )
    return Task(
        "dates",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Says(total),
        solution,
    )


def _make_money(
    variant: str,
    seed: int,
    name: str,
    header: Names3,
    names: tuple[str, ...],
    sign: str,
    wordings: Names3,
) -> Task:
    """Ask for the sum of amounts with a currency sign and groups of thousands."""
    random = Random(seed)
    amounts = [random.randint(20000, 999999) / 100 for _ in range(30)]
    rows = [
        (f"{i + 1:03}", random.choice(names), f'"{sign}{amount:,.2f}"')
        for i, amount in enumerate(amounts)
    ]
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_csv({name!r})\n"
        f"print(t[{header[2]!r}].str.replace('[{sign},]', '', regex=True).astype(float).sum())"
    )
    return Task(
        "money",
        variant,
        (Plain(name, format_table(header, rows)),),
        wordings,
        Says(sum(amounts)),
        solution,
    )


def _make_duplicates(
    variant: str, seed: int, name: str, header: Names3, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for a list without the lines that stand in it twice, as a CSV file."""
    random = Random(seed)
    rows = [
        (f"{each}{i}", f"13{random.randint(10**8, 10**9 - 1)}", random.randint(10, 99))
        for each in names
        for i in range(1, 6)
    ]
    twice = [*rows, *random.sample(rows, 9)]
    random.shuffle(twice)
    solution = (
        f"import pandas as pd\n"
        f"pd.read_csv({name!r}).drop_duplicates().to_csv('out.csv', index=False)\n"
        f"print('[out.csv](sandbox:/mnt/data/out.csv)')"
    )
    wanted = tuple((row[0], float(row[1])) for row in rows)
    return Task(
        "duplicates",
        variant,
        (Plain(name, format_table(header, twice)),),
        wordings,
        HandsTable(".csv", wanted, height=len(rows)),
        solution,
    )


TASKS = (
    _make_semicolons(SEEN, 1, "umsatz.csv", ("Käufer", "Stück", "Betrag"),
                ("Müller", "Weiß", "Schröder", "Jäger", "Köhler", "Böhm"), (
        "What is the total of the amounts (Betrag) in this table?",
        "Please add up the column Betrag for me.",
        "How much did all buyers spend together, going by Betrag?")),
    _make_semicolons(UNSEEN, 2, "inventaire.csv", ("Désignation", "Quantité", "Coût"),
                ("Fenêtre", "Théière", "Crème", "Château", "Garçon"), (
        "I need the sum of all costs (Coût) in the attached list.",
        "What do all the values in Coût come to?",
        "Add all entries under Coût and tell me the result.")),
    _make_gbk(SEEN, 3, "销售.csv", ("月份", "城市", "销售额"), {"北京": "Beijing", "上海": "Shanghai", "广州": "Guangzhou", "成都": "Chengdu"}, (
        "哪个城市的总销售额最高？是多少？",
        "请按城市汇总销售额，告诉我第一名的城市和它的总额。",
        "帮我看看销售额加起来最多的城市是哪个，一共多少。")),
    _make_gbk(UNSEEN, 4, "借阅记录.csv", ("日期", "类别", "册数"),
         {"小说": "novel", "历史": "histor", "科技": "technology", "艺术": "art", "儿童": "child"}, (
        "借阅册数合计最多的是哪个类别？合计多少册？",
        "哪一类书借出的总册数最大，总数是多少？",
        "统计每个类别的册数之和，说出最大的类别及其数值。")),
    _make_shift_jis(SEEN, 5, "members.csv", ("番号", "都市", "年齢"), ("東京", "大阪", "京都", "札幌"),
               "大阪", (
        "What is the average age (年齢) of the members from 大阪?",
        "How old are people in 大阪 on average? Round to two decimals.",
        "Give me the mean of 年齢 for the city 大阪.")),
    _make_shift_jis(UNSEEN, 6, "survey.csv", ("回答", "部署", "点数"), ("営業", "開発", "総務"), "開発", (
        "Which average score (点数) did the department 開発 get?",
        "Compute the mean 点数 of everybody in 開発, with two decimals.",
        "What is the typical score, I mean the average of 点数, in 開発?")),
    _make_utf16(SEEN, 7, "stock.txt", ("Article", "Quantity", "Price"),
           ("Bolt", "Nut", "Washer", "Screw", "Hinge", "Nail"), (
        "What is the whole stock worth (quantity times price, summed up)?",
        "Multiply Quantity by Price in every line and give me the total.",
        "How much money lies in our stock according to this list?")),
    _make_utf16(UNSEEN, 8, "tickets.txt", ("Show", "Seats", "Fee"),
           ("Opera", "Ballet", "Comedy", "Circus", "Concert"), (
        "How much did we earn from all shows together (seats times fee)?",
        "Please calculate the sum of Seats multiplied by Fee.",
        "What is the total income if each seat pays its fee?")),
    _make_late_header(SEEN, 9, "月报.csv", ("星河贸易有限公司", "2024年3月销售月报", "单位：元"),
                 ("产品", "数量", "金额"), ("键盘", "鼠标", "显示器", "耳机", "音箱"), (
        "这份报表里的金额合计是多少？",
        "请算出金额这一列的总和。",
        "所有产品的金额加在一起有多少元？")),
    _make_late_header(UNSEEN, 10, "门诊统计.csv", ("仁和医院", "门诊费用统计表", "制表人：李娜"),
                 ("科室", "人次", "费用"), ("内科", "外科", "儿科", "眼科", "骨科", "皮肤科"), (
        "门诊费用总共是多少？",
        "把费用那一列全部相加，结果是多少？",
        "请问各科室的费用合计多少元？")),
    _make_gaps(SEEN, 11, "weather.csv", ("day", "station", "temperature"), ("north", "south", "hill"),
          "missing", (
        "What is the average temperature, leaving out the missing ones?",
        "Ignore the days without a value and tell me the mean temperature.",
        "What was the mean of temperature over all measured days, to two decimals?")),
    _make_gaps(UNSEEN, 12, "runners.csv", ("date", "team", "minutes"), ("red", "blue", "green"),
          "not run", (
        "How many minutes did a run take on average? Skip those that did not run.",
        "Give me the mean of minutes without the entries that have no number.",
        "Average of the minutes column please, two decimals, empty results not counted.")),
    _make_join(SEEN, 13, ("customers.csv", "orders.csv"), ("id", "name", "country"),
          ("order", "customer_id", "amount"),
          ("Anna", "Ben", "Carla", "Dan", "Eva", "Fritz", "Gita", "Hugo", "Ida"),
          ("Austria", "Spain", "Norway"), "Spain", (
        "What is the total amount ordered by customers from Spain?",
        "How much did our Spanish customers (country Spain) order altogether?",
        "Sum the order amounts of everyone who lives in Spain.")),
    _make_join(UNSEEN, 14, ("machines.csv", "repairs.csv"), ("machine", "model", "hall"),
          ("repair", "machine_no", "cost"),
          ("Lathe", "Press", "Saw", "Drill", "Robot", "Oven", "Crane", "Pump"),
          ("A1", "B2", "C3", "D4"), "C3", (
        "What did the repairs of the machines in hall C3 cost in total?",
        "Add up the repair costs for hall C3.",
        "How much was spent on repairs in hall C3?")),
    _make_dates(SEEN, 15, "orders.csv", ("date", "shop", "amount"), ("east", "west", "centre"),
           "%d.%m.%Y", 3, (
        "How much was ordered in March (sum of amount)?",
        "What is the total amount for March 2024?",
        "Please sum up all amounts of the month of March.")),
    _make_dates(UNSEEN, 16, "visits.csv", ("when", "museum", "visitors"), ("art", "ships", "toys"),
           "%d/%m/%Y", 8, (
        "How many visitors came in August altogether?",
        "Give me the sum of visitors for August 2024.",
        "What was the total number of visitors in the month of August?")),
    _make_money(SEEN, 17, "合同.csv", ("编号", "客户", "金额"), ("海天公司", "万里集团", "小米粒"), "¥", (
        "所有合同的金额合计是多少？",
        "请把金额列加总，告诉我总数。",
        "这些合同一共值多少钱？")),
    _make_money(UNSEEN, 18, "捐款.csv", ("序号", "捐款人", "数额"), ("张先生", "王女士", "匿名"), "$", (
        "捐款总额是多少？",
        "请计算数额一列的总和。",
        "大家一共捐了多少美元？")),
    _make_duplicates(SEEN, 19, "contacts.csv", ("姓名", "电话", "年龄"), ("小明", "小红", "小刚", "小丽"), (
        "请删除重复的行，把结果存成新的 CSV 文件给我。",
        "这个名单里有重复的记录，帮我去重后导出 CSV。",
        "去掉完全相同的行，然后给我一个干净的 CSV 文件。")),
    _make_duplicates(UNSEEN, 20, "readers.csv", ("读者", "证号", "次数"), ("赵", "钱", "孙", "李", "周"), (
        "表里有些行是重复的，请清理后给我一个 CSV。",
        "帮我把重复记录去掉，并保存为 CSV 文件供下载。",
        "我想要一份没有重复行的 CSV，请处理。")),
)  # fmt: skip
