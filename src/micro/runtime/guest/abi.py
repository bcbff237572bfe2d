"""The guest ABI as words and bytes, the same for each of its forms: `docs/reference/guest-abi.md`.

Pure.

A request goes in as a message: headers and a body. What comes back is a body, or a fault. In the core form a message is
an envelope (`micro.mucp.envelope`), and a fault is its JSON, as `Micro-Error` carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from micro.errors import BadRequest, Fault, InternalError, RemoteProtocolError, TooLarge
from micro.mucp import envelope
from micro.mucp import headers as names
from micro.mucp.headers import Headers

__all__ = [
    "BODY_BYTES_MAX",
    "check_body",
    "fault_of",
    "message_of",
    "read_key",
    "read_message",
    "read_text",
    "target_of",
]

BODY_BYTES_MAX = 4_194_304
"""The largest body that goes into a guest or comes out of it."""

MESSAGE_BYTES_MAX = envelope.JSON_BLOB_BYTES_MAX
"""The largest message a guest may show its host, in either spelling."""

TEXT_BYTES_MAX = 8_192
"""The longest line a guest logs, path it asks for or detail it fails with."""

CODES = range(400, 600)
OURS = frozenset({names.SERVICE, names.ENDPOINT, names.CONTENT_TYPE, names.TOPIC, names.ID})
"""Headers of a guest's message that say where it goes; the others travel with it."""


HEADS_MAX = 1_024
"""So many sets of headers are kept encoded: exchanges that come the same way have the same."""


def message_of(headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns a request as a core guest takes it: an envelope in protobuf.

    Raises:
        BadRequest: the body is larger than `BODY_BYTES_MAX`.
    """
    return envelope.with_body(_head(tuple(headers.items())), body)


@lru_cache(HEADS_MAX)
def _head(headers: tuple[tuple[str, str], ...]) -> bytes:
    return envelope.encode(dict(headers), b"")


def check_body(body: bytes) -> bytes:
    """Returns a body that comes out of a guest.

    Raises:
        TooLarge: it has more than `BODY_BYTES_MAX`.
    """
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(f"the guest gives {len(body)} bytes; {BODY_BYTES_MAX} fit, more goes as a stream")
    return body


def read_message(blob: bytes) -> tuple[Headers, bytes]:
    """Reads a message that a guest wrote.

    Raises:
        BadRequest: it is no envelope.
    """
    try:
        return envelope.decode(blob)
    except RemoteProtocolError as error:
        raise BadRequest(f"the guest's message: {error}") from error


def read_text(blob: bytes) -> str:
    """Reads a text that a guest wrote; what is no UTF-8 in it is replaced, what is too long is cut."""
    return blob[:TEXT_BYTES_MAX].decode("utf-8", "replace")


def read_key(blob: bytes) -> str:
    """Reads a name by which a guest asks for something.

    Raises:
        BadRequest: it is no UTF-8, or too long: another name than was meant must never be used.
    """
    if len(blob) > TEXT_BYTES_MAX:
        raise BadRequest(f"a key or path of {len(blob)} bytes; {TEXT_BYTES_MAX} fit")
    try:
        return blob.decode()
    except UnicodeDecodeError:
        raise BadRequest("a key or path is UTF-8") from None


def fault_of(code: int, detail: str, id: str = "") -> Fault:
    """Returns the fault with which a guest answers; a code that is none is the guest's own mistake.

    A detail may be the JSON of a fault that the guest was given itself, and passes on.
    """
    if code not in CODES:
        return InternalError(f"{detail} (the guest failed with the code {code}, which is none)", id=id)
    if detail.startswith('{"id":'):
        found = Fault.parse(detail)
        detail, id = found.detail, found.id
    return Fault.make(code, detail, id=id)


def target_of(headers: Headers) -> tuple[str, str, str, Mapping[str, str]]:
    """Returns whom a guest's message is for: service, endpoint, content type, and the headers that go with it.

    Raises:
        BadRequest: it does not say.
    """
    service, endpoint = headers.get(names.SERVICE, ""), headers.get(names.ENDPOINT, "")
    if not service or not endpoint:
        raise BadRequest(f"a call says {names.SERVICE} and {names.ENDPOINT}; this one lacks one of them")
    more = {name: value for name, value in headers.items() if name not in OURS}
    return service, endpoint, headers.get(names.CONTENT_TYPE, "application/json"), more
