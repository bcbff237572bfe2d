"""Speaks for a program that listens: starts it, finds its port and its OpenAPI description, and passes calls to it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from micro.doors.adapter.answer import BODY_BYTES_MAX, Answer, value_of
from micro.doors.adapter.listening import listening_ports
from micro.doors.adapter.openapi import Operation
from micro.doors.adapter.program import Program, child_environment
from micro.errors import EngineError, Fault, InternalError, TooLarge, Unavailable
from micro.ports import Process, Processes

__all__ = ["HttpProgram"]

START_SECONDS_MAX = 25.0
"""How long a program may take until it listens: less than its node waits."""

OWN_PORT_SECONDS = 1.0
"""How long it may listen elsewhere before that is taken for its port."""

POLL_SECONDS = 0.02
CALL_SECONDS_MAX = 300.0
CALL_SECONDS = 30.0
DESCRIPTIONS = (
    "/openapi.json",
    "/swagger.json",
    "/api/openapi.json",
    "/v3/api-docs",
    "/api-docs",
    "/docs/openapi.json",
)
DESCRIPTION_SECONDS_MAX = 5.0
DETAIL_CHARACTERS_MAX = 300
HOST = "127.0.0.1"
HOSTS = (HOST, "::1")
READ_BYTES = 32_768
CODES: Mapping[int, int] = {405: 404, 406: 400, 410: 404, 415: 400, 422: 400, 501: 404, 502: 503, 504: 408}
"""What a status means for a caller, where it is no code of a fault itself."""

MARKUP = re.compile(r"<(style|script|title)\b.*?</\1>|<[^>]*>", re.DOTALL)
"""What a page says beside its words."""

SAFE = "/%?&=:@!$'()*+,;~#[]"
"""What a path and a query may hold as it is."""

BODYLESS = {"GET", "DELETE"}


@dataclass(frozen=True)
class _Reply:
    status: int
    content_type: str
    body: bytes


class HttpProgram:
    """One program that listens on a port of this machine, or of its own network namespace."""

    def __init__(self, program: Program, processes: Processes, environment: Mapping[str, str]) -> None:
        self._program = program
        self._processes = processes
        self._environment = environment
        self._process: Process | None = None
        self._host, self._port = HOST, 0
        self._pumps: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts the program and waits until it listens.

        Raises:
            EngineError: it cannot be started, ends, or listens nowhere.
        """
        port = _free_port()
        words = [word.replace("$PORT", str(port)).replace("${PORT}", str(port)) for word in self._program.command]
        if words[:2] == ["/bin/sh", "-c"]:
            words = list(self._program.command)  # the shell reads the variable itself
        variables = {"PORT": str(port), "HOST": HOST}
        environment = {**variables, **child_environment(self._program, self._environment), "PORT": str(port)}
        self._process = process = await self._processes.spawn(
            words, directory=self._program.directory, environment=environment, errors_apart=True
        )
        self._pumps = [
            asyncio.ensure_future(_pump(process, sys.stdout, errors=False)),
            asyncio.ensure_future(_pump(process, sys.stderr, errors=True)),
        ]
        ending = asyncio.ensure_future(process.wait())
        listening = asyncio.ensure_future(self._listening(process.pid, port))
        await asyncio.wait((ending, listening), return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            ending.cancel()
            listening.result()
            return
        listening.cancel()
        await asyncio.wait(self._pumps, timeout=1.0)
        raise EngineError(f"the program ended with code {ending.result()} before it listened on a port")

    async def wait(self) -> int:
        """Waits for the program's end and returns its exit code."""
        assert self._process is not None
        code = await self._process.wait()
        await asyncio.wait(self._pumps, timeout=1.0)
        return code

    async def description(self) -> Any:
        """Returns the OpenAPI document that the program serves, or None."""
        for path in DESCRIPTIONS:
            with contextlib.suppress(Fault):
                reply = await self._send("GET", path, b"", "", DESCRIPTION_SECONDS_MAX)
                if reply.status == 200 and b'"paths"' in reply.body:
                    with contextlib.suppress(ValueError, RecursionError):
                        return json.loads(reply.body)
        return None

    async def operate(self, operation: Operation, values: Mapping[str, Any], seconds: float | None) -> Any:
        """Asks for one operation and returns what came.

        Raises:
            Fault: the program refused it, or did not answer.
        """
        path, query, body = operation.path, [], {}
        whole: Any = None
        for field in operation.fields:
            value = values.get(field.name)
            if value is None and not field.required:
                continue
            if field.place == "path":
                path = path.replace("{" + field.key + "}", quote(_text(value), safe=""))
            elif field.place == "query":
                query += [(field.key, _text(one)) for one in (value if isinstance(value, list) else [value])]
            elif field.place == "body":
                body[field.key] = value
            else:
                whole = value
        content, data = "", b""
        if operation.method not in BODYLESS or body or whole is not None:
            content, data = _encoded(whole if whole is not None else body, form=operation.form)
        target = f"{path}?{urlencode(query)}" if query else path
        answer = await self.ask(operation.method, target, data, content, seconds)
        return answer.body

    async def ask(self, method: str, target: str, data: bytes, content_type: str, seconds: float | None) -> Answer:
        """Sends a request and returns the answer's value; see `operate`."""
        reply = await self._good(method, target, data, content_type, seconds)
        return value_of(reply.content_type, reply.body)

    async def fetch(self, target: str, seconds: float | None) -> bytes:
        """Returns what is at a path, as it is; see `operate`."""
        return (await self._good("GET", target, b"", "", seconds)).body

    async def _good(self, method: str, target: str, data: bytes, content_type: str, seconds: float | None) -> _Reply:
        reply = await self._send(method, target, data, content_type, seconds)
        if reply.status >= 400:
            detail = " ".join(MARKUP.sub(" ", reply.body.decode("utf-8", "replace")).split())[:DETAIL_CHARACTERS_MAX]
            code = CODES.get(reply.status, reply.status)
            code = code if code in Fault.codes else (400 if code < 500 else 500)
            raise Fault.make(code, f"{method} {target[:100]}: {reply.status} {detail}")
        return reply

    async def _send(self, method: str, target: str, data: bytes, content_type: str, seconds: float | None) -> _Reply:
        target = quote(target if target.startswith("/") else f"/{target}", safe=SAFE)
        allowed = min(CALL_SECONDS_MAX, CALL_SECONDS if seconds is None else max(0.001, seconds))
        try:
            return await asyncio.to_thread(self._exchange, method, target, data, content_type, allowed)
        except (http.client.InvalidURL, ValueError) as error:
            raise Fault.make(400, f"{target[:100]!r} is no path: {error}") from error
        except TimeoutError as error:
            raise Fault.make(408, f"the program did not answer {method} {target[:100]} in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"outcome unknown: the program hung up on {method} {target[:100]}: {error}") from error

    def _exchange(self, method: str, target: str, data: bytes, content_type: str, seconds: float) -> _Reply:
        """Sends one request on a connection of its own; blocks."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        headers = {"Accept": "*/*", "Host": "localhost", **({"Content-Type": content_type} if content_type else {})}
        try:
            connection.request(method, target, body=data or None, headers=headers)
            response = connection.getresponse()
            body = response.read(BODY_BYTES_MAX + 1)
            if len(body) > BODY_BYTES_MAX:
                raise TooLarge(f"the program answered {method} {target[:100]} with more than {BODY_BYTES_MAX} bytes")
            return _Reply(response.status, response.headers.get("Content-Type") or "", body)
        finally:
            connection.close()

    async def _listening(self, session: int, port: int) -> None:
        """Waits until the port it was given answers, or one that it chose itself."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < START_SECONDS_MAX:
            own = listening_ports(session) if loop.time() - began > OWN_PORT_SECONDS else []
            for candidate in (port, *own):
                for host in HOSTS:
                    if await asyncio.to_thread(_answers, host, candidate):
                        self._host, self._port = host, candidate
                        return
            await asyncio.sleep(POLL_SECONDS)
        raise EngineError(f"the program did not listen on PORT ({port}) within {START_SECONDS_MAX:g} seconds")


async def _pump(process: Process, target: Any, *, errors: bool) -> None:
    """Writes what a program says where the node keeps what we say."""
    while part := await process.read(READ_BYTES, errors=errors):
        target.buffer.write(part)
        target.flush()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _encoded(value: Any, *, form: bool) -> tuple[str, bytes]:
    if form and isinstance(value, dict):
        return "application/x-www-form-urlencoded", urlencode({k: _text(v) for k, v in value.items()}).encode()
    try:
        return "application/json", json.dumps(value).encode()
    except (TypeError, ValueError) as error:
        raise InternalError(f"the body cannot be written as JSON: {error}") from error


def _text(value: Any) -> str:
    """Returns a value as a query or a form spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
