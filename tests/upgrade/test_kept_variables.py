"""Variables that an earlier release kept are loaded by today's sessions; `python -m tests.upgrade.test_kept_variables` keeps them.

What `states/variables.json` holds is never made anew: it stands for what users have by now.
"""

import asyncio
import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from assistd.sandbox.base import MIB
from assistd.sandbox.environments import environment
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.snapshot import Section
from assistd.settings import Settings
from tests.sandbox.rig import anyio_backend, jail, pool, python

__all__ = ["anyio_backend", "jail", "pool", "python"]

pytestmark = pytest.mark.anyio

STATE = Path(__file__).parent / "states/variables.json"
CELL = """
import os, random, functools, enum, io, math, re
import numpy as np
import pandas as pd
import docx
from dataclasses import dataclass
df = pd.DataFrame({"month": [1, 2, 3], "revenue": [10.0, 20.0, 30.5], "name": ["a", "b", "c"]})
array = np.arange(6).reshape(2, 3)
shared = [1]
holder = {"shared": shared, "when": pd.Timestamp("2026-11-29")}
def total(column="revenue", *, times=1):
    return df[column].sum() * times
double = lambda n: n * 2
def _make():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
step = _make(); step()
@functools.lru_cache
def cached(n):
    return n + 1
@dataclass
class Item:
    n: int = 1
    def twice(self):
        return self.n * 2
item = Item(4)
class Color(enum.Enum):
    RED = 1
color = Color.RED
document = docx.Document(); document.add_paragraph("kept")
pattern = re.compile("a(b+)")
os.makedirs("/tmp/w", exist_ok=True); os.chdir("/tmp")
pd.set_option("display.max_rows", 7)
random.seed(3); random.random()
"""
CHECKS = (
    "df.revenue.sum() == 60.5 and list(df.name) == ['a', 'b', 'c']",
    "array.sum() == 15 and array.shape == (2, 3)",
    "holder['shared'] is shared and holder['when'].year == 2026",
    "document.paragraphs[0].text == 'kept'",
    "pattern.match('abb')[1] == 'bb' and math.pi > 3",
    "os.getcwd() == '/tmp' and pd.get_option('display.max_rows') == 7",
    "random.random() == (random.seed(3), random.random(), random.random())[2]",
)
OF_CODE = (
    "total(times=2) == 121.0",
    "double(4) == 8 and step() == 2 and cached(1) == 2",
    "item.twice() == 8 and item == Item(4) and color is Color.RED",
)
"""What only the version of Python can have that compiled it."""


async def test_variables_of_an_earlier_release_are_back(pool: SessionPool) -> None:
    state = json.loads(STATE.read_text())
    session = await pool.open("kept by an earlier release")
    sections: list[Section] = []
    with tempfile.TemporaryFile() as file:
        for each in state["sections"]:
            data = base64.b64decode(each["data"])
            sections.append(Section(tuple(each["names"]), file.tell(), len(data)))
            file.write(data)
        file.flush()
        lost = await session.restore(file, sections, 30)
    asked = await session.execute("import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())")
    is_same = asked.logs.strip() == state["python"]
    assert set(lost) <= (set() if is_same else set(state["of_code"])), lost
    for check in (*CHECKS, *(OF_CODE if is_same else ())):
        assert (await session.execute(f"print(bool({check}))")).logs == "True\n", check
    await pool.drop("kept by an earlier release")


async def record() -> dict[str, Any]:
    """Keep the variables of the cell, with the code of this checkout."""
    standing = environment.find(Settings().cache_dir)
    assert standing
    made = SessionPool(standing.python, PoolSettings(warm=0))
    await made.start()
    session = await made.open("kept")
    ran = await session.execute(CELL)
    assert ran.status == "ok", ran.logs
    with tempfile.TemporaryFile() as file:
        saved = await session.save(file, MIB, 30)
        sections: list[dict[str, Any]] = []
        for each in saved.sections:
            file.seek(each.start)
            data = base64.b64encode(file.read(each.size)).decode()
            sections.append({"names": each.names, "data": data})
    magic = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    version = (await session.execute(magic)).logs.strip()
    await made.close()
    assert not saved.left
    of_code = [
        name
        for each in saved.sections
        for name in each.names
        if {"total", "double", "_make", "step", "cached", "Item", "item", "Color", "color"} & {name}
    ]
    return {"python": version, "of_code": of_code, "sections": sections}


if __name__ == "__main__":
    STATE.write_text(json.dumps(asyncio.run(record()), indent=1) + "\n")
