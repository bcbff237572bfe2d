"""What endpoints and services say about themselves.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from micro.errors import BadRequest
from micro.mucp.codec import JSON
from micro.service.schema.binding import Binding
from micro.service.schema.naming import check_endpoint_name
from micro.service.schema.pydantic import builtins_of

__all__ = ["check_price", "describe_endpoint", "describe_service"]

EXAMPLES_MAX = 32
SHOWN_CHARACTERS_MAX = 40

_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def describe_service(
    name: str,
    *,
    version: str,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    endpoints: Sequence[Mapping[str, Any]] = (),
    topics: Sequence[Mapping[str, Any]] = (),
    functions: Sequence[Mapping[str, Any]] = (),
    logs: Sequence[Mapping[str, Any]] = (),
    export: bool | None = None,
) -> dict[str, Any]:
    """Returns a service's description, without `owner` and `nodes`, which the registry adds.

    Args:
        name: the service's name.
        version: its version.
        description: what it does.
        metadata: further things it says of itself.
        endpoints: from `describe_endpoint`.
        topics: what it subscribes to: `{topic, queue}`.
        functions: its functions from events to events; a service without any has no such field.
        logs: the topics that are its own: `{topic, export}`; the same holds for them.
        export: whether strangers may know and use it; not there for None.
    """
    return {
        "name": name,
        "version": version,
        "description": description,
        "metadata": dict(metadata or {}),
        "topics": [dict(topic) for topic in topics],
        "endpoints": [dict(endpoint) for endpoint in endpoints],
        **({"functions": [dict(function) for function in functions]} if functions else {}),
        **({"logs": [dict(log) for log in logs]} if logs else {}),
        **({"export": export} if export is not None else {}),
    }


def describe_endpoint(
    name: str,
    binding: Binding,
    *,
    price: str | int | Decimal | None = None,
    idempotent: bool = False,
    readonly: bool | None = None,
    description: str | None = None,
    examples: Sequence[Any] = (),
) -> dict[str, Any]:
    """Returns the object that stands for an endpoint in its service's description.

    Args:
        name: `Struct.Method`.
        binding: what the endpoint takes and gives.
        price: of one call, a decimal number of at most 9 decimals; None and 0 mean that it costs nothing.
        idempotent: whether doing it twice is as good as doing it once, so that a call may be sent again.
        readonly: whether it changes nothing anywhere, so that nobody need be asked before; None says nothing of it.
        description: what it does; None takes the docstring.
        examples: requests that show how it is used; each must be one that the endpoint takes.

    Raises:
        ValueError: the name, the price or an example is wrong; the message says which and why.
    """
    text = binding.signature.documentation.text if description is None else description
    return {
        "name": check_endpoint_name(name),
        "kind": binding.signature.kind,
        "description": text,
        "idempotent": idempotent,
        **({} if readonly is None else {"readonly": readonly}),
        "price": check_price(price),
        "content_types": list(binding.content_types),
        "request": binding.request,
        "response": binding.response,
        "examples": _examples(name, binding, examples),
    }


def check_price(price: str | int | Decimal | None) -> str | None:
    """Returns a price in its plain form, such as "0.001"; None where there is nothing to pay.

    Raises:
        ValueError: it is negative, no number, or finer than the 9 decimals that money has here.
    """
    if price is None:
        return None
    text = f"{price:f}" if isinstance(price, Decimal) else str(price).strip()
    if isinstance(price, bool | float) or not _PRICE.fullmatch(text):
        raise ValueError(
            f"the price {str(price)[:SHOWN_CHARACTERS_MAX]!r} is none: write a decimal number in quotes, such as"
            f" '0.001'; it is not negative and has at most 12 digits before and 9 behind the point"
        )
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    plain = (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
    return None if plain == "0" else plain


def _examples(name: str, binding: Binding, examples: Sequence[Any]) -> list[Any]:
    """Returns the examples as JSON-like values; one that the endpoint would refuse is a mistake in the service."""
    if len(examples) > EXAMPLES_MAX:
        raise ValueError(f"{name} has {len(examples)} examples; at most {EXAMPLES_MAX} are kept")
    found = []
    for number, example in enumerate(examples, 1):
        try:
            plain = builtins_of(example)
            if JSON in binding.content_types:
                binding.check_example(plain)
        except (BadRequest, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"example {number} of {name} is not a request it takes: {error}") from error
        found.append(plain)
    return found
