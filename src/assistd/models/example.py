"""A conversation in which all goes well, shown to a small model that is asked for the like."""

import re

from assistd.models.base import Assistant, CodeCall, CodeResult, ModelRequest, Text, Turn, User

_CHART = re.compile(
    r"chart|plot|\bgr[aá](?:ph|f)|diagram|[图圖]|グラフ|그래프|차트|график|диаграмм", re.I
)
_SHEET = re.compile(r"excel|xlsx|エクセル|엑셀", re.I)

_FIRST = """\
Make me a chart in Chinese of the mean height by month from trees.csv, and give me the table as Excel.
Its first line: planted,kind,height"""
_FIRST_CODE = """\
import pandas as pd
import matplotlib.pyplot as plt

trees = pd.read_csv('/mnt/data/trees.csv', parse_dates=['planted'])
month = trees['planted'].dt.strftime('%Y-%m')
table = trees.groupby(month)['height'].mean().reset_index()
print(table)
table.to_excel('/mnt/data/heights.xlsx', index=False)
plt.bar(table['planted'], table['height'])
plt.title('每月平均高度')
plt.xlabel('月份')
plt.ylabel('高度')
plt.xticks(rotation=45)
plt.show()"""
_FIRST_OUTPUT = "   planted  height\n0  2023-04     4.1\n1  2023-05     4.6"
_FIRST_ANSWER = (
    "The mean height grew from 4.1 in April to 4.6 in May 2023. "
    "The table is in [heights.xlsx](sandbox:/mnt/data/heights.xlsx)."
)
_SECOND = """\
Plot the shops by country from cities.csv, and give me the table as Excel.
Its first line: city,country,shops"""
_SECOND_CODE = """\
import pandas as pd
import matplotlib.pyplot as plt

cities = pd.read_csv('/mnt/data/cities.csv')
table = cities.groupby('country')['shops'].sum().reset_index()
print(table)
table.to_excel('/mnt/data/shops.xlsx', index=False)
plt.bar(table['country'], table['shops'])
plt.title('Shops by country')
plt.xlabel('Country')
plt.ylabel('Shops')
plt.show()"""
_SECOND_OUTPUT = "  country  shops\n0   Italy    431\n1   Spain    496"
_SECOND_ANSWER = (
    "The cities of Italy have 431 shops, and those of Spain 496. "
    "The table is in [shops.xlsx](sandbox:/mnt/data/shops.xlsx)."
)

# Two, of two files and in two languages: of one alone a small model copies what is special to it.
_TURNS: tuple[Turn, ...] = (
    User((Text(_FIRST),)),
    Assistant(calls=(CodeCall("first", _FIRST_CODE),)),
    CodeResult("first", _FIRST_OUTPUT, files=("heights.xlsx",), pictures=1),
    Assistant(_FIRST_ANSWER),
    User((Text(_SECOND),)),
    Assistant(calls=(CodeCall("second", _SECOND_CODE),)),
    CodeResult("second", _SECOND_OUTPUT, files=("shops.xlsx",), pictures=1),
    Assistant(_SECOND_ANSWER),
)


def for_question(request: ModelRequest) -> tuple[Turn, ...]:
    """The turns to show before a conversation: some where its last question wants a chart and a sheet.

    Without them such a model saves the chart as .xlsx, or forgets one of both, and links nothing
    (decision 0033). To other questions they would be in the way.
    """
    said = [turn.text for turn in request.turns if isinstance(turn, User)]
    if not (said and request.may_run):
        return ()
    return _TURNS if _CHART.search(said[-1]) and _SHEET.search(said[-1]) else ()
