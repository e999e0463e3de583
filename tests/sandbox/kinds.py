"""The kinds of objects that people keep between calls: how each is made, and how it is known to be the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Args:
        name: what it is.
        make: a cell that makes it as `x`.
        check: an expression in a later session that is true where `x` is the same.
        is_kept: whether it can be kept; else its name is told.
    """

    name: str
    make: str
    check: str = "x == y"
    is_kept: bool = True


def _lost(name: str, make: str) -> Kind:
    return Kind(name, make, "'x' not in globals()", is_kept=False)


KINDS = (
    Kind("number", "x = 3", "x == 3"),
    Kind("text", "x = 'Grüße, 世界'", "x == 'Grüße, 世界'"),
    Kind(
        "nested containers",
        "x = {'a': [1, {2, 3}], (4,): b'5'}",
        "x == {'a': [1, {2, 3}], (4,): b'5'}",
    ),
    Kind("list that holds itself", "x = [1]; x.append(x)", "x[1] is x and x[0] == 1"),
    Kind(
        "DataFrame",
        "import pandas as pd\nx = pd.DataFrame({'a': [1, 2], 'b': ['u', 'v']}, index=['p', 'q'])",
        "x.loc['q', 'b'] == 'v' and x.a.dtype == 'int64'",
    ),
    Kind(
        "DataFrame of categories and times",
        "import pandas as pd\nx = pd.DataFrame({'c': pd.Categorical(['a', 'b', 'a']), 't': pd.date_range('2024-01-01', periods=3, tz='Asia/Tokyo')})",
        "list(x.c.cat.categories) == ['a', 'b'] and str(x.t.dt.tz) == 'Asia/Tokyo'",
    ),
    Kind(
        "DataFrame with two levels",
        "import pandas as pd\nx = pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([('p', 1), ('q', 2)]))",
        "x.loc[('q', 2), 'a'] == 2",
    ),
    Kind(
        "Series",
        "import pandas as pd\nx = pd.Series([1.5, None], name='s')",
        "x.name == 's' and x[0] == 1.5 and x.isna()[1]",
    ),
    Kind(
        "groups of a DataFrame",
        "import pandas as pd\nx = pd.DataFrame({'a': [1, 1, 2], 'b': [3, 4, 5]}).groupby('a')",
        "list(x.b.sum()) == [7, 5]",
    ),
    Kind(
        "array",
        "import numpy as np\nx = np.arange(6).reshape(2, 3)",
        "x.shape == (2, 3) and x.sum() == 15",
    ),
    Kind(
        "array by columns",
        "import numpy as np\nx = np.asfortranarray(np.arange(6).reshape(2, 3))",
        "x.flags.f_contiguous and x[1, 2] == 5",
    ),
    Kind(
        "masked array", "import numpy as np\nx = np.ma.array([1, 2], mask=[0, 1])", "x.sum() == 1"
    ),
    Kind(
        "random generator",
        "import numpy as np\nx = np.random.default_rng(5); x.random(3)\nimport copy\ny = copy.deepcopy(x).random()",
        "x.random() == y",
    ),
    Kind(
        "sparse matrix",
        "import scipy.sparse\nx = scipy.sparse.csr_matrix([[0, 1], [2, 0]])",
        "x[1, 0] == 2",
    ),
    Kind(
        "spline",
        "from scipy.interpolate import CubicSpline\nx = CubicSpline([0, 1, 2], [0, 1, 4])",
        "abs(x(2) - 4) < 1e-9",
    ),
    Kind(
        "fitted model",
        "import numpy as np\nfrom sklearn.linear_model import LinearRegression\nx = LinearRegression().fit(np.array([[0], [1], [2]]), [1, 3, 5])",
        "abs(x.predict([[3]])[0] - 7) < 1e-9",
    ),
    Kind(
        "fitted pipeline",
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.ensemble import RandomForestClassifier\nx = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit([[0], [1], [8], [9]], [0, 0, 1, 1])",
        "list(x.predict([[0], [9]])) == [0, 1]",
    ),
    Kind(
        "fit of statsmodels",
        "import numpy as np, statsmodels.api as sm\nx = sm.OLS([1, 3, 5.1], sm.add_constant(np.array([0, 1, 2]))).fit()",
        "abs(x.params[1] - 2.05) < 1e-6",
    ),
    Kind(
        "sympy expression",
        "import sympy\nt = sympy.Symbol('t')\nx = sympy.integrate(sympy.sin(t) ** 2, t)",
        "x.diff(t).equals(sympy.sin(t) ** 2)",
    ),
    Kind(
        "graph",
        "import networkx as nx\nx = nx.path_graph(4); x.nodes[0]['c'] = 'red'",
        "nx.shortest_path(x, 0, 3) == [0, 1, 2, 3] and x.nodes[0]['c'] == 'red'",
    ),
    Kind(
        "GeoDataFrame",
        "import geopandas as gpd\nfrom shapely.geometry import Point\nx = gpd.GeoDataFrame({'n': ['a']}, geometry=[Point(1, 2)], crs='EPSG:4326')",
        "x.geometry[0].y == 2 and x.crs.to_epsg() == 4326",
    ),
    Kind(
        "plotly figure",
        "import plotly.graph_objects as go\nx = go.Figure(go.Bar(x=[1], y=[2]))",
        "x.data[0].y[0] == 2",
    ),
    Kind(
        "altair chart",
        "import altair as alt, pandas as pd\nx = alt.Chart(pd.DataFrame({'a': [1]})).mark_bar().encode(x='a:Q')",
        "x.to_dict()['mark']['type'] == 'bar'",
    ),
    Kind(
        "matplotlib figure",
        "import matplotlib.pyplot as plt\nx, ax = plt.subplots(); ax.plot([1, 2], [3, 4]); ax.set_title('t'); plt.close(x)",
        "x.axes[0].get_title() == 't' and list(ax.lines[0].get_ydata()) == [3, 4]",
    ),
    Kind(
        "picture",
        "from PIL import Image\nx = Image.new('RGB', (4, 3), (1, 2, 3))",
        "x.size == (4, 3) and x.getpixel((0, 0)) == (1, 2, 3)",
    ),
    Kind(
        "workbook that is open",
        "import openpyxl\nx = openpyxl.Workbook(); x.active['A1'] = 7",
        "x.active['A1'].value == 7",
    ),
    Kind(
        "Word document",
        "import docx\nx = docx.Document(); x.add_paragraph('hello')",
        "x.paragraphs[0].text == 'hello'",
    ),
    Kind(
        "slides",
        "import pptx\nx = pptx.Presentation(); x.slides.add_slide(x.slide_layouts[0])",
        "len(x.slides) == 1",
    ),
    Kind(
        "soup",
        "from bs4 import BeautifulSoup\nx = BeautifulSoup('<p>a<b>c</b></p>', 'html.parser')",
        "x.b.text == 'c'",
    ),
    Kind(
        "dates",
        "import datetime as d\nfrom zoneinfo import ZoneInfo\nx = d.datetime(2024, 5, 6, tzinfo=ZoneInfo('Europe/Berlin'))",
        "x.isoformat() == '2024-05-06T00:00:00+02:00'",
    ),
    Kind(
        "decimal and fraction",
        "from decimal import Decimal\nfrom fractions import Fraction\nx = (Decimal('1.10'), Fraction(1, 3))",
        "str(x[0]) == '1.10' and x[1] * 3 == 1",
    ),
    Kind(
        "counter, deque and defaultdict",
        "from collections import Counter, defaultdict, deque\nx = (Counter('aab'), deque([1, 2], maxlen=3), defaultdict(list, {1: [2]}))",
        "x[0]['a'] == 2 and x[1].maxlen == 3 and x[2][9] == []",
    ),
    Kind(
        "named tuple of a cell",
        "from collections import namedtuple\nPair = namedtuple('Pair', 'a b')\nx = Pair(1, 2)",
        "x.b == 2 and isinstance(x, Pair)",
    ),
    Kind(
        "function",
        "k = 4\ndef x(n: int = 2, *, m=3) -> int:\n    'It adds.'\n    return n + m + k",
        "x() == 9 and x.__doc__ == 'It adds.' and (globals().update(k=5) or x() == 10)",
    ),
    Kind("lambda", "x = lambda n: n * 2", "x(4) == 8"),
    Kind(
        "closure",
        "def _make():\n    n = [0]\n    def count():\n        n[0] += 1\n        return n[0]\n    return count\nx = _make(); x()",
        "x() == 2",
    ),
    Kind("recursive function", "def x(n):\n    return 1 if n < 2 else n * x(n - 1)", "x(5) == 120"),
    Kind(
        "decorated function",
        "import functools\n@functools.lru_cache\ndef x(n):\n    return n + 1\nx(1)",
        "x(1) == 2",
    ),
    Kind(
        "dataclass",
        "from dataclasses import dataclass\n@dataclass\nclass Item:\n    n: int = 1\n    def twice(self):\n        return self.n * 2\nx = Item(4)",
        "x.twice() == 8 and x == Item(4) and isinstance(x, Item)",
    ),
    Kind(
        "class that inherits",
        "class Base:\n    def hi(self):\n        return 'base'\nclass Child(Base):\n    def hi(self):\n        return super().hi() + '!'\nx = Child(); x.attribute = 1",
        "x.hi() == 'base!' and isinstance(x, Base) and x.attribute == 1",
    ),
    Kind(
        "enum", "import enum\nclass Color(enum.Enum):\n    RED = 1\nx = Color.RED", "x is Color.RED"
    ),
    Kind("compiled expression", "import re\nx = re.compile('a(b+)')", "x.match('abb')[1] == 'bb'"),
    Kind(
        "path and bytes in memory",
        "import io, pathlib\nx = (pathlib.Path('/mnt/data/a.csv'), io.BytesIO(b'12')); x[1].seek(1)",
        "x[0].suffix == '.csv' and x[1].read() == b'2'",
    ),
    Kind(
        "partial and bound method",
        "import functools\nx = (functools.partial(pow, 2), [3].append)",
        "x[0](5) == 32 and callable(x[1])",
    ),
    Kind("iterator of a list", "x = iter([1, 2, 3]); next(x)", "next(x) == 2"),
    Kind("module and alias", "import math as x", "x.pi > 3"),
    _lost("generator", "x = (n for n in range(3))"),
    _lost("lock", "import threading\nx = threading.Lock()"),
    _lost("database connection", "import sqlite3\nx = sqlite3.connect(':memory:')"),
    _lost("open file", "x = open('/mnt/data/kept.txt', 'w')"),
    _lost("thread", "import threading\nx = threading.Thread(target=print)"),
    _lost("socket", "import socket\nx = socket.socket()"),
)
