"""WebAssembly guests as services of a node: called, streamed with, published to, ended, and gone with their worker."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from micro.errors import BadRequest, EngineError, Fault, InternalError, NotFound, Timeout
from micro.mucp.limits import Liveness
from micro.node.node import Node
from micro.runtime.engine.engine import Launch
from micro.runtime.generation import Generation, StartFailed
from micro.runtime.guest.recipes import Language
from micro.runtime.instance import Instance
from micro.system import SystemDisk
from tests.kits import GUESTS, built, tools_for
from tests.network.places import StartNode, client_of
from tests.unit.runtime.guest.guests import ASK, guest

BYTES = "application/octet-stream"
TAKE_BODY = """(call $take (i32.const 8192))
  (local.set 1 (i32.load8_u (i32.add (i32.const 8191) (local.get 0))))"""


def described(name: str, **more: object) -> dict[str, object]:
    endpoint = {"name": "Test.Echo", "content_types": ["application/json", BYTES]}
    return {"name": name, "endpoints": [endpoint], **more}


GREETING = guest(
    "(call $log (i32.const 1) (i32.const 18) (i32.const 6)) (call $answer (i32.const 16) (i32.const 2))",
    described=described("greeting", description="Greets."),
)
"""Answers `{"`, and logs `header`."""

COUNTING = """(global $count (mut i32) (i32.const 48))"""
COUNT = """(global.set $count (i32.add (global.get $count) (i32.const 1)))
  (i32.store8 (i32.const 4096) (global.get $count)) (call $answer (i32.const 4096) (i32.const 1))"""


def counting(kind: str) -> bytes:
    """A guest that answers how often its instance was called."""
    return guest(COUNT, more=COUNTING, described=described("counting", instances=kind))


@asynccontextmanager
async def guest_on(node: Node, artefact: bytes, name: str, folder: Path) -> AsyncIterator[Instance]:
    """Runs an artefact as a service of a node, as a generation of that kind is run."""
    place = folder / f"{name}.wasm"
    place.write_bytes(artefact)
    launcher = node.supervisor._launcher
    launch = Launch((str(place),), folder)
    instance = await launcher.start(name, Generation(1, "", "", "", "", "wasm", launch), {}, named=True)
    await launcher.confirm(instance)
    try:
        yield instance
    finally:
        await launcher.stop(instance)


@pytest.fixture
async def node(start_node: StartNode) -> Node:
    return await start_node(wasm_workers=1, wasm_fuel=200_000_000, wasm_seconds=5.0)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
async def test_a_guest_is_a_service(start_node: StartNode, tmp_path: Path, direct: bool) -> None:
    """It registers, is described, answers directly and through the node, has health and a log."""
    node = await start_node(wasm_workers=1)
    async with guest_on(node, GREETING, "greeting", tmp_path), client_of(node, direct=direct) as client:
        assert await client.call("greeting", "Test.Echo", b"") == b'{"'
        assert (await client.call("greeting", "Debug.Health"))["status"] == "ok"
        with pytest.raises(NotFound, match=r"Test\.Echo"):
            await client.call("greeting", "Test.Nothing", {})
        found = await client.call("registry", "Registry.Get", {"name": "greeting"})
        assert "Greets." in str(found)
    lines = [line.line for line in await node.supervisor.logs.tail("greeting", 10)]
    assert "header" in lines


async def test_guests_call_each_other(node: Node, tmp_path: Path) -> None:
    """What one asks goes through its node to the other, and the answer comes back."""
    relay = f"{ASK} (call $take (i32.const 4096)) (call $answer (i32.const 4096) (local.get 1))"
    async with (
        guest_on(node, GREETING, "other", tmp_path),
        guest_on(node, guest(relay, described=described("relay")), "relay", tmp_path),
        client_of(node) as client,
    ):
        assert await client.call("relay", "Test.Echo", b"") == b'{"'


async def test_a_guest_keeps_things_for_its_caller(node: Node, tmp_path: Path) -> None:
    """What it stores is in the caller's part of its service's store, on disk."""
    keep = f"""{TAKE_BODY} (i32.store8 (i32.const 4096) (local.get 1))
      (drop (call $store_write (i32.const 18) (i32.const 6) (i32.const 4096) (i32.const 1) (i32.const 0)))
      (i32.store8 (i32.const 4096) (i32.const 0))
      (local.set 1 (call $store_read (i32.const 18) (i32.const 6)))
      (call $take (i32.const 4096)) (call $answer (i32.const 4096) (local.get 1))"""
    async with (
        guest_on(node, guest(keep, described=described("keeper")), "keeper", tmp_path),
        client_of(node) as client,
    ):
        assert await client.call("keeper", "Test.Echo", b"Z") == b"Z"
        read = await client.call("store", "Store.Read", {"service": "keeper", "scope": "owner", "key": "header"})
        assert read["found"]


async def test_a_guest_reads_its_settings(node: Node, tmp_path: Path) -> None:
    """It is given what its owner set, and told apart from what nobody set."""
    ask = """(local.set 1 (call $config (i32.const 18) (i32.const 6)))
      (if (i32.lt_s (local.get 1) (i32.const 0)) (then (call $fail (i32.const 404) (i32.const 18) (i32.const 6)))
      (else (call $take (i32.const 4096)) (call $answer (i32.const 4096) (local.get 1))))"""
    async with guest_on(node, guest(ask, described=described("asking")), "asking", tmp_path), client_of(node) as client:
        with pytest.raises(NotFound):
            await client.call("asking", "Test.Echo", b"")
        await client.call("config", "Config.Set", {"path": "asking.header", "value": [1, 2]})
        assert await client.call("asking", "Test.Echo", b"") == b"[1,2]"


async def test_a_guest_serves_streams(node: Node, tmp_path: Path) -> None:
    """Messages go both ways until the caller ends, and a stream cannot be called."""
    serve = """(func (export "micro_serve") (param i32) (local i32)
      (loop $next
        (local.set 1 (call $stream_receive (i32.const 0)))
        (if (i32.ge_s (local.get 1) (i32.const 0)) (then
          (call $take (i32.const 4096))
          (drop (call $stream_send (i32.const 0) (i32.const 4096) (local.get 1)))
          (br $next)))))"""
    stream = {"name": "Test.Pass", "kind": "stream"}
    artefact = guest(more=serve, described={"name": "passing", "endpoints": [stream]})
    async with guest_on(node, artefact, "passing", tmp_path), client_of(node) as client:
        async with client.stream("passing", "Test.Pass") as passed:
            for number in range(100):
                await passed.send({"n": number})
                assert await anext(aiter(passed)) == {"n": number}
            await passed.end()
            assert [item async for item in passed] == []
        with pytest.raises(BadRequest, match="stream"):
            await client.call("passing", "Test.Pass", {})


async def test_a_guest_handles_events_and_publishes(node: Node, tmp_path: Path) -> None:
    """Each event of its queue reaches it, and what it publishes is its service's."""
    message = '{"header": {"Micro-Topic": "test.handled"}, "body": 1}'
    text = message.replace('"', '\\"')
    more = f"""(data (i32.const 16000) "{text}")
      (func (export "micro_event") (param i32)
        (drop (call $publish (i32.const 16000) (i32.const {len(message)}))))"""
    said = described("handling", subscriptions=[{"topic": "test.asked", "queue": "handling"}])
    async with (
        guest_on(node, guest(more=more, described=said), "handling", tmp_path),
        client_of(node) as client,
        client.subscribe("test.handled") as handled,
    ):
        events = aiter(handled)
        for number in range(3):
            await client.publish("test.asked", {"n": number})
            event = await anext(events)
            assert event.body == b"1"
            assert event.publisher.endswith("/handling")


@pytest.mark.parametrize(
    ("kind", "answers"), [("stateless", [b"1"] * 3), ("pooled", [b"1", b"2", b"3"]), ("resident", [b"1", b"2", b"3"])]
)
async def test_instances_are_as_the_service_declares(
    node: Node, tmp_path: Path, kind: str, answers: list[bytes]
) -> None:
    """Only a stateless service forgets between two calls."""
    async with guest_on(node, counting(kind), "counting", tmp_path), client_of(node) as client:
        assert [await client.call("counting", "Test.Echo", b"") for _ in answers] == answers


async def test_a_resident_guest_keeps_its_state_when_a_caller_leaves(node: Node, tmp_path: Path) -> None:
    """The exchange goes to its end without its caller, and the next one finds the same state."""
    asking = f"""(call $take (i32.const 8192))
      (local.set 1 (i32.load8_u (i32.add (i32.const 8191) (local.get 0))))
      (if (i32.eq (local.get 1) (i32.const 119)) (then {ASK})) {COUNT}"""
    never = guest("(loop $l (br $l))", described=described("other"))
    resident = guest(asking, more=COUNTING, described=described("counting", instances="resident"))
    async with (
        guest_on(node, never, "other", tmp_path),
        guest_on(node, resident, "counting", tmp_path),
        client_of(node) as client,
    ):
        assert await client.call("counting", "Test.Echo", b"now") == b"1"
        with pytest.raises(Timeout):
            await client.call("counting", "Test.Echo", b"w", timeout_seconds=0.05)
        assert await client.call("counting", "Test.Echo", b"now") == b"3"


async def test_a_guest_that_uses_up_its_fuel_fails_its_caller_alone(node: Node, tmp_path: Path) -> None:
    """Others of the same worker answer meanwhile, and the caller is told why it failed."""
    spinning = guest("(loop $again (br $again))", described=described("spinning"))
    async with (
        guest_on(node, spinning, "spinning", tmp_path),
        guest_on(node, GREETING, "greeting", tmp_path),
        client_of(node) as client,
    ):
        spin = asyncio.ensure_future(client.call("spinning", "Test.Echo", b""))
        for _ in range(3):
            assert await client.call("greeting", "Test.Echo", b"") == b'{"'
        assert not spin.done()
        with pytest.raises(InternalError, match="fuel"):
            await spin
        stats = await client.call("spinning", "Debug.Stats")
        assert stats["endpoints"]["Test.Echo"]["fuel"] == 200_000_000


async def test_guests_end_with_their_worker_and_others_start_in_a_new_one(node: Node, tmp_path: Path) -> None:
    """A killed worker is a killed process to its guests; the next guest gets another."""
    async with guest_on(node, GREETING, "greeting", tmp_path) as instance:
        os.kill(instance.pid, signal.SIGKILL)
        assert await instance.wait() == -signal.SIGKILL
        async with guest_on(node, GREETING, "again", tmp_path) as other, client_of(node) as client:
            assert other.pid != instance.pid
            assert await client.call("again", "Test.Echo", b"") == b'{"'


@pytest.mark.parametrize("language", ["javascript", "python"])
async def test_a_component_is_a_service_like_any_other(
    start_node: StartNode, tmp_path: Path, language: Language
) -> None:
    """It is called, keeps, fails, streams and handles events through a real node."""
    place = await built(tmp_path, language, language)
    node = await start_node(wasm_workers=1)
    await node._guests.prepare(place)
    artefact = await asyncio.to_thread(place.read_bytes)
    async with (
        guest_on(node, artefact, "conformance", tmp_path),
        client_of(node) as client,
        client.subscribe("test.handled") as handled,
    ):
        assert await client.call("conformance", "Test.Echo", {"text": "Grüße"}) == {"text": "Grüße"}
        assert await client.call("conformance", "Test.Keep", {"text": "kept"}) == {"text": "kept"}
        with pytest.raises(Fault, match="as was asked"):
            await client.call("conformance", "Test.Fail", {})
        with pytest.raises(Fault) as caught:
            await client.call("conformance", "Test.Relay", {"text": "x"})
        assert caught.value.code == 404
        async with client.stream("conformance", "Test.Count") as counted:
            for number in range(5):
                await counted.send({"n": number})
                assert await anext(aiter(counted)) == {"n": number}
            await counted.end()
        await client.publish("test.asked", {"n": 7})
        assert (await anext(aiter(handled))).value == {"n": 7}


async def test_an_artefact_is_compiled_before_it_starts(node: Node, tmp_path: Path) -> None:
    """What is compiled is kept in the node's home; what is no guest is refused already then."""
    place = tmp_path / "guest.wasm"
    place.write_bytes(GREETING)
    await node._guests.prepare(place)
    assert [entry.name.partition("-")[2] for entry in SystemDisk().entries(node.home.path / "guests")]
    place.write_bytes(b"nonsense")
    with pytest.raises(EngineError, match="no WebAssembly"):
        await node._guests.prepare(place)


async def test_a_worker_that_uses_too_much_memory_is_ended(start_node: StartNode, tmp_path: Path) -> None:
    """However its guests come to it together: each within its grant, more than the worker may have."""
    node = await start_node(wasm_workers=1, wasm_worker_memory_bytes=268_435_456)
    if node._isolator is None or "memory" not in (await node._isolator.confinement()).groups.counted:
        pytest.skip("control groups cannot be made on this machine: memory of a worker is limited otherwise")
    taking = """(drop (memory.grow (i32.const 2400)))
      (memory.fill (i32.const 262144) (i32.const 1) (i32.const 157000000))
      (call $answer (i32.const 16) (i32.const 2))"""
    artefact = guest(taking, described=described("taking", instances="resident"))
    async with (
        guest_on(node, artefact, "one", tmp_path) as one,
        guest_on(node, artefact, "two", tmp_path) as two,
        client_of(node) as client,
    ):
        assert one.pid == two.pid
        assert await client.call("one", "Test.Echo", b"") == b'{"'
        with pytest.raises(Fault):
            await client.call("two", "Test.Echo", b"")
        assert await one.wait() == await two.wait() == -signal.SIGKILL
        async with guest_on(node, GREETING, "greeting", tmp_path):
            assert await client.call("greeting", "Test.Echo", b"") == b'{"'


async def test_a_worker_that_stands_still_is_ended(node: Node, tmp_path: Path) -> None:
    """Its guests have ended then, and the next one starts in another."""
    node._guests._hut.stall = Liveness(ping_seconds=0.2, dead_seconds=1.0, idle_ping_seconds=0.2, idle_dead_seconds=1.0)
    async with guest_on(node, GREETING, "greeting", tmp_path) as instance:
        os.kill(instance.pid, signal.SIGSTOP)
        assert await instance.wait() == -signal.SIGKILL
        async with guest_on(node, GREETING, "again", tmp_path) as other:
            assert other.pid != instance.pid


async def test_what_is_no_guest_does_not_start_and_says_why(node: Node, tmp_path: Path) -> None:
    """Nothing of it was run by then."""
    with pytest.raises(StartFailed, match="no WebAssembly"):
        async with guest_on(node, b"\x7fELF", "nothing", tmp_path):
            pass


async def test_a_guest_is_told_of_the_fault_of_whom_it_calls(node: Node, tmp_path: Path) -> None:
    """The code travels through the guest to its own caller."""
    passing = f"""{ASK} (if (i32.lt_s (local.get 1) (i32.const 0))
      (then (call $fail (i32.sub (i32.const 0) (local.get 1)) (i32.const 16) (i32.const 2))))"""
    async with (
        guest_on(node, guest(passing, described=described("passing")), "passing", tmp_path),
        client_of(node) as client,
    ):
        with pytest.raises(Fault) as caught:
            await client.call("passing", "Test.Echo", b"")
        assert caught.value.code == 404


async def ran(node: Node, folder: Path, manifest: str) -> None:
    (folder / "micro.toml").write_text(f'[service]\nrecipe = "wasm"\n{manifest}')
    async for progress in node.supervisor.run(str(folder)):
        assert not progress.failed, progress.detail


async def test_an_artefact_in_a_folder_is_run_as_a_guest(node: Node, tmp_path: Path) -> None:
    """Whoever built one says so, and it runs in a worker of the node: started, stated and stopped like any service."""
    (tmp_path / "greeting.wasm").write_bytes(GREETING)
    await ran(node, tmp_path, 'command = "greeting.wasm"\nname = "greeting"\n')

    async with client_of(node) as client:
        assert await client.call("greeting", "Test.Echo", b"") == b'{"'
    (said,) = node.supervisor.status()
    assert (said["state"], said["generation"]) == ("running", 1)
    await node.supervisor.kill("greeting")
    assert node.supervisor.status() == []


async def test_a_source_is_built_to_a_guest(node: Node, tmp_path: Path) -> None:
    """In the sandbox, without a network; the artefact is what starts."""
    if not shutil.which("go"):
        pytest.skip("go is not there")
    shutil.copytree(GUESTS / "go", tmp_path / "conformance")
    await ran(node, tmp_path / "conformance", 'name = "conformance"\n')

    async with client_of(node) as client:
        assert await client.call("conformance", "Test.Echo", {"text": "Ann"}) == {"text": "Ann"}


@pytest.mark.parametrize("language", ["c", "javascript", pytest.param("python", marks=pytest.mark.prove), "typescript"])
async def test_a_source_becomes_a_guest_by_itself(node: Node, tmp_path: Path, language: Language) -> None:
    """Nobody says so where its SDK does; of Python its owner has to. What runs is the outcome of a sandboxed build."""
    await tools_for(language)
    shutil.copytree(GUESTS / language, tmp_path / "conformance")
    engine = "wasm" if language == "python" else None
    async for progress in node.supervisor.run(str(tmp_path / "conformance"), engine=engine):
        assert not progress.failed, (progress.detail, progress.tail)

    async with client_of(node) as client:
        assert await client.call("conformance", "Test.Echo", {"text": "Ann"}) == {"text": "Ann"}
        found = await client.call("runtime", "Runtime.Detect", {"source": str(tmp_path / "conformance")})
    assert found["engine"] == ("process" if language == "python" else "wasm")


async def test_a_module_that_a_makefile_leaves_is_a_guest(node: Node, tmp_path: Path) -> None:
    """What the author's own build makes is looked at: a module of the ABI runs as one."""
    (tmp_path / "greeting").mkdir()
    data = base64.b64encode(GREETING).decode()
    (tmp_path / "greeting" / "Makefile").write_text(f"guest.wasm:\n\techo {data} | base64 -d > guest.wasm\n")
    async for progress in node.supervisor.run(str(tmp_path / "greeting")):
        assert not progress.failed, (progress.detail, progress.tail)

    async with client_of(node) as client:
        assert await client.call("greeting", "Test.Echo", b"") == b'{"'


async def test_what_is_no_guest_is_refused(node: Node, tmp_path: Path) -> None:
    """Before anything of it runs."""
    (tmp_path / "lie.wasm").write_bytes(b"#!/bin/sh")
    with pytest.raises(AssertionError, match=r"lie\.wasm is no WebAssembly"):
        await ran(node, tmp_path, 'command = "lie.wasm"\n')
