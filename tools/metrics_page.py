"""Writes docs/metrics.md from the table of metrics; `make docs` runs it."""

from pathlib import Path

from assistd import metrics  # makes every metric
from assistd.instruments import ALL

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
_HEAD = f"""\
# Metrics

What `/metrics` tells; [operating.md](operating.md) says how to get at it and what to look at. Each label has a closed set of
values; everything else counts as `other`. At most {metrics.MOST_MODELS} names of models of the settings have series of their own. Metrics named
`process_...` are those of every Prometheus client. This page is made by `make docs`.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    lines: list[str] = []
    for metric in ALL:
        name = metric.name + ("_total" if metric.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `assistd_{name}` | {metric.kind} | {labels} | {metric.meaning} |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
