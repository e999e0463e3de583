"""A session shows warnings about what code does, and none about what a library plans."""

import pytest

from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import FORMATS, logs_of, once

TABLE = "import pandas as pd\ndf = pd.DataFrame({'a': [1.0, None], 'city': ['Bonn', 'Kyoto']})\n"


@pytest.mark.parametrize(
    "code",
    [
        "df.set_index(pd.date_range('2024', periods=2, freq='H')).resample('M').a.sum();",
        "df[['a']].applymap(str);",
        "df.fillna(method='ffill');",
        "df.select_dtypes('object');",
        "df['a'].fillna(0, inplace=True)",
        "import numpy as np\nnp.trapz([1, 2]);",
        "from sklearn.metrics import mean_squared_error\nmean_squared_error([1], [2], squared=False);",
        "from sklearn.preprocessing import LabelEncoder\n"
        "for column in df.select_dtypes(include=['object']): df[column] = LabelEncoder().fit_transform(df[column])",
        "df.to_excel('plain.xlsx', index=False)\npd.read_excel('plain.xlsx');",
        "from fpdf import FPDF\npdf = FPDF()\npdf.add_page()\npdf.set_font('Arial', size=12)\n"
        "pdf.cell(200, 10, txt='x', ln=True)\npdf.output('x.pdf');",
        "import nbformat\nbook = nbformat.v4.new_notebook()\ncell = nbformat.v4.new_code_cell('1')\n"
        "del cell['id']\nbook.cells = [cell]\nnbformat.validate(book)",
    ],
)
async def test_right_code_of_an_older_day_runs_in_silence(session: GuestSession, code: str) -> None:
    execution = await session.execute(TABLE + code)
    assert (execution.status, execution.logs) == ("ok", "")


async def test_text_columns_are_found_and_numbers_are_shown_as_numbers(
    session: GuestSession,
) -> None:
    code = (
        "import numpy as np\nprint([c for c in df if df[c].dtype == 'object'])\n"
        "df['a'].fillna(0, inplace=True)\ndf['a'][0] = 7\n"
        "print(df.a.tolist(), [np.float64(1.5), np.int64(2)], {'x': df.a.max()}, np.bool_(True))"
    )
    execution = await session.execute(TABLE + code)
    assert logs_of(execution, "stdout") == "['city']\n[7.0, 0.0] [1.5, 2] {'x': 7.0} True\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("part = df[df.a > 0]\npart['city'] = 'x'", "SettingWithCopyWarning"),
        ("import numpy as np\nnp.log(0);", "RuntimeWarning: divide by zero"),
        ("import warnings\nwarnings.warn('mine', DeprecationWarning)", "In[1]:4: DeprecationWarning: mine"),
        ("import warnings\nwarnings.warn('mine', FutureWarning)", "In[1]:4: FutureWarning: mine"),
        (
            "import warnings\ndef old(): warnings.warn('gone', DeprecationWarning, stacklevel=2)\nold()",
            "DeprecationWarning: gone",
        ),
        ("import warnings\nwarnings.simplefilter('always')\ndf[['a']].applymap(str);", "FutureWarning"),
        (
            "import warnings\nwarnings.filterwarnings('default', category=FutureWarning)\n"
            "df[['a']].applymap(str);",
            "FutureWarning",
        ),
        (
            "import warnings\nwith warnings.catch_warnings(record=True) as caught:\n"
            "    df[['a']].applymap(str)\nprint(caught[0].category.__name__)",
            "FutureWarning",
        ),
        ("import warnings\nwarnings.simplefilter('error')\ndf[['a']].applymap(str)", "FutureWarning"),
    ],
)  # fmt: skip
async def test_what_code_does_or_asks_for_is_shown(
    session: GuestSession, code: str, words: str
) -> None:
    assert words in (await session.execute(TABLE + code)).logs


async def test_an_open_document_sheet_is_read_without_naming_an_engine(
    session: GuestSession,
) -> None:
    await session.put("table.ods", once((FORMATS / "table.ods").read_bytes()))
    execution = await session.execute(
        "import pandas as pd\nprint(pd.read_excel('table.ods').iloc[0, 0])"
    )
    assert execution.logs == "张三\n"
