"""Carries out a plan: calls the endpoint with the caller's rights, and tells what comes as events."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

from micro.assistant.conversation import Plan
from micro.assistant.offers import BODY
from micro.assistant.phrases import phrase
from micro.errors import BadRequest, Fault, MicroError, Unavailable
from micro.mucp.codec import BYTES, JSON
from micro.service.media import media_type
from micro.service.stream import RawStream

__all__ = ["Caller", "Event", "carry_out", "spoken"]

Event = dict[str, Any]

BYTES_MAX: Final = 4 * 1024 * 1024
"""A larger answer is told and not shown."""

ITEMS_MAX: Final = 10_000
STREAM_SECONDS_MAX: Final = 600.0
"""A stream is told for so many items and so long; to follow one for ever, open it itself."""

SPOKEN_CHARACTERS_MAX: Final = 300
SPOKEN_ITEMS_MAX: Final = 5


class Caller(Protocol):
    """Calls with somebody's rights; a `Client` does."""

    async def call_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON) -> bytes:
        """Calls an endpoint, and returns the bytes of its answer."""

    async def stream_raw(
        self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = JSON
    ) -> RawStream:
        """Opens a stream."""


async def carry_out(plan: Plan, client: Caller, language: str, now: Callable[[], float]) -> AsyncIterator[Event]:
    """Yields `calling`, then `result`, or items and `result`, or `failed`.

    Args:
        plan: what to call, with which request.
        client: calls with the rights of whoever speaks.
        language: of what is said.
        now: a clock that never goes back, in seconds.
    """
    offer = plan.offer
    where = {"service": offer.service, "endpoint": offer.endpoint}
    yield {"kind": "calling", **where, "fields": plan.fields}
    began = now()
    shown: Event = {}
    try:
        body, content_type = _body(plan)
        if offer.kind == "stream":
            ended = False
            async for item in _items(plan, client, body, content_type):
                ended = item is None
                if item is not None:
                    yield {"kind": "item", **item}
            shown = {"text": phrase("done" if ended else "cut", language)}
        else:
            answer = await client.call_raw(offer.service, offer.endpoint, body, content_type=content_type)
            shown = _shown(answer, language, raw=offer.raw_response)
    except MicroError as error:
        fault = error if isinstance(error, Fault) else Unavailable(str(error), id=offer.service)
        text = phrase("failed", language, service=offer.service, detail=fault.detail)
        yield {"kind": "failed", "text": text, "fault": fault.to_dict()}
        return
    yield {"kind": "result", **where, **shown, "seconds": round(now() - began, 6)}


def _body(plan: Plan) -> tuple[bytes, str]:
    """Returns the request of a plan as it travels, with its content type."""
    if not plan.offer.raw_request:
        return json.dumps(plan.fields, ensure_ascii=False).encode(), JSON
    try:
        return base64.b64decode(str(plan.fields.get(BODY, "")), validate=True), BYTES
    except ValueError as error:
        raise BadRequest(f"{BODY}: expected bytes in base64: {error}", id=plan.offer.service) from error


async def _items(plan: Plan, client: Caller, body: bytes, content_type: str) -> AsyncIterator[Event | None]:
    """Yields the items of a stream, and None where it came to its end before the bounds of a turn."""
    deadline = asyncio.get_running_loop().time() + STREAM_SECONDS_MAX
    stream = await client.stream_raw(plan.offer.service, plan.offer.endpoint, body, content_type=content_type)
    async with stream:
        await stream.end()
        messages = aiter(stream.messages())
        for _ in range(ITEMS_MAX):
            try:
                async with asyncio.timeout_at(deadline):
                    message = await anext(messages)
            except StopAsyncIteration:
                yield None
                return
            except TimeoutError:
                return
            yield _content(message, raw=plan.offer.raw_response)


def _content(body: bytes, *, raw: bool) -> Event:
    if raw:
        return {"bytes": base64.b64encode(body).decode("ascii"), "content_type": media_type(body)}
    try:
        value = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return {"bytes": base64.b64encode(body).decode("ascii"), "content_type": media_type(body)}
    if isinstance(value, dict) and list(value) == ["result"]:
        value = value["result"]
    return {"value": value}


def _shown(body: bytes, language: str, *, raw: bool) -> Event:
    if len(body) > BYTES_MAX:
        return {"text": phrase("too_large", language, count=len(body))}
    content = _content(body, raw=raw)
    if "value" not in content:
        return {**content, "text": content["content_type"]}
    return {**content, "text": spoken(content["value"]) or phrase("done", language)}


def spoken(value: Any) -> str:
    """Returns a short form of an answer, to be read out; "" where there is nothing to say."""
    text = _spoken(value)
    return text if len(text) <= SPOKEN_CHARACTERS_MAX else text[: SPOKEN_CHARACTERS_MAX - 1] + "…"


def _spoken(value: Any) -> str:
    if isinstance(value, str):
        return value[: SPOKEN_CHARACTERS_MAX + 1]
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value[:SPOKEN_ITEMS_MAX]) + (
            " …" if len(value) > SPOKEN_ITEMS_MAX else ""
        )
    if isinstance(value, dict):
        plain = {key: item for key, item in value.items() if isinstance(item, str | int | float) and item != ""}
        return ", ".join(f"{key} {item}" for key, item in list(plain.items())[:SPOKEN_ITEMS_MAX])
    if isinstance(value, list):
        return "; ".join(_spoken(item) for item in value[:SPOKEN_ITEMS_MAX])
    return json.dumps(value, ensure_ascii=False)
