"""The door of the guest: `python -I -B <this folder> walls.<name>|zygote`, inside and outside the jail alike.

Inside, nothing of assistd exists but this folder, so its package name is made up here, from the
folder alone: no other module of ours, and none of the server's packages, can ever be imported.
"""

import importlib
import os
import sys
import types


def _name_the_package() -> None:
    folder = os.path.dirname(os.path.abspath(__file__))
    for name, path in (
        ("assistd", []),
        ("assistd.sandbox", []),
        ("assistd.sandbox.guest", [folder]),
    ):
        package = types.ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package


def main() -> None:
    """Run the stage named by the first argument, with the control socket's descriptor and the rest."""
    sys.path[:] = [
        entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))
    ]
    _name_the_package()
    _, name, control, *rest = sys.argv
    sys.argv[:] = [""]  # what programs find in a session, as in an interpreter without a script
    sys.orig_argv[:] = [sys.executable]
    stage = importlib.import_module(f"assistd.sandbox.guest.{name}")
    stage.main(int(control), *rest)


if __name__ == "__main__":
    main()
