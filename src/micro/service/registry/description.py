"""What a service says about itself: checked, bounded, and named by its hash.

Pure.

A description comes from a stranger as often as from our own code, so nothing of it is believed: its structure, sizes,
names and texts are checked once, here, and then it is kept as canonical bytes. Its hash is BLAKE3 of RFC 8785 JSON
without `nodes` and `owner`, which are the registry's to say and not the service's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import blake3

from micro.errors import BadRequest
from micro.service.registry.canonical import canonical_json
from micro.service.registry.instance import check_service, check_version, shown
from micro.service.registry.schemas import check_schema

__all__ = ["DESCRIPTION_BYTES_MAX", "ENDPOINTS_MAX", "Description", "EndpointSummary", "Shelf", "check_description"]

DESCRIPTION_BYTES_MAX = 256 * 1024
"""One service's description, as canonical JSON."""

ENDPOINTS_MAX = 256
TOPICS_MAX = 256
FUNCTIONS_MAX = 64
METADATA_MAX = 64
TAGS_MAX = 8
"""More tags are ignored: a record is filed under at most eight words."""

EXAMPLES_MAX = 32
NAME_CHARACTERS_MAX = 128
TEXT_CHARACTERS_MAX = 16_384
SUMMARY_CHARACTERS_MAX = 200

_ENDPOINT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")
_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]")
"""A stranger's text is shown in terminals and pages: no escapes, no change of writing direction, no half letters."""

_WORDS = re.compile(r"[,\s]+")
_NOT_THE_SERVICES = ("nodes", "owner")


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """What a caller must know of an endpoint before it calls.

    Attributes:
        name: `Struct.Method`.
        kind: a call has one answer, a stream has many messages either way.
        idempotent: whether doing it twice is as good as doing it once, so that it may be re-sent.
        price: the price of one call as a decimal text, "" where it costs nothing.
    """

    name: str
    kind: Literal["call", "stream"] = "call"
    idempotent: bool = False
    price: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """A checked description.

    Attributes:
        name: the service.
        version: its version.
        hash: 64 hexadecimal digits, the name of this content.
        body: the description as canonical JSON, without `nodes` and `owner`.
        summary: the first line of what the service says it does.
        endpoints: in the order the service gave them.
    """

    name: str
    version: str
    hash: str
    body: bytes
    summary: str
    endpoints: tuple[EndpointSummary, ...]

    def decode(self) -> dict[str, Any]:
        """Returns a fresh copy of the description as an object."""
        return cast("dict[str, Any]", json.loads(self.body))

    def texts(self) -> dict[str, str]:
        """Returns the texts by which people look for the service: name, tags, summary, endpoint, text."""
        fields = self.decode()
        tags = fields.get("metadata", {}).get("tags", [])
        words = _WORDS.split(tags) if isinstance(tags, str) else tags
        endpoints = fields.get("endpoints", [])
        return {
            "name": self.name,
            "tags": " ".join([word for word in words if word][:TAGS_MAX]),
            "endpoint": " ".join(endpoint.name for endpoint in self.endpoints),
            "summary": self.summary,
            "text": " ".join([fields.get("description", ""), *(e.get("description", "") for e in endpoints)]),
        }


class Shelf:
    """Descriptions kept once each, by hash, for as long as somebody uses them."""

    __slots__ = ("_further", "_kept", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._kept: dict[str, Description] = {}
        self._further: dict[str, int] = {}
        """Uses beyond the first: most descriptions have one use, and no entry here."""

    def __contains__(self, name: str) -> bool:
        """Tells whether a description of this hash is kept."""
        return name in self._kept

    def take(self, description: Description) -> Description:
        """Counts one more use, and returns the one copy that is kept."""
        name = description.hash
        kept = self._kept.get(name)
        if kept is None:
            self._kept[name] = description
            self.bytes += len(description.body)
            return description
        self._further[name] = self._further.get(name, 0) + 1
        return kept

    def release(self, description: Description) -> None:
        """Counts one use less, and lets the description go with the last."""
        name = description.hash
        further = self._further.pop(name, 0)
        if further > 1:
            self._further[name] = further - 1
        elif not further:
            self.bytes -= len(self._kept.pop(name).body)


def check_description(fields: object) -> Description:
    """Checks a description and returns it in its kept form.

    Args:
        fields: the description object: `name`, `version`, `description`, `metadata`, `topics`, `endpoints`,
            `functions`, `export`; `nodes` and `owner` are left out, fields of a later version are kept as they are.

    Raises:
        BadRequest: a field is missing or wrong; the detail names it.
        TooLarge: the whole is larger than `DESCRIPTION_BYTES_MAX`.
    """
    if not isinstance(fields, Mapping):
        raise BadRequest(f"description: expected an object, got {type(fields).__name__}")
    own = {field: value for field, value in fields.items() if field not in _NOT_THE_SERVICES}
    name = check_service(own.get("name"))
    version = check_version(own.get("version"))
    what = f"the description of {name}"
    text = _text(own.get("description", ""), f"{what}: description")
    _check_metadata(own.get("metadata", {}), what)
    _check_topics(own.get("topics", []), what)
    _check_logs(own.get("logs", []), what)
    _check_functions(own.get("functions", []), what)
    if not isinstance(own.get("export", False), bool):
        raise BadRequest(f"{what}: export: expected true or false, got {shown(own['export'])}")
    endpoints = _endpoints(own.get("endpoints", []), what)
    body = canonical_json(own, bytes_max=DESCRIPTION_BYTES_MAX, what=what)
    summary = text.strip().partition("\n")[0][:SUMMARY_CHARACTERS_MAX]
    return Description(name, version, blake3.blake3(body).hexdigest(), body, summary, endpoints)


def _text(value: object, where: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{where}: expected text, got {type(value).__name__}")
    if len(value) > characters_max:
        raise BadRequest(f"{where}: expected at most {characters_max} characters, got {len(value)}")
    found = _CONTROL.search(value)
    if found:
        raise BadRequest(f"{where}: holds the control character U+{ord(found.group()):04X}; remove it")
    return value


def _items(value: object, where: str, count_max: int) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        raise BadRequest(f"{where}: expected a list, got {type(value).__name__}")
    if len(value) > count_max:
        raise BadRequest(f"{where}: expected at most {count_max}, got {len(value)}")
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise BadRequest(f"{where}[{number}]: expected an object, got {type(item).__name__}")
    return list(value)


def _check_metadata(metadata: object, what: str) -> None:
    if not isinstance(metadata, Mapping):
        raise BadRequest(f"{what}: metadata: expected an object, got {type(metadata).__name__}")
    if len(metadata) > METADATA_MAX:
        raise BadRequest(f"{what}: metadata: expected at most {METADATA_MAX} entries, got {len(metadata)}")
    for key, value in metadata.items():
        _text(key, f"{what}: metadata key", NAME_CHARACTERS_MAX)
        if isinstance(value, str):
            _text(value, f"{what}: metadata {key}")
    tags = metadata.get("tags", [])
    if not isinstance(tags, str) and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise BadRequest(f"{what}: metadata tags: expected a list of texts or one text, got {type(tags).__name__}")
    for tag in tags if isinstance(tags, list) else []:
        _text(tag, f"{what}: tag", NAME_CHARACTERS_MAX)


def _check_topics(topics: object, what: str) -> None:
    for number, topic in enumerate(_items(topics, f"{what}: topics", TOPICS_MAX)):
        where = f"{what}: topics[{number}]"
        _text(topic.get("topic"), f"{where}: topic", NAME_CHARACTERS_MAX)
        if topic.get("queue") is not None:
            _text(topic["queue"], f"{where}: queue", NAME_CHARACTERS_MAX)


def _check_logs(logs: object, what: str) -> None:
    for number, log in enumerate(_items(logs, f"{what}: logs", TOPICS_MAX)):
        where = f"{what}: logs[{number}]"
        _text(log.get("topic"), f"{where}: topic", NAME_CHARACTERS_MAX)
        if not isinstance(log.get("export", False), bool):
            raise BadRequest(f"{where}: export: expected true or false, got {shown(log['export'])}")
        replicas = log.get("replicas", 0)
        if type(replicas) is not int or replicas < 0:
            raise BadRequest(f"{where}: replicas: expected a number from 0 up, got {shown(replicas)}")


def _check_functions(functions: object, what: str) -> None:
    found: set[str] = set()
    for number, function in enumerate(_items(functions, f"{what}: functions", FUNCTIONS_MAX)):
        where = f"{what}: functions[{number}]"
        name = _text(function.get("name"), f"{where}: name", NAME_CHARACTERS_MAX)
        if not name or name in found:
            raise BadRequest(f"{where}: name: {shown(name)} is empty or there twice; names are unique")
        found.add(name)
        _text(function.get("topic"), f"{where} ({name}): topic", NAME_CHARACTERS_MAX)
        for field in ("emits", "queue"):
            _text(function.get(field, ""), f"{where} ({name}): {field}", NAME_CHARACTERS_MAX)
        _text(function.get("description", ""), f"{where} ({name}): description")
        for schema in ("event", "result"):
            check_schema(function.get(schema, {}), f"{where} ({name}): {schema}")


def _endpoints(endpoints: object, what: str) -> tuple[EndpointSummary, ...]:
    found: dict[str, EndpointSummary] = {}
    for number, fields in enumerate(_items(endpoints, f"{what}: endpoints", ENDPOINTS_MAX)):
        endpoint = _endpoint(fields, f"{what}: endpoints[{number}]")
        if endpoint.name in found:
            raise BadRequest(f"{what}: endpoints[{number}]: {endpoint.name} is there twice; names are unique")
        found[endpoint.name] = endpoint
    return tuple(found.values())


def _endpoint(fields: Mapping[str, Any], where: str) -> EndpointSummary:
    name = _text(fields.get("name"), f"{where}: name", NAME_CHARACTERS_MAX)
    if not _ENDPOINT.fullmatch(name):
        raise BadRequest(f"{where}: name: expected Struct.Method with exactly one dot, got {shown(name)}")
    where = f"{where} ({name})"
    kind = fields.get("kind", "call")
    if kind not in ("call", "stream"):
        raise BadRequest(f"{where}: kind: expected call or stream, got {shown(kind)}")
    idempotent = fields.get("idempotent", False)
    if not isinstance(idempotent, bool):
        raise BadRequest(f"{where}: idempotent: expected true or false, got {type(idempotent).__name__}")
    if not isinstance(fields.get("readonly"), bool | None):
        raise BadRequest(f"{where}: readonly: expected true or false, got {type(fields['readonly']).__name__}")
    _text(fields.get("description", ""), f"{where}: description")
    for schema in ("request", "response"):
        if fields.get(schema) is not None:
            check_schema(fields[schema], f"{where}: {schema}")
    types = fields.get("content_types", [])
    if not isinstance(types, list | tuple) or not all(isinstance(one, str) for one in types):
        raise BadRequest(f"{where}: content_types: expected a list of texts, got {shown(types)}")
    examples = fields.get("examples") or []
    if not isinstance(examples, list | tuple) or len(examples) > EXAMPLES_MAX:
        raise BadRequest(f"{where}: examples: expected a list of at most {EXAMPLES_MAX}")
    return EndpointSummary(name, cast("Literal['call', 'stream']", kind), idempotent, _price(fields, where))


def _price(fields: Mapping[str, Any], where: str) -> str:
    price = fields.get("price")
    if price is None or price == "":
        return ""
    if isinstance(price, str) and _PRICE.fullmatch(price):
        return price
    raise BadRequest(
        f'{where}: price: expected a decimal text like "0.001" with at most 9 decimals, got {shown(price)}'
    )
