"""An answer as MCP's content: text, pictures, sound, other bytes, and the value itself for programs.

Pure.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
)

from micro.doors.mcp.tool import ITEMS, Tool
from micro.errors import Fault

__all__ = ["answered", "collected", "failed", "item_of", "media_type", "said"]

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
)
_RIFF: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
OTHER: Final = "application/octet-stream"


def media_type(body: bytes) -> str:
    """Returns what bytes are, told from how they begin; `text/plain` for text, and `OTHER` for what is not known."""
    if body[:4] == b"RIFF" and body[8:12] in _RIFF:
        return _RIFF[body[8:12]]
    for beginning, kind in _BEGINNINGS:
        if body.startswith(beginning):
            return kind
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return OTHER
    return OTHER if b"\0" in body else "text/plain"


def bytes_block(body: bytes, uri: str) -> ContentBlock:
    """Returns a block for bytes; `uri` says where they came from."""
    kind = media_type(body)
    if kind == "text/plain":
        return TextContent(text=body.decode("utf-8"))
    data = base64.b64encode(body).decode("ascii")
    if kind.startswith("image/"):
        return ImageContent(data=data, mime_type=kind)
    if kind.startswith("audio/"):
        return AudioContent(data=data, mime_type=kind)
    return EmbeddedResource(resource=BlobResourceContents(uri=uri, mime_type=kind, blob=data))


def _uri(tool: Tool) -> str:
    return f"micro://{tool.service}/{tool.endpoint}"


def value_of(body: bytes) -> tuple[bool, Any]:
    """Returns whether bytes are JSON, and the value; no answer at all is an empty object."""
    if not body:
        return True, {}
    try:
        return True, json.loads(body)
    except (ValueError, RecursionError):
        return False, None


def answered(tool: Tool, body: bytes) -> CallToolResult:
    """Returns the result of a call."""
    is_json, value = (False, None) if tool.answers_bytes else value_of(body)
    if not is_json:
        return CallToolResult(content=[bytes_block(body, _uri(tool))])
    structured = value if isinstance(value, dict) else {"result": value}
    return CallToolResult(content=[TextContent(text=shown(structured))], structured_content=structured)


def shown(value: dict[str, Any]) -> str:
    """Returns a value as a model reads it: a plain result as it is, all else as JSON."""
    inner = value.get("result") if list(value) == ["result"] else value
    return inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False, separators=(",", ":"))


def collected(tool: Tool, bodies: list[bytes], *, complete: bool) -> CallToolResult:
    """Returns the result of a stream: all that came, and whether that was all."""
    if tool.answers_bytes:
        blocks: list[ContentBlock] = [bytes_block(body, _uri(tool)) for body in bodies]
        return CallToolResult(content=[*blocks, *([] if complete else [TextContent(text=CUT)])])
    items = [item_of(tool, body) for body in bodies]
    text = "\n".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in items)
    return CallToolResult(
        content=[TextContent(text=text), *([] if complete else [TextContent(text=CUT)])],
        structured_content={ITEMS: items, "complete": complete},
    )


def item_of(tool: Tool, body: bytes) -> Any:
    """Returns a message of a stream as a client sees it."""
    is_json, value = value_of(body)
    return tool.item_of(value) if is_json else body.decode("utf-8", "replace")


CUT: Final = "(the stream went on; this is its beginning)"


def failed(fault: Fault) -> CallToolResult:
    """Returns the result that a fault makes: a model reads it, and may do better."""
    return CallToolResult(content=[TextContent(text=f"{fault.code} {fault.status}: {fault.detail}")], is_error=True)


def said(value: dict[str, Any]) -> CallToolResult:
    """Returns a result of the door itself."""
    return CallToolResult(content=[TextContent(text=shown(value))], structured_content=value)
