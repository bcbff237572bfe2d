"""The server: what it answers when tools are listed and called, for HTTP and for a pipe alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    NotificationParams,
    PaginatedRequestParams,
)

from micro.doors.mcp.asking import Context, InputNeeded
from micro.doors.mcp.calling import call_tool
from micro.doors.mcp.changes import Changes
from micro.doors.mcp.content import failed, said
from micro.doors.mcp.reach import Reach
from micro.doors.mcp.tool import Tool, tools_of
from micro.doors.mcp.toolbox import CALL, DESCRIBE, OWN_ARGUMENTS, SEARCH, find_tool, lines_of, tools_for
from micro.errors import BadRequest, Fault, NotFound
from micro.version import VERSION

__all__ = ["server_of"]

NAME: Final = "micro"
INSTRUCTIONS: Final = (
    "This is a node of the Micro network, which reaches services of many kinds. Find one with search_services, read "
    "what it takes with describe_service, and use it with call_service. Some services are tools of their own."
)
RESULTS_MAX: Final = 50
RESULTS: Final = 10


class Answers:
    """The handlers.

    Args:
        reach_of: returns what whoever asks can reach.
    """

    def __init__(self, reach_of: Callable[[Context], Reach]) -> None:
        self._reach_of = reach_of

    async def list(self, context: Context, asked: PaginatedRequestParams | None) -> ListToolsResult:
        """Lists the tools."""
        try:
            return ListToolsResult(tools=await tools_for(self._reach_of(context)))
        except Fault as fault:
            raise MCPError(INVALID_PARAMS, fault.detail) from fault

    async def call(self, context: Context, asked: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Calls a tool."""
        reach = self._reach_of(context)
        try:
            return await self._called(reach, context, asked, asked.arguments or {})
        except InputNeeded as needed:
            return needed.result
        except Fault as fault:
            return failed(fault)

    async def _called(
        self, reach: Reach, context: Context, asked: CallToolRequestParams, arguments: Mapping[str, Any]
    ) -> CallToolResult:
        _refuse_strange(asked.name, arguments)
        if asked.name == SEARCH:
            limit = _number(arguments, "limit", RESULTS)
            found = await reach.search(_text(arguments, "query"), max(1, min(int(limit), RESULTS_MAX)))
            return said({"services": lines_of(found)})
        if asked.name == DESCRIBE:
            return said(dict(await reach.describe(_text(arguments, "service"))))
        if asked.name == CALL:
            tool = await _endpoint(reach, _text(arguments, "service"), _text(arguments, "endpoint"))
            given = arguments.get("arguments") or {}
            if not isinstance(given, Mapping):
                raise BadRequest("arguments: an object is expected, by the endpoint's schema")
            seconds = _number(arguments, "timeout_seconds", None)
            return await call_tool(reach, context, asked, tool, given, timeout_seconds=seconds)
        own = await find_tool(reach, asked.name)
        if own is None:
            raise MCPError(INVALID_PARAMS, f"no tool is called {asked.name[:80]}; {SEARCH} finds what there is")
        return await call_tool(reach, context, asked, own, arguments)


async def _endpoint(reach: Reach, service: str, endpoint: str) -> Tool:
    tools = {tool.endpoint: tool for tool in tools_of(await reach.describe(service))}
    found = tools.get(endpoint) or next((tool for tool in tools.values() if tool.name == endpoint), None)
    if found is None:
        raise NotFound(f"{service} has no endpoint {endpoint[:80]}; it has {', '.join(list(tools)[:20]) or 'none'}")
    return replace(found, service=service)  # which may be that of one node, or a version


def _refuse_strange(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuses arguments that a tool of ours does not have: one that is passed over is one that its caller misses."""
    known = OWN_ARGUMENTS.get(name, arguments)
    for each in arguments:
        if each not in known:
            raise BadRequest(f"{each[:80]}: {name} has no such argument; it has {', '.join(known)}")


def _text(arguments: Mapping[str, Any], name: str) -> str:
    found = arguments.get(name)
    if not isinstance(found, str) or not found:
        raise BadRequest(f"{name}: a text is expected")
    return found


def _number(arguments: Mapping[str, Any], name: str, default: Any) -> Any:
    found = arguments.get(name, default)
    if found is not default and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise BadRequest(f"{name}: a number is expected")
    return found


class _Server(Server[Any]):
    """Says to clients of before 2026-07-28, too, that its list of tools changes."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        told = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(told, experimental_capabilities, extensions)


def server_of(reach_of: Callable[[Context], Reach], changes: Changes) -> Server[Any]:
    """Returns a server.

    Args:
        reach_of: returns what whoever asks can reach.
        changes: tells clients that there are other tools than before.
    """
    logging.getLogger("mcp").setLevel(logging.ERROR)  # it tells ids of sessions, and all it refuses
    answers = Answers(reach_of)
    server = _Server(
        NAME,
        version=VERSION,
        title="Micro network",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda name: None,  # no argument of ours travels in a header too
        on_list_tools=answers.list,
        on_call_tool=answers.call,
        on_subscriptions_listen=changes.listen,
    )
    server.add_notification_handler("notifications/initialized", NotificationParams, changes.greet)
    return server
