"""A real door on a real socket, with a uvloop of its own, before an application that remembers what it saw."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from micro.doors.api.limits import Limits
from micro.doors.api.listener import Listener

ANSWER_SECONDS_MAX = 10.0


@dataclass
class Answer:
    """What came back: the status of each answer, the last one's headers and body, and whether the door ended it."""

    statuses: list[int]
    headers: dict[str, str]
    body: bytes
    ended: bool

    @property
    def fault(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Guarded:
    """The door: its port, what the application behind it saw (method, path, body), and when `/wait` may be answered."""

    port: int = 0
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    listener: Any = None
    go: threading.Event = field(default_factory=threading.Event)

    @property
    def places(self) -> Any:
        return self.listener.rules.places

    def connect(self) -> socket.socket:
        found = socket.create_connection(("127.0.0.1", self.port))
        found.settimeout(ANSWER_SECONDS_MAX)
        return found

    def tell(self, data: bytes, *, one_by_one: bool = False) -> Answer:
        """Sends bytes and returns what comes until the door ends the connection."""
        with self.connect() as wire:
            try:
                for part in [data[i : i + 1] for i in range(len(data))] if one_by_one else [data]:
                    wire.sendall(part)
            except OSError:
                pass  # it was refused before all was sent
            return read_answers(wire)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            self.seen.append(("WEBSOCKET", scope["raw_path"].decode(), b""))
            await send({"type": "websocket.close", "code": 1000})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.seen.append((scope["method"], scope["raw_path"].decode(), body))
        if scope["raw_path"] == b"/wait":
            await asyncio.to_thread(self.go.wait)
        size = 8_000_000 if scope["raw_path"] == b"/large" else 2
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok" * (size // 2)})


def read_answers(wire: socket.socket) -> Answer:
    data, ended = b"", True
    try:
        while part := wire.recv(65_536):
            data += part
    except TimeoutError:
        ended = False
    except OSError:
        pass
    return taken_apart(data, ended=ended)


def taken_apart(data: bytes, *, ended: bool) -> Answer:
    statuses: list[int] = []
    headers: dict[str, str] = {}
    body = b""
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        statuses.append(int(lines[0].split(" ")[1]))
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        body, data = rest[:size], rest[size:]
    return Answer(statuses, headers, body, ended)


@contextmanager
def guarded(limits: Limits | None = None, names: tuple[str, ...] = ()) -> Iterator[Guarded]:
    """Runs a door until the context ends."""
    door, ready, running = Guarded(), threading.Event(), {}

    async def serve() -> None:
        door.listener = listener = Listener(door, limits or Limits())
        door.port = await listener.start("127.0.0.1", 0, names)
        running["loop"], running["end"] = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await running["end"].wait()
        await listener.stop()

    thread = threading.Thread(target=lambda: uvloop.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield door
    finally:
        running["loop"].call_soon_threadsafe(running["end"].set)
        thread.join()
