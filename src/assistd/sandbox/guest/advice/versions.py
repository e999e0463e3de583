"""Advice on calls that the packages of today no longer have: the new way."""

from assistd.sandbox.guest.advice.rule import Rule, rule

# Class or module (as a pattern) and attribute that is gone -> the new way.
_ATTRIBUTES = (
    ("DataFrame|Series", "append", "pd.concat([a, b], ignore_index=True) replaces a.append(b); a row is pd.DataFrame([row])."),
    ("DataFrame", "applymap", "df.map(function) replaces df.applymap(function)."),
    ("DataFrame|Series|DataFrameGroupBy", "iteritems", "Use .items() instead of .iteritems()."),
    ("DataFrame|Series", "ix", "Use .loc (by label) or .iloc (by position) instead of .ix."),
    ("DataFrame|Series", "as_matrix|get_values", "Use .to_numpy()."),
    ("DataFrame|Series", "mad", "Use (s - s.mean()).abs().mean()."),
    ("DataFrame", "lookup", "Use df.to_numpy()[rows, columns] with positions, or df.loc for each pair."),
    ("DataFrame|Series", "tshift|slice_shift", "Use .shift(periods, freq=...)."),
    ("pandas", "read_docx|read_doc|read_word", "import docx; docx.Document(path) has .paragraphs and .tables; a table's rows are [[cell.text for cell in row.cells] for row in table.rows]."),
    ("pandas", "read_pdf", "import pdfplumber; page.extract_text() and page.extract_tables() of each of pdfplumber.open(path).pages."),
    ("matplotlib.image|matplotlib.pyplot", "resize|rotate|crop|thumbnail|imresize", "Pillow changes pictures: from PIL import Image; Image.open(path).resize((width, height)).save('/mnt/data/name.png')."),
    ("pandas", "datetime", "Use `from datetime import datetime`, or pd.Timestamp."),
    ("pandas", "Panel|Int64Index|Float64Index|UInt64Index|np", "It left pandas; use pd.Index or numpy itself."),
    ("OpenpyxlWriter|XlsxWriter|ExcelWriter", "save", "Use `with pd.ExcelWriter(path) as writer:`, or writer.close()."),
    ("numpy", "float|int|bool|object|str|complex|long|unicode", "Use Python's own float, int, bool, object or str, or np.float64, np.int64, np.bool_."),
    ("numpy", "trapz", "np.trapezoid(y, x) replaces np.trapz; so does scipy.integrate.trapezoid."),
    ("numpy", "in1d", "Use np.isin."),
    ("numpy", "product|cumproduct|sometrue|alltrue|row_stack|NaN|Inf|NAN|Infinity|float_|complex_|unicode_|string_|asscalar|find_common_type", "It left NumPy 2: use np.prod, np.cumprod, np.any, np.all, np.vstack, np.nan, np.inf, np.float64, np.complex128, np.str_, np.bytes_, x.item() or np.result_type."),
    ("OneHotEncoder|CountVectorizer|TfidfVectorizer|ColumnTransformer|PolynomialFeatures", "get_feature_names", "Use .get_feature_names_out()."),
    ("matplotlib.cm", "get_cmap|register_cmap", "Use matplotlib.colormaps['viridis'], or plt.get_cmap('viridis')."),
    ("seaborn", "distplot", "Use sns.histplot(x, kde=True)."),
    ("seaborn", "factorplot", "Use sns.catplot(..., kind='point')."),
    ("seaborn", "tsplot", "Use sns.lineplot."),
    ("PIL.Image", "ANTIALIAS", "Use Image.Resampling.LANCZOS instead of Image.ANTIALIAS."),
    ("ImageDraw", "textsize", "Use draw.textbbox((0, 0), text, font=font), or draw.textlength(text, font=font)."),
    ("FreeTypeFont|ImageFont", "getsize|getsize_multiline", "Use font.getbbox(text), or font.getlength(text)."),
    ("networkx", "info", "Use print(graph)."),
    ("networkx", "from_pandas_dataframe|to_numpy_matrix|from_numpy_matrix", "Use nx.from_pandas_edgelist, nx.to_numpy_array or nx.from_numpy_array."),
    ("networkx", "write_gpickle|read_gpickle", "Use pickle."),
    ("scipy.integrate|scipy", "simps", "Use scipy.integrate.simpson(y, x=x)."),
    ("scipy.integrate", "cumtrapz|trapz", "Use scipy.integrate.cumulative_trapezoid or trapezoid."),
    ("scipy.stats", "binom_test", "Use scipy.stats.binomtest(k, n, p).pvalue."),
    ("scipy.stats", "median_absolute_deviation", "Use scipy.stats.median_abs_deviation."),
    ("collections", "Mapping|Iterable|Callable|Sequence|MutableMapping|Hashable", "Import it from collections.abc."),
    ("time", "clock", "Use time.perf_counter()."),
    ("inspect", "getargspec", "Use inspect.getfullargspec."),
    ("PdfReader", "getPage|numPages|getNumPages|extractText", "Use reader.pages[i], len(reader.pages) and page.extract_text()."),
)  # fmt: skip

# Argument that is gone -> the new way; the function as a pattern.
_ARGUMENTS = (
    (r"fillna\(\)", "method", "df.ffill() or df.bfill() replaces fillna(method=...)."),
    (r"", "squared", "sklearn.metrics.root_mean_squared_error(y, p) replaces squared=False."),
    (r"OneHotEncoder", "sparse", "Use OneHotEncoder(sparse_output=False)."),
    (r"(?:LinearRegression|Ridge|Lasso)", "normalize", "Scale first: make_pipeline(StandardScaler(), model)."),
    (r"AgglomerativeClustering", "affinity", "Use metric= instead of affinity=."),
    (r"TSNE", "n_iter", "Use max_iter= instead of n_iter=."),
    (r"read_(?:csv|table|fwf)\(\)", "error_bad_lines|warn_bad_lines", "Use on_bad_lines='skip' (or 'warn')."),
    (r"read_(?:csv|table|fwf)\(\)", "delim_whitespace", r"Use sep=r'\s+'."),
    (r"read_\w+\(\)", "squeeze", "Call .squeeze('columns') on the result."),
    (r"read_\w+\(\)", "date_parser|infer_datetime_format", "Use date_format=..., or pd.to_datetime(df[column]) afterwards."),
    (r"to_csv\(\)", "line_terminator", "Use lineterminator= in one word."),
    (r"to_excel\(\)", "encoding", "Leave encoding= out: a workbook is always Unicode."),
    (r"(?:groupby|mean|sum|drop|apply)\(\)", "axis", "Leave axis= out, or work on df.T."),
    (r"Rectangle\.set\(\)|hist\(\)|Polygon\.set\(\)", "normed", "Use density=True instead of normed=True."),
    (r"gca\(\)", "projection", "Use fig.add_subplot(projection='3d')."),
    (r"grid\(\)|Line2D\.set\(\)|Gridlines", "b", "Use grid(visible=True), or grid(True)."),
    (r"stem\(\)", "use_line_collection", "Leave use_line_collection= out."),
    (r"\w+plot\(\)|Line2D\.set\(\)", "shade", "Use fill=True instead of shade=True."),
)  # fmt: skip


def _rules_of_attributes() -> list[Rule]:
    rules: list[Rule] = []
    for owner, name, advice in _ATTRIBUTES:
        gone = rf"^(?:module )?'(?:[\w.]+\.)?(?:{owner})'(?: object)? has no attribute '(?:{name})'"
        named = rf"cannot import name '(?:{name})' from '(?:[\w.]+\.)?(?:{owner})'"
        rules += (
            rule("AttributeError", gone, advice),
            rule(
                "AttributeError",
                rf"^type object '(?:{owner})' has no attribute '(?:{name})'",
                advice,
            ),
            rule("ImportError", named, advice),
        )
    return rules


RULES = (
    *_rules_of_attributes(),
    *(
        rule("TypeError AttributeError", rf"(?:{function}).*got an unexpected keyword argument '(?:{name})'", advice)
        for function, name, advice in _ARGUMENTS
    ),
    rule("AttributeError", r"unexpected keyword argument '?b'?", "Use grid(visible=True), or grid(True)."),
    rule(
        "OSError",
        r"'?seaborn([\w-]*)'? is not a valid package style",
        lambda _, match: f"The style is called 'seaborn-v0_8{match[1]}' now; sns.set_theme() does the same.",
    ),
    rule("Exception", r"PdfFileReader is deprecated", "Use pypdf.PdfReader(path)."),
    rule("Exception", r"PdfFileWriter is deprecated|PdfFileMerger is deprecated", "Use pypdf.PdfWriter()."),
    rule("Exception", r"reader\.(?:getPage|numPages|getNumPages)", "Use reader.pages[i] and len(reader.pages)."),
    rule("ImportError", r"cannot import name 'PdfFile(\w+)'", lambda _, m: f"Use pypdf.Pdf{m[1].replace('Merger', 'Writer')}."),
    rule("ImportError", r"`?load_boston`?", "Use sklearn.datasets.load_diabetes(), or ask the user for the file."),
    rule("ImportError", r"cannot import name 'plot_(confusion_matrix|roc_curve|precision_recall_curve)'",
         lambda _, m: f"Use sklearn.metrics.{_DISPLAYS[m[1]]}.from_estimator(model, X, y)."),
    rule("ImportError", r"cannot import name 'joblib' from 'sklearn", "Use `import joblib`."),
    rule("ImportError", r"cannot import name 'imread' from 'scipy|cannot import name 'imresize' from 'scipy", "Use PIL.Image.open(path)."),
    rule("NotImplementedError", r"statsmodels\.tsa\.arima_model", "Use statsmodels.tsa.arima.model.ARIMA."),
    rule("ValueError", r"Invalid frequency: ([MQYAHTSLUN])\b", lambda _, m: f"The alias {m[1]!r} is now {_ALIASES[m[1]]!r}."),
    rule("TypeError", r"(\w+plot)\(\) (?:takes from 0 to 1 positional arguments|got multiple values for argument 'data')", lambda _, m: f"Name the arguments: sns.{m[1]}(data=df, x='...', y='...')."),
)  # fmt: skip
_DISPLAYS = {
    "confusion_matrix": "ConfusionMatrixDisplay",
    "roc_curve": "RocCurveDisplay",
    "precision_recall_curve": "PrecisionRecallDisplay",
}
_ALIASES = {"M": "ME", "Q": "QE", "Y": "YE", "A": "YE", "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}  # fmt: skip
