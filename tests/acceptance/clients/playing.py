"""Runs the story of a client, in a process and an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clients.install import HERE, NODE, NODE_ITSELF, Environment

ALONE = {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""What keeps clients from asking anybody else."""


def play(client: Environment | None, script: str, *arguments: str) -> Any:
    """Run a story.

    Args:
        client: where its client is installed; None is the SDK of this environment itself.
        script: its path beside this file.
        arguments: its own.

    Returns:
        What it prints, parsed.
    """
    program, modules = Path(sys.executable), {}
    if client:
        is_of_node = script.endswith(".cjs")
        if not client.is_installed or (is_of_node and not NODE_ITSELF.is_installed):
            pytest.skip(f"{script} was not tried: `make accept` installs its client")
        program = NODE if is_of_node else client.python
        modules = {"NODE_PATH": str(client.node_modules)}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    done = subprocess.run(
        [program, HERE / script, *arguments],
        env=kept | modules | ALONE,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
