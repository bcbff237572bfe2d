"""What an implementation does with streams and events in the http spelling.

The streams are those that every node has: `Registry.Watch`, which goes on, and `Events.Read`, which ends. The latter is
the owner's, as publishing is, so what needs it is skipped without his token.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from micro.doors.conformance.check import Check, Skipped, expect
from micro.doors.conformance.spelling import LIST, Answer, Connection, Spelling, needed

__all__ = ["FLOWING"]

STREAMS: Final = "streams-in-the-http-spelling"
EVENTS: Final = "events-in-the-http-spelling"
STREAM: Final = "5"
WATCH: Final = {"Micro-Service": "registry", "Micro-Endpoint": "Registry.Watch"}
READ: Final = {"Micro-Service": "events", "Micro-Endpoint": "Events.Read"}
SAID_MAX: Final = 10_000
"""So many messages of a stream are read before what they lead to."""

BODY: Final = b'{"n":1}'


def _said(named: dict[str, str], **more: str) -> dict[str, str]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Content-Type": "application/json", **named, "Micro-Id": STREAM, "Micro-Stream": STREAM, **headers}


async def _open(bench: Spelling, named: dict[str, str], body: bytes = b"{}") -> Connection:
    """Opens a stream as the clients do that go-micro generates: what opens it is its first message too."""
    connection = await bench.connection()
    await connection.send(bench.request(_said(named), body) + bench.request(_said(named), body))
    return connection


async def _message(connection: Connection) -> Answer:
    answer = needed(await connection.answer())
    expect(answer.status == 200, f"status {answer.status}")
    told = answer.headers.get("micro-stream"), answer.headers.get("micro-id")
    expect(told == (STREAM, STREAM), f"Micro-Stream and Micro-Id {told}")
    return answer


async def _rest(connection: Connection) -> list[Any]:
    """Returns what a stream says until it ends well.

    Raises:
        Skipped: it is for somebody else.
        Differs: it ends otherwise.
    """
    found: list[Any] = []
    for _ in range(SAID_MAX):
        answer = await _message(connection)
        error = answer.headers.get("micro-error", "")
        if error == "EOS":
            expect(not answer.body, f"the end has a body: {answer.body[:80]!r}")
            return found
        _may(answer)
        expect(not error, f"Micro-Error: {error[:200]}")
        found.append(json.loads(answer.body))
    raise Skipped(f"more than {SAID_MAX} messages")


def _may(answer: Answer) -> None:
    """Raises `Skipped` where who asks has no right to."""
    if "micro-error" in answer.headers and answer.headers["micro-error"] != "EOS":
        fault = answer.fault
        if fault.get("code") in (401, 403):
            raise Skipped(f"{fault.get('detail')}; show a token of the owner")


async def _is_answered(bench: Spelling, connection: Connection) -> None:
    """Calls on a connection, and looks for the answer between what streams say there."""
    await connection.send(bench.request({"Content-Type": "application/json", **LIST, "Micro-Id": "9"}))
    for _ in range(SAID_MAX):
        answer = needed(await connection.answer())
        if "micro-stream" not in answer.headers:
            expect(answer.headers.get("micro-id") == "9", f"Micro-Id: {answer.headers.get('micro-id')}")
            expect(b'"services"' in answer.body, f"the body {answer.body[:80]!r}")
            return
        expect("micro-error" not in answer.headers, f"the stream ended: {answer.headers.get('micro-error')}")


async def streams(bench: Spelling) -> None:
    connection = await _open(bench, WATCH)
    for _ in range(SAID_MAX):
        answer = await _message(connection)
        expect(not answer.headers.get("micro-error"), f"Micro-Error: {answer.headers.get('micro-error')}")
        if json.loads(answer.body).get("kind") == "ready":
            return


async def streams_beside_calls(bench: Spelling) -> None:
    connection = await _open(bench, WATCH)
    await _message(connection)
    await _is_answered(bench, connection)


async def fails_streams(bench: Spelling) -> None:
    nobody = {"Micro-Service": f"conformance-{bench.new_name()}", "Micro-Endpoint": "Kit.Stream"}
    connection = await _open(bench, nobody)
    answer = await _message(connection)
    expect(answer.fault.get("code") == 404, f"Micro-Error {answer.fault}")


async def ends_streams(bench: Spelling) -> None:
    connection = await _open(bench, READ, await _published(bench, bench.new_name()))
    kept = await _rest(connection)
    expect(len(kept) == 1, f"{len(kept)} messages of a topic with one event")


async def forgets_streams(bench: Spelling) -> None:
    topic = await _published(bench, bench.new_name())
    connection = await _open(bench, READ, topic)
    await _rest(connection)
    late = bench.request(_said(READ), topic)
    await connection.send(late + bench.request(_said(READ, Micro_Error="EOS"), b""))
    await _is_answered(bench, connection)


async def _published(bench: Spelling, id: str) -> bytes:
    """Publishes an event to a topic of its own, and returns with what that is read."""
    topic = f"conformance-{bench.new_name()}"
    named = {"Content-Type": "application/json", "Micro-Topic": topic, "Micro-Id": id}
    await _taken(await bench.ask(named, BODY))
    return json.dumps({"topic": topic}).encode()


async def publishes(bench: Spelling) -> None:
    id = bench.new_name()
    await _is_kept(bench, await _published(bench, id), id)


async def posts(bench: Spelling) -> None:
    topic, id = f"conformance-{bench.new_name()}", bench.new_name()
    header = {"micro-topic": topic, "Content-Type": "application/json", "Micro-ID": id}
    body = json.dumps({"Header": header, "Body": base64.b64encode(BODY).decode()}).encode()
    connection = await bench.connection()
    await connection.send(bench.request({"Content-Type": "application/json"}, body, "/?id=conformance-1"))
    await _taken(needed(await connection.answer()))
    await _is_kept(bench, json.dumps({"topic": topic}).encode(), id)


async def _taken(answer: Answer) -> None:
    _may(answer)
    expect(answer.status == 200 and not answer.fault, f"status {answer.status}, Micro-Error {answer.fault}")
    expect(not answer.body, f"the body {answer.body[:80]!r}")


async def _is_kept(bench: Spelling, topic: bytes, id: str) -> None:
    """Reads what is on disk of a topic, which is one event."""
    kept = await _rest(await _open(bench, READ, topic))
    found = [(each.get("id"), base64.b64decode(each.get("body", ""))) for each in kept]
    expect(found == [(id, BODY)], f"the events {found}")


FLOWING = (
    Check("http-stream", STREAMS, "each message of a stream has its Micro-Stream and Micro-Id", streams),
    Check("http-stream-and-call", STREAMS, "a call is answered while a stream goes on", streams_beside_calls),
    Check("http-stream-error", STREAMS, "a fault ends a stream", fails_streams),
    Check("http-stream-end", STREAMS, "Micro-Error: EOS with an empty body ends a stream well", ends_streams),
    Check("http-stream-over", STREAMS, "what comes for a stream that is over means nothing", forgets_streams),
    Check("http-event", EVENTS, "an event is answered by an empty body, and is on disk then", publishes),
    Check("http-posted-event", EVENTS, "an event that is posted to /?id= is that in its body", posts),
)
