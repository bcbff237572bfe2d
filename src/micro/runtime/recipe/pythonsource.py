"""Reads what a Python file is, from its text alone.

Pure.

Nothing of it is imported or run: the parser of the standard library says which names it imports, which web application
it makes, which functions a stranger could call, and whether it reads its standard input.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PythonSource", "read_python"]

ASGI = {"FastAPI", "Starlette", "Quart", "Litestar", "BlackSheep", "Sanic"}
FLASK = {"Flask", "APIFlask"}
WSGI = {"Bottle", "get_wsgi_application"}
FACTORIES = {"create_app", "make_app", "create_application", "get_app"}
SERVERS = frozenset(
    [
        "http.server",
        "socketserver",
        "wsgiref",
        "wsgiref.simple_server",
        "aiohttp",
        "tornado",
        "bottle",
        "sanic",
        "cherrypy",
        "waitress",
        "uvicorn",
        "hypercorn",
        "gunicorn",
        "streamlit",
        "gradio",
        "xmlrpc.server",
        "web",
    ]
)
"""Modules whose import says that a program listens."""

VERB_LETTERS_MAX = 10
METHODS = ("get", "post", "put", "delete", "patch", "route")
ENDPOINTS_MAX = 50
TROUBLE_CHARACTERS_MAX = 200


@dataclass(frozen=True)
class PythonSource:
    """What a file is.

    Attributes:
        readable: whether it is Python at all.
        trouble: of one that no parser takes, where and why, in words that follow its name.
        micro: whether it speaks to its node itself.
        application: the name of the web application it makes, and what kind it is: `asgi`, `flask` or `wsgi`; with
            ` factory` behind it, where the name is that of a function that makes it.
        listens: whether it imports what servers are made of.
        reads: whether it reads its standard input.
        functions: top-level functions whose every parameter has a type.
        routes: what its decorators say can be asked, as `GET /path` or `Say.Hello`.
        description: the first line of its docstring.
    """

    readable: bool
    micro: bool = False
    application: tuple[str, str] | None = None
    listens: bool = False
    reads: bool = False
    functions: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    description: str = ""
    trouble: str = ""


def read_python(text: str) -> PythonSource:
    """Reads a file's text; what no parser takes is `readable` False."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        place = f"line {error.lineno} " if error.lineno else ""
        return PythonSource(readable=False, trouble=f"{place}is no Python: {error.msg[:TROUBLE_CHARACTERS_MAX]}")
    except (RecursionError, MemoryError):
        return PythonSource(readable=False, trouble="is no Python: it is nested too deeply")
    except ValueError as error:
        return PythonSource(readable=False, trouble=f"is no Python: {str(error)[:TROUBLE_CHARACTERS_MAX]}")
    nodes = list(ast.walk(tree))
    imports = set(_imports(nodes))
    called = {_callee(node) for node in nodes if isinstance(node, ast.Call)}
    ours = "micro" in imports or any(name.startswith("micro.") for name in imports)
    return PythonSource(
        readable=True,
        micro=(ours and "Service" in called) or "MICRO_ADDRESS" in text,
        application=_application(tree),
        listens=bool(imports & SERVERS),
        reads="input" in called or any(_is_standard_input(node) for node in nodes) or "fileinput" in imports,
        functions=tuple(_functions(tree)),
        routes=tuple(_routes(tree))[:ENDPOINTS_MAX],
        description=(ast.get_docstring(tree) or "").strip().split("\n")[0][:200],
    )


def _imports(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                yield alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield node.module.split(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _callee(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _application(tree: ast.Module) -> tuple[str, str] | None:
    """Returns the first web application that is assigned to a name at the top of the file."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and _kind(value):
            return target.id, _kind(value)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
            made = [_kind(call) for call in ast.walk(node) if isinstance(call, ast.Call) and _kind(call)]
            if made and len(node.args.args) == len(node.args.defaults):
                return node.name, f"{made[0]} factory"
    return None


def _kind(call: ast.Call) -> str:
    callee = _callee(call)
    return "asgi" if callee in ASGI else "flask" if callee in FLASK else "wsgi" if callee in WSGI else ""


def _is_standard_input(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "stdin"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def _functions(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        typed = all(one.annotation is not None for one in given) and (given or node.returns is not None)
        if typed and not node.args.vararg and not node.args.kwarg and node.name != "main":
            yield node.name


def _methods(decorator: ast.Call) -> tuple[str, ...]:
    """Returns by which methods a route can be asked, as Flask reads it: GET, where it does not say others."""
    said = next((keyword.value for keyword in decorator.keywords if keyword.arg == "methods"), None)
    listed = said.elts if isinstance(said, ast.List | ast.Tuple | ast.Set) else []
    found = [each.value for each in listed if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return tuple(dict.fromkeys(verb.upper() for verb in found if verb.isalpha() and len(verb) <= VERB_LETTERS_MAX)) or (
        "GET",
    )


def _routes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) or not decorator.args:
                continue
            method, first = _callee(decorator), decorator.args[0]
            if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                continue
            if method in METHODS and first.value.startswith("/"):
                for verb in _methods(decorator) if method == "route" else (method.upper(),):
                    yield f"{verb} {first.value[:100]}"
            elif method == "endpoint":
                yield first.value[:100]
