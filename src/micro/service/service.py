"""A service: endpoints and subscribers declared by decorators, then run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from micro.service.broker.broker import check_name
from micro.service.context import Context
from micro.service.copies.naming import check_replicas
from micro.service.debug import Debug, Stats
from micro.service.endpoint import Endpoint
from micro.service.function import Function as EventFunction
from micro.service.schema.describe import describe_service
from micro.service.schema.form import suspends
from micro.service.schema.naming import check_endpoint_name, check_service_name, endpoint_name
from micro.service.subscription import Event
from micro.service.typed import Stream
from micro.system import resident_bytes

__all__ = ["Service", "Subscriber"]

Function = TypeVar("Function", bound=Callable[..., Any] | type)
ENDPOINTS_MAX = 256
SUBSCRIBERS_MAX = 64
FUNCTIONS_MAX = 64
TOPICS_MAX = 64
DEFAULT_VERSION = "0.1.0"


class Subscriber:
    """A handler of a topic's events, as a member of a queue, or of all of them where the queue is None.

    Attributes:
        wants_context: whether it is given the context beside the event.
        inline: it never waits, so it can be run where it stands.
    """

    __slots__ = ("function", "inline", "queue", "topic", "wants_context")

    def __init__(self, topic: str, queue: str | None, function: Callable[..., Any]) -> None:
        self.topic = topic
        self.queue = queue
        self.function = function
        parameters = len(inspect.signature(function).parameters)
        self.wants_context = parameters > 1
        self.inline = not suspends(function)

    async def handle(self, event: Event, context: Context | None) -> None:
        """Handles an event, with its context where the function wants that."""
        if self.wants_context:
            await self.function(event, context)
        else:
            await self.function(event)


class Service:
    """A named set of typed endpoints and subscribers.

    Args:
        name: lower-case words joined by dashes.
        version: its version; instances of several may run side by side.
        description: one sentence for people.
        metadata: further facts, for instance `{"tags": "text, language"}`.
        export: whether nodes that the owner did not connect to may know and use it; None leaves it to the node's
            setting. The node's owner may say otherwise: `micro network offer` and `hide`.
        store: whether each caller has a part of the store of its own (`caller`), or all share one (`shared`).
        platform: whether the node itself is the service.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = DEFAULT_VERSION,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
        export: bool | None = None,
        store: Literal["caller", "shared"] = "caller",
        platform: bool = False,
    ) -> None:
        self.name = check_service_name(name, platform=platform)
        self.version = version
        self.description = description
        self.metadata = dict(metadata or {})
        self.export = export
        self.store_scope = store
        self.endpoints: dict[str, Endpoint] = {}
        self.subscribers: list[Subscriber] = []
        self.functions: dict[str, EventFunction] = {}
        self.topics: dict[str, tuple[bool, int]] = {}
        self.runtime: Any = None
        """What the service has while it runs: its client, store, settings."""

    # -- declaring --------------------------------------------------------------------------------------------------

    @overload
    def endpoint(self, name: Function, /) -> Function: ...

    @overload
    def endpoint(
        self,
        name: str | None = None,
        /,
        *,
        price: str | None = None,
        idempotent: bool = False,
        readonly: bool | None = None,
        description: str | None = None,
        examples: Sequence[Any] = (),
    ) -> Callable[[Function], Function]: ...

    def endpoint(
        self,
        name: Any = None,
        /,
        *,
        price: str | None = None,
        idempotent: bool = False,
        readonly: bool | None = None,
        description: str | None = None,
        examples: Sequence[Any] = (),
    ) -> Any:
        """Declares a function, or each public method of a class, as an endpoint.

        Args:
            name: `Struct.Method`; without it the function's name makes one.
            price: what a call costs, a decimal number as text.
            idempotent: whether calling twice is as good as once, so that a lost call may be sent again.
            readonly: whether it changes nothing anywhere, so that faces need not ask before they call it; None leaves
                that to be told from `idempotent` and its words.
            description: what it does; without it the doc string tells.
            examples: requests to show and try.

        Raises:
            TypeError: an annotation is missing, or of a type that cannot travel.
            ValueError: the name is wrong or taken.
        """
        if callable(name):
            return self._declare(None, name, {})
        options = {
            "price": price,
            "idempotent": idempotent,
            "readonly": readonly,
            "description": description,
            "examples": examples,
        }
        return lambda function: self._declare(name, function, options)

    def _declare(self, name: str | None, function: Any, options: Mapping[str, Any]) -> Any:
        if inspect.isclass(function):
            self._declare_class(name, function, options)
        else:
            self.add(name or endpoint_name(self.name, function), function, **options)
        return function

    def _declare_class(self, name: str | None, kind: type, options: Mapping[str, Any]) -> None:
        instance = kind()
        struct = name or kind.__name__
        for attribute, member in inspect.getmembers(instance, callable):
            if not attribute.startswith("_") and inspect.ismethod(member):
                words = "".join(part[:1].upper() + part[1:] for part in attribute.split("_"))
                self.add(f"{struct}.{words}", member, **options)

    def add(self, name: str, function: Callable[..., Any], **options: Any) -> Endpoint:
        """Declares `function` as the endpoint `name`; see `endpoint` for the options."""
        check_endpoint_name(name)
        if name in self.endpoints:
            raise ValueError(f"{self.name} has an endpoint {name} already; give this one another name")
        if len(self.endpoints) >= ENDPOINTS_MAX:
            raise ValueError(f"a service has at most {ENDPOINTS_MAX} endpoints")
        endpoint = self.endpoints[name] = Endpoint(
            name, function, context=Context, stream=Stream, **{k: v for k, v in options.items() if v is not None}
        )
        return endpoint

    def subscribe(self, topic: str, *, queue: str | None = None) -> Callable[[Function], Function]:
        """Declares a handler of a topic's events: `async def on_event(event: Event) -> None`.

        With a queue each event is handled by one of its members, acknowledged when the handler returns and delivered
        again when it raises. Without, every instance gets what is published while it runs.
        """
        if len(self.subscribers) >= SUBSCRIBERS_MAX:
            raise ValueError(f"a service has at most {SUBSCRIBERS_MAX} subscribers")

        def declare(function: Function) -> Function:
            if not inspect.iscoroutinefunction(function):
                raise TypeError(
                    f"{getattr(function, '__name__', function)} must be `async def`: it handles events of {topic}"
                )
            self.subscribers.append(Subscriber(topic, queue, function))
            return function

        return declare

    def function(self, topic: str, *, emits: str = "", queue: str = "") -> Callable[[Function], Function]:
        """Declares a function from events to events: `async def bill(order: Order) -> Invoice`.

        It takes one event: a parameter of the event's type, or `event: Event`; and `context: Context` where wanted.
        What it returns, or each of what it yields, is an event that follows; None is none. It may be `async def` or
        not.

        The input's acknowledgement and all that follows are on disk together, or neither is, so each output is
        published exactly once. The function itself may run again after a crash: what it calls, it calls at least once.

        Args:
            topic: where its inputs come from; `topic@nid` for the log of that one node.
            emits: where its outputs go.
            queue: whose members share the inputs; without it those of this function in all instances.

        Raises:
            TypeError: its annotations do not tell what it takes and gives; from the decorator, as all of these.
            ValueError: the service has a function of that name, or too many.
            BadRequest: a topic or the queue has no possible name.
        """

        def declare(function: Function) -> Function:
            declared = EventFunction(function, topic, emits=emits, queue=queue)
            if declared.name in self.functions:
                raise ValueError(f"{self.name} has a function {declared.name} already; give this one another name")
            if len(self.functions) >= FUNCTIONS_MAX:
                raise ValueError(f"a service has at most {FUNCTIONS_MAX} functions")
            self.functions[declared.name] = declared
            return function

        return declare

    def topic(self, name: str, *, export: bool = False, replicas: int = 0) -> None:
        """Says that a topic is this service's own, so that no other service of its node can say so.

        Args:
            name: the topic.
            export: whether other nodes may ask for its events and publish on it, as far as their rules at this node
                let them. The node's owner may say otherwise: `micro events export`.
            replicas: how many super nodes of the node's network keep a copy of the exported log, 0 to 3, so that it
                outlives the node. An event is then acknowledged once all of them have it.

        Raises:
            BadRequest: the topic has no possible name, or no possible number of copies.
            ValueError: the service has too many topics.
        """
        check_name("topic", name)
        check_replicas(name, replicas, exported=export)
        if len(self.topics) >= TOPICS_MAX:
            raise ValueError(f"a service has at most {TOPICS_MAX} topics of its own")
        self.topics[name] = (export, replicas)

    # -- describing -------------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Returns the service's description: all that any interface needs to know of it."""
        return describe_service(
            self.name,
            version=self.version,
            description=self.description,
            metadata=self.metadata,
            export=self.export,
            endpoints=[endpoint.describe() for endpoint in self.endpoints.values() if not endpoint.hidden],
            topics=[
                *({"topic": s.topic, "queue": s.queue or ""} for s in self.subscribers),
                *({"topic": f.topic, "queue": f.queue_of(self.name)} for f in self.functions.values()),
            ],
            logs=[
                {"topic": topic, "export": export, **({"replicas": replicas} if replicas else {})}
                for topic, (export, replicas) in self.topics.items()
            ],
            functions=[function.describe(self.name) for function in self.functions.values()],
        )

    def with_debug(self, now: Callable[[], float]) -> Debug:
        """Adds the struct `Debug`, once, and returns it."""
        debug = Debug(self.name, self.version, now, self._stats, resident=resident_bytes)
        for name, function in (
            ("Debug.Health", debug.health),
            ("Debug.Stats", debug.stats),
            ("Debug.Log", debug.log),
            ("Debug.Trace", debug.trace),
        ):
            if name not in self.endpoints:
                self.add(name, function, idempotent=True).hidden = True
        logging.getLogger(self.name).addHandler(debug.log_ring)
        return debug

    def _stats(self) -> dict[str, Stats]:
        return {name: endpoint.stats for name, endpoint in self.endpoints.items()}
