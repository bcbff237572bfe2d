"""What a person is asked for in the middle of a call: a form of plain fields, in the way of the client's version.

Clients of before 2026-07-28 are asked over their session while the call waits. Newer ones are answered that the call
needs input, and send it again with what the person said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

__all__ = ["Asked", "InputNeeded", "ask", "can_ask", "field_of"]

CHOICES_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 500

Context = ServerRequestContext[Any, Any]
Asked = dict[str, Any] | None
"""What a person said; None where he declined."""

_KEPT = {
    "string": ("minLength", "maxLength", "default"),
    "integer": ("minimum", "maximum", "default"),
    "number": ("minimum", "maximum", "default"),
    "boolean": ("default",),
}
_FORMATS = frozenset({"email", "uri", "date", "date-time"})


class InputNeeded(Exception):
    """The call is answered with what is needed before it can go on."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__("the client has to ask a person first")
        self.result = result


def can_ask(context: Context) -> bool:
    """Says whether the client can put a form before a person."""
    capabilities = context.session.client_capabilities
    return capabilities is not None and capabilities.elicitation is not None


async def ask(
    context: Context, asked: CallToolRequestParams, key: str, message: str, properties: Mapping[str, Any]
) -> Asked:
    """Asks the person at the client for fields.

    Args:
        context: of the call.
        asked: of the call; a newer client sends the answer in it.
        key: what the question is known by.
        message: what is asked, in a sentence.
        properties: the fields, from `field_of`; all of them have to be filled.

    Raises:
        InputNeeded: the call ends here, and comes again with the answer.
        MCPError: the client does not answer, or with nonsense.
    """
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties), "required": list(properties)}
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return _said(await context.session.elicit_form(message, schema, related_request_id=context.request_id))
    answer = (asked.input_responses or {}).get(key)
    if isinstance(answer, ElicitResult):
        return _said(answer)
    question = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))
    raise InputNeeded(InputRequiredResult(input_requests={key: question}))


def _said(answer: ElicitResult) -> Asked:
    return dict(answer.content or {}) if answer.action == "accept" else None


def field_of(schema: Any) -> dict[str, Any] | None:
    """Returns a field of a form for a schema, None where it is no plain value: forms do not nest."""
    if not isinstance(schema, Mapping):
        return None
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        others = [one for one in choices if one != {"type": "null"}]
        return field_of({**schema, **others[0], "anyOf": None}) if len(others) == 1 else None
    about = {
        key: text[:TEXT_CHARACTERS_MAX] for key in ("title", "description") if isinstance(text := schema.get(key), str)
    }
    words = schema.get("enum")
    if isinstance(words, list) and len(words) <= CHOICES_MAX and all(isinstance(word, str) for word in words):
        return {"type": "string", "enum": words, **about}
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KEPT or schema.get("contentEncoding"):
        return None
    kept = {key: schema[key] for key in _KEPT[kind] if key in schema}
    format_ = {"format": schema["format"]} if kind == "string" and schema.get("format") in _FORMATS else {}
    return {"type": kind, **kept, **format_, **about}
