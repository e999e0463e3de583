"""Advice on modules that are not here, and that cannot be installed."""

import difflib
import pkgutil
import re
from importlib import metadata

from assistd.sandbox.guest.advice.failure import Failure, has, quote, quote_all
from assistd.sandbox.guest.advice.rule import Match, rule

CANNOT_INSTALL = (
    "Nothing can be installed here, for there is no internet: use the packages that are there."
)
_NET = "it needs the internet, which is not here: ask the user for a file with the data"
_PDF_TABLES = (("pdfplumber", "pdfplumber: page.extract_tables()"),)
_PDF_PAGES = (
    ("pypdfium2", "pypdfium2: pdfium.PdfDocument(path)[0].render(scale=2).to_pil() draws a page"),
    ("pdfplumber", "pdfplumber reads text and tables"),
    ("pypdf", "pypdf joins, splits and turns pages"),
)
_OCR = (
    ("rapidocr", "rapidocr: RapidOCR()(path)"),
    ("rapidocr_onnxruntime", "rapidocr_onnxruntime: RapidOCR()(path)"),
)
_LEARNING = (("sklearn", "scikit-learn, such as sklearn.neural_network.MLPClassifier"),)
_BOOSTING = (("sklearn", "sklearn.ensemble.HistGradientBoostingRegressor or ...Classifier"),)
_FORECAST = (("statsmodels", "statsmodels: statsmodels.tsa.holtwinters, statsmodels.tsa.arima"),)
_SVG = (("resvg_py", "resvg_py: png = bytes(resvg_py.svg_to_bytes(svg_text))"),)
_FRAMES = (("duckdb", "duckdb"), ("pandas", "pandas"))
_TEXT = (("sklearn", "sklearn.feature_extraction.text, and re for words and sentences"),)
_CHARTS = (("matplotlib", "matplotlib"), ("plotly", "plotly"))
_HTML = (("reportlab", "reportlab: build the PDF of Paragraph and Table"),)
_SOUND = (("scipy", "scipy.io.wavfile for .wav"), ("wave", "wave"))
_PARQUET = (("pyarrow", "pyarrow"), ("fastparquet", "fastparquet for .parquet; CSV else"))
_SPREADSHEET = (("openpyxl", "openpyxl"), ("xlsxwriter", "xlsxwriter"))
_INSTEAD: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(("tabula", "camelot"), _PDF_TABLES),
    **dict.fromkeys(("pdf2image", "fitz", "pymupdf", "PyPDF2", "PyPDF4", "pikepdf", "textract", "tika", "pdfrw"), _PDF_PAGES),
    **dict.fromkeys(("pytesseract", "easyocr", "paddleocr", "ocrmypdf", "keras_ocr"), _OCR),
    **dict.fromkeys(("torch", "tensorflow", "keras", "jax", "transformers", "fastai", "pytorch_lightning"), _LEARNING),
    **dict.fromkeys(("xgboost", "lightgbm", "catboost"), _BOOSTING),
    **dict.fromkeys(("prophet", "pmdarima", "fbprophet", "neuralprophet"), _FORECAST),
    **dict.fromkeys(("cairosvg", "svglib", "svgwrite"), _SVG),
    **dict.fromkeys(("polars", "dask", "modin", "vaex", "pyspark", "duckdb", "datatable"), _FRAMES),
    **dict.fromkeys(("spacy", "textblob", "gensim", "sentence_transformers", "vaderSentiment"), _TEXT),
    **dict.fromkeys(("pygal", "plotnine", "holoviews", "pyecharts", "dash", "streamlit", "gradio"), _CHARTS),
    **dict.fromkeys(("docx2pdf", "weasyprint", "pdfkit", "xhtml2pdf", "pypandoc", "pyhtml2pdf"), _HTML),
    **dict.fromkeys(("librosa", "pydub", "soundfile", "pyaudio"), _SOUND),
    **dict.fromkeys(("pyarrow", "fastparquet", "feather"), _PARQUET),
    **dict.fromkeys(("xlwt", "xlwings", "win32com", "pyexcel", "xlutils"), _SPREADSHEET),
    "tables": (("h5py", "h5py for .h5 files; or pickle, parquet, CSV"),),
    "odf": (("python_calamine", "pd.read_excel(path, engine='calamine') reads .ods"),),
    "pygraphviz": (("networkx", "networkx.spring_layout with matplotlib"),),
    "graphviz": (("networkx", "networkx with matplotlib"),),
    "moviepy": (("cv2", "cv2.VideoWriter"), ("PIL", "PIL writes animated GIFs")),
    "jieba": (("wordcloud", "wordcloud; count characters or split by punctuation"),),
    "pyreadstat": (("scipy", "ask the user for a CSV of it"),),
    "skimage": (("cv2", "cv2"), ("scipy", "scipy.ndimage")),
    "pillow_heif": (("PIL", "ask the user for a JPEG or PNG"),),
    "py7zr": (("zipfile", "ask the user for a .zip"),),
    "rarfile": (("zipfile", "ask the user for a .zip"),),
    "msoffcrypto": (("openpyxl", "ask the user for a copy without a password"),),
    "striprtf": (("re", "re.sub(r'\\\\[a-z]+-?\\d* ?|[{}]', '', text) takes the marks out of RTF"),),
    "ipywidgets": (("matplotlib", "show a figure for each value"),),
    "ace_tools": (("pandas", "display(df) shows a table"),),
}  # fmt: skip
_ONLINE = {"yfinance", "pandas_datareader", "selenium", "playwright", "wikipedia", "googletrans", "deep_translator", "gtts", "tweepy", "quandl", "alpha_vantage", "openai", "anthropic", "kaggle", "wbdata", "pytrends", "boto3", "scrapy", "geopy"}  # fmt: skip
# Names of packages that are not those of their modules.
_MODULES = {
    "odfpy": "odf", "pymupdf": "fitz", "scikit-learn": "sklearn", "opencv-python": "cv2", "pillow": "PIL",
    "python-docx": "docx", "python-pptx": "pptx", "beautifulsoup4": "bs4", "pyyaml": "yaml", "pytables": "tables",
    "opencv-python-headless": "cv2", "python-dateutil": "dateutil", "tabula-py": "tabula", "camelot-py": "camelot",
    "scikit-image": "skimage", "msoffcrypto-tool": "msoffcrypto", "pillow-heif": "pillow_heif", "python-calamine": "python_calamine",
}  # fmt: skip
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*")


def advise_on_module(module: str) -> str:
    """Return what to use instead of a module that cannot be imported."""
    name = _MODULES.get(module.lower(), module).partition(".")[0]
    if name in _ONLINE:
        return f"{quote(name)} is not here; {_NET}."
    instead = [text for other, text in _INSTEAD.get(name, ()) if other != name and has(other)]
    advice = f"{quote(name)} is not here, and nothing can be installed, for there is no internet"
    if instead and instead[0].startswith("ask "):
        return f"{advice}: {instead[0]}."
    if instead:
        return f"{advice}. Use instead: {'; '.join(instead)}."
    modules = {module.name for module in pkgutil.iter_modules()}
    near = difflib.get_close_matches(name, sorted(modules), n=3, cutoff=0.8)
    if near:
        return f"{advice}. There is: {quote_all(near)}."
    return f"{advice}: use the packages that are there."


def advise_on_install(words: list[str]) -> str:
    """Return what to do about `pip install ...`, by the words behind `pip`."""
    if words[:1] in (["list"], ["freeze"]):
        return "\n".join(f"{name}=={version}" for name, version in sorted(_versions().items()))
    wanted = [word for word in words[1:] if _REQUIREMENT.match(word)][:5] if words else []
    names = [match[0] for word in wanted if (match := _REQUIREMENT.match(word))]
    modules = {name: _MODULES.get(name.lower(), name.replace("-", "_")) for name in names}
    missing = [module for module in modules.values() if not has(module.partition(".")[0])]
    if names and not missing:
        return f"Already installed: {quote_all(names)}."
    return " ".join(map(advise_on_module, missing[:3])) or CANNOT_INSTALL


def _versions() -> dict[str, str]:
    return {one.name: one.version for one in metadata.distributions() if one.name}


def _advise_missing(failure: Failure, match: Match) -> str | None:
    name = getattr(failure.error, "name", None)
    name = name if isinstance(name, str) else match[1]
    package = name.partition(".")[0]
    if package == "odf" and any(frame.f_code.co_name == "to_excel" for frame in failure.frames):
        return "Write an .xlsx instead of .ods: df.to_excel('/mnt/data/name.xlsx', index=False)."
    if package != name and has(package):
        return f"{quote(package)} is here, but it has no module {quote(name)} in this version."
    return advise_on_module(package)


RULES = (
    rule("ModuleNotFoundError", r"No module named '?([\w.]+)", _advise_missing),
    rule(
        "ImportError ModuleNotFoundError",
        r"[Uu]se (?:pip|conda).* to install (?:the )?`?([\w.-]+)`?",
        lambda _, match: advise_on_module(match[1].rstrip(".")),
    ),
    rule("ImportError", r"Missing optional dependency '([\w.-]+)'", lambda _, match: advise_on_module(match[1])),
    rule("ImportError", r"(?:pip|conda) install ([\w.-]+)", lambda _, match: advise_on_module(match[1].rstrip("."))),
    rule("ImportError", r"Unable to find a usable engine.*(pyarrow)", lambda _, match: advise_on_module(match[1])),
    rule("ImportError", r"(ipywidgets)", lambda _, match: advise_on_module(match[1])),
)  # fmt: skip
