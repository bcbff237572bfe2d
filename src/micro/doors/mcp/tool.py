"""A tool: an endpoint as the Model Context Protocol has it, made from what the service says of itself.

Pure.

A tool is called by a name of at most 64 letters, digits, dashes and underlines, for that is what models take:
`greeter`, `Say.Hello` is `greeter_Say_Hello`. A service's name has no underline and an endpoint's one dot, so no two
endpoints share a name, but where one is too long and a part of its hash stands for the rest.

What travels as bytes is in JSON a text in base64, `data`; what is sent on a stream besides its parameters, `messages`.
A message that is no object travels as `{"result": …}`; here it is the value itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from micro.assistant.acts import acts_of_endpoint
from micro.assistant.offers import is_changing
from micro.errors import BadRequest
from micro.mucp.codec import BYTES, JSON, encode_json
from micro.service.schema.json import OPEN_KEY, RESULT_KEY, STREAM_KEY

__all__ = ["NAME_CHARACTERS_MAX", "Given", "Tool", "tool_name", "tools_of"]

NAME_CHARACTERS_MAX: Final = 64
HASH_CHARACTERS: Final = 10
DEPTH_MAX: Final = 64
"""A schema may be a stranger's; what is nested deeper is left out."""

ADDING: Final = frozenset({"create", "say"})
"""Acts of `micro.assistant.acts` by which nothing is lost."""

DATA, TEXT, MESSAGES, ITEMS = "data", "text", "messages", "items"

_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_OURS = re.compile(r"x-micro-")


@dataclass(frozen=True, slots=True)
class Given:
    """What a tool was called with, as it travels.

    Attributes:
        content_type: of the body.
        body: the request, or what a stream is opened with.
        messages: what is sent on a stream after that.
    """

    content_type: str
    body: bytes
    messages: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """One endpoint.

    Attributes:
        service: whose it is.
        endpoint: `Struct.Method`.
        description: what it says of itself.
        request, response: JSON Schemas, empty where nothing is known.
        stream: whether it answers message by message.
        idempotent: whether calling it twice is as good as once.
        price: what a call costs, "" for nothing.
        changes: whether it changes something, as far as its description tells.
        destroys: whether what it changes may be lost by that; what only adds to it does not.
        examples: requests that work.
    """

    service: str
    endpoint: str
    description: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    stream: bool
    idempotent: bool
    price: str
    changes: bool
    destroys: bool
    examples: tuple[Any, ...]

    @property
    def name(self) -> str:
        """What a client calls it by."""
        return tool_name(self.service, self.endpoint)

    @property
    def takes_messages(self) -> bool:
        """Whether it reads messages after its parameters."""
        return bool(self.request.get(STREAM_KEY))

    @property
    def takes_bytes(self) -> bool:
        """Whether its request is bytes as they are."""
        return not self.takes_messages and self.request.get("format") == "binary"

    @property
    def answers_bytes(self) -> bool:
        """Whether its answer, or each message of it, is."""
        return self.response.get("format") == "binary"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The schema of its parameters."""
        if not self.takes_messages:
            return self.request
        found = self.request.get(OPEN_KEY)
        return found if isinstance(found, Mapping) else {}

    def input_schema(self) -> dict[str, Any]:
        """Returns the schema of what a client sends: an object."""
        if self.takes_bytes:
            return {
                "type": "object",
                "properties": {
                    DATA: {"type": "string", "contentEncoding": "base64", "description": "The bytes, in base64."},
                    TEXT: {"type": "string", "description": "Instead of data: a text, sent in UTF-8."},
                },
                "additionalProperties": False,
            }
        found = _cleaned(self.parameters)
        found = {"type": "object", "properties": {}, **found} if found.get("type", "object") == "object" else {}
        found.setdefault("type", "object")
        if self.takes_messages:
            message, definitions = _message({k: v for k, v in self.request.items() if k != OPEN_KEY})
            about = {"type": "array", "items": message, "description": "The messages to send, in order."}
            found["properties"] = {**_mapping(found.get("properties")), MESSAGES: about}
            if definitions:
                found["$defs"] = {**definitions, **found.get("$defs", {})}
        return found

    def output_schema(self) -> dict[str, Any] | None:
        """Returns the schema of the structured answer: an object; None where there is none such."""
        if self.answers_bytes:
            return None
        if self.stream:
            item, definitions = _message(self.response)
            properties = {ITEMS: {"type": "array", "items": item}, "complete": {"type": "boolean"}}
            whole = {"type": "object", "properties": properties, "required": [ITEMS, "complete"]}
            return {**whole, "$defs": definitions} if definitions else whole
        found = _cleaned(self.response)
        return found if found.get("type") == "object" else None

    def missing(self, arguments: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Returns the schemas of required fields that were not given, by name."""
        schema = self.input_schema()
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        return {name: properties.get(name, {}) for name in names if name not in arguments}

    def given(self, arguments: Mapping[str, Any]) -> Given:
        """Returns what is sent for these arguments.

        Raises:
            BadRequest: they cannot be what this endpoint takes.
        """
        if self.takes_bytes:
            return Given(BYTES, _bytes_of(arguments))
        fields = dict(arguments)
        sent: tuple[bytes, ...] = ()
        if self.takes_messages:
            messages = fields.pop(MESSAGES, [])
            if not isinstance(messages, list):
                raise BadRequest(f"{MESSAGES}: a list is expected, with a message of the stream in each place")
            sent = tuple(self._sent(one) for one in messages)
        return Given(JSON, encode_json(fields), sent)

    def _sent(self, message: Any) -> bytes:
        if self.request.get("format") == "binary":
            return _bytes_of({DATA: message})
        return encode_json({"result": message} if self.request.get(RESULT_KEY) else message)

    def item_of(self, value: Any) -> Any:
        """Returns a message of the answer as a client sees it."""
        return value.get("result") if self.response.get(RESULT_KEY) and isinstance(value, dict) else value


def tools_of(description: Mapping[str, Any]) -> Iterator[Tool]:
    """Yields the tools of a service's description."""
    service = str(description.get("name", ""))
    for endpoint in description.get("endpoints", ()):
        request, response = (_mapping(endpoint.get(key)) for key in ("request", "response"))
        yield Tool(
            service,
            str(endpoint.get("name", "")),
            str(endpoint.get("description", "")),
            request,
            response,
            endpoint.get("kind") == "stream",
            endpoint.get("idempotent") is True,
            str(endpoint.get("price") or ""),
            changes := is_changing(endpoint),
            changes and not _only_adds(endpoint),
            tuple(endpoint.get("examples") or ()),
        )


def _only_adds(endpoint: Mapping[str, Any]) -> bool:
    """Says whether an endpoint's words say that it adds, or says something, and takes nothing away."""
    acts = acts_of_endpoint(str(endpoint.get("name", "")), str(endpoint.get("description", "")))
    return bool(acts) and max(acts, key=acts.__getitem__) in ADDING


def tool_name(service: str, endpoint: str) -> str:
    """Returns what the tool of an endpoint is called."""
    whole = _OTHER.sub("_", f"{service}_{endpoint}")
    if len(whole) <= NAME_CHARACTERS_MAX:
        return whole
    mark = hashlib.sha256(f"{service}.{endpoint}".encode()).hexdigest()[:HASH_CHARACTERS]
    return f"{whole[: NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1]}_{mark}"


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _cleaned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a schema without the words that are ours alone, which strict clients refuse."""
    found = _without(schema, 0)
    return found if isinstance(found, dict) else {}


def _without(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return {}
    if isinstance(value, Mapping):
        return {key: _without(one, depth + 1) for key, one in value.items() if not _OURS.match(key)}
    if isinstance(value, list):
        return [_without(one, depth + 1) for one in value]
    return value


def _message(schema: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Returns the schema of a message as a client sees it, to stand inside another one, and its definitions."""
    found = _cleaned(schema)
    definitions = found.pop("$defs", None)
    item = _mapping(found.get("properties")).get("result", {}) if schema.get(RESULT_KEY) else found
    return item, definitions if isinstance(definitions, dict) else {}


def _bytes_of(arguments: Mapping[str, Any]) -> bytes:
    data, text = arguments.get(DATA), arguments.get(TEXT)
    if isinstance(text, str) and data is None:
        return text.encode("utf-8", "replace")
    if not isinstance(data, str):
        raise BadRequest(f"{DATA}: bytes in base64 are expected, or a {TEXT} instead")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{DATA}: this is no base64: {error}") from error
