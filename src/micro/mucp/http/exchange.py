"""One thing that was asked for over HTTP, what is told of it, and what it must be to be served.

Pure.
"""

from __future__ import annotations

from typing import Any

import msgspec

from micro.errors import BadRequest, Fault, NotFound
from micro.mucp.headers import checked
from micro.mucp.http.head import RequestHead
from micro.mucp.http.wrapping import Wrapped

__all__ = [
    "Broken",
    "Called",
    "Closed",
    "Event",
    "Exchange",
    "Item",
    "Opened",
    "check_endpoint",
    "check_target",
    "id_of",
]


class Exchange(msgspec.Struct, eq=False):
    """One call, event or stream that was asked for; a struct, since one is made for every call.

    Attributes:
        head: what its headers mean.
        id: its `Micro-Id`.
        body_bytes: how much of memory its body takes.
        wrapped: its first body, out of its wrapping.
        is_last: nothing is asked behind it on this pipe.
        owner: whoever serves it.
        is_closed: the other side says no more on this stream.
        output: its answer, once there is one.
    """

    head: RequestHead
    id: str
    body_bytes: int
    wrapped: Wrapped | None = None
    is_last: bool = False
    owner: Any = None
    is_closed: bool = False
    output: bytes | None = None

    @property
    def endpoint(self) -> str:
        """The endpoint, from the headers or else from the wrapping."""
        return self.head.endpoint or (self.wrapped.endpoint if self.wrapped is not None else "")


class Called(msgspec.Struct, frozen=True):
    """A call or an event came."""

    exchange: Exchange


class Opened(msgspec.Struct, frozen=True):
    """A stream was opened; go-micro's servers throw the body of this message away, and send it again as an item."""

    exchange: Exchange


class Item(msgspec.Struct, frozen=True):
    """A message of a stream."""

    exchange: Exchange
    body: bytes


class Closed(msgspec.Struct, frozen=True):
    """The other side says no more on a stream; with a fault it failed there."""

    exchange: Exchange
    fault: Fault | None


class Broken(msgspec.Struct, frozen=True):
    """The bytes are no such messages: what is to be written was written, and the connection ends."""

    fault: Fault


Event = Called | Opened | Item | Closed | Broken


def check_target(target: bytes) -> None:
    """Raises `NotFound` where a request is for anything but this port's one place."""
    if target != b"/" and not target.startswith(b"/?"):
        raise NotFound(f"this port is asked at /, not at {target[:80].decode('latin-1')!a}")


def check_endpoint(exchange: Exchange) -> None:
    """Raises `BadRequest` where a call names no endpoint of a service."""
    if not exchange.head.service or not exchange.endpoint:
        raise BadRequest("a call names a service and an endpoint, in Micro-Service and Micro-Endpoint")
    if exchange.endpoint.count(".") != 1 or not all(exchange.endpoint.split(".")):
        raise BadRequest(f"rpc: service/endpoint request ill-formed: {exchange.endpoint[:80]}")


def id_of(id: bytes) -> str:
    """Returns an id.

    Raises:
        BadRequest: it is no text.
    """
    try:
        return checked(id.decode())
    except ValueError as error:
        raise BadRequest(f"Micro-Id: {error}") from None
