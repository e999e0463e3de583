"""`python -m pip`."""

# The `pip` of the interpreter environment, beside this file.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import sys

from pip import main

sys.exit(main(sys.argv[1:]))
