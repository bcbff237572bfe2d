"""What every commons promises: values at places, found and heard by others, within bounds, and believed by nobody."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from micro.errors import EngineError, TooLarge, TooManyRequests
from micro.service.registry.commons import memory
from micro.service.registry.commons.commons import TAGS, VALUE_BYTES_MAX, VALUES_MAX, Commons, place_of
from micro.service.registry.commons.memory import MemoryCommons, Square
from tests.waiting import until

TIMEOUT_SECONDS = 30.0
GREETER = place_of("network", "name", "greeter")
OTHER = place_of("network", "name", "other")
HAS_OPENDHT = importlib.util.find_spec("opendht") is not None
needs_opendht = pytest.mark.skipif(not HAS_OPENDHT, reason="OpenDHT has no package for this system")


@pytest.fixture(params=["memory", pytest.param("opendht", marks=needs_opendht)])
async def commons(request: pytest.FixtureRequest) -> AsyncIterator[list[Commons]]:
    """Four nodes of one commons."""
    found: list[Commons]
    if request.param == "memory":
        square = Square()
        found = [MemoryCommons(square) for _ in range(4)]
    else:
        from micro.service.registry.commons.opendht import OpenDhtCommons

        first = OpenDhtCommons(host="127.0.0.1")
        known = [f"127.0.0.1:{first.port}"]
        found = [first, *(OpenDhtCommons(host="127.0.0.1", bootstrap=known) for _ in range(3))]
    yield found
    for node in found:
        await node.stop()


async def finds(node: Commons, *values: bytes) -> bool:
    """Says whether a node finds just these values."""
    return sorted((await node.find(GREETER)).values) == sorted(values)


async def put(node: Commons, place: bytes, value: bytes) -> None:
    """Puts a value, again where the node has not met the others yet."""
    await until(lambda: node.put(place, value))


async def test_what_one_puts_another_finds(commons: list[Commons]) -> None:
    """At its place, and at no other."""
    await put(commons[1], GREETER, b"one")
    await until(lambda: finds(commons[2], b"one"))
    assert (await commons[3].find(OTHER)).values == []


async def test_everybody_may_put_at_a_place(commons: list[Commons]) -> None:
    """So what is found there is the word of strangers."""
    await put(commons[1], GREETER, b"one")
    await put(commons[2], GREETER, b"two")
    await until(lambda: finds(commons[3], b"one", b"two"))


async def test_a_listener_hears_what_is_there_and_what_comes(commons: list[Commons]) -> None:
    """Until it ends."""
    heard: list[bytes] = []
    await put(commons[1], GREETER, b"before")
    stop = commons[3].listen(GREETER, heard.append)
    await until(lambda: b"before" in heard)
    await put(commons[2], GREETER, b"after")
    await until(lambda: b"after" in heard)
    stop()
    stop()
    count = len(heard)
    await put(commons[1], GREETER, b"too late")
    await asyncio.sleep(0.1)
    assert len(heard) == count


async def test_a_large_value_is_not_taken(commons: list[Commons]) -> None:
    """With the bound in the error."""
    await put(commons[1], GREETER, b"x" * VALUE_BYTES_MAX)
    with pytest.raises(TooLarge, match=str(VALUE_BYTES_MAX)):
        await commons[1].put(GREETER, b"x" * (VALUE_BYTES_MAX + 1))


async def test_a_place_has_parts(commons: list[Commons]) -> None:
    """Each may be asked for alone; and values that cannot be meant are passed over, by listeners too."""
    heard: list[bytes] = []
    stop = commons[3].listen(GREETER, heard.append, fits=lambda value: value.startswith(b"t"))
    await until(lambda: commons[1].put(GREETER, b"one", tag=TAGS[1]))
    await until(lambda: commons[2].put(GREETER, b"two", tag=TAGS[2]))

    async def found(values: set[bytes], **sought: Any) -> bool:
        return set((await commons[3].find(GREETER, **sought)).values) == values

    await until(lambda: found({b"one", b"two"}))
    await until(lambda: found({b"two"}, tag=TAGS[2]))
    await until(lambda: found({b"one"}, fits=lambda value: value.startswith(b"o")))
    await until(lambda: heard)
    stop()
    assert set(heard) == {b"two"}


async def test_a_flooded_place_is_cut() -> None:
    """Whoever asks gets so many values, not all there are."""
    square = Square()
    for number in range(VALUES_MAX + 10):
        await MemoryCommons(square).put(GREETER, str(number).encode())
    found = await MemoryCommons(square).find(GREETER)
    assert (len(found.values), found.is_cut) == (VALUES_MAX, True)


@needs_opendht
async def test_a_flooded_place_of_opendht_is_cut() -> None:
    """The same, where values come from other threads."""
    from micro.service.registry.commons.opendht import OpenDhtCommons

    first = OpenDhtCommons(host="127.0.0.1")
    second = OpenDhtCommons(host="127.0.0.1", bootstrap=[f"127.0.0.1:{first.port}"])
    import opendht

    key = opendht.InfoHash(GREETER.hex().encode())
    try:
        await put(second, GREETER, b"first")
        for number in range(VALUES_MAX + 40):  # a flooder keeps no rule of ours
            second._runner.put(key, opendht.Value(str(number).encode()), lambda ok, nodes: None)
        found: list[bytes] = []

        async def flooded() -> bool:
            found[:] = (await first.find(GREETER)).values
            return len(found) >= VALUES_MAX // 2

        await until(flooded)
        assert len(found) <= VALUES_MAX
    finally:
        await second.stop()
        await first.stop()


async def test_what_a_node_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places and listeners, each with its own bound."""
    monkeypatch.setattr(memory, "PUTS_MAX", 1)
    monkeypatch.setattr(memory, "LISTENERS_MAX", 1)
    node = MemoryCommons(Square())
    await node.put(GREETER, b"one")
    await node.put(GREETER, b"again")
    with pytest.raises(TooManyRequests):
        await node.put(OTHER, b"more")
    node.listen(GREETER, lambda value: None)
    with pytest.raises(TooManyRequests):
        node.listen(OTHER, lambda value: None)


async def test_what_is_withdrawn_is_renewed_no_longer() -> None:
    """And what its node put last is there until then."""
    square = Square()
    node, other = MemoryCommons(square), MemoryCommons(square)
    await node.put(GREETER, b"one")
    await node.put(GREETER, b"two")
    assert (await other.find(GREETER)).values == [b"two"]
    await node.withdraw(GREETER)
    assert (await other.find(GREETER)).values == []


@needs_opendht
async def test_a_taken_port_is_said() -> None:
    """With what to do next."""
    from micro.service.registry.commons.opendht import OpenDhtCommons

    first = OpenDhtCommons(host="127.0.0.1")
    try:
        with pytest.raises(EngineError, match="another port"):
            OpenDhtCommons(first.port, "127.0.0.1")
    finally:
        await first.stop()


def test_networks_do_not_meet() -> None:
    """A place is one network's, and one kind's."""
    places = {place_of(network, kind, "x") for network in ("a", "b") for kind in ("name", "node", "word")}
    assert len(places) == 6


@needs_opendht
async def test_listeners_of_opendht_that_end_let_go_of_their_own_callbacks_alone() -> None:
    """Those of the others are still called, from other threads, so they must stay in memory."""
    from opendht._core import ListenToken

    from micro.service.registry.commons.opendht import OpenDhtCommons

    node = OpenDhtCommons(host="127.0.0.1")
    try:
        stops = [node.listen(place_of("network", "name", name), lambda value: None) for name in ("a", "b", "c")]
        last = ListenToken._cb["cb"]
        for stop in stops[:2]:
            stop()
        # Held here, by the call of getrefcount, by the node, and by OpenDHT for its threads.
        assert sys.getrefcount(last) == 4
        stops[2]()
        assert sys.getrefcount(last) >= 3
    finally:
        await node.stop()
