"""A tool called: what is missing is asked for, the service is called, and its answer told as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp.types import CallToolRequestParams, CallToolResult

from micro.doors.mcp.asking import Context, ask, can_ask, field_of
from micro.doors.mcp.content import answered, collected, failed, item_of
from micro.doors.mcp.reach import Reach
from micro.doors.mcp.tool import Given, Tool
from micro.errors import BadRequest, Fault, Forbidden
from micro.service.registry.instance import bare_name
from micro.service.registry.unverified import STATUS, question, refusal
from micro.service.stream import RawStream

__all__ = ["TIMEOUT_SECONDS_MAX", "call_tool", "meet"]

TIMEOUT_SECONDS: Final = 60.0
TIMEOUT_SECONDS_MAX: Final = 600.0

MESSAGES_MAX: Final = 1_000
BYTES_MAX: Final = 1_048_576
"""A stream is read up to so many messages, and so many bytes: whatever is told goes through a model."""

TOLD_CHARACTERS_MAX: Final = 2_000
"""A message of a stream is told as it comes, cut to so many characters; the result has it whole."""

UNVERIFIED: Final = "confirm_name"
MISSING: Final = "missing_fields"


async def meet(reach: Reach, context: Context, asked: CallToolRequestParams, service: str) -> None:
    """Asks the person once before a name is used that nobody vouches for.

    Raises:
        Forbidden: he says no, cannot be asked, or it is not his to say.
        InputNeeded: he is asked now.
    """
    nodes = await reach.unverified(service)
    if not nodes:
        return
    if reach.confirm is None or not can_ask(context):
        raise refusal(service, nodes)
    field = {"type": "boolean", "title": f"Use {service}", "description": "Now, and from then on these nodes alone."}
    told = await ask(context, asked, UNVERIFIED, question(service, nodes), {"use": field})
    if told is None or told.get("use") is not True:
        raise Forbidden(f"{STATUS}: {service} was not used, since nobody confirmed it", id=service, status=STATUS)
    await reach.confirm(service)


async def call_tool(
    reach: Reach,
    context: Context,
    asked: CallToolRequestParams,
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    timeout_seconds: float | None = None,
) -> CallToolResult:
    """Calls an endpoint and returns its answer; a fault of the service is a result that says so.

    Raises:
        InputNeeded: the person is asked first.
    """
    try:
        if reach.may(bare_name(tool.service), tool.endpoint):  # nobody is asked for what is refused anyhow
            await meet(reach, context, asked, tool.service)
        given = tool.given(await _completed(context, asked, tool, arguments))
        seconds = TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        if not 0 < seconds <= TIMEOUT_SECONDS_MAX:
            raise BadRequest(f"timeout_seconds {seconds}: more than 0 and at most {TIMEOUT_SECONDS_MAX:g} is expected")
        with reach.noting(tool, given):
            if tool.stream:
                return await _stream(reach, context, tool, given, seconds)
            body = await reach.client.call_raw(
                tool.service, tool.endpoint, given.body, content_type=given.content_type, timeout_seconds=seconds
            )
            return answered(tool, body)
    except Fault as fault:
        return failed(fault)


async def _completed(
    context: Context, asked: CallToolRequestParams, tool: Tool, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Returns the arguments with what the person added where required fields were missing.

    Raises:
        BadRequest: he says no, or some of them fit into no form, or nobody can be asked.
    """
    missing = tool.missing(arguments)
    if not missing:
        return arguments
    names = ", ".join(missing)
    fields = {name: field for name, schema in missing.items() if (field := field_of(schema)) is not None}
    if len(fields) < len(missing) or not can_ask(context):
        raise BadRequest(f"{names}: required by {tool.service} {tool.endpoint}, and not given")
    try:
        told = await ask(context, asked, MISSING, f"{tool.service} {tool.endpoint} needs {names}.", fields)
    except MCPError as error:
        raise BadRequest(f"{names}: required, and the client did not ask for it: {error}") from error
    if told is None:
        raise BadRequest(f"{names}: required, and the person who was asked for it declined")
    return {**arguments, **{name: told[name] for name in fields if name in told}}


async def _stream(reach: Reach, context: Context, tool: Tool, given: Given, seconds: float) -> CallToolResult:
    stream = await reach.client.stream_raw(tool.service, tool.endpoint, given.body, content_type=given.content_type)
    async with stream:
        sending = asyncio.create_task(_send(stream, given))
        try:
            bodies, complete = await _read(stream, context, tool, seconds)
        finally:
            sending.cancel()
        return collected(tool, bodies, complete=complete)


async def _send(stream: RawStream, given: Given) -> None:
    try:
        for message in given.messages:
            await stream.send(message)
        await stream.end()
    except Fault:
        pass  # the stream is over, and whoever reads it learns why


async def _read(stream: RawStream, context: Context, tool: Tool, seconds: float) -> tuple[list[bytes], bool]:
    """Returns the messages of a stream, each told as it came, and whether these were all."""
    bodies: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for body in stream.messages():
                bodies.append(body)
                size += len(body)
                await context.session.report_progress(len(bodies), None, _told(tool, body))
                if len(bodies) >= MESSAGES_MAX or size >= BYTES_MAX:
                    return bodies, False
    except TimeoutError:
        return bodies, False
    return bodies, True


def _told(tool: Tool, body: bytes) -> str:
    if tool.answers_bytes:
        return f"{len(body)} bytes"
    item = item_of(tool, body)
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return text[:TOLD_CHARACTERS_MAX]
