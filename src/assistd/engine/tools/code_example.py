"""A conversation in which all goes well, shown to a small model that is asked for the like."""

import re

from assistd.engine.tools.code_outcome import CodeResult
from assistd.models.conversation import Assistant, HostedCall, HostedSpec, Text, Turn, User

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


def show_example(tool: HostedSpec, question: str) -> tuple[Turn, ...]:
    """Return the turns to show before a conversation: some where its question wants a chart and a sheet.

    Without them such a model saves the chart as .xlsx, or forgets one of both, and links nothing
    (decision 0033). To other questions they would be in the way.

    Args:
        tool: the code interpreter, as the model is told of it.
        question: the user's last words.
    """
    if not (_CHART.search(question) and _SHEET.search(question)):
        return ()
    first = CodeResult("", _FIRST_OUTPUT, files=("heights.xlsx",), pictures=1)
    second = CodeResult("", _SECOND_OUTPUT, files=("shops.xlsx",), pictures=1)
    # Two, of two files and in two languages: of one alone a small model copies what is special to it.
    return (
        User((Text(_FIRST),)),
        Assistant(calls=(HostedCall("first", tool, _FIRST_CODE),)),
        first.tell("first", tool),
        Assistant(_FIRST_ANSWER),
        User((Text(_SECOND),)),
        Assistant(calls=(HostedCall("second", tool, _SECOND_CODE),)),
        second.tell("second", tool),
        Assistant(_SECOND_ANSWER),
    )
