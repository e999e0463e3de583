"""Python's garbage collector while modules are imported."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def pausing_collector() -> Generator[None]:
    """Import without the collector: hardly anything is garbage then, and it takes a fifth of the time.

    Afterwards the collector never looks at what was imported, because it stays.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
