"""Measures services on a real node in a process of its own: guests that wait at once, their fuel, runs and moves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import wasmtime

from micro.node.client import Client
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.machine import Machine
from micro.system import SystemClock, SystemEntropy

__all__ = ["measure"]

GUESTS = 1_000
ASLEEP_SECONDS = 0.5
CALLERS, MOVES = 32, 4

SLEEPING = """
import asyncio
from micro import Service

sleeping = Service("sleeping")

@sleeping.endpoint("Test.Sleep")
async def sleep() -> int:
    await asyncio.sleep(SECONDS)
    return 1

sleeping.run()
"""
SMALL = """
from collections.abc import AsyncIterator
from micro import Service

small = Service("small")

@small.endpoint("Say.Version")
async def version() -> int:
    return VERSION

@small.endpoint("Say.Count")
async def count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield VERSION

small.run()
"""

REQUEST = '{"header": {"Micro-Service": "sleeping", "Micro-Endpoint": "Test.Sleep"}, "body": {}}'
DESCRIBED = '{"name": "waiting", "endpoints": [{"name": "Test.Wait"}], "instances": "stateless"}'


def _text(text: str) -> str:
    return text.replace('"', '\\"')


WAITING = f"""(module
  (import "micro" "take" (func $take (param i32)))
  (import "micro" "answer" (func $answer (param i32 i32)))
  (import "micro" "call" (func $call (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "{_text(DESCRIBED)}") (data (i32.const 2048) "{_text(REQUEST)}")
  (func (export "micro_describe") (call $answer (i32.const 1024) (i32.const {len(DESCRIBED)})))
  (func (export "micro_call") (param i32) (local i32)
    (local.set 1 (call $call (i32.const 2048) (i32.const {len(REQUEST)})))
    (if (i32.lt_s (local.get 1) (i32.const 0)) (then unreachable))
    (call $take (i32.const 4096)) (call $answer (i32.const 4096) (local.get 1))))"""
"""Asks another service, and waits for its answer."""

COMPUTING = """(module
  (import "micro" "take" (func $take (param i32)))
  (import "micro" "answer" (func $answer (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "micro_call") (param i32) (local i32 f64)
    (call $take (i32.const 0))
    (loop $again
      (local.set 2 (f64.sqrt (f64.add (local.get 2) (f64.convert_i32_u (i32.load8_u (local.get 1))))))
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 1) (i32.const 65536))))
    (memory.fill (i32.const 0) (i32.trunc_sat_f64_u (local.get 2)) (i32.const 65536))
    (call $answer (i32.const 0) (i32.const 8))))"""


async def _fuel() -> int:
    """Returns what an exchange takes in this process."""
    program = await Machine(SystemClock(), SystemEntropy()).load(bytes(wasmtime.wat2wasm(COMPUTING)), Grant())
    guest = await program.instantiate()
    silent: Any = None
    await guest.call({"Micro-Endpoint": "Test.Echo"}, b"x" * 10_000, silent)
    return guest.fuel_used


def _fuel_differs() -> float:
    """Returns by how much the fuel of one exchange differs between two processes."""
    words = (sys.executable, "-m", "benchmarks.hosting", "--fuel")
    one, other = (int(subprocess.run(words, check=True, capture_output=True).stdout) for _ in range(2))
    assert one > 0
    return abs(one - other)


async def _run(node: Node, source: str) -> float:
    """Returns the seconds until a source runs that was not asked for before, or not lately."""
    began = time.perf_counter()
    async for progress in node.supervisor.run(source):
        assert not progress.failed, progress
    return time.perf_counter() - began


def _written(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(text)
    return str(folder)


def _committed(folder: Path) -> str:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*names, "commit", "-q", "-m", "a version")):
        subprocess.run(("git", "-C", folder, *words), check=True, capture_output=True)
    return f"{folder}@main"


async def _suspended(node: Node, folder: Path) -> float:
    """Returns how long so many guests of one worker take that wait half a second each, beyond that half second."""
    await _run(node, _written(folder / "sleeping", SLEEPING.replace("SECONDS", str(ASLEEP_SECONDS))))
    waiting = folder / "waiting"
    waiting.mkdir()
    (waiting / "waiting.wasm").write_bytes(bytes(wasmtime.wat2wasm(WAITING)))
    (waiting / "micro.toml").write_text('[service]\nrecipe = "wasm"\ncommand = "waiting.wasm"\nname = "waiting"\n')
    await _run(node, str(waiting))
    async with Client(home=str(node.home.path)) as client:
        await client.call("waiting", "Test.Wait", {})
        began = time.perf_counter()
        await asyncio.gather(*(client.call("waiting", "Test.Wait", {}) for _ in range(GUESTS)))
        return time.perf_counter() - began - ASLEEP_SECONDS


async def _failed(node: Node, folder: Path) -> float:
    """Returns how many calls and streams fail while a service moves several times under callers."""
    place, failed, is_over = folder / "small", 0, False
    await _run(node, _written(place, SMALL.replace("VERSION", "1")))

    async def call(client: Client, number: int) -> None:
        nonlocal failed
        while not is_over:
            try:
                if number % 4:
                    await client.call("small", "Say.Version", {})
                    continue
                async with client.stream("small", "Say.Count", {"to": 20}) as counted:
                    assert len({version async for version in counted}) == 1
            except Exception:  # noqa: BLE001 - whatever it is, a call has failed
                failed += 1

    async with Client(home=str(node.home.path)) as client:
        calling = [asyncio.ensure_future(call(client, number)) for number in range(CALLERS)]
        for version in range(2, MOVES + 2):
            _written(place, SMALL.replace("VERSION", str(version)))
            async for progress in node.supervisor.update("small"):
                assert not progress.failed, progress
        is_over = True
        await asyncio.gather(*calling)
    await node.supervisor.kill("small")
    return float(failed)


async def _runs(node: Node, folder: Path) -> dict[str, float]:
    """Returns how long a small service takes from its repository, for the first time and once more."""
    _written(folder / "cold", SMALL.replace("VERSION", "1"))
    source = _committed(folder / "cold")
    cold = await _run(node, source)
    await node.supervisor.kill("small")
    cached = await _run(node, source)
    await node.supervisor.kill("small")
    return {"hosted_run_cold": cold, "hosted_run_cached": cached}


async def _measure(wanted: Collection[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="micro-hosting-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        async with AsyncExitStack() as stack:
            settings: dict[str, Any] = {"network": False, "api": False, "allow_private_sources": True}
            node = Node(NodeConfig(home=f"{place}/home", wasm_workers=1, **settings), system_ports())
            await node.start()
            stack.push_async_callback(node.stop)
            if wanted & {"hosted_run_cold", "hosted_run_cached"}:  # type: ignore[operator]
                found |= await _runs(node, folder)
            if "hosted_failed" in wanted:
                found["hosted_failed"] = await _failed(node, folder)
            if "hosted_suspended" in wanted:
                found["hosted_suspended"] = await _suspended(node, folder)
    if "hosted_fuel" in wanted:
        found["hosted_fuel"] = _fuel_differs()
    return {key: value for key, value in found.items() if key in wanted}


def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted: times in seconds, else a number."""
    return asyncio.run(_measure(set(wanted)))


if __name__ == "__main__":
    print(asyncio.run(_fuel()) if sys.argv[1:] == ["--fuel"] else json.dumps(measure(sys.argv[1:])))
