"""Programs of this machine that ask for a service by multicast DNS are told where the node serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from micro.doors.mucp.lan import Lan, is_of_this_machine
from micro.errors import NotFound
from micro.service.registry.mdns import EVERYTHING, listed, question, read_answer

DESCRIPTION = {
    "name": "greeter",
    "version": "1.2.0",
    "endpoints": [{"name": "Say.Hello", "kind": "call"}, {"name": "Say.Count", "kind": "stream"}],
}


class Asking(asyncio.DatagramProtocol):
    """Asks, and keeps what is answered."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait(data)

    async def ask(self, data: bytes) -> bytes:
        self.transport.sendto(data)
        return await self.next()

    async def next(self) -> bytes:
        async with asyncio.timeout(30):
            return await self.heard.get()


def describe(name: str) -> dict[str, Any] | None:
    if name == "broken":
        raise NotFound("it is not there now")
    return DESCRIPTION if name == "greeter" else None


@pytest_asyncio.fixture
async def asking() -> AsyncIterator[Asking]:
    """Asks the node's answers directly: no multicast leaves a test."""
    names, topics = ["greeter", "x" * 80, "other"], ["notes", "y" * 80, "news"]
    lan = Lan("127.0.0.1", 8_081, list_names=lambda: names, describe=describe, list_topics=lambda: topics)
    port = await lan.start(0)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Asking, remote_addr=("127.0.0.1", port))
    yield protocol
    transport.close()
    await lan.stop()


async def test_a_service_is_found(asking: Asking) -> None:
    """With what a go-micro client needs: address, protocol, version, endpoints."""
    (found,) = read_answer(await asking.ask(question("greeter")))
    assert (found.service, found.version, found.address, found.port) == ("greeter", "1.2.0", "127.0.0.1", 8_081)
    assert (found.metadata["protocol"], found.metadata["transport"]) == ("mucp", "http")
    assert [dict(each) for each in found.endpoints] == [
        {"name": "Say.Hello", "metadata": {}},
        {"name": "Say.Count", "metadata": {"stream": "true"}},
    ]


async def test_what_is_not_there_is_not_answered(asking: Asking) -> None:
    """Neither nonsense nor an unknown name ends it: the next question is answered."""
    for data in (b"", b"nonsense", question("nobody"), question("broken")):
        asking.transport.sendto(data)
    assert read_answer(await asking.ask(question("greeter")))
    assert asking.heard.empty()


async def test_all_are_listed(asking: Asking) -> None:
    """One packet for each service whose name fits into DNS."""
    packets = [await asking.ask(question(EVERYTHING)), await asking.next(), await asking.next()]
    assert [listed(packet) for packet in packets] == [["greeter"], ["other"], ["micro.http.broker"]]


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("192.0.2.1", False),
        ("::1", True),
        ("2001:db8::1", False),
        ("no address", False),
    ],
)
def test_only_this_machine_is_answered(address: str, is_ours: bool) -> None:
    """An address to which no socket can be bound is another machine's."""
    assert is_of_this_machine(address) == is_ours


async def test_topics_are_found(asking: Asking) -> None:
    """One packet for each whose name fits into DNS: the node is a subscriber of go-micro's brokers."""
    packets = [await asking.ask(question("micro.http.broker")), await asking.next()]
    found = [each for packet in packets for each in read_answer(packet)]
    assert [each.node for each in found] == ["notes-micro-8081", "news-micro-8081"]
    (first, _) = found
    assert (first.service, first.version, first.port) == ("micro.http.broker", "ff.http.broadcast", 8_081)
    wanted = {"broker": "http", "secure": "false", "topic": "notes", "micro": "micro-8081"}
    assert dict(first.metadata) == wanted
