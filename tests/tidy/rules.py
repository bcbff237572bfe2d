"""The house's rules about a module: each takes one and yields a line for every place that breaks the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.tidy.reading import Module
from tests.tidy.tables import IMPURE_ALLOWED, LATE_IMPORTS, PURE_ALWAYS

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
WORLD = frozenset(
    ("asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "ssl", "subprocess", "threading", "time")
)
WORLD_BUILTINS = frozenset(("open", "print", "input"))

BANNED_MODULES = frozenset(
    ("util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base", "core", "lib")
)
BANNED_METHODS = frozenset(("Init", "Options", "String"))
SHORT_WORDS = frozenset(
    ("cfg", "cnt", "conn", "ctx", "fn", "func", "helper", "helpers", "idx", "manager", "mgr", "msg", "param", "params")
) | frozenset(("req", "resp", "secs", "srv", "svc", "tmp", "util", "utils"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def says_its_purpose(module: Module) -> Iterator[str]:
    """A module opens with one sentence that says what it is for."""
    purpose = module.paragraphs[0] if module.paragraphs else ""
    if not purpose.endswith("."):
        yield module.at(1, "open the module with a docstring: one sentence that ends in a full stop")
    elif re.search(r"[.!?] +[A-Z]", purpose):
        yield module.at(1, "the docstring's first paragraph is one sentence; put the rest into the next paragraph")


def fits_in_the_head(module: Module) -> Iterator[str]:
    """A file is short."""
    lines = len(module.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield module.at(1, f"{lines} lines, at most {FILE_LINES_MAX}: find the two nouns in it")


def functions_fit_on_a_screen(module: Module) -> Iterator[str]:
    """A function is short."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield module.at(node.lineno, f"`{node.name}` has {lines} lines, at most {FUNCTION_LINES_MAX}")


def is_named_after_a_noun(module: Module) -> Iterator[str]:
    """Files and classes bear the name of what they are, not of a drawer."""
    for part in module.name.split(".")[1:]:
        if part in BANNED_MODULES:
            yield module.at(1, f"`{part}` names a drawer; name the file after the noun in it")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name):
            yield module.at(node.lineno, f"class `{node.name}`: say what it is, not that it manages or helps")
        if isinstance(node, Function) and node.name in BANNED_METHODS:
            yield module.at(node.lineno, f"`{node.name}`: Python has `__init__`, keyword arguments and `__str__`")


def uses_whole_words(module: Module) -> Iterator[str]:
    """Names of functions, classes, parameters and constants are whole words, and a bound ends in `_max`."""
    for name, line in _defined(module.tree):
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().strip("_").split("_")
        for word in SHORT_WORDS.intersection(words):
            yield module.at(line, f"`{name}`: write the whole word instead of `{word}`")
        if words[0] in ("max", "min") and len(words) > 1:
            yield module.at(line, f"`{name}`: the unit and the bound come last, as in `frame_bytes_max`")


def _defined(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.isupper():
            yield node.id, node.lineno


def pure_rooms_say_so(module: Module) -> Iterator[str]:
    """`Pure.` is the docstring's second paragraph, and the pure rooms have it everywhere."""
    if module.pure and module.paragraphs[1:2] != ["Pure."]:
        yield module.at(1, "`Pure.` is the second paragraph of the docstring")
    empty = len(module.tree.body) <= 1  # a package's docstring alone cannot sin
    if not module.pure and not empty and any(fnmatchcase(module.name, pattern) for pattern in PURE_ALWAYS):
        yield module.at(1, "this room is pure: say `Pure.` in the docstring's second paragraph, and be it")


def pure_means_pure(module: Module) -> Iterator[str]:
    """A pure module touches neither clock, chance, files, sockets, threads nor the loop."""
    if not module.pure:
        return
    for found in module.imports:
        root = found.target.split(".")[0]
        if root in WORLD and not found.typing_only and (module.name, root) not in IMPURE_ALLOWED:
            yield module.at(found.line, f"a pure module imports `{root}`: take `now` and bytes as arguments")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLD_BUILTINS:
            yield module.at(node.lineno, f"a pure module calls `{node.func.id}`")


def pure_leans_only_on_pure(module: Module, others: dict[str, Module]) -> Iterator[str]:
    """A pure module imports, of ours, only pure modules."""
    if not module.pure:
        return
    for found in module.imports:
        leaned = others.get(found.target) or others.get(found.target.rpartition(".")[0])
        if leaned is None or found.typing_only or leaned.pure or leaned.name == "micro":
            continue
        yield module.at(found.line, f"a pure module leans on `{leaned.name}`, which is not pure")


def imports_ours_at_the_top(module: Module) -> Iterator[str]:
    """An import of ours inside a function hides a cycle, or is in the table with its reason."""
    for found in module.imports:
        if not found.late or found.target.split(".")[0] != "micro":
            continue
        if any(fnmatchcase(module.name, who) and fnmatchcase(found.target, what) for who, what in LATE_IMPORTS):
            continue
        yield module.at(found.line, f"`{found.target}` is imported inside a function: move it up, or move a wall")
