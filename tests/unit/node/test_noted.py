"""What comes of a sentence is in the record of calls, without what was said."""

from __future__ import annotations

import pytest

from micro.errors import NotFound
from micro.mucp.codec import JSON
from micro.node.noted import NotedCalls
from micro.node.record import Call, Record
from micro.service.stream import RawStream
from micro.system import SystemClock
from micro.trust.policy import Caller

ANYBODY = Caller(anonymous=True)


class Calls:
    """Answers, and refuses what is called missing."""

    async def call_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON) -> bytes:
        if service == "missing":
            raise NotFound("it is gone", id="missing")
        return body

    async def stream_raw(
        self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON
    ) -> RawStream:
        raise NotFound("it is gone", id="missing")


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def client(record: Record) -> NotedCalls:
    return NotedCalls(Calls(), ANYBODY, record, SystemClock())


def last(record: Record) -> Call:
    return next(iter(record.last(1)))


async def test_a_call_is_noted_without_what_was_said(client: NotedCalls, record: Record) -> None:
    """Which service and endpoint, how long, by whom; the fields came out of somebody's sentence."""
    assert await client.call_raw("notes", "Notes.Create", b'{"text":"hunter2"}') == b'{"text":"hunter2"}'

    found = last(record)
    assert (found.service, found.endpoint, found.door, found.code) == ("notes", "Notes.Create", "conversation", 0)
    assert "request" not in found.to_dict()


async def test_a_fault_is_noted_and_raised(client: NotedCalls, record: Record) -> None:
    """Of calls and of streams."""
    for ask in (client.call_raw, client.stream_raw):
        with pytest.raises(NotFound):
            await ask("missing", "Missing.Do")
        assert (last(record).code, last(record).detail) == (404, "it is gone")


async def test_what_the_node_itself_is_asked_is_not_noted(client: NotedCalls, record: Record) -> None:
    """As everywhere in the record: it holds secrets."""
    await client.call_raw("network", "Network.Meet", b"{}")

    assert list(record.last(1)) == []
