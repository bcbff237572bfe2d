"""A route: the links that lead to a service, and the bytes with which an exchange on each of them begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from micro.mucp import headers as names
from micro.mucp.codec import JSON, PROTOBUF
from micro.mucp.message import Form
from micro.network.link import CALL_TIMEOUT_SECONDS, Link
from micro.service.registry.instance import Instance
from micro.service.schema.proto import Inexpressible
from micro.service.schema.value import ValueCodec, decode_value
from micro.service.selector import Seat, Selector

__all__ = ["DEFAULT_MILLISECONDS", "Route", "RouteAnswer"]

PREFIXES_MAX = 512
"""How many endpoints of a service a route keeps ready; the rest are put together anew for each exchange."""

DEFAULT_MILLISECONDS = int(CALL_TIMEOUT_SECONDS * 1000)
_decode = msgspec.json.Decoder().decode


class RouteAnswer(msgspec.Struct):
    """What a node says of the way to a service.

    Attributes:
        addresses: sockets of instances that this caller may talk to directly; none where the node is to pass on.
        description: the service's description.
    """

    addresses: list[str] = []
    description: dict[str, Any] | None = None

    @staticmethod
    def read(body: bytes) -> RouteAnswer:
        """Returns the answer of `Registry.Route`; one that cannot be read says nothing."""
        try:
            return msgspec.json.decode(body, type=RouteAnswer)
        except (ValueError, RecursionError):
            return RouteAnswer()


class Route:
    """How to reach a service.

    Attributes:
        links: links to its instances, or the one to the node that passes on.
        only: the one link where there is no other, else None.
        prefixes: how calls by `only` begin, by endpoint and content type, as far as `call_prefix` has made them.
        description: the service's description where it is known.
        idempotent: the endpoints that may be sent twice.
        wrapped: the endpoints whose answer travels as `{"result": ...}`.
        raw: the endpoints that answer in bytes.
        is_unknown: whether the node did not know the service when it was asked.
    """

    __slots__ = (
        "_by_key",
        "_codecs",
        "_instances",
        "_readers",
        "_selector",
        "description",
        "idempotent",
        "is_unknown",
        "links",
        "only",
        "prefixes",
        "raw",
        "service",
        "wrapped",
    )

    def __init__(
        self,
        service: str,
        links: list[Link],
        *,
        chance: Callable[[], float],
        description: Mapping[str, Any] | None = None,
        is_unknown: bool = False,
    ) -> None:
        self.service = service
        self.is_unknown = is_unknown
        self._selector = Selector(chance)
        self._take(links)
        self.description = description
        endpoints = (description or {}).get("endpoints", ())
        self.idempotent = frozenset(endpoint["name"] for endpoint in endpoints if endpoint.get("idempotent"))
        self.wrapped = frozenset(e["name"] for e in endpoints if (e.get("response") or {}).get("x-micro-result"))
        self.raw = frozenset(e["name"] for e in endpoints if (e.get("response") or {}).get("format") == "binary")
        self._codecs: dict[str, tuple[ValueCodec, ValueCodec] | None] = {}
        self._readers: dict[tuple[str, Any], Callable[[bytes], Any]] = {}

    def codecs(self, endpoint: str) -> tuple[ValueCodec, ValueCodec] | None:
        """Returns the protobuf codecs of an endpoint's request and answer; None where it speaks JSON or bytes alone."""
        if endpoint not in self._codecs:
            self._codecs[endpoint] = self._make_codecs(endpoint)
        return self._codecs[endpoint]

    def _make_codecs(self, endpoint: str) -> tuple[ValueCodec, ValueCodec] | None:
        for found in (self.description or {}).get("endpoints", ()):
            if found["name"] == endpoint and PROTOBUF in found.get("content_types", ()):
                try:
                    return ValueCodec(found["request"]), ValueCodec(found["response"])
                except (Inexpressible, KeyError, TypeError):
                    return None
        return None

    def reader(self, endpoint: str, returns: Any) -> Callable[[bytes], Any]:
        """Returns what makes the value of `returns` from an answer of `endpoint` in JSON; made once for each pair."""
        reader = self._readers.get((endpoint, returns))
        if reader is None:
            reader = self._make_reader(endpoint, returns)
            if len(self._readers) < PREFIXES_MAX:
                self._readers[endpoint, returns] = reader
        return reader

    def _make_reader(self, endpoint: str, returns: Any) -> Callable[[bytes], Any]:
        wrapped = endpoint in self.wrapped
        if endpoint in self.raw:
            return bytes if returns in (None, bytes) else partial(decode_value, content_type=JSON, returns=returns)
        slowly = partial(decode_value, content_type=JSON, returns=returns, wrapped=wrapped)
        if returns is not None:
            return slowly

        def read(body: bytes) -> Any:
            try:
                value = _decode(body)
                return value["result"] if wrapped else value
            except (ValueError, KeyError, TypeError, RecursionError):
                return slowly(body)  # which says what is wrong

        return read

    def choose(self, now: float) -> tuple[Link, Seat | None]:
        """Returns the less loaded of two links drawn at random, and its seat, to be told how the exchange went.

        Args:
            now: the time in seconds, of a clock that never goes back.
        """
        if len(self.links) == 1:
            return self.links[0], None
        seat = self._selector.pick(self.service, self._instances, now)
        return self._by_key[seat.instance.key], seat

    def drop(self, link: Link) -> bool:
        """Forgets a link; returns whether none is left."""
        self._take([known for known in self.links if known is not link])
        return not self.links

    def _take(self, links: list[Link]) -> None:
        self.links = links
        self.only = links[0] if len(links) == 1 else None
        self.prefixes: dict[tuple[str, str], bytes] = {}
        instances = [
            Instance(service=self.service, version="0", id=str(number), nid="direct", local=True)
            for number in range(len(links))
        ]
        self._instances = instances
        self._by_key = {instance.key: link for instance, link in zip(instances, links, strict=True)}

    def call_prefix(self, link: Link, endpoint: str, content_type: str) -> bytes:
        """Makes how a call by `link`, the only one, begins, with the default deadline and no headers of its own."""
        prefix = self.prefix(Form.CALL, link, endpoint, content_type, DEFAULT_MILLISECONDS)
        if len(self.prefixes) < PREFIXES_MAX:
            self.prefixes[endpoint, content_type] = prefix
        return prefix

    def prefix(
        self, form: int, link: Link, endpoint: str, content_type: str, timeout_milliseconds: int, extra: bytes = b""
    ) -> bytes:
        """Returns how an exchange with the endpoint begins on `link`."""
        headers = {names.SERVICE: self.service, names.ENDPOINT: endpoint, names.CONTENT_TYPE: content_type}
        return link.session.begin(form, headers, timeout_milliseconds, extra)
