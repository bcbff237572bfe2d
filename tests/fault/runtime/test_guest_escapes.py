"""A hostile guest gets nothing beyond its grant, dies of what it tries, and takes nobody with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import wasmtime

from micro.errors import EngineError, Fault, InternalError, Timeout
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Guest
from micro.runtime.guest.machine import Machine
from micro.runtime.guest.pool import Pool
from micro.system import SystemClock, SystemEntropy
from tests.unit.runtime.guest.guests import ECHO, HEADERS, RELAY, SMALL, SPINNING, KeptHost, guest, machine
from tests.waiting import until

FLOOD = "(loop $again {} (br $again))"

DEADLY = {
    "it spins": (SPINNING, "fuel"),
    "it fills memory again and again": (
        guest(FLOOD.format("(memory.fill (i32.const 0) (i32.const 1) (i32.const 200000))")),
        "fuel",
    ),
    "it recurses without end": (guest("(call $deep)", more="(func $deep (call $deep))"), "stack|fuel"),
    "it reads outside of its memory": (guest("(drop (i32.load (i32.const -4)))"), "out of bounds"),
    "it divides by nothing": (guest("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), "divide by zero"),
    "it gives up": (guest("unreachable"), "unreachable"),
    "it exits": (guest("(call $exit (i32.const 3))"), "exited with code 3"),
    "it answers with memory it has not": (
        guest("(call $answer (i32.const 262140) (i32.const 100))"),
        "names 100 bytes",
    ),
    "it answers with more than there is": (guest("(call $answer (i32.const 0) (i32.const -1))"), "fit here"),
    "it answers twice": (guest("(call $answer (i32.const 0) (i32.const 1))" * 2), "answers twice"),
    "it fails with a place it has not": (guest("(call $fail (i32.const 400) (i32.const -9) (i32.const 9))"), "names 9"),
    "it takes what is not there": (guest("(call $take (i32.const 0))" * 2), "taken once"),
    "it takes to where it has no memory": (guest("(call $take (i32.const 262143))"), "names"),
    "it calls with a message it has not": (guest("(drop (call $call (i32.const -8) (i32.const 8)))"), "names 8"),
    "it keeps more than there is": (
        guest("(drop (call $store_write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0)))"),
        "fit here",
    ),
    "it prints what it has not": (
        guest("(drop (call $write (i32.const 1) (i32.const 262140) (i32.const 1) (i32.const 0)))"),
        "names",
    ),
    "it prints a million pieces": (
        guest("(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1000000) (i32.const 0)))"),
        "pieces",
    ),
}


async def load(folder: Path, artefact: bytes, grant: Grant = SMALL) -> Guest:
    return await (await machine(folder).load(artefact, grant)).instantiate()


@pytest.mark.parametrize(("artefact", "reason"), DEADLY.values(), ids=DEADLY.keys())
async def test_a_guest_dies_of_what_it_tries(tmp_path: Path, artefact: bytes, reason: str) -> None:
    """Its caller is told the reason, and the instance is never used again."""
    one = await load(tmp_path, artefact)
    with pytest.raises(InternalError, match=reason):
        await one.call(HEADERS, b"{}", KeptHost())
    assert one.dead


FLOODS = {
    "it spins": "",
    "it logs": "(call $log (i32.const 1) (i32.const 16) (i32.const 8))",
    "it asks for chance": "(drop (call $random (i32.const 0) (i32.const 65536)))",
    "it asks what waits": "(drop (call $waiting))",
    "it opens files": (
        "(drop (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 3) (i32.const 0)"
        " (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))"
    ),
    "it calls others": "(drop (call $call (i32.const 16) (i32.const 4)))",
}


@pytest.mark.parametrize("work", FLOODS.values(), ids=FLOODS.keys())
async def test_a_guest_that_floods_its_host_disturbs_nobody(tmp_path: Path, work: str) -> None:
    """Another guest of the same loop answers again and again meanwhile."""
    engine = machine(tmp_path)
    hostile = await (await engine.load(guest(FLOOD.format(work)), SMALL)).instantiate()
    friend = await (await engine.load(ECHO, SMALL)).instantiate()
    flooding = asyncio.ensure_future(hostile.call(HEADERS, b"", KeptHost()))
    for _ in range(5):
        await asyncio.sleep(0)
        await friend.call(HEADERS, b"{}", KeptHost())
    assert not flooding.done()
    flooding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flooding


async def test_memory_beyond_the_grant_is_refused(tmp_path: Path) -> None:
    """Growing gives -1, and the guest may go on."""
    grow = "(i32.store8 (i32.const 0) (memory.grow (i32.const 10000))) (call $answer (i32.const 0) (i32.const 1))"
    assert await (await load(tmp_path, guest(grow))).call(HEADERS, b"", KeptHost()) == b"\xff"


async def test_a_table_beyond_the_grant_is_refused(tmp_path: Path) -> None:
    """Growing gives -1, and the guest may go on."""
    grow = """(i32.store8 (i32.const 0) (table.grow $t (ref.null func) (i32.const 900000)))
      (call $answer (i32.const 0) (i32.const 1))"""
    one = await load(tmp_path, guest(grow, more="(table $t 1 funcref)"))
    assert await one.call(HEADERS, b"", KeptHost()) == b"\xff"


@pytest.mark.parametrize(
    "module",
    [
        '(memory (export "memory") 40000)',
        '(memory (export "memory") 1) (table 10000000 funcref)',
        '(memory (export "memory") 1) (memory 1)',
        '(memory (export "memory") 1) (func $spin (loop $l (br $l))) (start $spin)',
        '(memory (export "memory") 1) (func (export "_initialize") (loop $l (br $l)))',
        '(memory (export "memory") 1) (func (export "_initialize") unreachable)',
    ],
)
async def test_a_guest_that_begins_beyond_its_grant_does_not_start(tmp_path: Path, module: str) -> None:
    """Neither memory, tables nor a start that never ends get past it."""
    artefact = bytes(wasmtime.wat2wasm(f'(module {module} (func (export "micro_call") (param i32)))'))
    with pytest.raises(EngineError, match="does not start"):
        await load(tmp_path, artefact)


async def test_what_begins_with_a_call_to_its_host_does_not_start(tmp_path: Path) -> None:
    """Before a guest is there it has no memory that could be read."""
    work = "(call $log (i32.const 1) (i32.const 0) (i32.const 0)) (call $answer (i32.const 0) (i32.const 4))"
    early = guest(more=f"(func $early {work}) (start $early)")
    with pytest.raises(EngineError, match="before it is there"):
        await load(tmp_path, early)


async def test_a_guest_finds_no_file_and_no_folder(tmp_path: Path) -> None:
    """Opening answers that there is no such descriptor."""
    look = """(i32.store8 (i32.const 0)
      (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 3) (i32.const 0)
      (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8))) (call $answer (i32.const 0) (i32.const 1))"""
    assert await (await load(tmp_path, guest(look))).call(HEADERS, b"", KeptHost()) == b"\x08"


async def test_a_guest_that_sleeps_keeps_nobody_awake_and_can_be_dropped(tmp_path: Path) -> None:
    """It is suspended, others answer, and nothing of it is left."""
    hour = """(i64.store (i32.const 9024) (i64.const 3600000000000)) (i32.store (i32.const 9016) (i32.const 1))
      (drop (call $poll (i32.const 9000) (i32.const 9100) (i32.const 1) (i32.const 9200)))"""
    engine = machine(tmp_path)
    sleeper = await (await engine.load(guest(hour), SMALL)).instantiate()
    friend = await (await engine.load(ECHO, SMALL)).instantiate()
    sleeping = asyncio.ensure_future(sleeper.call(HEADERS, b"", KeptHost()))
    for _ in range(3):
        await friend.call(HEADERS, b"{}", KeptHost())
        await asyncio.sleep(0)
    assert len(engine.fibers) == 1
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert len(engine.fibers) == 0
    sleeper.close()


async def test_a_guest_dropped_while_its_host_works_leaves_nothing(tmp_path: Path) -> None:
    """What it waited for is forgotten with it."""
    engine = machine(tmp_path)
    one = await (await engine.load(RELAY, SMALL)).instantiate()
    calling = asyncio.ensure_future(one.call(HEADERS, b"", KeptHost(seconds=3600)))
    await until(lambda: len(engine.fibers) == 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    one.close()
    assert len(engine.fibers) == 0


async def test_a_guest_that_waits_too_long_is_dropped(tmp_path: Path) -> None:
    """The time of its grant counts waiting as well."""
    grant = Grant(seconds=0.05)
    pool = Pool(await machine(tmp_path).load(RELAY, grant), "stateless", grant, lambda reason: None)
    host = KeptHost(seconds=3600)
    with pytest.raises(Timeout, match="grant"):
        await pool.run(lambda one: one.call(HEADERS, b"", host), host)  # type: ignore[arg-type]
    assert host.closed


async def test_a_guest_that_calls_nonsense_is_told_so(tmp_path: Path) -> None:
    """A header that is none is a fault of the guest's, and no end of its host."""
    one = await load(tmp_path, RELAY.replace(b'"Micro-Service"', b'"Micro Service"'))
    with pytest.raises(Fault) as caught:
        await one.call(HEADERS, b"", KeptHost())
    assert caught.value.code == 400


async def test_a_guest_gives_way_when_its_host_takes_time(tmp_path: Path) -> None:
    """Functions of the host that cost no fuel cost their guest its turn."""

    class Leaping(SystemClock):
        """A second passes whenever somebody looks."""

        seconds = 0.0

        def monotonic(self) -> float:
            self.seconds += 1.0
            return self.seconds

    engine = Machine(Leaping(), SystemEntropy())
    one = await (await engine.load(guest(FLOOD.format(FLOODS["it logs"])), SMALL)).instantiate()
    host = KeptHost()
    flooding = asyncio.ensure_future(one.call(HEADERS, b"", host))
    for _ in range(10):
        await asyncio.sleep(0)
    assert 1 < len(host.lines) < 50
    flooding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flooding
