"""Reads what a guest says about itself, and believes none of it.

Pure.

It is a JSON object like a service's description (`docs/reference/guest-abi.md`): whatever is missing has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from micro.errors import BadRequest, EngineError, MicroError
from micro.mucp.codec import JSON
from micro.service.registry.description import DESCRIPTION_BYTES_MAX, check_description
from micro.service.schema.naming import check_endpoint_name, check_service_name

__all__ = ["Declared", "Subscribed", "command_description", "read_description"]

DEFAULT_VERSION = "0.1.0"
SUBSCRIPTIONS_MAX = 64
INSTANCES = ("stateless", "pooled", "resident")
Instances = Literal["stateless", "pooled", "resident"]


class Subscribed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic that a guest handles the events of, as a member of a queue if it names one."""

    topic: str
    queue: str = ""


@dataclass(frozen=True)
class Declared:
    """A guest's service.

    Attributes:
        name: what its author calls it, "" for nothing.
        version, description, metadata, export: as the registry has them.
        instances: a new instance for each exchange, a kept one that another exchange may have had, or one for all.
        shared: whether its callers share one store.
        endpoints: complete, each as the registry has them.
        subscriptions: what it handles events of.
        logs: topics of its own.
    """

    name: str
    version: str
    description: str
    metadata: Mapping[str, str]
    export: bool | None
    instances: Instances
    shared: bool
    endpoints: tuple[Mapping[str, Any], ...]
    subscriptions: tuple[Subscribed, ...]
    logs: tuple[Mapping[str, Any], ...]


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    version: str = DEFAULT_VERSION
    description: str = ""
    metadata: dict[str, str] = {}
    export: bool | None = None
    instances: Instances = "stateless"
    store: Literal["caller", "shared"] = "caller"
    endpoints: list[dict[str, Any]] = []
    subscriptions: list[Subscribed] = []
    logs: list[dict[str, Any]] = []


def read_description(text: str) -> Declared:
    """Reads a guest's description.

    Raises:
        EngineError: it is none; the message names what is wrong.
    """
    if len(text) > DESCRIPTION_BYTES_MAX:
        raise EngineError(f"the guest's description has {len(text)} characters; {DESCRIPTION_BYTES_MAX} fit")
    try:
        said = msgspec.json.decode(text, type=_Said)
        endpoints = tuple(_endpoint(each) for each in said.endpoints)
        check_description(
            {
                "name": check_service_name(said.name) if said.name else "guest",
                "version": said.version,
                "description": said.description,
                "metadata": said.metadata,
                "endpoints": endpoints,
                "logs": said.logs,
            }
        )
        if len(said.subscriptions) > SUBSCRIPTIONS_MAX:
            raise BadRequest(f"subscriptions: at most {SUBSCRIPTIONS_MAX}")
    except (ValueError, RecursionError, MicroError) as error:
        raise EngineError(f"the guest's description is refused: {error}") from error
    return Declared(
        name=said.name,
        version=said.version,
        description=said.description,
        metadata=said.metadata,
        export=said.export,
        instances=said.instances,
        shared=said.store == "shared",
        endpoints=endpoints,
        subscriptions=tuple(said.subscriptions),
        logs=tuple(said.logs),
    )


def command_description() -> str:
    """Returns the description of a program that reads its standard input and writes its standard output."""
    endpoint = {
        "name": "Command.Run",
        "description": "Runs the program: the body is its standard input, what it writes is the answer.",
        "content_types": ["application/octet-stream", JSON],
        "request": {},
        "response": {},
    }
    return msgspec.json.encode({"endpoints": [endpoint]}).decode()


def _endpoint(said: Mapping[str, Any]) -> Mapping[str, Any]:
    name = check_endpoint_name(cast("str", said.get("name", "")))
    types = said.get("content_types", [JSON])
    if not isinstance(types, list) or not types or not all(isinstance(each, str) for each in types):
        raise BadRequest(f"{name}: content_types: expected a list of names")
    return {
        "name": name,
        "kind": said.get("kind", "call"),
        "description": said.get("description", ""),
        "idempotent": said.get("idempotent", False),
        "price": said.get("price"),
        "content_types": types,
        "request": said.get("request", {"type": "object"}),
        "response": said.get("response", {}),
        "examples": said.get("examples", []),
    }
