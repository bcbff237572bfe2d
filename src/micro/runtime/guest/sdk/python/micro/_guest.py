"""A service inside a guest: declared by decorators, described once, its handlers run as the host calls."""

import dataclasses
import inspect
import json
import traceback
import typing

from micro._fault import Fault
from micro._host import JSON, Client, Log, Settings, Store, Stream, _StreamOf, dumped, wrapped
from micro._schema import read, read_record, record, schema

__all__ = ["Client", "Context", "Event", "Fault", "Service", "Stream", "service_of"]


class Context:
    """One exchange, from inside its handler."""

    def __init__(self, headers):
        self.headers = headers
        self.client, self.store, self.config, self.log = Client(), Store(), Settings(), Log()
        self.caller = headers.get("Micro-From-Service", "") or headers.get("Micro-Caller", "")


class Event:
    """What was published on a topic."""

    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.topic, self.id = headers.get("Micro-Topic", ""), headers.get("Micro-Id", "")

    @property
    def value(self):
        return json.loads(self.body) if self.headers.get("Content-Type", JSON) == JSON else self.body


def finish(work):
    """Runs a coroutine to its end: it never waits here, as its host suspends the whole guest."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    work.close()
    raise Fault("a guest can await what its host does, and nothing else: no timers, sockets or tasks of its own")


class _Endpoint:
    def __init__(self, name, function, options):
        self.name, self.function, self.options = name, function, options
        hints = typing.get_type_hints(function)
        self.result = hints.pop("return", typing.Any)
        self.fields, self.context, self.stream, self.item = {}, None, None, None
        for each in inspect.signature(function).parameters.values():
            kind = hints.get(each.name, typing.Any)
            if kind is Context:
                self.context = each.name
            elif kind is Stream or isinstance(kind, _StreamOf):
                self.stream, self.item = each.name, getattr(kind, "kind", typing.Any)
            else:
                missing = each.default is inspect.Parameter.empty
                self.fields[each.name] = (kind, dataclasses.MISSING if missing else each.default)
        self.yields = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)

    @property
    def kind(self):
        return "stream" if self.yields or self.stream else "call"

    def describe(self):
        answer = typing.get_args(self.result)[0] if self.yields and typing.get_args(self.result) else self.result
        response = schema(answer)
        if response.get("type") not in ("object", None):
            response = {"type": "object", "properties": {"result": response}}
        return {
            "name": self.name,
            "kind": self.kind,
            "description": inspect.getdoc(self.function) or "",
            "request": record(self.fields) if self.stream is None else schema(self.item),
            "response": response,
            **self.options,
        }

    def run(self, headers, body):
        given = read_record(json.loads(body) if body else {}, self.fields, "")
        if self.context:
            given[self.context] = Context(headers)
        if self.stream:
            given[self.stream] = Stream(0, lambda value: read(value, self.item, "the item"))
        return self.function(**given)


class Service:
    """A named set of endpoints and subscribers."""

    def __init__(self, name, *, version="0.1.0", description="", metadata=None, export=None, store="caller"):
        self.name, self.version, self.description = name, version, description
        self.metadata, self.export, self.store = dict(metadata or {}), export, store
        self.endpoints, self.subscribers = {}, []

    def endpoint(self, name=None, /, *, price=None, idempotent=False, description=None, examples=()):
        if callable(name):
            return self._declare(None, name, {})
        options = {"price": price, "idempotent": idempotent, "description": description, "examples": list(examples)}
        kept = {key: value for key, value in options.items() if value}
        return lambda function: self._declare(name, function, kept)

    def _declare(self, name, function, options):
        words = "".join(part[:1].upper() + part[1:] for part in function.__name__.split("_"))
        struct = "".join(part[:1].upper() + part[1:] for part in self.name.split("-"))
        name = name or f"{struct}.{words}"
        self.endpoints[name] = _Endpoint(name, function, options)
        return function

    def subscribe(self, topic, *, queue=None):
        def declare(function):
            self.subscribers.append((topic, queue or "", function))
            return function

        return declare

    def run(self):
        """Does nothing: a guest is run by its host."""

    # -- what the host asks -----------------------------------------------------------------------------------------

    def describe(self):
        metadata = dict(self.metadata)
        return json.dumps(
            {
                "name": self.name,
                "version": self.version,
                "description": self.description,
                "instances": metadata.pop("instances", "stateless"),
                "metadata": metadata,
                "export": self.export,
                "store": self.store,
                "endpoints": [each.describe() for each in self.endpoints.values()],
                "subscriptions": [{"topic": topic, "queue": queue} for topic, queue, _ in self.subscribers],
            }
        )

    def _find(self, headers):
        name = headers.get("Micro-Endpoint", "")
        if name not in self.endpoints:
            raise Fault(f"{self.name} has no endpoint {name}", code=404)
        return self.endpoints[name]

    def call(self, header, body):
        headers = dict(header)
        endpoint = self._find(headers)
        return self._guarded(lambda: _body(_settled(endpoint.run(headers, body))))

    def serve(self, header, body):
        headers = dict(header)
        endpoint = self._find(headers)
        self._guarded(lambda: finish(_pour(endpoint.run(headers, body))))

    def event(self, header, body):
        event = Event(dict(header), body)
        for topic, _, function in self.subscribers:
            if topic.partition("@")[0] == event.topic:
                given = (event, Context(event.headers)) if len(inspect.signature(function).parameters) > 1 else (event,)
                self._guarded(lambda function=function, given=given: _settled(function(*given)))

    def _guarded(self, work):
        try:
            return work()
        except Fault:
            raise
        except json.JSONDecodeError as error:
            raise Fault(f"the body is not JSON: {error}", code=400) from None
        except Exception as error:
            Log().error("%s", traceback.format_exc()[-2000:])
            raise Fault(f"{type(error).__name__} in {self.name}; its log tells more") from None


def _settled(result):
    return finish(result) if inspect.iscoroutine(result) else result


def _body(result):
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    return dumped(wrapped(result) if result is not None else {})


async def _pour(result):
    stream = Stream(0)
    if hasattr(result, "__aiter__"):
        async for item in result:
            await stream.send(item)
    elif inspect.iscoroutine(result):
        value = await result
        if value is not None:
            await stream.send(value)
    else:
        for item in result:
            await stream.send(item)


def service_of(module):
    """Returns the one service that a module makes."""
    found = [each for each in vars(module).values() if isinstance(each, Service)]
    if len(found) != 1:
        raise RuntimeError(f"main.py makes {len(found)} services at its top level; a guest is one")
    return found[0]


