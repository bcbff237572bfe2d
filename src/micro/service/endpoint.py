"""An endpoint: a function with its name, its schema, its codecs and its figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any, Literal

from micro.service.debug import Stats
from micro.service.schema.binding import Binding, Codec
from micro.service.schema.describe import describe_endpoint
from micro.service.schema.form import Form
from micro.service.schema.signature import signature_of

__all__ = ["Endpoint"]

METHODS_MAX = 512
"""Of so many methods it is remembered what they take and give."""


class Endpoint:
    """One endpoint of a service.

    Attributes:
        name: `Struct.Method`.
        kind: `call` or `stream`.
        inline: it is a coroutine that never waits, so it can be run where it stands.
        is_async: whether it runs on the loop; else it needs a thread.
        yields: whether it answers with a stream.
        wants_context: whether it takes a `Context`.
        hidden: whether it is left out of the service's description.
        stats: its figures.
    """

    __slots__ = (
        "_binding",
        "_description",
        "hidden",
        "inline",
        "is_async",
        "kind",
        "name",
        "stats",
        "wants_context",
        "yields",
    )

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        context: type,
        stream: type,
        price: str | None = None,
        idempotent: bool = False,
        readonly: bool | None = None,
        description: str | None = None,
        examples: Sequence[Any] = (),
    ) -> None:
        """Settles what can be settled when it is declared.

        Raises:
            TypeError: an annotation is missing, or of a type that cannot travel.
            ValueError: the price or an example is wrong.
        """
        self._binding = _binding_of(function, context, stream)
        signature = self._binding.signature
        self.name = name
        self.kind: Literal["call", "stream"] = signature.kind
        self.is_async = signature.form in (Form.COROUTINE, Form.ASYNC_GENERATOR)
        self.inline = signature.form is Form.COROUTINE and not signature.suspends and signature.kind == "call"
        self.yields = signature.yields
        self.wants_context = bool(signature.special)
        self.hidden = False
        self.stats = Stats()
        self._description = describe_endpoint(
            name,
            self._binding,
            price=price,
            idempotent=idempotent,
            readonly=readonly,
            description=description,
            examples=examples,
        )

    def codec(self, content_type: str | None, body: bytes = b"") -> Codec:
        """Returns the endpoint in a content type.

        Raises:
            BadRequest: it does not speak it.
        """
        return self._binding.codec(content_type, body)

    @property
    def call(self) -> Callable[..., Any]:
        """Calls the function: `call(arguments, context, stream)`."""
        return self._binding.call

    def describe(self) -> dict[str, Any]:
        """Returns its part of the service's description."""
        return self._description


def _binding_of(function: Callable[..., Any], context: type, stream: type) -> Binding:
    """Returns what a function takes and gives. Of a method that is read once, however many objects have it."""
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        return _method(function.__func__, context, stream).to(function)
    return Binding(signature_of(function, special={context: "context"}, stream=stream))


@lru_cache(METHODS_MAX)
def _method(function: FunctionType, context: type, stream: type) -> Binding:
    return Binding(signature_of(MethodType(function, object()), special={context: "context"}, stream=stream))
