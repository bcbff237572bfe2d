"""The kinds of bodies that an endpoint has: its request, an incoming item, and its answer.

Pure.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta, inspect

from micro.mucp.codec import BYTES
from micro.service.schema.json import RESULT_KEY, schema_of
from micro.service.schema.naming import field_name, struct_name
from micro.service.schema.shape import bare, is_object, shape_of
from micro.service.schema.signature import REQUIRED, Parameter, Signature
from micro.service.schema.strict import strict_twin

__all__ = ["Part", "answer_part", "item_part", "request_part", "value_part"]

BYTES_SCHEMA = {"type": "string", "format": "binary", "contentMediaType": BYTES}
"""The schema of a body that is bytes as they are."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of body.

    Attributes:
        annotation: the type of the body; for values that are no objects, of the object around them.
        shape: its shape.
        schema: as the description has it.
        value: the shape of the value itself.
        strict: a type that takes exactly what the strict twin takes and whose values do for the arguments, or None.
        wrapped: whether the value stands under `result`.
        raw: whether the body is bytes as they are.
    """

    annotation: Any
    shape: inspect.Type
    schema: dict[str, Any]
    value: inspect.Type
    strict: Any = None
    wrapped: bool = False
    raw: bool = False


def request_part(signature: Signature) -> Part:
    """Returns the part of what a call or a stream begins with."""
    if signature.request == "raw":
        return _raw(signature.parameters[0].description)
    if signature.request == "body":
        annotation = signature.parameters[0].annotation
        shape = shape_of(annotation, f"{signature.name}({signature.parameters[0].name})")
        return Part(annotation, shape, schema_of(shape, closed=True), shape)
    declared = _declared(f"{_title(signature)}Request", signature.parameters)
    shape = shape_of(declared, signature.name)
    return Part(declared, shape, schema_of(shape, closed=True), shape, _strict(signature.parameters))


def item_part(signature: Signature) -> Part | None:
    """Returns the part of one message of the incoming stream, or None where there is no such stream."""
    return value_part(signature, signature.stream_item, "Item", closed=True) if signature.stream else None


def answer_part(signature: Signature) -> Part:
    """Returns the part of the answer, or of one of many."""
    if signature.response == "empty":
        nothing = _declared(f"{_title(signature)}Response", ())
        shape = shape_of(nothing, signature.name)
        return Part(nothing, shape, schema_of(shape, closed=False), shape)
    part = value_part(signature, signature.result, "Response", closed=False)
    text = signature.documentation.result
    return replace(part, schema={"description": text, **part.schema}) if text else part


def value_part(signature: Signature, annotation: Any, suffix: str, *, closed: bool) -> Part:
    """Returns the part of a value that may stand alone, be wrapped, or be bytes."""
    value = shape_of(annotation, f"{signature.name}: {suffix.lower()}")
    if isinstance(bare(value), inspect.BytesType):
        return _raw("")
    if is_object(value):
        return Part(annotation, value, schema_of(value, closed=closed), value)
    around = msgspec.defstruct(f"{_title(signature)}{suffix}", [("result", annotation)])
    shape = shape_of(around, signature.name)
    return Part(around, shape, {**schema_of(shape, closed=closed), RESULT_KEY: True}, value, wrapped=True)


def _title(signature: Signature) -> str:
    return struct_name(signature.name) or "Endpoint"


def _raw(description: str) -> Part:
    described = {"description": description} if description else {}
    shape = inspect.BytesType()
    return Part(bytes, shape, {**BYTES_SCHEMA, **described}, shape, raw=True)


def _declared(name: str, parameters: Sequence[Parameter]) -> type[msgspec.Struct]:
    """Returns a struct whose fields are the parameters, with their defaults and descriptions."""
    fields: list[Any] = []
    for parameter in parameters:
        annotation = parameter.annotation
        if parameter.description:
            annotation = Annotated[annotation, Meta(description=parameter.description)]
        fields.append((parameter.name, annotation, *_default(parameter)))
    return msgspec.defstruct(
        name, fields, rename=_renamed(parameters), forbid_unknown_fields=True, kw_only=_unordered(parameters)
    )


def _strict(parameters: Sequence[Parameter]) -> Any:
    """Returns the same struct of strict types, or None where their values are not those of the types themselves."""
    fields: list[Any] = []
    for parameter in parameters:
        twin, same = strict_twin(shape_of(parameter.annotation, parameter.name), closed=True)
        if not same:
            return None
        fields.append((parameter.name, twin, *_default(parameter)))
    return msgspec.defstruct(
        "Strict", fields, rename=_renamed(parameters), forbid_unknown_fields=True, kw_only=_unordered(parameters)
    )


def _renamed(parameters: Sequence[Parameter]) -> dict[str, str] | None:
    """Returns what fields are called whose names Python keeps for itself; None where none is."""
    names = {one.name: field_name(one.name) for one in parameters}
    return {own: name for own, name in names.items() if own != name} or None


def _unordered(parameters: Sequence[Parameter]) -> bool:
    """Returns whether a parameter without a default follows one that has one, which structs allow by name only."""
    needed = [parameter.default is REQUIRED for parameter in parameters]
    return needed != sorted(needed, reverse=True)


def _default(parameter: Parameter) -> tuple[Any, ...]:
    """Returns a parameter's default as a struct's field takes it; one that can change is made anew for every call."""
    default = parameter.default
    if default is REQUIRED:
        return ()
    if isinstance(default, list | dict | set) and not default:
        return (msgspec.field(default_factory=type(default)),)
    try:
        hash(default)
    except TypeError:
        return (msgspec.field(default_factory=lambda: copy.deepcopy(default)),)
    return (default,)
