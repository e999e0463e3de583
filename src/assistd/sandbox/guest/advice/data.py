"""Advice on data that is not here, or that is locked: passwords, corpora, locales."""

from assistd.sandbox.guest.advice.failure import Failure, has, quote
from assistd.sandbox.guest.advice.rule import Match, rule

_LOCALE = "No other locale is here: format by hand, such as f'{x:,.2f}'.replace(',', ' '), or with a dict of month names"


def _advise_on_password(failure: Failure, _: Match) -> str:
    path = failure.file()
    what = quote(path) if path else "It"
    ways = {
        "zipfile": "zipfile.ZipFile(path).extractall('/tmp/x', pwd=b'...')",
        "pypdf": "pypdf.PdfReader(path, password='...')",
        "pdfplumber": "pdfplumber.open(path, password='...')",
        "pypdfium2": "pypdfium2.PdfDocument(path, password='...')",
    }
    way = next((way for module, way in ways.items() if failure.runs_in(module)), "password=...")
    return f"{what} has a password, or another one: ask the user for it, then {way}."


def _advise_on_corpus(_: Failure, match: Match) -> str:
    words = "sklearn.feature_extraction.text.ENGLISH_STOP_WORDS; " if has("sklearn") else ""
    return (
        f"NLTK's data {quote(match[1])} is not here and cannot be downloaded. Do without: {words}"
        "re.findall(r'\\w+', text) for words, re.split(r'(?<=[.!?])\\s+', text) for sentences."
    )


def _advise_on_locale(_: Failure, __: Match) -> str:
    babel = "; or use babel.numbers and babel.dates" if has("babel") else ""
    return f"{_LOCALE}{babel}."


RULES = (
    rule("Exception", r"[Pp]assword required|[Bb]ad password|not been decrypted|PDFPasswordIncorrect|Incorrect password|[Ww]rong password|Password error|is encrypted", _advise_on_password),
    rule("PDFPasswordIncorrect FileNotDecryptedError WrongPasswordError", "", _advise_on_password),
    rule("LookupError", r"Resource (?:\x1b\[\d+m|')?([\w-]+)(?:\x1b\[0m|')? not found", _advise_on_corpus),
    rule("Error", r"unsupported locale setting", _advise_on_locale),
)  # fmt: skip
