"""The tools that a client is shown: three by which it finds, reads and calls any service, and those of its own.

A client can hold few tools, and each costs its model a part of what it can read. So where there are few endpoints each
is a tool of its own; where there are more, only those of the services that are pinned.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from mcp.types import Tool as McpTool
from mcp.types import ToolAnnotations

from micro.doors.mcp.reach import Reach
from micro.doors.mcp.tool import Tool, tools_of

__all__ = ["CALL", "DESCRIBE", "OWN_ARGUMENTS", "SEARCH", "find_tool", "tools_for"]

log = logging.getLogger("micro.mcp")

SEARCH: Final = "search_services"
DESCRIBE: Final = "describe_service"
CALL: Final = "call_service"

ALL_SHOWN_MAX: Final = 40
"""Up to so many endpoints in reach are all shown; known clients stop at 40 to 100 tools."""

TOOLS_MAX: Final = 128
"""Of pinned services so many endpoints at most."""

DESCRIPTION_CHARACTERS_MAX: Final = 1_024

_NAME = {"type": "string", "description": "The service's name, as search_services gives it."}

SERVICE_TOOLS: Final = (
    McpTool(
        name=SEARCH,
        title="Search services",
        description="Finds services by what they do, in plain words. Begin here: this node reaches many services of "
        "its owner, of neighbours and of an open network, and not each is a tool of its own.",
        input_schema={
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "Words, such as: weather forecast."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
        output_schema={
            "type": "object",
            "properties": {"services": {"type": "array", "items": {"type": "object"}}},
            "required": ["services"],
        },
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=True),
    ),
    McpTool(
        name=DESCRIBE,
        title="Describe a service",
        description="Tells what a service can do: its endpoints with JSON Schemas of what they take and answer, and "
        "examples. Read it before call_service.",
        input_schema={
            "type": "object",
            "properties": {"service": _NAME},
            "required": ["service"],
            "additionalProperties": False,
        },
        output_schema={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=True),
    ),
    McpTool(
        name=CALL,
        title="Call a service",
        description="Calls an endpoint of any service. A stream is read to its end, and told as it comes.",
        input_schema={
            "type": "object",
            "properties": {
                "service": _NAME,
                "endpoint": {"type": "string", "description": "Struct.Method, as describe_service gives it."},
                "arguments": {"type": "object", "description": "The request, by the endpoint's schema."},
                "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 600},
            },
            "required": ["service", "endpoint"],
            "additionalProperties": False,
        },
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True),
    ),
)

OWN_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    tool.name: tuple(tool.input_schema["properties"]) for tool in SERVICE_TOOLS
}


async def tools_for(reach: Reach) -> list[McpTool]:
    """Returns the tools that a caller is shown."""
    found = list(SERVICE_TOOLS)
    for service in await _shown(reach):
        description = await reach.described(service)
        if description is not None:
            found += _tools_in(description, reach)
        if len(found) >= TOOLS_MAX:
            return found[:TOOLS_MAX]
    return found


def _tools_in(description: Mapping[str, Any], reach: Reach) -> list[McpTool]:
    """Returns the tools of a service; none where it cannot be read, for one must not hide all others."""
    try:
        return [_shown_as(tool) for tool in tools_of(description) if reach.may(tool.service, tool.endpoint)]
    except Exception:
        log.warning("the description of %s cannot be read; it has no tools", description.get("name"), exc_info=True)
        return []


async def find_tool(reach: Reach, name: str) -> Tool | None:
    """Returns the endpoint that a tool's name means, None where there is none in reach."""
    for service in await _named(reach, name):
        description = await reach.described(service)
        for tool in tools_of(description) if description is not None else ():
            if tool.name == name:
                return tool
    return None


async def _named(reach: Reach, name: str) -> list[str]:
    """Returns the services that a tool may belong to: the one before the first underline."""
    service = name.partition("_")[0]
    return [service] if service else []


async def _shown(reach: Reach) -> list[str]:
    if reach.pins is not None:
        return list(reach.pins)
    lines = await reach.services()
    count = sum(int(line.get("endpoints", 0)) for line in lines)
    return [str(line["name"]) for line in lines] if count <= ALL_SHOWN_MAX else []


def _shown_as(tool: Tool) -> McpTool:
    text = tool.description.strip() or f"{tool.service} {tool.endpoint}"
    price = f" A call costs {tool.price}." if tool.price else ""
    return McpTool(
        name=tool.name,
        title=f"{tool.service}: {tool.endpoint}",
        description=f"{text[:DESCRIPTION_CHARACTERS_MAX]}{price}",
        input_schema=tool.input_schema(),
        output_schema=tool.output_schema(),
        annotations=annotations_of(tool),
    )


def annotations_of(tool: Tool) -> ToolAnnotations:
    """Returns what a client may assume of a tool; whoever says nothing of it may change anything."""
    return ToolAnnotations(
        read_only_hint=not tool.changes,
        destructive_hint=tool.destroys,
        idempotent_hint=tool.idempotent,
        open_world_hint=True,
    )


def lines_of(lines: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns lines of services with what a model needs of them."""
    kept = ("name", "description", "version", "endpoints", "where", "score")
    return [{key: line[key] for key in kept if key in line} for line in lines]
