"""What packages of the interpreter environment bring, each in a use that a user would ask for."""

import os
import re
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path

import pytest

from assistd.sandbox.base import JailChoice, Limits
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote.lowerdir import lower_folders
from tests.sandbox.rig import FORMATS, content, once, pictures_of

DRAW = (
    "from PIL import Image, ImageDraw, ImageFont\n"
    "picture = Image.new('RGB', (640, 80), 'white')\n"
    "font = ImageFont.truetype('NotoSansCJK-Regular.ttc', 28)\n"
    "ImageDraw.Draw(picture).text((10, 20), '2024年第一季度销售报告 total 1,234.50', font=font, fill='black')\n"
    "picture.save('c.png')\n"
)


@pytest.fixture(scope="module")
async def roomy_pool(
    python: Path, jail: JailChoice, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SessionPool]:
    """Sessions with the limits that a server gives."""
    with lower_folders(tmp_path_factory.mktemp("lowers")) as lowers:
        pool = SessionPool(
            python, PoolSettings(limits=Limits(), jail=jail, max_sessions=2, warm=0, lowers=lowers)
        )
        await pool.start()
        yield pool
        await pool.close()


@pytest.fixture(scope="module")
async def roomy(roomy_pool: SessionPool) -> GuestSession:
    """One of them, with the files."""
    return await _open(roomy_pool, "roomy")


async def _open(pool: SessionPool, key: str) -> GuestSession:
    session = await pool.open(key)
    assert isinstance(session, GuestSession)
    for path in FORMATS.iterdir():
        await session.put(path.name, once(path.read_bytes()))
    return session


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("from PIL import Image\nprint(Image.open('photo.heic').convert('RGB').size)", "(64, 64)\n"),
        (
            "from PIL import Image\nImage.new('RGB', (8, 8), 'red').save('made.heic')\n"
            "print(Image.open('made.heic').getpixel((4, 4))[0] > 200)",
            "True\n",
        ),
        (
            "import py7zr\nwith py7zr.SevenZipFile('archive.7z') as file: print(file.getnames())\n"
            "with py7zr.SevenZipFile('m.7z', 'w') as file: file.writestr('x', '报告.txt')\n"
            "with py7zr.SevenZipFile('m.7z') as file: file.extractall()\nprint(open('报告.txt').read())",
            "['plain.xlsx']\nx\n",
        ),
        (
            "import io, msoffcrypto, pandas as pd\nfile = msoffcrypto.OfficeFile(open('password_secret.xlsx', 'rb'))\n"
            "file.load_key(password='secret')\nplain = io.BytesIO()\nfile.decrypt(plain)\n"
            "print(pd.read_excel(plain).iloc[0, 0])",
            "张三\n",
        ),
        ("import pandas as pd\nprint(pd.read_spss('survey.sav').sex.tolist())", "['male', 'female', 'male']\n"),
        ("import pandas as pd\nprint(pd.read_feather('table.feather').name.tolist())", "['张', '李', '王']\n"),
        ("import pandas as pd\nprint(pd.read_orc('table.orc').score.tolist())", "[1.5, 2.5, nan]\n"),
        (
            "import pandas as pd\npd.DataFrame({'a': [1, None]}).convert_dtypes(dtype_backend='pyarrow').to_parquet('p.parquet')\n"
            "print(pd.read_parquet('p.parquet').a.isna().tolist())",
            "[False, True]\n",
        ),
        (
            "from striprtf.striprtf import rtf_to_text\nprint(rtf_to_text(open('letter.rtf').read()).strip())",
            "Hello bold中\n",
        ),
        ("from odfdo import Document\nprint(Document('letter.odt').get_formatted_text().split()[0])", "hello\n"),
        ("import jieba\nprint(jieba.lcut('我来到北京清华大学'))", "['我', '来到', '北京', '清华大学']\n"),
        ("import polars as pl\nprint(pl.DataFrame({'a': [1, 2]}).select(pl.col('a').sum()).item())", "3\n"),
        (
            "import sqlalchemy as sa\nwith sa.create_engine('sqlite://').connect() as connection:\n"
            "    print(connection.execute(sa.text('select 6 * 7')).scalar())",
            "42\n",
        ),
        (
            "import nltk\nfrom nltk.corpus import stopwords\nfrom nltk.sentiment import SentimentIntensityAnalyzer\n"
            "print(nltk.sent_tokenize('Dr. Smith left. He came back.'), len(nltk.word_tokenize('It works, too.')))\n"
            "print('the' in stopwords.words('english'), 'nicht' in stopwords.words('german'))\n"
            "print(SentimentIntensityAnalyzer().polarity_scores('A wonderful day!')['compound'] > 0.5)",
            "['Dr. Smith left.', 'He came back.'] 5\nTrue True\nTrue\n",
        ),
        ("from vega_datasets import data\nprint(len(data.cars()), len(data.iris()))", "406 150\n"),
    ],
)  # fmt: skip
async def test_a_package_does_its_work(roomy: GuestSession, code: str, logs: str) -> None:
    execution = await roomy.execute(code)
    assert (execution.status, execution.logs) == ("ok", logs)


async def test_duckdb_reads_a_data_frame(roomy: GuestSession, lacks: Mapping[str, str]) -> None:
    code = (
        "import duckdb, pandas as pd\ndf = pd.DataFrame({'x': [1, 2]})\n"
        "print(duckdb.sql('select sum(x) from df').fetchone()[0])"
    )
    execution = await roomy.execute(code)
    if "control group files" in lacks:
        assert execution.status == "error"
        assert "IO Error" in execution.logs
    else:
        assert (execution.status, execution.logs) == ("ok", "3\n")


async def test_text_in_pictures_and_scans_is_read(roomy_pool: SessionPool) -> None:
    session = await _open(roomy_pool, "ocr")  # for a moment it takes most of the memory
    code = (
        f"{DRAW}import pypdfium2\nfrom rapidocr import RapidOCR\nread = RapidOCR()\n"
        "page = pypdfium2.PdfDocument('scan.pdf')[0].render(scale=2).to_numpy()\n"
        "print(read(page).txts, read('c.png').txts)"
    )
    execution = await session.execute(code)
    assert execution.status == "ok", execution.logs
    text = execution.logs.replace(" ", "")
    assert "INVOICE12345total99.00" in text
    assert "2024年第一季度销售报告" in text
    assert "INFO" not in text


@pytest.mark.parametrize(
    "code",
    [
        "import matplotlib.pyplot as plt\nfrom matplotlib.animation import FuncAnimation\n"
        "figure, axes = plt.subplots()\nline, = axes.plot([0, 1], [0, 1])\n"
        "FuncAnimation(figure, lambda i: line.set_ydata([0, i]), frames=5).save('v.mp4')\nplt.close()",
        "import imageio, numpy as np\nimageio.mimsave('v.mp4', [np.zeros((64, 64, 3), 'uint8')] * 5, fps=5)",
    ],
)
async def test_a_film_is_one_that_browsers_play(roomy: GuestSession, code: str) -> None:
    execution = await roomy.execute(code)
    assert execution.status == "ok", execution.logs
    film = await content(roomy, "v.mp4")
    assert film[4:8] == b"ftyp"
    assert b"moov" in film
    assert b"avc1" in film
    told = (await roomy.execute("!ffmpeg -hide_banner -i v.mp4 2>&1 | grep Video:")).logs
    assert re.search(r"h264 .*yuv420p", told)


async def test_a_map_of_the_world_is_drawn(roomy: GuestSession) -> None:
    code = (
        "import geopandas\nworld = geopandas.read_file(geopandas.datasets.get_path('naturalearth_lowres'))\n"
        "print(len(world), world.crs, {'China', 'Germany'} <= set(world.name))\nworld.plot('pop_est');"
    )
    execution = await roomy.execute(code)
    assert execution.logs == "177 EPSG:4326 True\n"
    assert len(pictures_of(execution)) == 1


async def test_a_host_of_many_processors_looks_no_larger_than_the_limit_allows(
    python: Path, jail: JailChoice
) -> None:
    """Libraries start a thread for each: DuckDB, Polars, onnxruntime, joblib."""
    pool = SessionPool(
        python, PoolSettings(limits=Limits(processes=7), jail=jail, max_sessions=1, warm=0)
    )
    await pool.start()
    session = await pool.open("one")
    execution = await session.execute("import os\nprint(len(os.sched_getaffinity(0)))")
    await pool.close()
    assert execution.logs == "1\n"


@pytest.fixture
def elsewhere() -> Generator[Path]:
    """A folder outside of /tmp, where links would be hidden by each session's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


async def test_an_operators_folder_of_data_is_shown_to_every_session(
    python: Path, jail: JailChoice, elsewhere: Path
) -> None:
    environments = elsewhere / "environments"
    environments.mkdir()
    (environments / "one").symlink_to(python.parents[1])
    words = elsewhere / "data" / "nltk_data" / "corpora" / "words"
    words.mkdir(parents=True)
    (words / "en").write_text("apple\npear\n")
    (environments / "shared").symlink_to(elsewhere / "data")
    pool = SessionPool(
        environments / "one" / "bin" / "python",
        PoolSettings(limits=Limits(), jail=jail, max_sessions=1, warm=0),
    )
    await pool.start()
    session = await pool.open("one")
    execution = await session.execute(
        "import os\nfrom nltk.corpus import words\nprint(words.words('en'), os.listdir(os.environ['SHARED']))\n"
        "try: open(os.environ['SHARED'] + '/x', 'w')\nexcept OSError: print('read-only')"
    )
    await pool.close()
    assert execution.logs == "['apple', 'pear'] ['nltk_data']\nread-only\n"
