"""A call or a stream, from its words to what is written of the answer."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from micro.doors.cli.body import lines_typed
from micro.doors.cli.ending import Usage
from micro.doors.cli.naming import near
from micro.doors.cli.output import Form, unwrap
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import say_bytes
from micro.doors.cli.values import parse_json
from micro.errors import Cancelled, LinkClosed, NotFound
from micro.service.registry.instance import bare_name
from micro.service.schema.fields import is_raw

__all__ = ["BYTES", "JSON", "exchange_call", "exchange_stream", "item_of", "show_answer"]

JSON = "application/json"
BYTES = "application/octet-stream"

LAST_ANSWERS_SECONDS_MAX = 10.0
"""So long the answers to the lines before a wrong one are waited for, where the service does not end by itself."""


def exchange_call(
    session: Session,
    service: str,
    endpoint: str,
    body: bytes,
    *,
    content_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Calls an endpoint and returns the answer's bytes."""
    session.meet(service)

    async def work() -> bytes:
        client = await session.client()
        try:
            return await client.call_raw(
                service,
                endpoint,
                body,
                content_type=content_type,
                timeout_seconds=session.timeout_seconds,
                headers=headers,
            )
        except NotFound as fault:
            raise await _advised(session, service, endpoint, fault) from None

    return session.run(work, waiting=f"{service} {endpoint}")


async def _advised(session: Session, service: str, endpoint: str, fault: NotFound) -> NotFound:
    """Returns the fault, with the names that look like the one nobody has."""
    listed = await session.call("registry", "Registry.List")
    services = [known["name"] for known in listed["services"]]
    name = bare_name(service)
    if name not in services:
        similar, session.hint = near(name, services), "micro services"
    else:
        found = await session.call("registry", "Registry.Get", {"name": name})
        endpoints = [known["name"] for known in found.get("endpoints", ())]
        similar = [] if endpoint in endpoints else near(endpoint, endpoints)
    if not similar or any(word in fault.detail for word in similar):
        return fault
    return NotFound(f"{fault.detail}; did you mean {' or '.join(similar)}?", id=fault.id)


def find_endpoint(session: Session, service: str, endpoint: str) -> Mapping[str, Any]:
    """Returns what a service says of an endpoint, nothing where it does not speak of it."""
    session.meet(service)

    async def work() -> Mapping[str, Any]:
        route = await (await session.client()).route(service)
        endpoints = (route.description or {}).get("endpoints", ())
        return next((known for known in endpoints if known["name"] == endpoint), {})

    return session.run(work)


def show_answer(session: Session, answer: bytes, default: Form | None = None, *, plain_bytes: bool = False) -> None:
    """Writes an answer: JSON in the form that is asked for, anything else byte for byte, within JSON as base64.

    Args:
        session: knows the form.
        answer: the body.
        default: the form where none is asked for.
        plain_bytes: whether the service says that it answers in bytes as they are.
    """
    form = session.shape(default)
    if not plain_bytes:
        try:
            value = parse_json(answer.decode()) if answer else {}
        except ValueError:
            pass
        else:
            if value != {} or form == "json":
                session.show(value, default)
            return
    if form == "json":
        session.show(b64encode(answer).decode("ascii"), default)
    else:
        say_bytes(answer)


def item_of(schema: Mapping[str, Any], line: bytes) -> bytes:
    """Returns the body of an item that a line stands for.

    Args:
        schema: of one item; what is no object may be typed as it is.
        line: JSON, or text where a text is expected.

    Raises:
        Usage: the line has another form.
    """
    from micro.mucp.codec import encode_json

    if is_raw(schema):
        return line
    text = line.decode(errors="replace")
    inner = schema.get("properties", {}).get("result", {}) if schema.get("x-micro-result") else schema
    try:
        if not schema.get("x-micro-result"):
            return encode_json(parse_json(text))
        if isinstance(inner, Mapping) and inner.get("type") == "string" and not text.startswith('"'):
            return encode_json({"result": text})
        value = parse_json(text)
        wrapped = isinstance(value, Mapping) and list(value) == ["result"]
        return encode_json(value if wrapped else {"result": value})
    except ValueError as error:
        raise Usage(f"each line of the standard input is one item, and {error}") from error


def exchange_stream(
    session: Session,
    service: str,
    endpoint: str,
    body: bytes,
    *,
    content_type: str = JSON,
    items: Callable[[bytes], bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    answers: bool = False,
    default: Form | None = None,
    raw: bool = False,
) -> None:
    """Opens a stream, sends the lines of the standard input where `items` makes bodies of them, and writes what comes.

    A line that is no item ends it with an error. Where the service answers line by line (`answers`), what it has to say
    to the lines before is written first; where it answers at the end, it is not told half as if it were the whole.

    Ctrl-C withdraws from the stream and is its usual end; `--timeout` is how long the whole may take.
    """
    session.meet(service)

    async def work() -> None:
        client = await session.client()
        opened = await client.stream_raw(service, endpoint, body, content_type=content_type, headers=headers)
        async with opened:
            sending = asyncio.create_task(_send(opened, items, answers=answers))
            try:
                async for answer in opened.messages():
                    _show_item(session, answer, default, raw=raw)
            finally:
                await _settle(sending)

    try:
        session.run(work, whole=f"the stream of {service} {endpoint}")
    except KeyboardInterrupt:
        return


async def _send(opened: Any, items: Callable[[bytes], bytes] | None, *, answers: bool) -> None:
    try:
        if items is not None:
            async for line in lines_typed():
                await opened.send(items(line))
        await opened.end()
    except Usage:
        with suppress(asyncio.CancelledError, Cancelled, LinkClosed):  # the answers are over
            if answers:
                await opened.end()
                await asyncio.sleep(LAST_ANSWERS_SECONDS_MAX)
        opened.cancel()
        raise


async def _settle(sending: asyncio.Task[None]) -> None:
    """Ends the sending side; a wrong line is what went wrong with the whole stream."""
    sending.cancel()
    try:
        await sending
    except (asyncio.CancelledError, Cancelled, LinkClosed):
        pass  # the answer is over, so nothing that is still to be sent matters


def _show_item(session: Session, body: bytes, default: Form | None, *, raw: bool) -> None:
    if raw:
        say_bytes(body)
        return
    try:
        value = parse_json(body.decode())
    except ValueError:
        say_bytes(body)
        return
    session.show_item(value if session.shape(default) == "json" else unwrap(value), default)
