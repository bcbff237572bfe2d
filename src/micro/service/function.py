"""A function: it takes an event and gives events, each of which follows from the first exactly once.

The function may run more than once, after a crash or where it was too slow: what it calls, it calls at least once. Its
effects are its outputs, which are published with the acknowledgement of the input in one transaction, under ids that
derive from the input, the function and their number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from micro.errors import BadRequest, TooLarge
from micro.mucp.codec import BYTES, JSON
from micro.service.broker.broker import Limits, check_name
from micro.service.broker.directory import split_log
from micro.service.context import Context
from micro.service.schema.form import Form
from micro.service.schema.jsonbody import Reader, Writer, json_reader, json_writer
from micro.service.schema.part import Part, value_part
from micro.service.schema.signature import Parameter, Signature, signature_of
from micro.service.spending import Spending
from micro.service.subscription import Event

if TYPE_CHECKING:
    from micro.service.client import Client

__all__ = ["Function", "Given", "output_id"]

OUTPUTS_MAX = Limits().outputs
"""How many events may follow from one."""
OUTPUTS_BYTES_MAX = Limits().outputs_bytes
"""How large they may be together."""


class Given(msgspec.Struct, frozen=True):
    """One event that follows from another, as a service hands it to its node.

    Attributes:
        topic: where it is to be published.
        id: see `output_id`.
        body: the event.
        content_type: what the body is.
    """

    topic: str
    id: str
    body: bytes
    content_type: str = JSON


def output_id(event: Event, function: str, index: int) -> str:
    """Returns the id of the output number `index` that follows from an event: 32 hexadecimal digits, always the same.

    `function` is the function's name in its service; the service itself is the output's publisher.
    """
    parts = (event.topic, event.publisher, event.id, function, str(index))
    text = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return blake2b(text.encode(), digest_size=16, person=b"micro-output-v1").hexdigest()


class Function:
    """A function of a service, as `Service.function` declares it.

    Attributes:
        name: the function's own name, unique in its service.
        topic: where its inputs come from.
        emits: where its outputs go, "" where it has none.
        queue: whose members share the inputs, "" for a queue of the service's and the function's own name.
        inline: False: it is given a task.
    """

    __slots__ = (
        "_content_type",
        "_read",
        "_schemas",
        "_signature",
        "_write",
        "emits",
        "inline",
        "name",
        "queue",
        "topic",
    )

    def __init__(self, function: Callable[..., Any], topic: str, *, emits: str, queue: str) -> None:
        """Settles what can be settled when it is declared.

        Raises:
            TypeError: its annotations do not tell what it takes and gives.
            BadRequest: a topic or the queue has no possible name.
        """
        signature = signature_of(function, special={Context: "context", Event: "event"})
        _check(signature, emits)
        split_log(topic)
        for kind, name in (("topic", emits), ("queue", queue)):
            if name:
                check_name(kind, name)
        self._signature = signature
        self.name, self.topic, self.emits, self.queue = signature.name, topic, emits, queue
        self.inline = False
        taken = signature.parameters[0].annotation if signature.parameters else dict[str, Any]
        event = value_part(signature, taken, "Event", closed=True)
        result = value_part(signature, _without_none(signature.result), "Output", closed=False)
        self._read, self._write = _reader(event, taken), _writer(result, self.name)
        self._content_type = BYTES if result.raw else JSON
        self._schemas = {"event": event.schema if signature.parameters else {}}
        if emits:
            self._schemas["result"] = result.schema

    def queue_of(self, service: str) -> str:
        """Returns the queue whose members share the inputs, in a service of this name."""
        return self.queue or f"{service}.{self.name}"

    def describe(self, service: str) -> dict[str, Any]:
        """Returns its part of the service's description."""
        return {
            "name": self.name,
            "topic": self.topic,
            "queue": self.queue_of(service),
            "emits": self.emits,
            "yields": self._signature.yields,
            "description": self._signature.documentation.text,
            **self._schemas,
        }

    async def outputs(
        self, event: Event, context: Context, pool: Executor, spending: Spending | None = None
    ) -> list[Given]:
        """Runs on an event and returns what follows from it; a plain function runs in a thread of `pool`.

        Args:
            event, context, pool: as said.
            spending: counts what a thread takes.

        Raises:
            BadRequest: the event is not what the function takes.
            InternalError: an output is not what it declares.
            TooLarge: more follows than may.
        """
        arguments = self._arguments(event, context)
        form, call = self._signature.form, self._signature.function
        if form is Form.COROUTINE:
            results = [await call(**arguments)]
        elif form is Form.ASYNC_GENERATOR:
            results = await _first(call(**arguments))
        else:
            loop = asyncio.get_running_loop()
            run = _in_thread if spending is None else spending.in_thread(_in_thread)
            results = await loop.run_in_executor(pool, run, call, arguments, form is Form.GENERATOR)
        return self._given(event, results)

    def _arguments(self, event: Event, context: Context) -> dict[str, Any]:
        supplied = {"event": event, "context": context}
        arguments = {own: supplied[kind] for own, kind in self._signature.special}
        for parameter in self._signature.parameters:
            arguments[parameter.name] = self._value(parameter, event)
        return arguments

    def _value(self, parameter: Parameter, event: Event) -> Any:
        if self._signature.request != "raw" and event.content_type != JSON:
            raise BadRequest(
                f"{self.name} takes JSON as {parameter.name}, and event {event.id} is {event.content_type[:80]!r}; "
                "publish JSON, or take bytes"
            )
        return self._read(event.body)

    def _given(self, event: Event, results: Iterable[Any]) -> list[Given]:
        given, size = list[Given](), 0
        for result in results:
            if result is None:
                continue
            if not self.emits:
                raise BadRequest(f"{self.name} gave an event and has nowhere to publish it; declare emits=...")
            body = self._write(result)
            size += len(body)
            if size > OUTPUTS_BYTES_MAX or len(given) >= OUTPUTS_MAX:
                raise TooLarge(
                    f"more than {OUTPUTS_MAX} events or {OUTPUTS_BYTES_MAX:,} bytes follow from one in {self.name}; "
                    "give fewer, or publish references"
                )
            given.append(Given(self.emits, output_id(event, self.name, len(given)), body, self._content_type))
        return given


async def publish_given(client: Client, given: Iterable[Given]) -> None:
    """Publishes what follows from an event that nobody keeps, and that has no id to derive others from."""
    for each in given:
        await client.publish_raw(each.topic, each.body, content_type=each.content_type)


def _check(signature: Signature, emits: str) -> None:
    """Raises `TypeError` for a function that no event could be given to, or that says not where its results go."""
    name = signature.name
    kinds = [kind for _, kind in signature.special]
    if len(signature.parameters) > 1 or kinds.count("event") > 1 or not (signature.parameters or "event" in kinds):
        raise TypeError(
            f"{name} takes one event: a parameter of the event's type, or `event: Event`, and `context: Context`"
        )
    if emits and signature.response == "empty":
        raise TypeError(f"{name} emits to {emits} and gives nothing: return or yield an event, and annotate its type")
    if not emits and signature.response != "empty" and signature.result is not Any:
        raise TypeError(f"{name} gives events and says not where: declare emits='some-topic', or -> None")


def _reader(part: Part, alone: Any) -> Reader:
    """Returns what reads a value as `Client.publish` writes it; what is no object may also stand without `result`."""
    if part.raw:
        return bytes
    read = json_reader(part.annotation, part.shape, part.strict)
    if not part.wrapped:
        return read
    read_alone = json_reader(alone, part.value)
    return lambda body: read(body).result if body[:1] == b"{" else read_alone(body)


def _writer(part: Part, name: str) -> Writer:
    """Returns what writes a value as `Client.publish` does."""
    if part.raw:
        return bytes
    return json_writer(part.shape, wrapped=part.wrapped, what=f"an event that {name} gives")


def _without_none(annotation: Any) -> Any:
    """Returns `T` of `T | None`: None is no event."""
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if len(members) == 1 and type(None) in get_args(annotation) else annotation


async def _first(results: AsyncIterator[Any]) -> list[Any]:
    """Returns the results up to one more than may be."""
    found = []
    try:
        async for result in results:
            found.append(result)
            if len(found) > OUTPUTS_MAX:
                break
    finally:
        close = getattr(results, "aclose", None)
        if close is not None:
            await close()
    return found


def _in_thread(call: Callable[..., Any], arguments: dict[str, Any], yields: bool) -> list[Any]:
    found: Any = call(**arguments)
    return list(_limited(found)) if yields else [found]


def _limited(results: Iterator[Any]) -> Iterator[Any]:
    for count, result in enumerate(results):
        yield result
        if count >= OUTPUTS_MAX:
            return
