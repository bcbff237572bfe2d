"""Asks a go-micro server at an address what the Go programs ask, and prints what comes of it in the same lines."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Self

from micro.mucp.http.asker import Answered, Asker, Ended, Event, Failed, Said

SECONDS = 30


class Line:
    """One connection to the server."""

    def __init__(self, address: str, content_type: str = "application/json") -> None:
        self.asker = Asker(address, content_type=content_type)
        self._address = address
        self._heard: list[Event] = []

    async def __aenter__(self) -> Self:
        host, _, port = self._address.rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def next(self) -> Event:
        """Returns what comes next."""
        async with asyncio.timeout(SECONDS):
            while not self._heard:
                data = await self._reader.read(65_536)
                self._heard += self.asker.receive(data) if data else self.asker.lost()
        return self._heard.pop(0)


def report(what: str, found: Any, error: str = "") -> None:
    line = {"what": what, "found": found, **({"error": error} if error else {})}
    print(json.dumps(line), flush=True)


async def call(address: str, what: str, endpoint: str, body: bytes, content_type: str = "application/json") -> None:
    """Calls, and reports what was answered."""
    async with Line(address, content_type) as line:
        line.say(line.asker.call("greeter", endpoint, body, timeout_milliseconds=5_000))
        event = await line.next()
    if isinstance(event, Failed):
        report(what, None, event.fault.to_json())
    else:
        assert isinstance(event, Answered)
        text = event.body[2:].decode() if content_type.endswith("protobuf") else json.loads(event.body)["msg"]
        report(what, text)


async def talk(address: str, what: str, endpoint: str, names: list[str], answers: int) -> None:
    """Streams, and reports what was said; none is said to `bye`."""
    found, error = list[str](), ""
    async with Line(address) as line:
        line.say(line.asker.open("greeter", endpoint, b'{"name":""}'))
        for name in names:
            line.say(line.asker.item(json.dumps({"name": name}).encode()))
            for _ in range(answers if name != "bye" else 0):
                event = await line.next()
                assert isinstance(event, Said), event
                found.append(json.loads(event.body)["msg"])
        last = await line.next()
        error = "EOF" if isinstance(last, Ended) else str(last)
    report(what, found, error)


async def main(address: str) -> None:
    await call(address, "unary JSON", "Say.Hello", b'{"name":"John"}')
    await call(address, "unary protobuf", "Pb.Hello", b"\x0a\x04John", "application/protobuf")
    await talk(address, "bidirectional stream", "Say.Chat", ["a", "b", "bye"], 1)
    await talk(address, "server stream", "Say.Count", ["John"], 3)
    await call(address, "structured error", "Say.Fail", b'{"name":"John"}')
    await call(address, "plain error", "Say.Plain", b'{"name":"John"}')


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
