"""Guests for tests, written as WebAssembly text, and a host that keeps what they ask."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import wasmtime

from micro.errors import NotFound
from micro.mucp.headers import Headers
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program
from micro.runtime.guest.machine import Machine
from micro.system import SystemClock, SystemEntropy

HEADERS = {"Micro-Endpoint": "Test.Echo", "Content-Type": "application/json"}
SMALL = Grant(fuel=50_000_000, memory_bytes=16_777_216, seconds=5.0)

IMPORTS = """
  (import "micro" "take" (func $take (param i32)))
  (import "micro" "waiting" (func $waiting (result i32)))
  (import "micro" "answer" (func $answer (param i32 i32)))
  (import "micro" "fail" (func $fail (param i32 i32 i32)))
  (import "micro" "log" (func $log (param i32 i32 i32)))
  (import "micro" "call" (func $call (param i32 i32) (result i32)))
  (import "micro" "publish" (func $publish (param i32 i32) (result i32)))
  (import "micro" "config" (func $config (param i32 i32) (result i32)))
  (import "micro" "store_read" (func $store_read (param i32 i32) (result i32)))
  (import "micro" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "micro" "stream_receive" (func $stream_receive (param i32) (result i32)))
  (import "micro" "stream_send" (func $stream_send (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
"""

ASKING = json.dumps({"header": {"Micro-Service": "other", "Micro-Endpoint": "Test.Echo"}, "body": {}})
"""A message that a guest may send, as it stands at 16 in the memory of each."""

GIVE = "(call $answer (i32.const 4096) (local.get 1))"
"""Answers with what was put at 4096, whose length is in the local 1."""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def guest(call: str = "", *, described: dict[str, Any] | None = None, more: str = "", imports: str = IMPORTS) -> bytes:
    """Returns a guest: `call` is the body of its micro_call, which has the length in local 0 and a free local 1."""
    said = json.dumps(described or {"name": "guest", "endpoints": [{"name": "Test.Echo"}]})
    text = f"""(module {imports}
      (memory (export "memory") 4)
      (data (i32.const 16) {_quoted(ASKING)})
      (data (i32.const 1024) {_quoted(said)})
      (func (export "micro_describe") (call $answer (i32.const 1024) (i32.const {len(said.encode())})))
      (func (export "micro_call") (param i32) (local i32) {call})
      {more})"""
    return bytes(wasmtime.wat2wasm(text))


ECHO = guest("(call $take (i32.const 8192)) (call $answer (i32.const 8192) (local.get 0))")
"""Answers with the message it was given, headers and all."""

SPINNING = guest("(loop $again (br $again))")

ASK = f"(local.set 1 (call $call (i32.const 16) (i32.const {len(ASKING)})))"
RELAY = guest(
    f"""{ASK} (if (i32.lt_s (local.get 1) (i32.const 0))
      (then (call $take (i32.const 4096))
        (call $fail (i32.sub (i32.const 0) (local.get 1)) (i32.const 4096) (i32.const 9)))
      (else (call $take (i32.const 4096)) {GIVE}))"""
)
"""Calls another service and passes on what that says."""


class KeptHost:
    """A `Host` that is a few dictionaries; a call is answered with `answer`, after `seconds`."""

    def __init__(self, answer: bytes = b"{}", *, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.lines: list[tuple[int, str]] = []
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.settings: dict[str, bytes] = {}
        self.kept: dict[str, bytes] = {}
        self.incoming: list[bytes] = []
        self.outgoing: list[bytes] = []
        self.closed = False

    def log(self, level: int, line: str) -> None:
        self.lines.append((level, line))

    async def call(self, headers: Headers, body: bytes) -> bytes:
        self.asked.append((dict(headers), body))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if not self.answer:
            raise NotFound("nobody is there")
        return self.answer

    async def publish(self, headers: Headers, body: bytes) -> str:
        self.asked.append((dict(headers), body))
        return "id-1"

    async def config(self, path: str) -> bytes | None:
        return self.settings.get(path)

    async def store_read(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def store_write(self, key: str, value: bytes, expiry_seconds: int) -> None:
        self.kept[key] = value

    async def store_delete(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None

    async def store_list(self, prefix: str, limit: int) -> list[str]:
        return [key for key in self.kept if key.startswith(prefix)][:limit]

    async def stream_open(self, headers: Headers, body: bytes) -> int:
        return 1

    async def stream_send(self, number: int, body: bytes) -> None:
        self.outgoing.append(body)

    async def stream_receive(self, number: int) -> bytes | None:
        return self.incoming.pop(0) if self.incoming else None

    async def stream_end(self, number: int) -> None:
        self.closed = True

    async def stream_close(self, number: int) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def give_up(self) -> None:
        self.closed = True


def machine(folder: Path) -> Machine:
    """Returns an engine that keeps what it compiles in a folder."""
    return Machine(SystemClock(), SystemEntropy())


async def program(folder: Path, artefact: bytes, grant: Grant = SMALL) -> Program:
    """Returns a program on an engine of its own."""
    return await machine(folder).load(artefact, grant)
