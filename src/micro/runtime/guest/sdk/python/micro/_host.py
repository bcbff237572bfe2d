"""What a handler asks of its host: every function of it is awaited, though the guest only ever waits inside of one."""

import json

from componentize_py_types import Err
from wit_world.imports import host
from wit_world.imports.types import Message

from micro._fault import Fault
from micro._schema import plain

JSON = "application/json"


def asked(work, *given):
    """Calls a function of the host; its fault becomes an exception of ours."""
    try:
        return work(*given)
    except Err as error:
        found = error.value
        raise Fault(found.detail, id=found.id, code=found.code, status=found.status) from None


def dumped(value):
    """Returns a plain value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def sleep(seconds):
    """Waits, as `time.sleep` does."""
    host.sleep(int(max(0, seconds) * 1000))


def body_of(value):
    """Returns a body for a value, and its content type."""
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    return dumped(plain({} if value is None else value)), JSON


def value_of(body):
    """Returns what an answer in JSON means."""
    if not body:
        return None
    found = json.loads(body)
    return found["result"] if isinstance(found, dict) and list(found) == ["result"] else found


class Client:
    """Calls, streams and publishes as this service."""

    async def call(self, service, endpoint, request=None, *, headers=None):
        body, content_type = body_of(request)
        said = [("Micro-Service", service), ("Micro-Endpoint", endpoint), ("Content-Type", content_type)]
        answer = asked(host.call, Message(said + list((headers or {}).items()), body))
        return answer if isinstance(request, bytes) else value_of(answer)

    async def publish(self, topic, event, *, headers=None):
        body, content_type = body_of(event)
        said = [("Micro-Topic", topic), ("Content-Type", content_type)]
        return asked(host.publish, Message(said + list((headers or {}).items()), body))

    def stream(self, service, endpoint, request=None, *, headers=None):
        body, content_type = body_of(request)
        said = [("Micro-Service", service), ("Micro-Endpoint", endpoint), ("Content-Type", content_type)]
        return Opened(Message(said + list((headers or {}).items()), body))


class Stream:
    """Values that come in and go out; `Stream[T]` in a handler's parameters says what comes in."""

    def __init__(self, number, read=lambda value: value):
        self._number, self._read = number, read

    def __class_getitem__(cls, kind):
        return _StreamOf(kind)

    async def send(self, item):
        asked(host.stream_send, self._number, body_of(item if isinstance(item, bytes) else wrapped(item))[0])

    async def end(self):
        asked(host.stream_end, self._number)

    def __aiter__(self):
        return self

    async def __anext__(self):
        body = asked(host.stream_receive, self._number)
        if body is None:
            raise StopAsyncIteration
        return self._read(value_of(body))


class _StreamOf:
    def __init__(self, kind):
        self.kind = kind


class Opened(Stream):
    """A stream that is opened by `async with`."""

    def __init__(self, message):
        super().__init__(-1)
        self._message = message

    async def __aenter__(self):
        self._number = asked(host.stream_open, self._message)
        return self

    async def __aexit__(self, *error):
        asked(host.stream_close, self._number)


def wrapped(value):
    """Returns a result as it travels: what is no object stands in one."""
    value = plain(value)
    return value if isinstance(value, dict) else {"result": value}


class Store:
    """The key-value store of the service."""

    async def read(self, key):
        return asked(host.store_read, key)

    async def write(self, key, value, expiry_seconds=None):
        asked(host.store_write, key, value, int(expiry_seconds or 0))

    async def delete(self, key):
        return asked(host.store_delete, key)

    async def list(self, prefix="", limit=100):
        return asked(host.store_list, prefix, limit)


class Settings:
    """The settings of the service."""

    async def get(self, path="", default=None):
        found = asked(host.config, path)
        return default if found is None else json.loads(found)


class Log:
    """The service's log."""

    def debug(self, text, *given):
        host.log(0, text % given if given else text)

    def info(self, text, *given):
        host.log(1, text % given if given else text)

    def warning(self, text, *given):
        host.log(2, text % given if given else text)

    def error(self, text, *given):
        host.log(3, text % given if given else text)
