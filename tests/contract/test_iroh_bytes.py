"""The shim below iroh stands on private names of one version: this fails first when they move."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import resource
from importlib import metadata

import pytest
from iroh import EndpointId, SecretKey, iroh_ffi

from micro.network.transport import iroh_bytes
from micro.network.transport.iroh import IrohEndpoint
from micro.trust.keys import NodeKey
from tests.contract.pipes import iroh_pair

SEED = bytes(range(32))


@pytest.fixture(autouse=True)
def applied() -> None:
    """The shim is in place, as in every node."""
    iroh_bytes.apply()


def test_the_version_is_the_one_that_was_read() -> None:
    """A new version of iroh must be read before it is patched: look at the generated module, then raise VERSION."""
    assert metadata.version("iroh") == iroh_bytes.VERSION


def test_no_private_name_has_moved() -> None:
    """Everything the shim uses or replaces is where it was."""
    assert iroh_bytes.missing() == []


def test_the_slow_functions_are_replaced() -> None:
    """The binding calls ours."""
    assert iroh_bytes.apply()
    assert iroh_ffi._UniffiFfiConverterBytes.lower is iroh_bytes._bytes_to_rust
    assert iroh_ffi._UniffiFfiConverterBytes.lift is iroh_bytes._bytes_from_rust
    assert iroh_ffi._UniffiRustBufferBuilder.write is iroh_bytes._append
    assert iroh_ffi._UniffiRustBufferBuilder._pack_into is iroh_bytes._append_packed
    assert iroh_ffi._uniffi_rust_call_async is iroh_bytes._call_async


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65536, 3_000_000])
def test_bytes_come_back_from_rust(size: int) -> None:
    """What goes into a buffer of Rust's comes out of it."""
    data = (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]
    assert iroh_bytes._bytes_from_rust(iroh_bytes._bytes_to_rust(data)) == data


def test_buffers_are_freed() -> None:
    """Bytes that crossed do not stay in Rust's memory: half a gigabyte passes through a fifth of it."""
    data = bytes(8 * 1024 * 1024)
    iroh_bytes._bytes_from_rust(iroh_bytes._bytes_to_rust(data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(60):
        iroh_bytes._bytes_from_rust(iroh_bytes._bytes_to_rust(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_rust_reads_what_we_write() -> None:
    """A signature that Rust makes over our bytes is the one that another library makes."""
    message = b"micro-test-v1\0" + bytes(range(256)) * 400
    theirs = SecretKey.from_bytes(SEED).sign(message).to_bytes()
    assert theirs == NodeKey(SEED).sign(b"micro-test-v1", message[14:])


def test_numbers_and_texts_come_back_from_rust() -> None:
    """Values that are packed into one buffer, growing it, are read in order."""
    builder = iroh_ffi._UniffiRustBufferBuilder()
    texts = ["a", "", "é" * 1000]
    iroh_ffi._UniffiFfiConverterSequenceString.write(texts, builder)
    builder.write_u64(2**64 - 1)
    with builder.finalize().consume_with_stream() as stream:
        assert iroh_ffi._UniffiFfiConverterSequenceString.read(stream) == texts
        assert stream.read_u64() == 2**64 - 1


async def test_a_future_that_is_ready_does_not_touch_the_loop() -> None:
    """A call that has its answer at once gives it without a turn of the loop."""
    endpoint = await IrohEndpoint.bind(SEED, 0, "127.0.0.1")
    answer = endpoint._open().remote_addr(EndpointId.from_bytes(SecretKey.generate().public().to_bytes()))
    with pytest.raises(StopIteration) as ended:
        answer.send(None)
    assert ended.value.value is None
    await endpoint.close()


async def test_a_call_that_is_cancelled_leaves_nothing_behind() -> None:
    """A wait that was given up is forgotten by both sides."""
    endpoint = await IrohEndpoint.bind(SEED, 0, "127.0.0.1")
    before = len(iroh_bytes._polls)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await endpoint._open().accept_next()
    assert len(iroh_bytes._polls) == before
    await endpoint.close()


async def test_pipes_leave_nothing_behind() -> None:
    """After two nodes met and parted, no call to Rust is waiting any more."""
    async with iroh_pair() as (left, right):
        await right.until_happened("data")
        left.pipe.close()
        await right.until_happened("lost")
    assert iroh_bytes._polls == {}


@pytest.mark.parametrize("reason", ["version", "name"])
def test_another_binding_is_left_alone(
    reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With another version, or a name that moved, nothing is replaced and a warning says so."""
    shipped = object()
    monkeypatch.setattr(iroh_ffi, "_uniffi_rust_call_async", shipped)
    if reason == "version":
        monkeypatch.setattr(iroh_bytes, "VERSION", "0.0.0")
    else:
        monkeypatch.delattr(iroh_ffi._UniffiRustBufferBuilder, "_pack_into")
    with caplog.at_level(logging.WARNING):
        assert not iroh_bytes.apply()
    assert iroh_ffi._uniffi_rust_call_async is shipped
    assert "without its fast path" in caplog.text
