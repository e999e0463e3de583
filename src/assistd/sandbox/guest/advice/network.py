"""Advice on the internet that is not there."""

from assistd.sandbox.guest.advice.failure import Failure, has
from assistd.sandbox.guest.advice.rule import Match, rule

_NETWORK = {"socket", "urllib", "http", "urllib3", "requests", "httpx", "httpcore", "aiohttp", "ssl", "ftplib"}  # fmt: skip
_SAMPLES = (
    ("sklearn", "sklearn.datasets.load_iris() and other load_..."),
    ("plotly", "plotly.data.gapminder(), .iris(), .tips()"),
    ("vega_datasets", "vega_datasets.data.cars()"),
)
_SAMPLE_WORDS = ("load_dataset", "fetch_", "dataset", "iris", "titanic", "tips")

NOT_HERE = "There is no internet here: ask the user for the file"


def _advise(failure: Failure, _: Match) -> str:
    advice = f"{NOT_HERE}, or work with what is in /mnt/data."
    samples = [text for module, text in _SAMPLES if has(module)]
    if samples and any(word in failure.cell for word in _SAMPLE_WORDS):
        advice += f" Sample data that is here: {'; '.join(samples)}."
    return advice


def _advise_in_network(failure: Failure, match: Match) -> str | None:
    return _advise(failure, match) if not failure.modules.isdisjoint(_NETWORK) else None


RULES = (
    rule(
        "Exception",
        r"Name or service not known|Temporary failure in name resolution|No address associated with hostname"
        r"|Network is unreachable|[Ff]ailed to resolve|getaddrinfo failed|Cannot connect to host"
        r"|nodename nor servname|Max retries exceeded|unvalidated hostname",
        _advise,
    ),
    rule("OSError", r"Operation not permitted|Permission denied|Connection refused|timed out|not supported", _advise_in_network),
)  # fmt: skip
