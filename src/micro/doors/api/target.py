"""What a request is for: an endpoint, with what its description says about how it is to be asked.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from micro.errors import NotFound
from micro.mucp.codec import BYTES, JSON
from micro.service.schema.json import OPEN_KEY, STREAM_KEY
from micro.service.schema.secrets import has_secrets

__all__ = ["Target", "target_of"]

NEAR_MAX = 3
LISTED_MAX = 8

_COUNT = {"type": "integer"}
_HIDDEN: dict[str, tuple[str, dict[str, Any]]] = {
    "Debug.Health": ("call", {}),
    "Debug.Stats": ("call", {}),
    "Debug.Log": ("stream", {"count": _COUNT, "follow": {"type": "boolean"}}),
    "Debug.Trace": ("call", {"count": _COUNT}),
}
"""What every service has without saying so."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint that is to be asked.

    Attributes:
        service: its service's name, perhaps with `@version`.
        endpoint: `Struct.Method`.
        stream: whether it is opened as a stream.
        takes_stream: whether it reads messages after its parameters.
        parameters: the schema of its parameters; None where it has none, or nothing is known of them.
        raw_request: whether its request is bytes as they are.
        raw_response: whether its answer, or each item of it, is.
        idempotent: whether asking twice is as good as once, so that GET may ask it.
        has_secrets: whether its parameters hold any, so that no record may keep them as they are.
    """

    service: str
    endpoint: str
    stream: bool = False
    takes_stream: bool = False
    parameters: Mapping[str, Any] | None = field(default=None, compare=False)
    raw_request: bool = False
    raw_response: bool = False
    idempotent: bool = False
    has_secrets: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """With what it may be asked."""
        return ("POST", "GET") if self.idempotent else ("POST",)

    @property
    def id(self) -> str:
        """Where a fault about it arose."""
        return f"{self.service}.{self.endpoint}"

    @property
    def wants_parameters(self) -> bool:
        """Whether there is anything to say when it is opened."""
        if self.parameters is None:
            return False
        return self.raw_request or bool(self.parameters.get("properties", True))

    def answer_type(self, sent: str) -> str:
        """Returns the content type of the answer to a request of type `sent`."""
        if self.raw_response:
            return BYTES
        return JSON if sent == BYTES else sent


def target_of(service: str, wanted: str, description: Mapping[str, Any]) -> Target:
    """Returns the endpoint that `wanted` means: the one of that name, else the one that differs in spelling only.

    Raises:
        NotFound: the service has none such; the detail names near ones.
    """
    endpoints = {str(found["name"]): found for found in description.get("endpoints", ())}
    found = endpoints.get(wanted)
    if found is None:
        plain = _plain(wanted)
        found = next((found for name, found in endpoints.items() if _plain(name) == plain), None)
    if found is not None:
        return _described(service, found)
    for name, (kind, properties) in _HIDDEN.items():
        if _plain(name) == _plain(wanted):
            schema = {"type": "object", "properties": properties, "additionalProperties": False}
            return Target(service, name, stream=kind == "stream", parameters=schema, idempotent=True)
    near = get_close_matches(wanted, endpoints, n=NEAR_MAX, cutoff=0.5) or sorted(endpoints)[:LISTED_MAX]
    has = f"it has {', '.join(near)}" if near else "it has none"
    raise NotFound(f"{service} has no endpoint {wanted[:80]}; {has}", id=f"{service}.{wanted[:80]}")


def _plain(name: str) -> str:
    return name.replace("-", "").lower()


def _described(service: str, endpoint: Mapping[str, Any]) -> Target:
    request, response = (_schema(endpoint.get(key)) for key in ("request", "response"))
    takes_stream = bool(request.get(STREAM_KEY))
    parameters = request.get(OPEN_KEY) if takes_stream else request or None
    return Target(
        service,
        str(endpoint["name"]),
        stream=endpoint.get("kind") == "stream",
        takes_stream=takes_stream,
        parameters=parameters if isinstance(parameters, Mapping) else None,
        raw_request=not takes_stream and request.get("format") == "binary",
        raw_response=response.get("format") == "binary",
        idempotent=endpoint.get("idempotent") is True,
        has_secrets=has_secrets(parameters),
    )


def _schema(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
