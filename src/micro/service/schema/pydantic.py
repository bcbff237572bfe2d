"""How a pydantic model stands in for itself: it reads, writes and describes its own values.

Pure.

pydantic is not imported: a model that a user brings has all that is needed.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from micro.service.schema.shape import is_pydantic

__all__ = ["Complaint", "builtins_of", "decode_hook", "encode_hook", "pydantic_schema"]


class Complaint(ValueError):
    """What a model finds wrong with a value.

    Attributes:
        place: the path of the field inside the model, "" for the whole.
        text: what is wrong with it.
    """

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}" if place else text)
        self.place = place
        self.text = text


def encode_hook(value: Any) -> Any:
    """Returns a value that msgspec does not know as one it knows.

    Raises:
        TypeError: the value cannot travel.
    """
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"a value of type {type(value).__name__} cannot travel")


def decode_hook(cls: type, value: Any) -> Any:
    """Returns the model made of JSON-like `value`.

    Raises:
        Complaint: the value does not fit; it is the model's first complaint.
    """
    if isinstance(value, cls):
        return value
    try:
        return _validate(cls, msgspec.json.encode(value))
    except ValueError as error:
        raise _complaint(error) from error


def _validate(cls: Any, body: bytes) -> Any:
    """Reads as pydantic reads JSON; unknown fields are refused unless the model has settled what to do with them."""
    if "extra" in cls.model_config:
        return cls.model_validate_json(body)
    try:
        return cls.model_validate_json(body, extra="forbid")
    except TypeError:  # pydantic before 2.12 has no such argument
        return cls.model_validate_json(body)


def _complaint(error: ValueError) -> Complaint:
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return Complaint("", str(error))
    first = errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return Complaint(place, first["msg"][:1].lower() + first["msg"][1:])


def pydantic_schema(cls: Any, fields_key: str, *, given: bool) -> dict[str, Any]:
    """Returns a model's own JSON Schema, with the order of fields added to every object in it.

    Args:
        cls: the model.
        fields_key: the key under which the order is added.
        given: whether it is of what is given to a service, and not of what a service answers.
    """
    mode = "validation" if given else "serialization"
    schema = cast("dict[str, Any]", cls.model_json_schema(by_alias=True, ref_template="#/$defs/{model}", mode=mode))
    for part in [schema, *schema.get("$defs", {}).values()]:
        if len(part.get("properties", {})) > 1:
            part[fields_key] = list(part["properties"])
    return schema


def builtins_of(value: Any) -> Any:
    """Returns a value as what its JSON would be read as: dicts, lists, strings, numbers.

    Raises:
        TypeError, ValueError: it cannot travel.
    """
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=encode_hook, order="deterministic"))
