"""What the catalogue's tests share.

Services in Python are tested as modules, with the real store and context that a handler gets; those in other languages
through a node that runs the whole catalogue, which also shows that each does what its README says.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from micro import BlockingClient
from micro.mucp.headers import Headers
from micro.service.context import Context
from micro.service.keeping import Entry
from micro.store.condition import Room
from micro.store.kv import KeyValue
from micro.system import SystemDisk
from micro.trust.policy import Caller
from services.running import Running, skip_without_tools, started_node

OWNER = Caller(nid="b" + "a" * 55, owner=True)
STRANGER = Caller(nid="b" + "c" * 55)


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


class Clock:
    """A clock that stands still until a test puts it forward."""

    def __init__(self) -> None:
        self._start = time.time()
        self.ahead_seconds = 0.0

    def now(self) -> float:
        return self._start + self.ahead_seconds

    def monotonic(self) -> float:
        return self.ahead_seconds


class NearStore:
    """A handler's store without the node in between: the same verbs, straight on the engine that the node has."""

    def __init__(self, engine: KeyValue, clock: Clock, scope: str) -> None:
        self._engine = engine
        self._clock = clock
        self._scope = scope

    async def read(self, key: str, *, table: str = "main") -> bytes | None:
        record = await self._engine.read(self._scope, key, table=table)
        return None if record is None else record.value

    async def entry(self, key: str, *, table: str = "main") -> Entry | None:
        found = await self._engine.read(self._scope, key, table=table)
        return found and Entry(key, found.value, found.version, found.changed, found.expires)

    async def write(
        self,
        key: str,
        value: bytes,
        expiry_seconds: float | None = None,
        *,
        table: str = "main",
        if_version: int | None = None,
        keys_max: int | None = None,
        prefix: str = "",
    ) -> int:
        expires = None if expiry_seconds is None else self._clock.now() + expiry_seconds
        room = None if keys_max is None else Room(keys_max, prefix)
        return await self._engine.write(
            self._scope, key, value, table=table, expires=expires, if_version=if_version, room=room
        )

    async def delete(self, key: str, *, table: str = "main", if_version: int | None = None) -> bool:
        return await self._engine.delete(self._scope, key, table=table, if_version=if_version)

    async def list(self, prefix: str = "", limit: int = 100, offset: int = 0, *, table: str = "main") -> list[str]:
        found = await self._engine.list(self._scope, table=table, prefix=prefix, limit=limit, offset=offset)
        return [record.key for record in found]


@pytest.fixture
def clock() -> Clock:
    """Returns the clock by which things in the store expire."""
    return Clock()


@pytest.fixture
async def context(tmp_path: Path, clock: Clock) -> AsyncIterator[Context]:
    """Yields what a handler gets where the owner calls it, with an empty store."""
    engine = KeyValue(SystemDisk(), tmp_path / "store.db", clock)
    engine.open()
    service = SimpleNamespace(store_for=lambda caller: NearStore(engine, clock, caller.nid))
    yield Context(service, OWNER, Headers({"Micro-Id": "7"}), None, None)
    await engine.close()


@pytest.fixture
def stranger(context: Context) -> Context:
    """Returns what a handler gets where somebody else calls it, on another node, in the same store."""
    return Context(context.service, STRANGER, Headers({"Micro-Id": "8"}), None, None)


@pytest.fixture(scope="session")
def node() -> Iterator[Running]:
    """Yields a node with the catalogue, one for all tests; what Go compiled of itself before is used again."""
    cache = Path(os.environ.get("GOCACHE") or Path.home() / ".cache" / "go-build")
    with started_node(Path(__file__).parent, {"GOCACHE": str(cache)} if cache.is_dir() else {}) as running:
        yield running


@pytest.fixture(scope="module")
def call(request: pytest.FixtureRequest, node: Running) -> Iterator[Callable[..., Any]]:
    """Yields what calls an endpoint of the service beside the test: its name, and the request's fields."""
    service = request.path.parent.name
    skip_without_tools(service)
    assert service in node.services, node.output.read_text()
    with BlockingClient(home=str(node.home)) as client:
        yield lambda endpoint, **fields: client.call(service, endpoint, fields)
