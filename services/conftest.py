"""What the catalogue's tests share: each service's module, and the real store and context that a handler gets."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from micro.mucp.headers import Headers
from micro.service.context import Context
from micro.store.kv import KeyValue
from micro.system import SystemClock, SystemDisk
from micro.trust.policy import Caller

OWNER = Caller(nid="b" + "a" * 55, owner=True)


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


class NearStore:
    """A handler's store without the node in between: the same verbs, straight on the engine that the node has."""

    def __init__(self, engine: KeyValue) -> None:
        self._engine = engine

    async def read(self, key: str, *, table: str = "main") -> bytes | None:
        record = await self._engine.read("", key, table=table)
        return None if record is None else record.value

    async def write(self, key: str, value: bytes, expiry_seconds: float | None = None, *, table: str = "main") -> None:
        assert expiry_seconds is None, "no service of the catalogue lets anything expire"
        await self._engine.write("", key, value, table=table)

    async def delete(self, key: str, *, table: str = "main") -> bool:
        return await self._engine.delete("", key, table=table)

    async def list(self, prefix: str = "", limit: int = 100, offset: int = 0, *, table: str = "main") -> list[str]:
        found = await self._engine.list("", table=table, prefix=prefix, limit=limit, offset=offset)
        return [record.key for record in found]


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """Yields what a handler gets where the owner calls it, with an empty store."""
    engine = KeyValue(SystemDisk(), tmp_path / "store.db", SystemClock())
    engine.open()
    store = NearStore(engine)
    yield Context(SimpleNamespace(store_for=lambda caller: store), OWNER, Headers({"Micro-Id": "7"}), None, None)
    await engine.close()
