"""What a program finds around itself in a session: the world of a notebook, the same on every host."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from assistd.sandbox.environments import environment, programs
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import logs_of

LIST = Path(environment.__file__).parent / programs.LIST


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("import sys\nprint(sys.argv, len(sys.orig_argv))", "[''] 1\n"),
        (
            "import argparse\nparser = argparse.ArgumentParser()\n"
            "parser.add_argument('--n', type=int, default=3)\nprint(parser.parse_args().n)",
            "3\n",
        ),
        (
            "import click\n@click.command()\n@click.option('--n', default=3)\n"
            "def main(n): print(n)\nmain(standalone_mode=False)",
            "3\n",
        ),
        ("print(__name__, __spec__, '__file__' in globals(), repr(_))", "__main__ None False ''\n"),
        ("%reset -f\nimport __main__\nprint(__main__.__spec__)", "None\n"),
        ("import sys\nprint([one for one in sys.path if 'guest' in one], sys.path[-1])", "[] \n"),
        ("import os\nprint(os.getcwd(), os.access(os.path.expanduser('~'), os.W_OK))", "/mnt/data True\n"),
        ("import getpass, locale\nprint(locale.getpreferredencoding())", "UTF-8\n"),
        ("import inspect\ndef f(): pass\nprint(inspect.getsource(f))", "def f(): pass\n\n"),
    ],
)  # fmt: skip
async def test_a_program_finds_a_notebook(session: GuestSession, code: str, logs: str) -> None:
    execution = await session.execute(code)
    assert (execution.status, execution.logs) == ("ok", logs)


@pytest.mark.parametrize("call", ["unittest.main()", "unittest.main(argv=[''], exit=False);"])
async def test_tests_of_a_cell_are_run(session: GuestSession, call: str) -> None:
    code = (
        "import unittest\nclass Tests(unittest.TestCase):\n"
        f"    def test_sum(self): self.assertEqual(1 + 1, 2)\n{call}"
    )
    execution = await session.execute(code)
    assert execution.status == "ok"
    assert "Ran 1 test" in execution.logs


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
async def test_processes_are_started_in_each_way(
    session: GuestSession, lacks: Mapping[str, str], method: str
) -> None:
    code = (
        "import math, multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
        f"context = multiprocessing.get_context({method!r})\n"
        "with context.Pool(2) as pool: print(pool.map(math.sqrt, [1, 4]))\n"
        "with ProcessPoolExecutor(2, mp_context=context) as pool: print(list(pool.map(math.sqrt, [9])))"
    )
    execution = await session.execute(code)
    if "shared memory" in lacks:
        assert "PermissionError" in execution.logs
    else:
        assert (execution.status, execution.logs) == ("ok", "[1.0, 2.0]\n[3.0]\n")


async def test_a_script_that_is_started_draws_without_a_word(session: GuestSession) -> None:
    """It takes the list of fonts that is there: to make one anew takes seconds and a message."""
    script = (
        "import matplotlib.pyplot as plt, matplotlib as mpl, os, sys\n"
        "plt.plot([1]); plt.title('季度'); plt.savefig('x.png')\n"
        "lists = [one for one in os.listdir(mpl.get_cachedir()) if one.endswith('.json')]\n"
        "print(sys.argv, [os.path.islink(f'{mpl.get_cachedir()}/{one}') for one in lists])\n"
    )
    await session.execute(f"open('s.py', 'w').write({script!r})")
    execution = await session.execute("!python s.py a b")
    assert execution.logs == "['s.py', 'a', 'b'] [True]\n"
    execution = await session.execute(
        "import subprocess, sys\nsubprocess.run([sys.executable, 's.py'], check=True, capture_output=True).stderr"
    )
    assert execution.logs == "b''"


async def test_the_path_holds_the_programs_of_the_list_and_no_other(session: GuestSession) -> None:
    code = (
        "import json, os, shutil, sys\nfolders = os.environ['PATH'].split(':')\n"
        "print(json.dumps([folders, sys.prefix, os.listdir(folders[1]),\n"
        "                  [name for name in os.listdir(folders[1]) if shutil.which(name)]]))"
    )
    folders, prefix, found, usable = json.loads((await session.execute(code)).logs)
    assert folders == [f"{prefix}/bin", f"{prefix}/share/programs"]
    brought = {"pip", "pip3", "ffmpeg"}
    assert set(found) - brought == set(programs.names(LIST))
    here = set(found) - set(programs.missing(Path(prefix)))
    assert set(usable) == here
    assert {"sh", "ls", "grep", "sed", "tar", "pip"} <= here


async def test_a_program_of_the_host_is_no_program_of_a_session(session: GuestSession) -> None:
    execution = await session.execute("!mount; printenv SHELL; echo done")
    assert re.fullmatch(
        r"/bin/sh: (\d+: |line \d+: )?mount: .*not found\n", logs_of(execution, "stderr")
    )
    assert logs_of(execution, "stdout") == "/bin/sh\ndone\n"


@pytest.mark.parametrize("pip", ["pip", "python -m pip"])
async def test_pip_shows_what_is_there_and_installs_nothing(
    session: GuestSession, pip: str
) -> None:
    execution = await session.execute(
        f"!{pip} install -q -U pandas 'numpy>1' opencv-python && echo ready"
    )
    assert execution.logs.splitlines()[-1] == "ready"
    execution = await session.execute(f"!{pip} install nonesuch pandas==0.1 || echo refused")
    assert "Nothing can be installed here" in execution.logs
    assert "Not here: nonesuch, pandas==0.1" in execution.logs
    assert "refused" in execution.logs
    execution = await session.execute(f"!{pip} list; {pip} show numpy; {pip} freeze")
    assert re.search(r"^numpy +\d", execution.logs, re.MULTILINE)
    assert "Summary: Fundamental package for array computing in Python" in execution.logs
    assert re.search(r"^pandas==\d", execution.logs, re.MULTILINE)
