"""Events as go-micro's HTTP broker posts them: `POST /?id=NODE` with a message in JSON.

Pure.

    {"Header": {"Micro-Topic": "notes", "Content-Type": "application/json", ...}, "Body": "BASE64"}

Go spells the names of headers there as its program did, `Micro-ID` from 4.10 on; they count in any case. Nothing of the
answer but that there is one means anything to a publisher.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from micro.errors import BadRequest
from micro.mucp import headers as names
from micro.mucp.headers import HEADER_BYTES_MAX, HEADERS_MAX, Headers
from micro.mucp.http.travelling import travels

__all__ = ["BROADCAST", "BROKER", "POSTED", "VIA", "program_headers", "read_post", "target_of", "write_post"]

BROKER = "micro.http.broker"
"""The service under which go-micro's subscribers are registered, each as a node of it."""

BROADCAST = "ff.http.broadcast"
"""The version of those of them that get every event; any other version is a queue, one of whose nodes gets it."""

POSTED = b"/?id="
OF_HTTP2 = ":"
"""How names begin that HTTP/2 has for parts of a request; a program of go-micro 2 that was called passes them on."""

SAID_BY_GO = "Micro-ID"
"""How a program of go-micro 4.10 and later spells the id of an event; all others spell headers as HTTP does."""

VIA = "Micro-Meta-Http-Broker"
"""On an event that was posted: the node it was posted to, whose go-micro neighbours had it from the publisher."""


class _Post(msgspec.Struct):
    Header: dict[str, str] | None = None
    Body: bytes | None = None


def read_post(data: bytes) -> tuple[Headers, bytes]:
    """Returns the headers and the body of an event.

    Raises:
        BadRequest: it is none, or its headers break a limit.
    """
    try:
        found = msgspec.json.decode(data, type=_Post)
        said = {name: value for name, value in (found.Header or {}).items() if not name.startswith(OF_HTTP2)}
        if SAID_BY_GO in said:  # with the id of the call in which it was published, as Go's program was asked it
            said = {name: value for name, value in said.items() if name != names.ID}
        headers = Headers(said)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f'expected an event of go-micro, {{"Header": {{...}}, "Body": BASE64}}: {error}') from error
    if len(headers) != len(said):
        raise BadRequest("Header: a name stands twice; which one counts would be a guess")
    if len(headers) > HEADERS_MAX or sum(len(name) + len(value) for name, value in said.items()) > HEADER_BYTES_MAX:
        raise BadRequest(f"Header: at most {HEADERS_MAX} with {HEADER_BYTES_MAX} bytes are read")
    if not headers.get(names.TOPIC):
        raise BadRequest("Topic not found: an event names its topic in Micro-Topic")
    return headers, found.Body or b""


def write_post(topic: str, content_type: str, id: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns an event; of its headers those are said that programs gave it."""
    said = {**program_headers(headers), names.CONTENT_TYPE: content_type, names.TOPIC: topic}
    if id:
        said[names.ID] = id
    return msgspec.json.encode({"Header": said, "Body": body})


def program_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns what programs said of an event to each other, without what proves who they are."""
    return {name: value for name, value in headers.items() if travels(name) and name != VIA}


def target_of(node: str) -> str:
    """Returns what is asked for in order to reach a subscriber by its id."""
    return POSTED.decode() + quote(node, safe="")
