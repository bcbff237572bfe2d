"""Finds where a module touches the world without a port: the clock, chance, files, sockets, child processes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.tidy.reading import Module
from tests.tidy.tables import CLOCK, DISK, ENTROPY, NETWORK, PROCESSES, SEAMS

MODULES = {
    "multiprocessing": PROCESSES,
    "random": ENTROPY,
    "secrets": ENTROPY,
    "shutil": DISK,
    "socket": NETWORK,
    "sqlite3": DISK,
    "subprocess": PROCESSES,
    "tempfile": DISK,
}
"""Packages of which the import alone is a touch."""

NAMES = {
    **dict.fromkeys(("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.sleep"), CLOCK),
    **dict.fromkeys(("time.perf_counter", "time.perf_counter_ns", "time.localtime", "time.gmtime"), CLOCK),
    **dict.fromkeys(("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today"), CLOCK),
    **dict.fromkeys(("os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"), ENTROPY),
    **dict.fromkeys(("asyncio.open_connection", "asyncio.open_unix_connection"), NETWORK),
    **dict.fromkeys(("asyncio.start_server", "asyncio.start_unix_server"), NETWORK),
    **dict.fromkeys(("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"), PROCESSES),
    **dict.fromkeys(("os.fork", "os.system", "os.popen", "os.posix_spawn", "os.posix_spawnp", "os.execve"), PROCESSES),
    **dict.fromkeys(("os.kill", "os.killpg"), PROCESSES),
    **dict.fromkeys(("open", "io.open", "os.open", "os.fdopen", "os.listdir", "os.scandir", "os.walk"), DISK),
    **dict.fromkeys(("os.mkdir", "os.makedirs", "os.remove", "os.unlink", "os.rename", "os.replace", "os.chmod"), DISK),
}
"""Dotted names of which any use is a touch."""

METHODS = {
    **dict.fromkeys(("create_server", "create_unix_server", "create_datagram_endpoint"), NETWORK),
    **dict.fromkeys(("create_connection", "create_unix_connection"), NETWORK),
    **dict.fromkeys(("subprocess_exec", "subprocess_shell"), PROCESSES),
    **dict.fromkeys(("read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "rglob"), DISK),
    **dict.fromkeys(("mkdir", "rmdir", "unlink", "touch", "chmod", "symlink_to", "hardlink_to"), DISK),
}
"""Methods of event loops and paths, told by their name alone."""


def touches_only_its_part_of_the_world(module: Module) -> Iterator[str]:
    """The world is reached through `micro.ports`, but for the seams in the table."""
    allowed = set[str]()
    for pattern, (kinds, _reason) in SEAMS.items():
        if fnmatchcase(module.name, pattern):
            allowed |= kinds
    for what, kind, line in sorted(_touches(module), key=lambda touch: touch[2]):
        if kind not in allowed:
            yield module.at(line, f"`{what}` touches the {kind} without its port (micro.ports)")


def _touches(module: Module) -> Iterator[tuple[str, str, int]]:
    for found in module.imports:
        root = found.target.split(".")[0]
        if root in MODULES and not found.typing_only:
            yield root, MODULES[root], found.line
    names = _local_names(module.tree)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            dotted = _dotted(node, names)
            if dotted in NAMES:
                yield dotted, NAMES[dotted], node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield f".{node.func.attr}()", METHODS[node.func.attr], node.lineno


def _local_names(tree: ast.Module) -> dict[str, str]:
    """Returns what each imported local name stands for: `from time import time as clock` -> clock: time.time."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    return "?"
