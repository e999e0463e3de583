"""Makes the Python modules of the messages that are described in .proto files, or checks that they are up to date."""

import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "src/assistd/sandbox/remote/wire"
NAMES = ("control", "sandbox")
MADE = tuple(f"{name}_pb2.{ending}" for name in NAMES for ending in ("py", "pyi"))


def generate(target: Path) -> None:
    """Write the modules into a folder.

    Raises:
        SystemExit: the description is not valid; the compiler has said why.
    """
    known = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{FOLDER}", f"-I{known}", f"--python_out={target}"]
    described = (str(FOLDER / f"{name}.proto") for name in NAMES)
    if protoc.main([*arguments, f"--pyi_out={target}", *described]):
        raise SystemExit(1)


def main() -> None:
    """Write the modules; with `--check`, fail where they would be other ones."""
    if "--check" not in sys.argv:
        generate(FOLDER)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if any((Path(folder) / name).read_bytes() != (FOLDER / name).read_bytes() for name in MADE):
            raise SystemExit(f"{FOLDER}: a module does not fit to its .proto: run `make proto`")


if __name__ == "__main__":
    main()
