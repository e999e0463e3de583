"""A snapshot: what cells left in the namespace, as pickles that a later session of the same workspace loads.

It is a row of sections. Each holds one variable, so that one which cannot be loaded costs no other. Variables
that share an object which can change are one section, and share it afterwards. What cells defined is pickled
by value, and its globals are the namespace of the session that loads it. The objects are hostile: whatever
their methods raise is contained, and only sessions load what is made here (docs/sandbox-protocol.md).
"""

# cloudpickle lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

import contextlib
import functools
import importlib
import importlib.util
import io
import marshal
import os
import pickle
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any, BinaryIO, Protocol

from cloudpickle import Pickler

STATE = "<state>"
"""The name of the section that is no variable: working folder, random states and options of libraries."""

_NAMESPACE = "namespace"
_OWN = {"In", "Out", "exit", "quit", "open", "get_ipython"}
_MOST_CHARACTERS = 200  # of a name, and of a reason
# What may stand in two variables and never tells: it cannot change, or is found by its name.
_ATOMS = (str, bytes, int, float, complex, type(None), range, slice)
_IMMUTABLE = (*_ATOMS, tuple, frozenset, CodeType, ModuleType, BuiltinFunctionType)
_PLAIN = frozenset(
    _IMMUTABLE
)  # a table of texts has hundreds of thousands of them: passed over first
_CACHED = (type(functools.lru_cache(lambda: None)),)
# Documents that are trees of C objects, which no pickle takes: by type, the module that opens them.
_DOCUMENTS = {"docx.document.Document": "docx", "pptx.presentation.Presentation": "pptx"}
_CONTAINERS = (list, dict, set, bytearray)
# Values of libraries, by the ends of their names, for the libraries may not be loaded.
_VALUES = ("dtype", "Dtype", "DType", "Timestamp", "delta", "datetime", "date", "Decimal", "Path")


class Sink(Protocol):
    """Takes sections, one after the other, as they are made."""

    def begin(self, names: Collection[str]) -> None:
        """Begin a section: it is to hold these variables, and to replace earlier ones that do."""
        ...

    def write(self, data: Any, /) -> int:
        """Take more of the section.

        Raises:
            TooLargeError: there is no room for it.
        """
        ...

    def keep(self) -> None:
        """End the section."""
        ...

    def leave(self, why: str) -> None:
        """End the section, which is good for nothing; earlier ones stay."""
        ...


class TooLargeError(Exception):
    """A variable takes more room than is left for all of them."""


class _Pickler(Pickler):
    def __init__(self, file: Any, namespace: Mapping[str, Any]) -> None:
        super().__init__(file, protocol=5)
        self._namespace = namespace

    def persistent_id(self, obj: Any) -> str | None:
        return _NAMESPACE if obj is self._namespace else None

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is FunctionType and obj.__globals__ is self._namespace:
            return _reduce_function(obj)
        if type(obj) is CodeType:
            return make_code, (importlib.util.MAGIC_NUMBER, marshal.dumps(obj))
        if type(obj) in _CACHED and obj.__module__ == "__main__":
            cached: Any = obj
            return make_cached, (cached.__wrapped__, cached.cache_parameters())
        if document := _DOCUMENTS.get(f"{type(obj).__module__}.{type(obj).__qualname__}"):
            return open_document, (document, _save_document(obj))
        if isinstance(obj, io.IOBase) and not isinstance(obj, (io.BytesIO, io.StringIO)):
            raise pickle.PicklingError("an open file")
        return super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, namespace: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._namespace = namespace

    def persistent_load(self, pid: Any) -> Any:
        if pid != _NAMESPACE:
            raise pickle.UnpicklingError("an unknown reference")
        return self._namespace


def _reduce_function(function: FunctionType) -> tuple[Any, ...]:
    """Return how a function of a cell is made again: without a copy of the globals that it uses."""
    names = ("defaults", "kwdefaults", "qualname", "module", "doc", "annotations")
    state = {f"__{name}__": getattr(function, f"__{name}__") for name in names}
    own = dict(function.__dict__)
    made = (function.__code__, function.__globals__, function.__name__, function.__closure__)
    return make_function, made, (state, own), None, None, set_state


def make_code(magic: bytes, data: bytes) -> CodeType:
    """Return the code of a function, for the Python that it was compiled for; snapshots name this function."""
    if magic != importlib.util.MAGIC_NUMBER:
        raise pickle.UnpicklingError("code of another version of Python")
    return marshal.loads(data)  # noqa: S302  by a session alone, as the pickle around it


def make_function(
    code: CodeType, namespace: dict[str, Any], name: str, closure: tuple[CellType, ...] | None
) -> FunctionType:
    """Return a function of a cell, which lacks its state yet; snapshots name this function."""
    return FunctionType(code, namespace, name, None, closure)


def set_state(function: FunctionType, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Give a function of a cell its defaults and attributes; snapshots name this function."""
    for name, value in state[0].items():
        setattr(function, name, value)
    function.__dict__.update(state[1])


def make_cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    """Return a function of a cell that remembers its results, none of them yet; snapshots name this function."""
    return functools.lru_cache(**parameters)(function)


def open_document(module: str, data: bytes) -> Any:
    """Return a document of an office program; snapshots name this function."""
    opening = {"docx": "Document", "pptx": "Presentation"}[module]
    return getattr(importlib.import_module(module), opening)(io.BytesIO(data))


def _save_document(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def save(namespace: Mapping[str, Any], hidden: Iterable[str], sink: Sink) -> None:
    """Write the variables of a namespace as sections, the small ones first.

    Args:
        namespace: where cells run.
        hidden: names that are the shell's own.
        sink: takes the sections. What it raises ends the saving; what it took by then is good.
    """
    _write(sink, namespace, {STATE: _read_state()})
    own = _OWN | set(hidden)
    variables = {
        name: value
        for name, value in list(namespace.items())
        if name not in own and _is_of_code(name)
    }
    groups = _Groups(namespace)
    for name in sorted(variables, key=lambda name: _weigh(variables[name])):
        objects = _write(sink, namespace, {name: variables[name]})
        groups.add(name, objects)
    for names in groups.find_shared():
        _write(sink, namespace, {name: variables[name] for name in names})


def load(section: BinaryIO, namespace: MutableMapping[str, Any]) -> BaseException | None:
    """Put the variables of a section into a namespace; return why they are not there, if they are not.

    Args:
        section: what `save` wrote.
        namespace: where cells run.
    """
    try:
        variables = _Unpickler(section, namespace).load()
        if STATE in variables:
            _set_state(variables.pop(STATE))
        namespace.update(variables)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  whatever an object of code does
        return error
    return None


def _write(sink: Sink, namespace: Mapping[str, Any], variables: dict[str, Any]) -> dict[int, Any]:
    """Write one section; return what it holds that can change, by identity."""
    sink.begin(variables)
    pickler = _Pickler(sink, namespace)
    try:
        pickler.dump(variables)
    except (KeyboardInterrupt, OSError):
        raise
    except BaseException as error:  # noqa: BLE001  whatever an object of code does
        sink.leave(explain(error))
        return {}
    sink.keep()
    objects = [obj for _, obj in pickler.memo.copy().values() if type(obj) not in _PLAIN]
    return _find_changeable(objects, namespace)


def explain(error: BaseException) -> str:
    """Return in a few words why a variable is not kept, or not back."""
    with contextlib.suppress(Exception):
        return f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
    return "an error that cannot be shown"


def _find_changeable(objects: Iterable[Any], namespace: Mapping[str, Any]) -> dict[int, Any]:
    """Return the objects that can change, by identity: two variables that hold one of them share it."""
    values = set(map(id, namespace.values()))
    found = {id(obj): obj for obj in objects if _can_change(obj, namespace)}
    for obj in objects:
        if type(obj) in _CONTAINERS and not obj and id(obj) not in values:
            found.pop(id(obj))  # libraries share empty ones
        elif type(obj).__name__.endswith(
            "Index"
        ):  # of pandas: it never changes, nor does what it holds
            found.pop(id(obj), None)
            found.pop(id(getattr(obj, "_data", None)), None)
    return found


def _can_change(obj: Any, namespace: Mapping[str, Any]) -> bool:
    kind = type(obj)
    if kind is FunctionType:
        return obj.__globals__ is namespace
    if isinstance(obj, type):
        return obj.__module__ == "__main__"
    if kind.__name__.endswith(_VALUES) or issubclass(kind, _IMMUTABLE):
        return False
    return not (hasattr(kind, "__get__") and callable(obj))  # a function of a library


class _Groups:
    """Finds which variables hold the same object."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._held: dict[
            int, tuple[Any, str]
        ] = {}  # the objects, too: an id is free again after one
        self._leaders: dict[str, str] = {}

    def add(self, name: str, objects: Mapping[int, Any]) -> None:
        self._leaders[name] = name
        for id_, obj in objects.items():
            _, other = self._held.setdefault(id_, (obj, name))
            if other != name:
                self._leaders[self._lead(name)] = self._lead(other)

    def _lead(self, name: str) -> str:
        while (leader := self._leaders[name]) != name:
            name = leader
        return name

    def find_shared(self) -> Iterator[list[str]]:
        groups: dict[str, list[str]] = defaultdict(list)
        for name in self._leaders:
            groups[self._lead(name)].append(name)
        return (names for names in groups.values() if len(names) > 1)


def _is_of_code(name: Any) -> bool:
    """Return whether code made a name, and not IPython or Python: `_`, `_i3`, `__builtins__`."""
    if type(name) is not str or not name.isidentifier() or len(name) > _MOST_CHARACTERS:
        return False
    return not name.startswith("__") and bool(name.strip("_ihdo0123456789"))


def _weigh(value: Any) -> int:
    """Return about how large a value is; only the order matters."""
    with contextlib.suppress(Exception):
        return int(value.size) * 8
    with contextlib.suppress(Exception):
        return len(value) * 16
    return 0


# What is no variable, but what code set: each is read, and set again, where its library is loaded.


def _read_state() -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, (read, _) in _STATES.items():
        with contextlib.suppress(Exception):
            state[name] = read()
    return state


def _set_state(state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        with contextlib.suppress(Exception):
            _STATES[name][1](value)


def _read_pandas() -> dict[str, Any]:
    """Return the options that code changed, as far as they have names that pandas knows."""
    config = sys.modules["pandas._config.config"]
    options = {key: each.defval for key, each in config._registered_options.items()}  # noqa: SLF001
    now = {key: config._get_option(key, silent=True) for key in options}  # noqa: SLF001
    return {key: value for key, value in now.items() if value != options[key]}


def _set_pandas(values: Mapping[str, Any]) -> None:
    pandas = importlib.import_module("pandas")
    for key, value in values.items():
        pandas.set_option(key, value)


def _read_matplotlib() -> dict[str, Any]:
    matplotlib = sys.modules["matplotlib"]
    defaults = matplotlib.rcParamsDefault
    now = dict.items(matplotlib.rcParams)  # what is deprecated warns when it is read in another way
    return {key: each for key, each in now if key != "backend" and each != defaults.get(key, each)}


def _set_matplotlib(values: Mapping[str, Any]) -> None:
    importlib.import_module("matplotlib").rcParams.update(values)


def _set_numpy_print(values: Mapping[str, Any]) -> None:
    importlib.import_module("numpy").set_printoptions(**values)


def _set_numpy_random(values: Any) -> None:
    importlib.import_module("numpy").random.set_state(values)


def _get_numpy_print() -> Any:
    return sys.modules["numpy"].get_printoptions()


def _get_numpy_random() -> Any:
    return sys.modules["numpy"].random.get_state()


_STATES: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "folder": (lambda: os.getcwd(), lambda path: os.chdir(path)),  # noqa: PLW0108  a jail may replace them
    "random": (random.getstate, random.setstate),
    "numpy random": (_get_numpy_random, _set_numpy_random),
    "numpy print": (_get_numpy_print, _set_numpy_print),
    "pandas": (_read_pandas, _set_pandas),
    "matplotlib": (_read_matplotlib, _set_matplotlib),
}
