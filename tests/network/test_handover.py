"""Updates without a cut: services are moved several times under callers that call and stream without a pause."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from micro.node.front import Client
from micro.node.node import Node
from tests.network.places import StartNode, client_of, until
from tests.network.test_guests import described
from tests.unit.runtime.guest.guests import guest

CALLERS, STREAMERS, MOVES = 24, 8, 3

PROCESS = """
from collections.abc import AsyncIterator
from micro import Service, Stream

moving = Service("moving")

@moving.endpoint("Test.Echo")
async def echo() -> int:
    return VERSION

@moving.endpoint("Test.Pass")
async def through(items: Stream[dict[str, int]]) -> AsyncIterator[int]:
    async for item in items:
        yield VERSION

moving.run()
"""


def write_process(folder: Path, version: int) -> None:
    (folder / "main.py").write_text(PROCESS.replace("VERSION", str(version)))


def write_guest(folder: Path, version: int) -> None:
    """Writes a guest that answers its version to calls, and to each message of a stream."""
    said = described("moving")
    endpoints = [*said["endpoints"], {"name": "Test.Pass", "kind": "stream"}]  # type: ignore[misc]
    answer = f"(i32.store8 (i32.const 4096) (i32.const {48 + version}))"
    serve = f"""(func (export "micro_serve") (param i32) (local i32)
      {answer}
      (loop $next
        (local.set 1 (call $stream_receive (i32.const 0)))
        (if (i32.ge_s (local.get 1) (i32.const 0)) (then
          (call $take (i32.const 8192))
          (drop (call $stream_send (i32.const 0) (i32.const 4096) (i32.const 1)))
          (br $next)))))"""
    call = f"{answer} (call $answer (i32.const 4096) (i32.const 1))"
    (folder / "moving.wasm").write_bytes(guest(call, more=serve, described={**said, "endpoints": endpoints}))
    (folder / "micro.toml").write_text('[service]\nrecipe = "wasm"\ncommand = "moving.wasm"\nname = "moving"\n')


class Traffic:
    """Callers and streamers at work, and what they saw."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answers: Counter[int] = Counter()
        self.streamed: Counter[int] = Counter()
        self.failures: list[str] = []
        self.is_over = False

    async def run(self) -> None:
        await asyncio.gather(*(self._call() for _ in range(CALLERS)), *(self._stream() for _ in range(STREAMERS)))

    async def _call(self) -> None:
        while not self.is_over:
            try:
                self.answers[int(await self._client.call("moving", "Test.Echo", {}))] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed call
                self.failures.append(f"call: {error!r}")

    async def _stream(self) -> None:
        while not self.is_over:
            try:
                await self._one_stream()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed stream
                self.failures.append(f"stream: {error!r}")

    async def _one_stream(self) -> None:
        """Sends ten messages one after the other; all are answered by the same version."""
        async with self._client.stream("moving", "Test.Pass") as stream:
            answers = aiter(stream)
            seen = set()
            for number in range(10):
                await stream.send({"n": number})
                seen.add(int(await anext(answers)))
            await stream.end()
            assert [answer async for answer in answers] == []
            (version,) = seen
            self.streamed[version] += 1


async def step(node: Node, steps: object) -> None:
    *_, last = [progress async for progress in steps]  # type: ignore[attr-defined]
    assert not last.failed, last.detail


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
@pytest.mark.parametrize("write", [write_process, write_guest], ids=["process", "guest"])
async def test_moves_under_load_fail_nobody(
    start_node: StartNode, tmp_path: Path, write: Callable[[Path, int], None], direct: bool
) -> None:
    """No call and no stream fails, each stream stays with its version, and a long one outlives all moves."""
    folder = tmp_path / "moving"
    folder.mkdir()
    node = await start_node(wasm_workers=1)
    node.supervisor._drain_seconds_max = 1.0
    write(folder, 1)
    await step(node, node.supervisor.run(str(folder)))
    async with client_of(node, direct=direct) as client, client_of(node, direct=direct) as patient:
        traffic = Traffic(client)
        working = asyncio.ensure_future(traffic.run())
        async with patient.stream("moving", "Test.Pass") as long:
            answers = aiter(long)
            await long.send({"n": 0})
            assert int(await anext(answers)) == 1
            for version in range(2, MOVES + 2):
                write(folder, version)
                await step(node, node.supervisor.update("moving"))
                await until(lambda version=version: traffic.answers[version] and traffic.streamed[version])
                await long.send({"n": version})
                assert int(await anext(answers)) == 1
            traffic.is_over = True
            await working
            await long.send({"n": 0})
            assert int(await anext(answers)) == 1
            await long.end()
    assert traffic.failures == []
    assert set(traffic.answers) == set(range(1, MOVES + 2))
