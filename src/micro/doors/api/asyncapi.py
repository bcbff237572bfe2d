"""The topics of a node as an AsyncAPI 3 document, made from what its services say of themselves.

Pure.

A channel is a topic. A service that takes its events has an operation that receives, one whose function emits to a
topic an operation that sends. What a topic carries is what those say who take it, else those who emit it; a topic that
services only say they keep carries anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from micro.doors.api.openapi import moved
from micro.mucp.codec import JSON

__all__ = ["asyncapi"]

VERSION: Final = "3.0.0"
CHANNELS_MAX: Final = 1_000
"""So many topics are in the document; more are left out."""

HASH_CHARACTERS: Final = 8

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class _Part:
    """What a service does with a topic.

    Attributes:
        action: `receive` where it takes events, `send` where it emits them, `keep` where it says no more.
        schema: of an event; None where it does not say.
    """

    topic: str
    service: str
    name: str
    action: Literal["receive", "send", "keep"]
    text: str = ""
    queue: str = ""
    schema: Mapping[str, Any] | None = None


def asyncapi(descriptions: Iterable[Mapping[str, Any]], *, version: str, host: str) -> dict[str, Any]:
    """Returns the document.

    Args:
        descriptions: the services.
        version: the node's own version.
        host: where the door is, as `host:port`.
    """
    parts = [part for description in descriptions for part in _parts(description)]
    topics: dict[str, list[_Part]] = {}
    for part in parts:
        if part.topic in topics or len(topics) < CHANNELS_MAX:
            topics.setdefault(part.topic, []).append(part)
    schemas: dict[str, Any] = {}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Topics of a Micro node",
            "version": version,
            "description": "Every topic that services in reach take or give. Over HTTP an event is published by POST "
            "/api/publish/TOPIC, and events come from GET /api/subscribe/TOPIC; both need a token.",
        },
        "defaultContentType": JSON,
        "servers": {
            "node": {
                "host": host,
                "protocol": "http",
                "description": "The HTTP API of the node.",
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {_key(topic): _channel(topic, found, schemas) for topic, found in topics.items()},
        "operations": dict(_operations(topics)),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token."}},
        },
    }


def _parts(description: Mapping[str, Any]) -> Iterator[_Part]:
    service = str(description.get("name", ""))
    taken = set()
    for function in description.get("functions") or ():
        topic, queue = str(function["topic"]), str(function.get("queue") or "")
        name, text = str(function["name"]), str(function.get("description", ""))
        taken.add((topic, queue))
        yield _Part(topic, service, name, "receive", text, queue, _schema(function.get("event")))
        if function.get("emits"):
            yield _Part(str(function["emits"]), service, name, "send", text, "", _schema(function.get("result")))
    for topic in description.get("topics") or ():
        named, queue = str(topic["topic"]), str(topic.get("queue") or "")
        if (named, queue) not in taken:
            yield _Part(named, service, queue or "subscriber", "receive", "", queue)
    for log in description.get("logs") or ():
        yield _Part(str(log["topic"]), service, "log", "keep")


def _schema(found: object) -> Mapping[str, Any] | None:
    return found if isinstance(found, Mapping) and found else None


def _channel(topic: str, parts: list[_Part], schemas: dict[str, Any]) -> dict[str, Any]:
    says = sorted((part for part in parts if part.schema is not None), key=lambda part: part.action != "receive")
    message: dict[str, Any] = {"name": topic, "contentType": JSON}
    if says:
        name = _key(f"{topic}.{says[0].service}.{says[0].name}")
        schemas[name] = _inlined(name, says[0].schema or {}, schemas)
        message["payload"] = {"$ref": f"#/components/schemas/{name}"}
    services = ", ".join(dict.fromkeys(part.service for part in parts))
    return {
        "address": topic,
        "title": topic,
        "description": f"Known to {services}.",
        "servers": [{"$ref": "#/servers/node"}],
        "messages": {"event": message},
    }


def _inlined(name: str, schema: Mapping[str, Any], schemas: dict[str, Any]) -> Any:
    """Returns a schema whose definitions are filed among the others."""
    definitions = schema.get("$defs")
    found = definitions if isinstance(definitions, Mapping) else {}
    names = {definition: f"{name}-{_key(definition)}" for definition in found}
    for definition, inner in found.items():
        schemas[names[definition]] = moved(inner, names)
    return moved({key: value for key, value in schema.items() if key != "$defs"}, names)


def _operations(topics: Mapping[str, list[_Part]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic, parts in topics.items():
        channel = _key(topic)
        for part in parts:
            if part.action == "keep":
                continue
            found: dict[str, Any] = {
                "action": part.action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "title": f"{part.service} {part.name}",
                "messages": [{"$ref": f"#/channels/{channel}/messages/event"}],
            }
            if part.text:
                found["summary"] = part.text.strip().partition("\n")[0]
            if part.queue:
                found["description"] = f"Members of the queue {part.queue} share the events."
            yield _key(f"{part.service}.{part.name}.{part.action}.{topic}"), found


def _key(name: str) -> str:
    """Returns a name with the letters that keys may have; two names have two keys."""
    plain = _UNNAMEABLE.sub("_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:HASH_CHARACTERS]}"
