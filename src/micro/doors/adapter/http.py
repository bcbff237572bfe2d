"""Speaks for a program that listens: starts it, finds its port and its description, and passes calls to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from micro.doors.adapter.answer import BODY_BYTES_MAX, Answer, value_of
from micro.doors.adapter.asking import Request, operating, plain
from micro.doors.adapter.exchange import Reply, exchange
from micro.doors.adapter.listening import listening_ports
from micro.doors.adapter.openapi import Operation
from micro.doors.adapter.parts import cutter_of, is_stream
from micro.doors.adapter.program import Program, child_environment
from micro.doors.adapter.started import Started, start
from micro.errors import BadRequest, EngineError, Fault, Timeout, Unavailable
from micro.ports import Processes

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
SILENCE_SECONDS_MAX = 900.0
"""How long a stream may pause."""

HOST = "127.0.0.1"
HOSTS = (HOST, "::1")
CODES: Mapping[int, int] = {405: 404, 406: 400, 410: 404, 415: 400, 422: 400, 501: 404, 502: 503, 504: 408}
"""What a status means for a caller, where it is no code of a fault itself."""

ASKED_WRONGLY = (400, 422)
"""With these a program tells its caller what is wrong with what was asked, in words meant for him."""

MARKUP = re.compile(r"<(style|script|title)\b.*?</\1>|<[^>]*>", re.DOTALL)
"""What a page says beside its words."""


class HttpProgram:
    """One program that listens on a port of this machine, or of its own network namespace."""

    def __init__(self, program: Program, processes: Processes, environment: Mapping[str, str]) -> None:
        self._program = program
        self._processes = processes
        self._environment = environment
        self._started: Started | None = None
        self._host, self._port = HOST, 0

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
        self._started = await start(self._processes, words, directory=self._program.directory, environment=environment)
        await self._started.until(self._listening(self._started.session, port), "it listened on a port")

    async def wait(self) -> int:
        """Waits for the program's end and returns its exit code."""
        assert self._started is not None
        return await self._started.wait()

    async def description(self) -> Any:
        """Returns the OpenAPI document that the program serves, or None."""
        for path in DESCRIPTIONS:
            with contextlib.suppress(Fault):
                _, body = await self._good(plain("GET", path), DESCRIPTION_SECONDS_MAX)
                if b'"paths"' in body:
                    with contextlib.suppress(ValueError, RecursionError):
                        return json.loads(body)
        return None

    async def operate(self, operation: Operation, values: Mapping[str, Any], seconds: float | None) -> Any:
        """Asks for one operation and returns what came.

        Raises:
            Fault: the program refused it, or did not answer.
        """
        return value_of(*await self._good(operating(operation, values), seconds)).body

    def flow(self, operation: Operation, values: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Asks for one operation and yields the items of what comes; see `stream`."""
        return self._stream(operating(operation, values))

    async def ask(self, method: str, target: str, data: bytes, content_type: str, seconds: float | None) -> Answer:
        """Sends a request and returns the answer's value; see `operate`."""
        return value_of(*await self._good(plain(method, target, data, content_type), seconds))

    async def fetch(self, target: str, seconds: float | None) -> bytes:
        """Returns what is at a path, as it is; see `operate`."""
        return (await self._good(plain("GET", target), seconds))[1]

    def stream(self, target: str) -> AsyncIterator[Any]:
        """Yields the items of what is at a path as they come: events, lines of JSON, or pieces.

        Raises:
            Fault: the program refused it, hung up before the end, or was silent for too long.
        """
        return self._stream(plain("GET", target))

    async def _stream(self, request: Request) -> AsyncIterator[Any]:
        with _faults(request):
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(CALL_SECONDS):
                    reply = await stack.enter_async_context(exchange(self._host, self._port, request))
                    if reply.status >= 400:
                        raise await _refused(request, reply)
                cutter = cutter_of(reply.content_type)
                async for part in reply.parts(SILENCE_SECONDS_MAX):
                    for item in cutter.feed(part):
                        yield item
                for item in cutter.end():
                    yield item

    async def _good(self, request: Request, seconds: float | None) -> tuple[str, bytes]:
        """Returns the content type and the body of an answer that is no refusal."""
        allowed = min(CALL_SECONDS_MAX, CALL_SECONDS if seconds is None else max(0.001, seconds))
        kind = ""
        try:
            with _faults(request):
                async with asyncio.timeout(allowed), exchange(self._host, self._port, request) as reply:
                    kind = reply.content_type
                    if reply.status >= 400:
                        raise await _refused(request, reply)
                    return kind, await reply.whole(BODY_BYTES_MAX)
        except Timeout as error:
            if not is_stream(kind):
                raise
            raise Timeout(
                f"{error.detail}: it answers bit by bit, as {kind}, and its description does not say so"
            ) from error

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


async def _refused(request: Request, reply: Reply) -> Fault:
    """Returns the fault that a refusal is, with the words of its page."""
    body = await reply.whole(BODY_BYTES_MAX)
    detail = " ".join(MARKUP.sub(" ", body.decode("utf-8", "replace")).split())[:DETAIL_CHARACTERS_MAX]
    code = CODES.get(reply.status, reply.status)
    code = code if code in Fault.codes else (400 if code < 500 else 500)
    detail = detail.removeprefix(f"{reply.status} ")
    if reply.status in ASKED_WRONGLY and detail:
        return BadRequest(detail)  # said to whoever asked, who knows of no path
    detail = detail or "it did not say why"
    return Fault.make(code, f"{request}: {detail if code == reply.status else f'{reply.status} {detail}'}")


@contextlib.contextmanager
def _faults(request: Request) -> Iterator[None]:
    """Turns what goes wrong on the way into the fault that a caller understands."""
    try:
        yield
    except TimeoutError as error:
        raise Timeout(f"the program did not answer {request} in time") from error
    except OSError as error:
        raise Unavailable(f"outcome unknown: the program hung up on {request}: {error}") from error
    except ValueError as error:
        raise BadRequest(f"{request.target[:100]!r} is no path: {error}") from error
