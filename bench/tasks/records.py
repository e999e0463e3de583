"""Families about other data: JSON, archives, databases and logs."""

import json
from random import Random

from bench.tasks.checks import Every, Names, Says
from bench.tasks.inputs import Archive, Database, Plain, format_table
from bench.tasks.task import SEEN, UNSEEN, Task

Names3 = tuple[str, str, str]
Names4 = tuple[str, str, str, str]


def _make_nested_json(
    variant: str, seed: int, name: str, keys: Names4, names: tuple[str, ...], wordings: Names3
) -> Task:
    """Ask for the sum of price times count over records within records."""
    random = Random(seed)
    outer, inner, count, price = keys
    records = [
        {
            "id": i,
            "who": random.choice(names),
            inner: [
                {
                    "name": f"{inner}-{random.randint(10, 99)}",
                    count: random.randint(1, 9),
                    price: random.randint(100, 9900) / 100,
                }
                for _ in range(random.randint(1, 4))
            ],
        }
        for i in range(1, 25)
    ]
    total = sum(each[count] * each[price] for record in records for each in record[inner])
    text = json.dumps({"version": 2, outer: records}, indent=1)
    solution = (
        f"import json\n"
        f"d = json.load(open({name!r}))[{outer!r}]\n"
        f"print(sum(i[{count!r}] * i[{price!r}] for r in d for i in r[{inner!r}]))"
    )
    return Task("nested-json", variant, (Plain(name, text),), wordings, Says(total), solution)


def _make_json_lines(
    variant: str,
    seed: int,
    name: str,
    keys: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for the mean of one kind of object, of which each line holds one."""
    random = Random(seed)
    records = [
        {keys[0]: i, keys[1]: random.choice(names), keys[2]: random.randint(20, 2000)}
        for i in range(80)
    ]
    values = [int(each[keys[2]]) for each in records if each[keys[1]] == wanted]
    solution = (
        f"import pandas as pd\n"
        f"t = pd.read_json({name!r}, lines=True)\n"
        f"print(t[t[{keys[1]!r}] == {wanted!r}][{keys[2]!r}].mean())"
    )
    text = "\n".join(json.dumps(each) for each in records) + "\n"
    return Task(
        "json-lines",
        variant,
        (Plain(name, text),),
        wordings,
        Says(sum(values) / len(values)),
        solution,
    )


def _make_zipped_table(
    variant: str,
    seed: int,
    name: str,
    member: str,
    header: Names3,
    names: tuple[str, ...],
    wordings: Names3,
) -> Task:
    """Ask for a sum in a table in an archive, beside a note."""
    random = Random(seed)
    rows = [(i + 1, random.choice(names), random.randint(100, 9999) / 10) for i in range(45)]
    archive = Archive(name, (Plain(member, format_table(header, rows)), Plain("note.txt", "v1\n")))
    solution = (
        f"import pandas as pd, zipfile\n"
        f"t = pd.read_csv(zipfile.ZipFile({name!r}).open({member!r}))\n"
        f"print(t[{header[2]!r}].sum())"
    )
    return Task(
        "zipped-table", variant, (archive,), wordings, Says(sum(row[2] for row in rows)), solution
    )


def _make_database(
    variant: str,
    seed: int,
    name: str,
    tables: tuple[str, str],
    columns: Names3,
    names: tuple[str, ...],
    wanted: str,
    wordings: Names3,
) -> Task:
    """Ask for a sum in a database whose tables the question does not name."""
    random = Random(seed)
    rows = tuple((i + 1, random.choice(names), random.randint(5, 300)) for i in range(70))
    other = tuple((each, len(each)) for each in names)
    database = Database(name, ((tables[0], columns, rows), (tables[1], ("label", "size"), other)))
    solution = (
        f"import sqlite3\n"
        f"c = sqlite3.connect({name!r})\n"
        f"print(c.execute('select sum({columns[2]}) from {tables[0]} where {columns[1]} = ?',"
        f" [{wanted!r}]).fetchone()[0])"
    )
    return Task(
        "database",
        variant,
        (database,),
        wordings,
        Says(sum(row[2] for row in rows if row[1] == wanted)),
        solution,
    )


def _make_log(
    variant: str,
    seed: int,
    name: str,
    names: tuple[str, ...],
    wanted: str,
    form: str,
    wordings: Names3,
) -> Task:
    """Ask who appears most often in the lines of one kind of a log, and how often."""
    random = Random(seed)
    lines = [
        (random.choice(names), random.choice(("INFO", "WARNING", "ERROR")), i) for i in range(1200)
    ]
    text = "".join(
        form.format(minute=i // 60, second=i % 60, who=who, level=level) for who, level, i in lines
    )
    counts = {each: sum(line[:2] == (each, wanted) for line in lines) for each in names}
    most = max(counts, key=counts.__getitem__)
    assert list(counts.values()).count(counts[most]) == 1
    solution = (
        f"from collections import Counter\n"
        f"lines = [l for l in open({name!r}) if ' {wanted} ' in l]\n"
        f"print(Counter(n for l in lines for n in {names!r} if n in l).most_common(1))"
    )
    return Task(
        "log",
        variant,
        (Plain(name, text),),
        wordings,
        Every((Names((most,)), Says(counts[most]))),
        solution,
    )


TASKS = (
    _make_nested_json(SEEN, 51, "orders.json", ("orders", "items", "quantity", "price"),
                 ("ann", "bob", "cleo"), (
        "What is the total value of all orders (quantity times price of every item)?",
        "Please compute how much all items of all orders cost together.",
        "Sum up quantity * price over every order and tell me the result.")),
    _make_nested_json(UNSEEN, 52, "camps.json", ("camps", "tents", "nights", "rate"),
                 ("fox", "owl", "elk"), (
        "How much do all tents bring in altogether (nights times rate)?",
        "What is the overall sum of nights * rate across all camps?",
        "Multiply nights and rate for each tent of each camp; what is the grand total?")),
    _make_json_lines(SEEN, 53, "events.jsonl", ("id", "type", "duration"),
                ("login", "search", "checkout"), "search", (
        "What is the average duration of the search events?",
        "How long did events of type search take on average?",
        "Give me the mean duration where the type is search, to two decimals.")),
    _make_json_lines(UNSEEN, 54, "calls.jsonl", ("call", "queue", "seconds"),
                ("sales", "support", "billing"), "billing", (
        "What is the mean of seconds for calls in the billing queue?",
        "How many seconds does a call to billing last on average?",
        "Average length in seconds of the billing calls, please, with two decimals.")),
    _make_zipped_table(SEEN, 55, "数据.zip", "transactions.csv", ("id", "user", "amount"),
                  ("lin", "wu", "he"), (
        "压缩包里的表格中 amount 的总和是多少？",
        "请打开这个压缩文件，算出 amount 一列的合计。",
        "zip 里那张表的 amount 加起来是多少？")),
    _make_zipped_table(UNSEEN, 56, "备份.zip", "meters.csv", ("id", "building", "kwh"),
                  ("tower", "gate", "hall"), (
        "压缩包内的文件里，kwh 一共是多少？",
        "解压后把 kwh 这一列求和，结果是多少？",
        "帮我看看压缩文件里的用电量 kwh 总数。")),
    _make_database(SEEN, 59, "shop.db", ("purchases", "labels"), ("id", "product", "pieces"),
              ("tea", "rice", "salt"), "rice", (
        "How many pieces of rice were purchased in total?",
        "What is the sum of pieces for the product rice in this database?",
        "Tell me how many pieces of rice there are altogether.")),
    _make_database(UNSEEN, 60, "club.db", ("trainings", "sports"), ("no", "sport", "hours"),
              ("tennis", "judo", "chess", "rowing"), "judo", (
        "How many hours of judo were trained altogether?",
        "Look into the database: what do the hours of judo add up to?",
        "What is the total of hours for judo?")),
    _make_log(SEEN, 63, "server.log", ("10.0.0.5", "10.0.0.17", "10.0.0.23", "10.0.0.42"), "ERROR",
         "2024-05-01 08:{minute:02}:{second:02} {level} client={who} request done\n", (
        "日志里哪个客户端地址的 ERROR 最多？有多少条？",
        "请统计 ERROR 行中出现次数最多的 client，并给出次数。",
        "出错（ERROR）次数最多的是哪个 IP？几次？")),
    _make_log(UNSEEN, 64, "app.log", ("payment", "mailer", "search", "upload", "login"), "WARNING",
         "[09:{minute:02}:{second:02}] {who} - {level} - slow answer\n", (
        "哪个模块的 WARNING 最多？一共几条？",
        "请找出 WARNING 出现最多的模块和条数。",
        "日志中警告（WARNING）数量第一的模块是谁，多少次？")),
)  # fmt: skip
