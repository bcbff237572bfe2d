"""A guest of the core ABI answers, asks its host while it is suspended, and finds out how it went."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from micro.errors import EngineError, Fault, InternalError, NotFound
from micro.mucp import envelope
from tests.unit.runtime.guest.guests import (
    ECHO,
    GIVE,
    HEADERS,
    IMPORTS,
    RELAY,
    SMALL,
    KeptHost,
    guest,
    machine,
    program,
)
from tests.waiting import until


async def test_a_guest_says_what_it_is(tmp_path: Path) -> None:
    """Its micro_describe answers with its description."""
    assert '"name": "guest"' in await (await program(tmp_path, ECHO)).describe(KeptHost())


async def test_a_guest_gets_headers_and_body_and_answers(tmp_path: Path) -> None:
    """The envelope it takes holds what its caller said."""
    one = await (await program(tmp_path, ECHO)).instantiate()
    headers, body = envelope.decode(await one.call(HEADERS, b'{"name": "Ann"}', KeptHost()))
    assert (dict(headers), body) == (HEADERS, b'{"name": "Ann"}')


async def test_an_instance_serves_one_exchange_after_the_other(tmp_path: Path) -> None:
    """Nothing of an exchange is left for the next."""
    one = await (await program(tmp_path, ECHO)).instantiate()
    for number in range(20):
        body = b"x" * number
        assert envelope.decode(await one.call(HEADERS, body, KeptHost()))[1] == body
    assert not one.dead


async def test_a_guest_calls_another_service(tmp_path: Path) -> None:
    """Its message says whom, and it goes on with the answer."""
    one, host = await (await program(tmp_path, RELAY)).instantiate(), KeptHost(b"answered", seconds=0.001)
    assert await one.call(HEADERS, b"", host) == b"answered"
    assert host.asked == [({"Micro-Service": "other", "Micro-Endpoint": "Test.Echo"}, b"{}")]


async def test_a_guest_learns_of_a_fault_and_may_give_its_own(tmp_path: Path) -> None:
    """The host's fault is a negative number with JSON behind it."""
    one = await (await program(tmp_path, RELAY)).instantiate()
    with pytest.raises(NotFound, match=r'\{"id":"",'):
        await one.call(HEADERS, b"", KeptHost(b""))
    assert not one.dead


async def test_a_thousand_guests_wait_for_their_host_at_the_same_time(tmp_path: Path) -> None:
    """All are suspended in the middle of a call, on one loop."""
    ready = await program(tmp_path, RELAY)
    guests = [await ready.instantiate() for _ in range(1_000)]
    gate, waiting = asyncio.Event(), 0

    class Gated(KeptHost):
        async def call(self, headers: object, body: bytes) -> bytes:
            nonlocal waiting
            waiting += 1
            await gate.wait()
            return b"at last"

    calls = [asyncio.ensure_future(one.call(HEADERS, b"", Gated())) for one in guests]
    await until(lambda: waiting == len(guests))
    gate.set()
    assert set(await asyncio.gather(*calls)) == {b"at last"}


async def test_a_guest_reads_its_settings_and_keeps_things(tmp_path: Path) -> None:
    """What the host gives waits until it is taken."""
    keep = f"""(drop (call $store_write (i32.const 16) (i32.const 3) (i32.const 20) (i32.const 4) (i32.const 0)))
      (drop (call $store_read (i32.const 16) (i32.const 3))) (call $take (i32.const 4096))
      (local.set 1 (call $config (i32.const 16) (i32.const 3))) (call $take (i32.const 4100))
      (local.set 1 (i32.add (local.get 1) (i32.const 4))) {GIVE}"""
    one, host = await (await program(tmp_path, guest(keep))).instantiate(), KeptHost()
    host.settings['{"h'] = b'"a setting"'
    assert await one.call(HEADERS, b"", host) == b'ader"a setting"'
    assert host.kept == {'{"h': b"ader"}


async def test_what_is_not_there_is_told_apart_from_what_is_empty(tmp_path: Path) -> None:
    """Nothing is -1, an empty value has the length 0."""
    read = "(local.set 1 (call $store_read (i32.const 16) (i32.const 3)))"
    one = await (
        await program(tmp_path, guest(f"{read} (call $answer (i32.const 16) (i32.eq (local.get 1) (i32.const -1)))"))
    ).instantiate()
    host = KeptHost()
    assert await one.call(HEADERS, b"", host) == b"{"
    host.kept['{"h'] = b""
    assert await one.call(HEADERS, b"", host) == b""


async def test_a_guest_serves_a_stream(tmp_path: Path) -> None:
    """It receives and sends until there is nothing more."""
    serve = """(func (export "micro_serve") (param i32) (local i32)
      (loop $next
        (local.set 1 (call $stream_receive (i32.const 0)))
        (if (i32.ge_s (local.get 1) (i32.const 0)) (then
          (call $take (i32.const 4096))
          (drop (call $stream_send (i32.const 0) (i32.const 4096) (local.get 1)))
          (br $next)))))"""
    one, host = await (await program(tmp_path, guest(more=serve))).instantiate(), KeptHost()
    host.incoming = [b"one", b"two", b"three"]
    await one.serve(HEADERS, b"", host)
    assert host.outgoing == [b"one", b"two", b"three"]


async def test_what_a_guest_prints_is_in_its_log(tmp_path: Path) -> None:
    """Each line of its standard error is one of the log, as a warning."""
    text = '(data (i32.const 12000) "hello\\nthere\\n") (data (i32.const 12100) "\\e0\\2e\\00\\00\\0c\\00\\00\\00")'
    call = "(drop (call $write (i32.const 2) (i32.const 12100) (i32.const 1) (i32.const 12200)))"
    one, host = await (await program(tmp_path, guest(f"{call} {GIVE}", more=text))).instantiate(), KeptHost()
    await one.call(HEADERS, b"", host)
    assert host.lines == [(2, "hello"), (2, "there")]


async def test_fuel_is_the_same_every_time(tmp_path: Path) -> None:
    """The same artefact uses the same for the same input, however it was sliced."""
    step = "(local.set 1 (i32.add (local.get 1) (i32.const 1)))"
    counting = f"(loop $again {step} (br_if $again (i32.lt_s (local.get 1) (i32.const 700000))))"
    used = set()
    for _ in range(3):
        one = await (
            await program(tmp_path, guest(f"{counting} (call $answer (i32.const 0) (i32.const 0))"))
        ).instantiate()
        await one.call(HEADERS, b"", KeptHost())
        used.add(one.fuel_used)
    assert len(used) == 1
    assert min(used) > 700_000


async def test_a_command_reads_its_input_and_writes_its_answer(tmp_path: Path) -> None:
    """The body goes in, the output comes out, and the instance is used up."""
    body = """(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\00\\01\\00\\00\\00\\10\\00\\00")
      (func (export "_start")
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
    import wasmtime

    one = await (await program(tmp_path, bytes(wasmtime.wat2wasm(body)))).instantiate()
    assert await one.call(HEADERS, b"through and through", KeptHost()) == b"through and through"
    assert one.dead


async def test_a_guest_that_gives_no_answer_is_a_fault(tmp_path: Path) -> None:
    """Its caller is told, and not left waiting."""
    one = await (await program(tmp_path, guest())).instantiate()
    with pytest.raises(InternalError, match="no answer"):
        await one.call(HEADERS, b"", KeptHost())


@pytest.mark.parametrize(
    ("artefact", "reason"),
    [
        (b"", "no WebAssembly"),
        (b"\x7fELF" + bytes(60), "no WebAssembly"),
        (b"\0asm\x01\0\0\0\xff", "refused"),
        (b"\0asm\x02\0\0\0", "kind of WebAssembly"),
        (guest(imports=IMPORTS + '(import "env" "system" (func (param i32)))'), "env.system"),
        (guest(imports=IMPORTS + '(import "micro" "spend" (func (param i32)))'), "micro.spend"),
    ],
)
async def test_what_is_no_guest_is_refused_before_it_runs(tmp_path: Path, artefact: bytes, reason: str) -> None:
    """Wrong bytes and imports that are not of the ABI are named."""
    with pytest.raises(EngineError, match=reason):
        await program(tmp_path, artefact)


async def test_what_was_compiled_is_opened_by_another_engine(tmp_path: Path) -> None:
    """Without the artefact; and what is no code of this engine is refused with its name."""
    place = tmp_path / "echo.core.cwasm"
    place.write_bytes(await machine(tmp_path).compile(ECHO, SMALL))
    one = await (await machine(tmp_path).open(place, SMALL)).instantiate()
    assert (await one.call(HEADERS, b"again", KeptHost())).endswith(b"again")
    for name in ("echo.component.cwasm", "echo.cwasm", "other.core.cwasm"):
        if name != "other.core.cwasm":
            (tmp_path / name).write_bytes(place.read_bytes())
        with pytest.raises(EngineError, match=name):
            await machine(tmp_path).open(tmp_path / name, SMALL)


async def test_codes_that_are_none_become_the_guests_own_fault(tmp_path: Path) -> None:
    """A caller never sees a code that is not one."""
    one = await (
        await program(tmp_path, guest("(call $fail (i32.const 7) (i32.const 16) (i32.const 3))"))
    ).instantiate()
    with pytest.raises(Fault) as caught:
        await one.call(HEADERS, b"", KeptHost())
    assert caught.value.code == 500
