"""What the catalogue's tests share: each service's module, and stand-ins for what a node gives a handler."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def main(request: pytest.FixtureRequest) -> ModuleType:
    """Returns the `main.py` beside the test."""
    path = request.path.with_name("main.py")
    name = f"service_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class MemoryStore:
    """A service's store without a node: the same verbs and bounds over a dictionary.

    A list may be shorter than asked for, as the node's is where values are large: `keys_max` says how short.
    """

    def __init__(self) -> None:
        self.keys_max = 1000
        self.tables: dict[str, dict[str, bytes]] = {}

    def _table(self, name: str) -> dict[str, bytes]:
        return self.tables.setdefault(name, {})

    async def read(self, key: str, *, table: str = "main") -> bytes | None:
        return self._table(table).get(key)

    async def write(self, key: str, value: bytes, expiry_seconds: float | None = None, *, table: str = "main") -> None:
        self._table(table)[key] = value

    async def delete(self, key: str, *, table: str = "main") -> bool:
        return self._table(table).pop(key, None) is not None

    async def list(self, prefix: str = "", limit: int = 100, offset: int = 0, *, table: str = "main") -> list[str]:
        assert 1 <= limit <= 1000, "the node refuses such a limit"
        count = min(limit, self.keys_max)
        return sorted(key for key in self._table(table) if key.startswith(prefix))[offset : offset + count]


@pytest.fixture
def context() -> Any:
    """Returns what a handler gets as its context: the owner calls, and the store is empty."""
    caller = SimpleNamespace(nid="b" + "a" * 55, service="", owner=True, tier=0, paid=False, anonymous=False)
    return SimpleNamespace(caller=caller, headers={}, store=MemoryStore())
