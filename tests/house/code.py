"""The package as data: its modules, and every name that they give to something."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.house.links import ROOT

PACKAGE = ROOT / "src/assistd"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Name:
    """A name of our own, and where it is given: the module below the package."""

    module: str
    text: str
    is_function: bool = False

    @property
    def words(self) -> list[str]:
        """Its words in lower case: `_HTTPServer` is `http` and `server`."""
        return [word.lower() for word in _WORDS.findall(self.text)]


@cache
def modules(package: Path = PACKAGE) -> dict[str, str]:
    """Return the text of each module, by its path below the package."""
    files = sorted(package.rglob("*.py"))
    return {str(path.relative_to(package)): path.read_text() for path in files}


def names(module: str, text: str) -> Iterator[Name]:
    """Yield the names that a module gives: its own, and those of classes, functions, arguments and variables."""
    yield Name(module, Path(module).stem)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Name(module, node.name, is_function=not _is_property(node))
            case ast.ClassDef():
                yield Name(module, node.name)
            case ast.arg():
                yield Name(module, node.arg)
            case ast.Name(ctx=ast.Store()):
                yield Name(module, node.id)
            case ast.Attribute(ctx=ast.Store()):
                yield Name(module, node.attr)
            case _:
                pass


def _is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(each) for each in function.decorator_list)
