"""A signature made ready: bodies in, arguments out, results in, bodies out, in every content type the types allow.

Pure.

Everything that can be settled when a service is declared is settled then: decoders, the call itself, the schemas. Only
protobuf waits for its first use, because its library is large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType
from typing import Any

import msgspec

from micro.errors import BadRequest, InternalError
from micro.mucp.codec import BYTES, JSON, PROTOBUF, content_type_of
from micro.service.schema.json import OPEN_KEY, STREAM_KEY
from micro.service.schema.jsonbody import Reader, Writer, json_reader, json_writer
from micro.service.schema.part import Part, answer_part, item_part, request_part
from micro.service.schema.proto import Inexpressible, Message, message_of
from micro.service.schema.protobody import protobuf_reader, protobuf_writer
from micro.service.schema.signature import Signature

__all__ = ["Binding", "Codec"]

SPELLINGS_MAX = 64
"""So many ways to write a content type are remembered; others are understood anew each time."""

CALLS_MAX = 1_024
"""So many ways to call a function are kept ready, for all functions that are called alike."""

TYPE_CHARACTERS_MAX = 80
"""So much of an unknown content type is repeated."""

_CALL = "def call(a, {supplies}):\n    return function({arguments})"
_INVOKE = "def invoke(body, {supplies}):\n    a = decode(body)\n    return function({arguments})"


@dataclass(frozen=True, slots=True)
class Codec:
    """An endpoint in one content type.

    Attributes:
        content_type: of the answer.
        decode: from the request's body to the arguments, to be given to `Binding.call`; raises `BadRequest`.
        invoke: the same and the call in one step: `invoke(body, context, stream)`, with the supplied values in the
            order of the binding's `supplies`; it returns what the function returns.
        encode: from a result, or one of many, to a body; raises `InternalError` for what the endpoint does not declare.
        decode_item: from the body of one incoming message of the stream to its value; raises `BadRequest`.
    """

    content_type: str
    decode: Reader
    invoke: Callable[..., Any]
    encode: Writer
    decode_item: Reader


class Binding:
    """A signature made ready for the hot path.

    Attributes:
        signature: what was bound.
        content_types: what the endpoint speaks, best first.
        json_only: why it does not speak protobuf, "" where it does.
        request: the schema of the request; of one item, where the endpoint takes a stream.
        response: the schema of the answer; of one item, where it yields a stream.
        supplies: the order in which `call` and `Codec.invoke` take what the function is supplied with.
        call: `call(arguments, context, stream)` calls the function.
    """

    def __init__(self, signature: Signature, *, supplies: Sequence[str] = ("context",)) -> None:
        """Settles everything about `signature`.

        Args:
            signature: from `signature_of`.
            supplies: the kinds of special parameters that calls will supply; `stream` is always the last.

        Raises:
            TypeError: a type cannot travel.
        """
        self.signature = signature
        self.supplies = (*supplies, "stream")
        self._opening = request_part(signature)
        self._item = item_part(signature)
        self._answer = answer_part(signature)
        self.request, self.response = self._schemas()
        self._messages: dict[int, Message] = {}
        self.json_only = self._why_json_only()
        self.content_types = self._content_types()
        self._codecs: dict[str, Codec] = {}
        self._spellings: dict[str, Codec] = {}
        self.call = self._calling(_CALL, "call")

    def codec(self, content_type: str | None, body: bytes = b"") -> Codec:
        """Returns the endpoint in a content type.

        Args:
            content_type: as the request declares it, parameters and older names included, or None.
            body: the request's body, which tells where nothing is declared: `{` begins JSON.

        Raises:
            BadRequest: the endpoint does not speak it; the detail says what it speaks.
        """
        if content_type:
            found = self._spellings.get(content_type)
            if found is not None:
                return found
        name = content_type_of(content_type, body)
        if not content_type and not body and PROTOBUF not in self.content_types:
            name = JSON
        codec = self._codec(name)
        if content_type and len(self._spellings) < SPELLINGS_MAX:
            self._spellings[content_type] = codec
        return codec

    def to(self, function: Callable[..., Any]) -> Binding:
        """Returns the same for another method object of the same function."""
        found = copy(self)
        found.signature = replace(self.signature, function=function)
        found._codecs, found._spellings = {}, {}
        found.call = found._calling(_CALL, "call")
        return found

    def check_example(self, example: Any) -> None:
        """Checks a request as a description shows it: the request, or one incoming item where there are no parameters.

        Raises:
            BadRequest: the endpoint would refuse it.
        """
        part = self._item if self._item is not None and not self.signature.parameters else self._opening
        if part.wrapped and not isinstance(example, dict):
            example = {"result": example}
        self._reader(part, JSON)(msgspec.json.encode(example))

    def _schemas(self) -> tuple[dict[str, Any], dict[str, Any]]:
        request, response = self._opening.schema, self._answer.schema
        if self._item is not None:
            opening = {OPEN_KEY: request} if self.signature.parameters else {}
            request = {**self._item.schema, STREAM_KEY: True, **opening}
        if self.signature.yields:
            response = {**response, STREAM_KEY: True}
        return request, response

    # -- content types ------------------------------------------------------------------------------------------------

    def _why_json_only(self) -> str:
        named = [("the request", self._opening), ("an incoming item", self._item), ("the result", self._answer)]
        for name, part in named:
            if part is None or part.raw:
                continue
            try:
                self._messages[id(part)] = message_of(part.schema, "Body")
            except Inexpressible as error:
                return f"{name} has no protobuf form: {error}"
        return ""

    def _content_types(self) -> tuple[str, ...]:
        if self._opening.raw:
            return (BYTES,)
        return (JSON,) if self.json_only else (PROTOBUF, JSON)

    def _codec(self, name: str) -> Codec:
        if self._opening.raw:
            name = BYTES
        elif name not in self.content_types:
            why = f", because {self.json_only}" if name == PROTOBUF and self.json_only else ""
            spoken = " or ".join(self.content_types)
            raise BadRequest(f"this endpoint does not speak {name[:TYPE_CHARACTERS_MAX]!r}{why}; send {spoken}")
        if name not in self._codecs:
            self._codecs[name] = self._make(name)
        return self._codecs[name]

    def _make(self, name: str) -> Codec:
        decode = self._reader(self._opening, name)
        answer = BYTES if self._answer.raw else JSON if name == BYTES else name
        return Codec(
            content_type=answer,
            decode=decode,
            invoke=self._calling(_INVOKE, "invoke", decode=decode),
            encode=self._writer(answer),
            decode_item=_item_reader(self._reader(self._item, name), self._item) if self._item else _no_item,
        )

    def _reader(self, part: Part, name: str) -> Reader:
        if part.raw:
            return bytes
        if name == PROTOBUF:
            return protobuf_reader(self._messages[id(part)], part.annotation, part.shape)
        read = json_reader(part.annotation, part.shape, part.strict)
        return _nothing_or(read) if part is self._opening and self.signature.request == "empty" else read

    def _writer(self, name: str) -> Writer:
        part, what = self._answer, f"the result of {self.signature.name}"
        if part.raw:
            return _raw_writer(what)
        if self.signature.response == "empty":
            return _constant(b"" if name == PROTOBUF else b"{}")
        write = json_writer(part.shape, wrapped=part.wrapped, what=what)
        if name != PROTOBUF:
            return write
        message = self._messages[id(part)]
        return protobuf_writer(message, part.value, write, wrapped=part.wrapped, what=what)

    def _calling(self, template: str, name: str, **names: Any) -> Callable[..., Any]:
        """Returns a function made for this signature, so that a call needs no loop over parameters."""
        signature = self.signature
        whole = signature.request in ("body", "raw")
        given = []
        for parameter in signature.parameters:
            value = "a" if whole else f"a.{parameter.name}"
            given.append(f"{parameter.name}={value}" if parameter.by_keyword else value)
        given += [f"{own}={kind}" for own, kind in signature.special]
        given += [f"{signature.stream}=stream"] if signature.stream else []
        supplies = ", ".join(f"{kind}=None" for kind in self.supplies)
        scope: dict[str, Any] = {**names, "function": signature.function}
        source = template.format(supplies=supplies, arguments=", ".join(given))
        exec(_compiled(source, signature.name), scope)  # noqa: S102 - made of identifiers only
        made: Callable[..., Any] = scope[name]
        return made


@lru_cache(CALLS_MAX)
def _compiled(source: str, name: str) -> CodeType:
    return compile(source, f"<call of {name}>", "exec")


def _nothing_or(read: Reader) -> Reader:
    def read_nothing(body: bytes) -> Any:
        return None if body in (b"{}", b"") else read(body)

    return read_nothing


def _item_reader(read: Reader, part: Part) -> Reader:
    if not part.wrapped:
        return read

    def read_result(body: bytes) -> Any:
        return read(body).result

    return read_result


def _no_item(body: bytes) -> Any:
    raise BadRequest("this endpoint takes no stream; send one request and end")


def _constant(body: bytes) -> Writer:
    return lambda _: body


def _raw_writer(what: str) -> Writer:
    def write(value: Any) -> bytes:
        if type(value) is bytes:
            return value
        if not isinstance(value, bytes | bytearray | memoryview):
            raise InternalError(f"{what} is declared as bytes, but is a {type(value).__name__}")
        return bytes(value)

    return write
