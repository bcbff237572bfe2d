"""A client of MUCP written from `docs/reference/mucp.md` alone: it uses nothing of this project.

`python independent_client.py SOCKET calls|streams|events|batches` does what the word says and prints JSON lines.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections import deque

HELLO, DEFINE, OPEN, DATA, END, ERROR, REFUSED, HEADERS = range(8)
CREDIT, CANCEL, EVENT, ACK, NACK, PING, PONG, GOAWAY, EVENTS = range(8, 17)
CALL, STREAM, PUBLISH, SUBSCRIBE = 1, 2, 3, 4
WINDOW, COST = 262_144, 9


def pack(headers: dict) -> bytes:
    found = b""
    for name, value in headers.items():
        found += struct.pack(">B", len(name)) + name.encode() + struct.pack(">H", len(value.encode())) + value.encode()
    return found


def unpack(data: bytes) -> dict:
    found, at = {}, 0
    while at < len(data):
        name = data[at + 1 : at + 1 + data[at]].decode()
        at += 1 + data[at]
        (size,) = struct.unpack_from(">H", data, at)
        found[name.lower()] = data[at + 2 : at + 2 + size].decode()
        at += 2 + size
    return found


class Fault(Exception):
    pass


class Client:
    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.data, self.next, self.going = b"", 1, ""
        self.said: dict = {}  # header blocks of ours
        self.known: dict = {}  # header blocks of the peer
        self.inbox: dict = {}  # frames that came for each open exchange
        self.window: dict = {}  # what may still be sent on it
        self.write(HELLO, 0, b'{"versions":[1,2],"agent":"independent/1","message_bytes":4194304,"exchanges":0}')
        kind, _, payload = self.read()
        if kind != HELLO or 1 not in json.loads(payload)["versions"]:
            raise ConnectionError("this is no peer of ours")

    def write(self, kind: int, exchange: int, payload: bytes = b"") -> None:
        self.socket.sendall(struct.pack(">IBI", len(payload), kind, exchange) + payload)

    def read(self) -> tuple:
        while len(self.data) < 9 or len(self.data) < 9 + struct.unpack_from(">I", self.data)[0]:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(self.going or "the link ended")
            self.data += more
        size, kind, exchange = struct.unpack_from(">IBI", self.data)
        payload, self.data = self.data[9 : 9 + size], self.data[9 + size :]
        return kind, exchange, payload

    def step(self) -> None:
        kind, exchange, payload = self.read()
        if kind == DEFINE:
            self.known[exchange] = unpack(payload)
        elif kind == PING:
            self.write(PONG, 0, payload)
        elif kind == GOAWAY:
            self.going = json.loads(payload)["detail"]
        elif kind == OPEN and exchange:
            self.write(REFUSED, exchange, b'{"id":"","code":404,"detail":"this is a client","status":"Not Found"}')
        elif kind == CREDIT and exchange in self.window:
            self.window[exchange] += struct.unpack(">I", payload)[0]
        elif exchange in self.inbox:  # anything else is about an exchange that is over
            self.inbox[exchange].append((kind, payload))

    def open(self, form: int, headers: dict, body: bytes = b"", milliseconds: int = 0, extra: bytes = b"") -> int:
        block = pack(headers)
        if block not in self.said:
            self.said[block] = len(self.said)
            self.write(DEFINE, self.said[block], block)
        number, self.next = self.next, self.next + 2
        self.inbox[number], self.window[number] = deque(), WINDOW
        self.write(OPEN, number, struct.pack(">BHIH", form, self.said[block], milliseconds, len(extra)) + extra + body)
        return number

    def wait(self, number: int) -> tuple:
        while not self.inbox[number]:
            self.step()
        kind, payload = self.inbox[number].popleft()
        if kind in (ERROR, REFUSED, CANCEL, END):
            del self.inbox[number], self.window[number]
        if kind in (ERROR, REFUSED):
            raise Fault({key.lower(): value for key, value in json.loads(payload).items()}, kind == REFUSED)
        return kind, payload

    def call(self, service: str, endpoint: str, body: bytes) -> tuple:
        asked = {"Micro-Service": service, "Micro-Endpoint": endpoint, "Content-Type": "application/json"}
        number, headers = self.open(CALL, asked, body, 30_000), {}
        while True:
            kind, payload = self.wait(number)
            if kind == END:
                return payload, headers
            headers = unpack(payload)

    def send(self, number: int, body: bytes) -> None:
        while self.window[number] <= 0:
            self.step()
        self.window[number] -= len(body) + COST
        self.write(DATA, number, body)

    def receive(self, number: int) -> bytes | None:
        while True:
            kind, payload = self.wait(number)
            if kind in (DATA, EVENT, EVENTS):
                self.write(CREDIT, number, struct.pack(">I", len(payload) + COST))
                return payload
            if kind in (END, CANCEL):
                return None

    def event(self, number: int) -> tuple:
        payload = self.receive(number)
        block, sequence, size = struct.unpack_from(">HQH", payload)
        return sequence, self.known[block] | unpack(payload[12 : 12 + size]), payload[12 + size :]


def call_all(client: Client) -> None:
    for body in (b'{"name":"Ann"}', b'{"name":"x"}', b'{"name":"Ann"}', b'"' + b"y" * 1_000_000 + b'"'):
        try:
            answer, headers = client.call("greeter", "Say.Hello", body)
            print(json.dumps({"answer": answer.decode()[:50], "bytes": len(answer), "headers": headers}))
        except Fault as fault:
            print(json.dumps({"code": fault.args[0]["code"], "refused": fault.args[1]}))


def stream(client: Client) -> None:
    number, total = client.open(STREAM, {"Micro-Service": "clock", "Micro-Endpoint": "Clock.Ticks"}, b"{}"), 0
    for size in (100_000, 162_125, 1_000_000, 0, 300_000):
        client.send(number, bytes(size))
    client.write(END, number)
    while (message := client.receive(number)) is not None:
        total += len(message)
    print(json.dumps({"total": total}))


def subscribe(client: Client) -> None:
    number = client.open(SUBSCRIBE, {"Micro-Topic": "notes", "Micro-Queue": "archive"})
    for _ in range(2):
        sequence, headers, body = client.event(number)
        print(json.dumps({"sequence": sequence, "id": headers["micro-id"], "body": body.decode()}))
        later = sequence % 2 == 0  # every other event is wanted again
        client.write(NACK if later else ACK, number, struct.pack(">QI", sequence, 1500)[: 12 if later else 8])
    client.write(CANCEL, number)


def listen(client: Client) -> None:
    topic = {"Micro-Topic": "notes"}
    number, bodies = client.open(SUBSCRIBE, topic), (b"one", b"", b"three")
    client.write(EVENTS, 0, struct.pack(">5H", client.said[pack(topic)], 3, *map(len, bodies)) + b"".join(bodies))
    while (payload := client.receive(number)) is not None:
        block, count = struct.unpack_from(">HH", payload)
        at = 4 + 2 * count
        for size in struct.unpack_from(f">{count}H", payload, 4):
            print(json.dumps({"topic": client.known[block]["micro-topic"], "body": payload[at : at + size].decode()}))
            at += size


if __name__ == "__main__":
    {"calls": call_all, "streams": stream, "events": subscribe, "batches": listen}[sys.argv[2]](Client(sys.argv[1]))
