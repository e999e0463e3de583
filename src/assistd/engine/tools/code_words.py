"""The words in which models are told of the code interpreter; tasks were measured with exactly these."""

from collections.abc import Sequence
from dataclasses import replace

from assistd.engine.tools.code_example import show_example
from assistd.models.conversation import BlockWords, HostedSpec

NAME = "code_interpreter"

_INSTRUCTIONS = """\
You can run Python in a stateful Jupyter notebook: variables live on between calls. numpy, pandas, \
scipy, sklearn, matplotlib, seaborn, plotly, openpyxl, docx, pptx, pdfplumber, reportlab, doc2docx (for \
.doc) and more are installed, with fonts for every script; there is no internet. Figures are shown to the user by themselves. \
Files are in /mnt/data. A table becomes an Excel file with df.to_excel('/mnt/data/name.xlsx', index=False). \
To give the user a file, save it there and link it in your answer as [name](sandbox:/mnt/data/name)."""
_REMINDER = "[If this is about a file, answer with a ```python block that reads it.]"

# No example block: small models end their answers with a copy of it.
_BLOCK = BlockWords(
    labels=("python", "py", "python3", "ipython", "tool_code"),
    how=(
        "To run Python, answer with one ```python block and stop there. The next message gives you its "
        "output; print what you need to see. Never guess what a file holds or what code prints: run code "
        "to find out. When the task is done, answer in plain words without a code block."
    ),
    must="Your next answer must be such a block.",
    succeeded=(
        "If the task is done, answer what was asked in plain words, with the numbers and names from the "
        "output, without a code block. If something that was asked for is missing, write the next block."
    ),
    failed=(
        "That failed, so the task is not done. The last lines say what is wrong: correct that and write "
        "the whole block again. The same block would fail again."
    ),
    failed_twice=(
        "Code for this was tried twice and failed:\n{words}\nWrite a block that does it another way."
    ),
    example=show_example,
)
CODE = HostedSpec(
    name=NAME,
    offered_as=("python", "code_interpreter", "run_python", "assistd_run_python"),
    description=(
        "Run Python in a stateful Jupyter notebook and get what the cell shows. Variables are kept "
        "between calls; files are read and saved in /mnt/data. There is no internet access."
    ),
    parameters={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The Python code to run."}},
        "required": ["code"],
        "additionalProperties": False,
    },
    streamed="code",
    pictures="The picture(s) that the code showed:",
    block=_BLOCK,
)
"""The code interpreter where no files are there for it."""

CODE_WITH_FILES = replace(CODE, block=replace(_BLOCK, reminder=_REMINDER))


def instruct(added: Sequence[str]) -> str:
    """Return what the system message says of it.

    Args:
        added: packages that the operator installed besides.
    """
    more = f" Also installed: {', '.join(added)}." if added else ""
    return f"{_INSTRUCTIONS}{more}"
