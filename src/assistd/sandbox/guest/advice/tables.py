"""Advice on tables: columns, sheets, keys, separators, dates and numbers that are not what code takes them for."""

# Tables are of pandas, which lives in the interpreter environment, not in the server's.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import ast
import difflib
import importlib
import linecache
import os
from types import FrameType, ModuleType
from typing import Any
from urllib.parse import quote as url_quote

from assistd.sandbox.guest.advice.encodings import guess_encoding, guess_separator, read_options
from assistd.sandbox.guest.advice.failure import (
    Failure,
    has,
    quote,
    quote_all,
    read_head,
)
from assistd.sandbox.guest.advice.files import data_names
from assistd.sandbox.guest.advice.rule import Match, rule
from assistd.sandbox.guest.walls.namespaces_outer import DATA

_ALIKE = 0.75  # of two names, by difflib: 'amount' is not what is meant by 'country'
_TABLES = 20
_HEADER_BYTES = 4096
_COLUMNS = 200
_KEYS = 40
_SEPARATORS = (";", "\t", "|", ",")
_FRAMES_OF_TABLES = ("self", "obj", "data", "df", "frame", "left", "data_frame", "_self")


def _advise_on_column(failure: Failure, _: Match) -> str | None:
    if (series := failure.find("Series", ("self",))) is not None:
        is_grouped = any(frame.f_code.co_name == "get_grouper" for frame in failure.frames)
        return _ONE_COLUMN if is_grouped else _advise_on_label(series)
    table = failure.find("DataFrame", _FRAMES_OF_TABLES)
    if table is None and type(getattr(failure.error, "obj", None)).__name__ == "DataFrame":
        table = failure.error.obj  # type: ignore[attr-defined]
    if table is None:
        return None
    if (merged := _advise_on_merge(failure)) is not None:
        return merged
    if _is_row_wanted(failure):
        return _advise_on_label(table)
    columns = list(table.columns[:_COLUMNS])
    if len(columns) == 1 and (separator := _separator_in(columns[0])):
        return (
            f"The table has one column, {quote(columns[0])}: it was read with the wrong separator; "
            f"read it with sep={separator!r}."
        )
    wanted = _missing_name(failure)
    near = difflib.get_close_matches(wanted, [str(one) for one in columns], n=1, cutoff=_ALIKE)
    hint = f" Perhaps {quote(near[0])} is meant." if near else _other_table_with(wanted)
    return f"The table has these columns: {quote_all(columns)}.{hint}"


def _advise_on_merge(failure: Failure) -> str | None:
    """Return the columns of two tables that are joined by a column that one of them lacks."""
    left, right = (failure.find("DataFrame", (name,)) for name in ("left", "right"))
    if left is None or right is None:
        return None
    columns = (quote_all(list(table.columns[:_COLUMNS])) for table in (left, right))
    return "The left table has {}, the right one {}: name both keys, left_on='...', right_on='...'.".format(
        *columns
    )


def _other_table_with(column: str) -> str:
    """Return which other tables in /mnt/data have a column, as a sentence; empty where none has."""
    names = [name for name in data_names() if name.lower().endswith((".csv", ".tsv"))]
    found = [f"{DATA}/{name}" for name in names[:_TABLES] if column in _header(f"{DATA}/{name}")]
    return f" {quote_all(found)} has {quote(column)}: pd.merge joins two tables." if found else ""


def _header(path: str) -> list[str]:
    data = read_head(path, _HEADER_BYTES)
    line = data.decode(guess_encoding(data) or "latin-1", "replace").partition("\n")[0]
    return [cell.strip().strip('"') for cell in line.split(guess_separator(line) or ",")]


_ONE_COLUMN = (
    "One column has no other to group by: group the table, df.groupby('key')['value'].sum(), "
    "or by the values, df['value'].groupby(df['key']).sum()."
)


def _separator_in(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return next((mark for mark in _SEPARATORS if mark in name), None)


def _missing_name(failure: Failure) -> str:
    error = failure.error
    named = getattr(error, "name", None) or (error.args[0] if error.args else "")
    return named if isinstance(named, str) else str(named)[:200]


def _is_row_wanted(failure: Failure) -> bool:
    """Return whether `.loc` or `.at` looked for a label of the index."""
    axes = [
        frame.f_locals.get("axis")
        for frame in failure.frames
        if type(frame.f_locals.get("self")).__name__ in {"_LocIndexer", "_AtIndexer"}
    ]
    return next((axis == 0 for axis in axes if axis is not None), False)


def _advise_on_label(rows: Any) -> str:
    return f"The index has these labels: {quote_all(list(rows.index[:_KEYS]))}."


def _advise_on_key(failure: Failure, match: Match) -> str | None:
    """Return the columns of a table, the sheets of a workbook, or the keys of a dict."""
    if type(failure.error).__name__ == "OptionError":
        return None  # the key is of pandas' settings
    if failure.runs_in("openpyxl"):
        return _advise_on_sheet(failure, match)
    if failure.runs_in("pandas", "seaborn", "plotly", "geopandas"):
        return _advise_on_column(failure, match)
    keys = _keys_of_failing_dict(failure)
    if not keys:
        return None
    near = difflib.get_close_matches(
        _missing_name(failure), [key for key in keys if isinstance(key, str)], n=1
    )
    hint = f" Perhaps {quote(near[0])} is meant." if near else ""
    return f"The keys there are: {quote_all(keys)}.{hint}"


def _keys_of_failing_dict(failure: Failure) -> list[Any] | None:
    trace = failure.error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return None
    subscript = _expression(trace.tb_frame, trace.tb_lasti)
    if isinstance(subscript, ast.Subscript):
        value = _look_up(subscript.value, trace.tb_frame)
        return list(value)[:_KEYS] if type(value) is dict else None
    return None


def _expression(frame: FrameType, at: int) -> ast.expr | None:
    """Return the expression of the instruction at `at`, by its place in the code; None where it has many lines."""
    start, end, left, right = list(frame.f_code.co_positions())[at // 2]
    if start is None or start != end:
        return None
    line = linecache.getline(frame.f_code.co_filename, start)
    return ast.parse(line.encode()[left:right].decode().strip(), mode="eval").body


def _look_up(node: ast.expr, frame: FrameType) -> Any:
    """Return the value of names and subscripts of plain dicts and lists: nothing of the code's runs."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Subscript):
        value = _look_up(node.value, frame)
        key = (
            node.slice.value
            if isinstance(node.slice, ast.Constant)
            else _look_up(node.slice, frame)
        )
        if type(value) in {dict, list, tuple} and type(key) in {str, int}:
            return value[key]
    return None


def _advise_on_sheet(failure: Failure, _: Match) -> str | None:
    names = ("self", "book", "workbook", "wb")
    sheets = failure.find_with("sheet_names", names)
    sheets = failure.find_with("sheetnames", names) if sheets is None else sheets
    sheets = sheets() if callable(sheets) else sheets
    if not sheets:
        return None
    return f"The workbook has these sheets: {quote_all(list(sheets)[:_COLUMNS])}."


def _advise_on_lines(failure: Failure, _: Match) -> str | None:
    """Of lines with more fields than the first: another separator, or lines above the table."""
    path = failure.file()
    options = read_options(path) if path else None
    if options and "sep=" in options:
        return f"The separator is another: pd.read_csv({quote(path)}{options})."
    return (
        "Look at the first lines with open(path).read(500): give sep=, skip lines above the table with "
        "skiprows=, or leave bad lines out with on_bad_lines='skip'."
    )


def _advise_on_empty(failure: Failure, _: Match) -> str | None:
    path = failure.file()
    if path is None:
        return None
    size = os.path.getsize(path)
    return (
        f"{quote(path)} is empty ({size} bytes): nothing was written to it, or it was not closed."
    )


def _advise_on_old_format(_: Failure, match: Match) -> str:
    return f"Write an .xlsx instead of .{next(filter(None, match.groups()))}: df.to_excel('/mnt/data/name.xlsx', index=False)."


def _advise_on_reader(failure: Failure, match: Match) -> str | None:
    owner = getattr(failure.error, "obj", None)
    home = owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
    home = home.partition(".")[0]
    if home in {"xlrd", "python_calamine", "pyxlsb"}:
        return f"{home} only reads. Write with df.to_excel('/mnt/data/name.xlsx', index=False) or openpyxl."
    if home in {"pdfplumber", "pdfminer"} or type(owner).__name__ == "PdfReader":
        writer = " and pypdf.PdfWriter to change one" if has("pypdf") else ""
        return f"{home} only reads. Use reportlab to make a PDF{writer}."
    if home == "docx2txt":
        return "docx2txt only reads. Write with python-docx: docx.Document()."
    return None


def _advise_on_usecols(failure: Failure, match: Match) -> str | None:
    path = failure.file()
    options = read_options(path) if path else None
    if path is None or options is None:
        return None
    if "sep=" in options:
        return f"The separator is another: read it with{options[1:]}."
    first = read_head(path, 4096).decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
    separator = guess_separator(first) or ","
    return f"The file has these columns: {quote_all(first.split(separator))}."


def _advise_on_schema(failure: Failure, _: Match) -> str | None:
    """Of a database the tables that are there, and their columns."""
    path = failure.file()
    if path is None:
        return None
    sqlite3: Any = importlib.import_module("sqlite3")  # of code's, not of the server's
    connection = sqlite3.connect(f"file:{url_quote(path)}?mode=ro", uri=True, timeout=1)
    try:
        rows = connection.execute(_SCHEMA).fetchmany(_TABLES)
    finally:
        connection.close()
    tables = [f"{table}({columns})" for table, columns in rows]
    return f"The database has these tables: {quote_all(tables)}." if tables else None


_SCHEMA = """
SELECT name, (SELECT group_concat(name, ', ') FROM pragma_table_info(tables.name))
FROM sqlite_master AS tables WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
"""
_TEXT_TO_NUMBER = (
    "Text is no number: take the number out of it first, such as "
    "float(re.search(r'[-+]?[\\d,]*\\.?\\d+', text)[0].replace(',', ''))."
)


def _advise_on_numbers(failure: Failure, _: Match) -> str:
    return (
        _NUMBERS if failure.runs_in("pandas", "numpy", "sklearn", "matplotlib") else _TEXT_TO_NUMBER
    )


_NUMBERS = (
    "A column holds text: df['x'] = pd.to_numeric(df['x'].str.replace(r'[^\\d.-]', '', regex=True)) "
    "makes numbers of it; df.select_dtypes('number') or numeric_only=True leaves text out."
)
_ONE_LINE_EACH = "It holds one JSON value in each line: pd.read_json(path, lines=True), or [json.loads(line) for line in file]."
_DATES = (
    "The dates have other formats: pd.to_datetime(s, format='mixed', dayfirst=True) reads several, "
    "errors='coerce' makes NaT of what is no date."
)


def _advise_on_json(failure: Failure, _: Match) -> str | None:
    text = getattr(failure.error, "doc", "")
    text = text if isinstance(text, str) else ""
    said = failure.message
    if "BOM" in said or text.startswith("\ufeff"):
        return "It begins with a byte order mark: open it with encoding='utf-8-sig'."
    start = text.lstrip()[:1]
    if "Extra data" in said or "Trailing data" in said:
        return _ONE_LINE_EACH
    if not text.strip():
        return "The text is empty: look whether the file or the answer holds anything."
    if start == "<":
        return "It is HTML or XML, not JSON: use pd.read_html, pd.read_xml or BeautifulSoup."
    if start in {"{", "["} and "double quotes" in said:
        return "It is written as Python, with single quotes or a trailing comma: ast.literal_eval(text) reads it."
    return None


RULES = (
    rule("KeyError", r"Worksheet", _advise_on_sheet),
    rule("ValueError XLRDError Exception", r"Worksheet (?:named|index)|No sheet named|[Ww]orksheet .*not found|sheet index|SheetNotFound|WorksheetNotFound", _advise_on_sheet),
    rule("JSONDecodeError", "", _advise_on_json),
    rule("ValueError", r"Trailing data", _ONE_LINE_EACH),
    rule("KeyError", "", _advise_on_key),
    rule("AttributeError", r"^'DataFrame' object has no attribute", _advise_on_column),
    rule("ValueError", r"Could not interpret value|Value of '\w+' is not the name of a column|id_vars or value_vars|not in list of columns", _advise_on_column),
    rule("ValueError", r"Usecols do not match columns|Missing column provided to 'parse_dates'", _advise_on_usecols),
    rule("ParserError", r"Error tokenizing data|Expected \d+ fields", _advise_on_lines),
    rule("EmptyDataError", r"No columns to parse", _advise_on_empty),
    rule("ValueError OptionError", r"No engine for filetype: '(xls|ods|xlsb)'|No such keys\(s\): 'io\.excel\.(xls|ods)\.writer'|Use of \.(xls) format", _advise_on_old_format),
    rule("AttributeError", r"has no attribute '(?:Workbook|save|write|add_sheet|add_worksheet|add_page|to_excel|create_sheet|write_row|to_file)'", _advise_on_reader),
    rule("ValueError", r"You are trying to merge on", "Give both key columns one type first: a['key'] = a['key'].astype(str), and b['key'] likewise."),
    rule("ValueError DateParseError OutOfBoundsDatetime", r"time data .* (?:doesn't|does not) match format|Unknown datetime string format|unconverted data remains|month must be in|day is out of range", _DATES),
    rule("ValueError TypeError", r"could not convert string to float|Could not convert .* to numeric|agg function failed|Unable to parse string|Cannot perform reduction '\w+' with string dtype|unsupported operand type\(s\) for [-+*/]+: '(?:str|int|float)' and '(?:str|int|float)'", _advise_on_numbers),
    rule("ValueError", r"Unknown format code '\w' for object of type 'str'", _NUMBERS),
    rule("OperationalError DatabaseError", r"no such (?:table|column)", _advise_on_schema),
    rule("MergeError ValueError", r"columns overlap but no suffix", "Give both tables' columns different names, or suffixes=('_a', '_b')."),
    rule("TypeError", r"no numeric data to plot", _NUMBERS),
)  # fmt: skip
