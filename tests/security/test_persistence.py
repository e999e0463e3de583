"""Nothing that code leaves behind runs in, or is seen by, anything that comes after."""

import pytest

from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession

POISON = [
    "import random; random.random = lambda: 4",
    "import builtins; builtins.open = None; builtins.print = None",
    "import sys; sys.path.insert(0, '/mnt/data'); sys.modules['json'] = None",
    "import numpy; numpy.array = None; numpy.random.seed(1)",
    "import matplotlib.pyplot as plt; plt.rcParams['figure.dpi'] = 5; plt.figure(); plt.plot([1])",
    "import os; os.environ['PATH'] = '/x'; os.umask(0o777)",
    "import site, os\nfor p in ('/tmp', os.environ['HOME']):\n    open(p + '/sitecustomize.py', 'w').write('1/0')\nopen(os.environ['HOME'] + '/.pythonrc', 'w').write('1/0')",
    "get_ipython().run_cell = None",
    "import ctypes; ctypes.memset(id(None) + 16, 0, 0)",
]


@pytest.mark.parametrize("poison", POISON)
async def test_a_poisoned_session_poisons_nothing_else(
    pool: SessionPool, session: GuestSession, poison: str
) -> None:
    await session.execute(poison)
    other = await pool.open("other")
    code = (
        "import random, json, os, builtins, numpy, matplotlib.pyplot as plt\n"
        "print(random.random() != 4, json.loads('1'), len(plt.get_fignums()), os.environ['PATH'] != '/x', "
        "plt.rcParams['figure.dpi'] > 50, numpy.array([1]).sum(), os.listdir(os.environ['HOME']), os.umask(0o22) == 0o22)"
    )
    execution = await other.execute(code)
    await pool.drop("other")
    assert execution.logs == "True 1 0 True True 1 ['.config'] True\n"


@pytest.mark.parametrize(
    "module", ["json", "pandas", "IPython", "random", "sitecustomize", "numpy", "csv"]
)
async def test_a_module_in_mnt_data_shadows_nothing(session: GuestSession, module: str) -> None:
    code = (
        f"open('/mnt/data/{module}.py', 'w').write('raise SystemError(\"shadow\")')\n"
        "import subprocess, sys\n"
        "import json, random, pandas, csv, colorsys\n"
        "print('fine')"
    )
    assert (await session.execute(code)).logs == "fine\n"
    assert (await session.execute("1/0")).logs.endswith("division by zero")


async def test_a_module_of_ones_own_in_mnt_data_can_be_imported(session: GuestSession) -> None:
    await session.execute("open('/mnt/data/my_helper.py', 'w').write('x = 41')")
    assert (await session.execute("import my_helper; my_helper.x + 1")).logs == "42"
