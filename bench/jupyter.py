"""A standard Jupyter kernel with the same packages: jupyter_client here, ipykernel in its environment."""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import psutil
import uv
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

_IPYKERNEL = "ipykernel==7.4.0"


def build(cache_dir: Path, report: Callable[[str], None]) -> Path:
    """The interpreter of an environment with our packages and ipykernel; built where it is missing."""
    lock = resources.files("assistd.sandbox") / "environments" / "default.txt"
    key = hashlib.sha256(f"{lock.read_text()}{_IPYKERNEL}{sys.version}".encode()).hexdigest()[:16]
    folder = cache_dir / "bench" / f"jupyter-{key}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    report("building the environment of the Jupyter kernel we compare with")
    shutil.rmtree(folder, ignore_errors=True)
    uv_bin = uv.find_uv_bin()
    with resources.as_file(lock) as path:
        for command in (
            ["venv", "--no-project", "--quiet", f"--python={sys.executable}", str(folder)],
            [
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                f"--python={python}",
                "-r",
                str(path),
            ],
            ["pip", "install", "--quiet", "--compile-bytecode", f"--python={python}", _IPYKERNEL],
        ):
            subprocess.run([uv_bin, *command], check=True)
    (folder / "ready").touch()
    return python


class Kernel:
    """A kernel that was started; its clock runs from before the start."""

    def __init__(self, python: Path) -> None:
        self.began = time.perf_counter()
        specs = KernelSpecManager(kernel_dirs=[str(python.parents[1] / "share/jupyter/kernels")])
        self._manager = KernelManager(
            kernel_name="python3", transport="ipc", kernel_spec_manager=specs
        )
        spec = self._manager.kernel_spec
        assert spec
        spec.argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._manager.start_kernel()
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def execute(self, code: str) -> tuple[float, float]:
        """Run a cell; the moments of its first output and of its end."""
        message_id = self._client.execute(code)
        first = 0.0
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind = message["msg_type"]
            if not first and kind in {"stream", "display_data", "execute_result"}:
                first = time.perf_counter()
            if kind == "status" and message["content"]["execution_state"] == "idle":
                return first, time.perf_counter()

    def uss(self) -> float:
        """Memory that only this kernel uses, in MB."""
        assert self._manager.provisioner
        return psutil.Process(self._manager.provisioner.pid).memory_full_info().uss / 1e6

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
