"""Reads the project's own files, so that rules about them can be tests."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Import:
    """One name that a module imports.

    Attributes:
        target: the dotted name, for instance `micro.mucp.frame` or `time.monotonic`.
        line: where.
        late: whether it stands inside a function.
        typing_only: whether it stands under `if TYPE_CHECKING:`.
    """

    target: str
    line: int
    late: bool
    typing_only: bool


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its path within the checkout and its text."""

    name: str
    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the module's docstring, each on one line."""
        docstring = ast.get_docstring(self.tree) or ""
        return [" ".join(paragraph.split()) for paragraph in docstring.split("\n\n") if paragraph.strip()]

    @property
    def pure(self) -> bool:
        """Whether the docstring says `Pure.`."""
        return "Pure." in self.paragraphs

    @functools.cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree, late=False, typing_only=False))

    def at(self, line: int, complaint: str) -> str:
        """Returns the complaint with its place in front, as compilers write it."""
        return f"{self.path}:{line}: {complaint}"


def _imports(node: ast.AST, *, late: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, late, typing_only)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield Import(f"{child.module or ''}.{alias.name}", child.lineno, late, typing_only)
        elif isinstance(child, ast.If) and _asks_type_checking(child.test):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), late=late, typing_only=True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), late=late, typing_only=typing_only)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, late=late or inside, typing_only=typing_only)


def _asks_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def module(name: str, text: str) -> Module:
    """Returns a module that is in no file, to try a rule on."""
    return Module(name, name.replace(".", "/") + ".py", text)


@functools.cache
def modules() -> list[Module]:
    """Returns all modules of the house; generated ones are not ours to keep tidy."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.stem.endswith("_pb2"):
            continue
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, str(path.relative_to(ROOT)), path.read_text()))
    return found


@functools.cache
def tracked() -> list[str]:
    """Returns the paths of all files that git tracks and that still exist."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]
