"""What an implementation does in the http spelling; it is asked on sockets, byte by byte as the document says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from micro.doors.conformance import vectors
from micro.doors.conformance.carrier import SocketCarrier
from micro.doors.conformance.check import Check, Differs, expect
from micro.doors.conformance.peer import WAIT_SECONDS
from micro.errors import BadRequest, Unavailable

__all__ = ["LIST", "SPELLING", "Answer", "Connection", "Spelling", "needed"]

HEAD_BYTES_MAX: Final = 65_536
BODY_BYTES_MAX: Final = 8_388_608
HTTP: Final = "the-http-spelling"
LIST: Final = {"Micro-Service": "registry", "Micro-Endpoint": "Registry.List"}


@dataclass(frozen=True)
class Answer:
    """One message that came: its status, headers with names in lower case, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def fault(self) -> dict[str, Any]:
        """The fault in `Micro-Error`, its keys in lower case; empty where there is none."""
        said = self.headers.get("micro-error", "")
        if not said:
            return {}
        try:
            return {name.lower(): value for name, value in json.loads(said).items()}
        except (ValueError, AttributeError) as error:
            raise Differs(f"Micro-Error: {said[:200]} is no object") from error


class Connection(SocketCarrier):
    """One connection."""

    async def answer(self) -> Answer | None:
        """Returns the next message, None at the end.

        Raises:
            Differs: nothing comes, or nothing that can be read.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._read()
        except TimeoutError:
            raise Differs(f"no answer within {WAIT_SECONDS:g} s") from None

    async def _read(self) -> Answer | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return None
        except asyncio.LimitOverrunError as error:
            raise Differs(f"a head of more than {HEAD_BYTES_MAX} bytes") from error
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = headers.get("content-length", "")
        if not size.isdigit() or int(size) > BODY_BYTES_MAX:
            raise Differs(f"Content-Length: {size or 'none'}")
        try:
            body = await self.reader.readexactly(int(size))
        except asyncio.IncompleteReadError as error:
            raise Differs("the connection ended within a body") from error
        status = first.split(" ")[1] if first.startswith("HTTP/1.1 ") else ""
        if not status.isdigit():
            raise Differs(f"the first line is {first[:80]}")
        return Answer(int(status), headers, body)


class Spelling:
    """Makes connections for a check, and ends them after it. Its arguments are those of `Bench`."""

    def __init__(self, address: str, token: str, new_name: Callable[[], str]) -> None:
        found = urlsplit(address)
        if found.scheme != "http" or not found.hostname or found.path not in ("", "/"):
            raise BadRequest(f"{address} is no address; it is http://HOST:PORT")
        self._host, self._port = found.hostname, found.port or 80
        self.host = found.netloc
        self._token = token
        self.new_name = new_name
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def connection(self) -> Connection:
        """Returns a new connection.

        Raises:
            Unavailable: nobody answers.
        """
        try:
            made = Connection(*await asyncio.open_connection(self._host, self._port, limit=HEAD_BYTES_MAX))
        except OSError as error:
            raise Unavailable(f"nobody answers at {self.host}: {error}") from error
        self._stack.push_async_callback(made.close)
        return made

    def request(self, headers: Mapping[str, str], body: bytes | None = b"{}", target: str = "/") -> bytes:
        """Returns a request. Without a body nothing is said of its length."""
        said = {"Host": self.host, **headers}
        if self._token:
            said["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            said["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")

    async def ask(self, headers: Mapping[str, str], body: bytes | None = b"{}") -> Answer:
        """Sends a request on a new connection, and returns the answer."""
        connection = await self.connection()
        await connection.send(self.request(headers, body))
        return needed(await connection.answer())


def needed(answer: Answer | None) -> Answer:
    """Returns an answer that must come."""
    if answer is None:
        raise Differs("the connection ended without an answer")
    return answer


def _named(**more: str) -> dict[str, str]:
    """Returns the headers of a call of `Registry.List`, and more: `Micro_Id` says `Micro-Id`."""
    said = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Content-Type": "application/json", **LIST, **said}


def _is_list(answer: Answer) -> None:
    expect(answer.status == 200 and not answer.fault, f"status {answer.status}, Micro-Error {answer.fault}")
    expect(b'"services"' in answer.body, f"the body {answer.body[:80]!r}")


async def answers(bench: Spelling) -> None:
    answer = await bench.ask(_named(Micro_Id="7"))
    _is_list(answer)
    expect(answer.headers.get("micro-id") == "7", f"Micro-Id: {answer.headers.get('micro-id')}")
    kind = answer.headers.get("content-type", "")
    expect(kind.startswith("application/json"), f"Content-Type: {kind}")


async def fails_with_200(bench: Spelling) -> None:
    answer = await bench.ask(_named(Micro_Service=f"conformance-{bench.new_name()}", Micro_Endpoint="Kit.Call"))
    expect(answer.status == 200, f"status {answer.status}")
    expect(answer.fault.get("code") == 404 and bool(answer.fault.get("detail")), f"Micro-Error {answer.fault}")


async def repeats_nothing(bench: Spelling) -> None:
    answer = await bench.ask(_named(X_Test="secret", Timeout="5000000000"))
    _is_list(answer)
    told = [name for name in ("x-test", "timeout", "authorization", "micro-service") if name in answer.headers]
    expect(not told, f"the answer repeats {', '.join(told)} of the request")


async def takes_chunks(bench: Spelling) -> None:
    connection = await bench.connection()
    head = bench.request(_named(Transfer_Encoding="chunked"), None)
    await connection.send(head + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    _is_list(needed(await connection.answer()))
    await connection.send(head + b"0\r\n\r\n")
    _is_list(needed(await connection.answer()))


async def answers_in_order(bench: Spelling) -> None:
    connection = await bench.connection()
    await connection.send(b"".join(bench.request(_named(Micro_Id=str(number))) for number in range(5)))
    ids = [needed(await connection.answer()).headers.get("micro-id") for _ in range(5)]
    expect(ids == ["0", "1", "2", "3", "4"], f"the answers {ids}")


async def reads_older_names(bench: Spelling) -> None:
    older = {"X-Micro-Service": "registry", "X-Micro-Method": "Registry.List", "X-Micro-Id": "7"}
    answer = await bench.ask({"Content-Type": "application/json", **older})
    _is_list(answer)
    ids = (answer.headers.get("micro-id"), answer.headers.get("x-micro-id"))
    expect(ids == ("7", "7"), f"Micro-Id and X-Micro-Id: {ids}")


async def reads_names_in_any_case(bench: Spelling) -> None:
    named = {"micro-service": "registry", "MICRO-METHOD": "Registry.List"}
    _is_list(await bench.ask({"content-type": "application/json", **named}))


async def reads_types_with_parameters(bench: Spelling) -> None:
    _is_list(await bench.ask(_named(Content_Type="application/json; charset=utf-8")))


async def guesses_json(bench: Spelling) -> None:
    _is_list(await bench.ask(LIST))


async def speaks_json_rpc(bench: Spelling) -> None:
    body = json.dumps({"method": "Registry.List", "params": [{}], "id": "9"}).encode()
    answer = await bench.ask({"Content-Type": "application/json-rpc", "Micro-Service": "registry"}, body)
    expect(answer.status == 200 and not answer.fault, f"status {answer.status}, Micro-Error {answer.fault}")
    found = json.loads(answer.body)
    expect(found.get("id") == "9" and found.get("error") is None, f"{str(found)[:200]}")
    expect("services" in found.get("result", {}), f"the result {str(found.get('result'))[:200]}")


def _refusing(lines: list[str], *, ends: bool) -> Callable[[Spelling], Awaitable[None]]:
    async def run(bench: Spelling) -> None:
        connection = await bench.connection()
        await connection.send("".join(lines).replace("HOST", bench.host).encode("latin-1"))
        while (answer := await connection.answer()) is not None:
            good = answer.status == 200 and not answer.fault
            expect(not good, f"it was answered with {answer.body[:80]!r}")
            if not ends:
                return

    return run


def _refusals() -> tuple[Check, ...]:
    """Returns a check for each request that two readers could understand differently, or that a page could send."""
    return tuple(
        Check(
            f"refused: {each['rule']}",
            HTTP,
            "a fault, and the connection ends" if each["ends"] else "a fault",
            _refusing(each["lines"], ends=each["ends"]),
        )
        for each in vectors.load("http_refused")
    )


SPELLING = (
    Check("http-call", HTTP, "a call is answered with 200, its content type and Micro-Id", answers),
    Check("http-error", "errors-in-the-http-spelling", "a fault is a 200 with Micro-Error", fails_with_200),
    Check("http-echo", HTTP, "an answer repeats no other header of the request", repeats_nothing),
    Check("http-chunks", HTTP, "bodies come in chunks too, also empty ones", takes_chunks),
    Check("http-order", HTTP, "calls of one connection are answered in their order", answers_in_order),
    Check(
        "http-older-names",
        HTTP,
        "X-Micro-… and Micro-Method are understood, and answered under both names",
        reads_older_names,
    ),
    Check("http-any-case", HTTP, "case means nothing in names", reads_names_in_any_case),
    Check("http-parameters", "bodies", "parameters of a content type mean nothing", reads_types_with_parameters),
    Check("http-no-type", "bodies", "without a content type a body that begins with { is JSON", guesses_json),
    Check("http-json-rpc", "content-types-of-the-http-spelling", "JSON-RPC 1.0 is answered as such", speaks_json_rpc),
    *_refusals(),
)
