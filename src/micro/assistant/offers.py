"""What can be asked for: each endpoint as its service describes it, in the form in which it is looked for.

Pure.

Descriptions come from strangers. They were checked when they entered the registry; here they only lose what is too
long to be of use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from micro.assistant.acts import acts_of_endpoint, changes_by_name
from micro.assistant.words import spaced
from micro.service.schema.fields import Field, is_raw, read_fields

__all__ = ["BODY", "Offer", "is_changing", "offers_of"]

SENTENCE_CHARACTERS_MAX = 300
"""So much of a description's first sentence is compared with what is said."""

WISHES_MAX: Final = 12
WISH_CHARACTERS_MAX: Final = 200
"""So many wishes that an endpoint shows are looked at, and so much of each."""

FIELDS_TEXT_CHARACTERS_MAX = 2_000
TAGS_CHARACTERS_MAX = 300
STREAM_KEY = "x-micro-stream"
"""In the schema of a request: it is the type of the messages that are sent, and the endpoint takes many."""

WISHES: Final = re.compile(r"Wishes(?: \(([a-z]{2,3})\))?:")
"""The heading in an endpoint's description below which each line shows how people may ask for it, where it says so in
the language with that code of ISO 639."""

BODY: Final = "file"
WHOLE_BODY: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {BODY: {"type": "string", "contentEncoding": "base64"}},
    "required": [BODY],
}
"""What is asked for where a body is bytes as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """One endpoint that can be asked for.

    Attributes:
        service: the service's name.
        endpoint: `Struct.Method`.
        about: the first line of what the service says of itself.
        tags: words under which it is filed.
        description: the first line of what the endpoint says of itself.
        kind: `call` or `stream`.
        price: of one call, as a decimal text; "" where it costs nothing.
        changes: whether it changes something, as far as its description tells.
        unsure: whether nothing tells that it changes something, and nothing that it does not.
        request: the JSON Schema of the request.
        response: the JSON Schema of the answer.
        fields: the request's fields that can be filled in one by one.
        examples: requests that the service shows.
        raw_request: whether the body is bytes as they are: those of the one field there is.
        raw_response: whether the answer is bytes as they are.
        acts: what it does, see `acts`.
        wishes: how people may ask for it, as the service shows.
        tongues: the code of the language of each of them, "" where that is the description's.
    """

    service: str
    endpoint: str
    about: str
    tags: str
    description: str
    kind: Literal["call", "stream"]
    price: str
    changes: bool
    unsure: bool
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    fields: tuple[Field, ...]
    examples: tuple[Mapping[str, Any], ...]
    raw_request: bool
    raw_response: bool
    acts: Mapping[str, float]
    wishes: tuple[str, ...] = ()
    tongues: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name by which it is chosen: `SERVICE ENDPOINT`."""
        return f"{self.service} {self.endpoint}"

    @property
    def method(self) -> str:
        """The endpoint's method as words."""
        return spaced(self.endpoint.rpartition(".")[2])

    @property
    def title(self) -> str:
        """What it is called before people."""
        return f"{self.service}: {self.method}"

    def field_texts(self) -> str:
        """Returns the names of the fields, with what is said of them."""
        parts = (f"{spaced(field.path[-1])} {field.description}" for field in self.fields)
        return " ".join(parts)[:FIELDS_TEXT_CHARACTERS_MAX]

    def choices_text(self) -> str:
        """Returns the words that a field may be."""
        return " ".join(str(choice) for field in self.fields for choice in field.choices)


def offers_of(description: Mapping[str, Any]) -> list[Offer]:
    """Returns the endpoints of a service that somebody can ask for in a sentence.

    One that takes a stream of messages is none, for it is a conversation of its own. One whose body is bytes as they
    are has a field for them, `BODY`.

    Args:
        description: a checked description, see `micro.service.registry.description`.
    """
    endpoints = description.get("endpoints", ())
    return [_offer(description, endpoint) for endpoint in endpoints if not _schema(endpoint).get(STREAM_KEY)]


def _schema(endpoint: Mapping[str, Any], key: str = "request") -> Mapping[str, Any]:
    found = endpoint.get(key)
    return found if isinstance(found, Mapping) else {}


def _offer(description: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Offer:
    name, request = str(endpoint["name"]), _schema(endpoint)
    raw = is_raw(request)
    if raw:
        request = WHOLE_BODY
    text = _first_line(endpoint.get("description"))
    wishes = _wishes(endpoint.get("description"))
    examples = endpoint.get("examples") or ()
    return Offer(
        service=str(description["name"]),
        endpoint=name,
        about=_first_line(description.get("description")),
        tags=_tags(description),
        description=text,
        kind="stream" if endpoint.get("kind") == "stream" else "call",
        price=str(endpoint.get("price") or ""),
        changes=is_changing(endpoint),
        unsure=_is_unsure(endpoint),
        request=request,
        response=_schema(endpoint, "response"),
        fields=tuple(read_fields(request)),
        examples=tuple(example for example in examples if isinstance(example, Mapping)),
        raw_request=raw,
        raw_response=is_raw(_schema(endpoint, "response")),
        acts=acts_of_endpoint(name, text),
        wishes=tuple(wish for wish, _ in wishes),
        tongues=tuple(tongue for _, tongue in wishes),
    )


def is_changing(endpoint: Mapping[str, Any]) -> bool:
    """Says whether an endpoint changes something, as far as its description tells; what says nothing of it may."""
    readonly = endpoint.get("readonly")
    if isinstance(readonly, bool):
        return not readonly
    name, text = str(endpoint.get("name", "")), _first_line(endpoint.get("description"))
    return endpoint.get("idempotent") is not True or changes_by_name(name, text)


def _is_unsure(endpoint: Mapping[str, Any]) -> bool:
    """Says whether an endpoint counts as one that changes something only because it says nothing of it."""
    name, text = str(endpoint.get("name", "")), _first_line(endpoint.get("description"))
    return not isinstance(endpoint.get("readonly"), bool) and is_changing(endpoint) and not changes_by_name(name, text)


def _first_line(text: object) -> str:
    return str(text or "").strip().partition("\n")[0][:SENTENCE_CHARACTERS_MAX]


def _wishes(text: object) -> list[tuple[str, str]]:
    """Returns the lines below headings `Wishes:` of a description, up to an empty line, each with its language."""
    found: list[tuple[str, str]] = []
    tongue: str | None = None
    for line in str(text or "").splitlines():
        wish = line.strip()
        heading = WISHES.fullmatch(wish)
        if heading is not None:
            tongue = heading[1] or ""
        elif not wish:
            tongue = None
        elif tongue is not None:
            found.append((wish[:WISH_CHARACTERS_MAX], tongue))
    return found[:WISHES_MAX]


def _tags(description: Mapping[str, Any]) -> str:
    metadata = description.get("metadata")
    tags = metadata.get("tags", "") if isinstance(metadata, Mapping) else ""
    return (tags if isinstance(tags, str) else " ".join(map(str, tags)))[:TAGS_CHARACTERS_MAX]
