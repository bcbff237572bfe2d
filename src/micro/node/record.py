"""The record of calls that came in through a door of the node: the last ones, with what was asked.

Pure.

It is in memory alone, bounded by count and by bytes, and shown to the owner only: what is asked may be private. What
the node's own services are asked is not in it, for that would be the owner looking at himself, and holds secrets. What
people say to the assistant is not kept, and neither is what an endpoint's schema calls a secret.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from micro.errors import BadRequest
from micro.mucp.codec import BYTES, JSON, decode_json, encode_json
from micro.service.registry.instance import bare_name
from micro.service.schema.secrets import masked
from micro.trust.policy import Caller, is_ruled

__all__ = ["BODY_BYTES_MAX", "Call", "Record"]

CALLS_MAX = 500
BODY_BYTES_MAX = 16_384
"""A longer request is not kept; the call is."""
BODIES_BYTES_MAX = 4 * 1024 * 1024
DETAIL_CHARACTERS_MAX = 500
NAMES_MAX = 1_024
"""Of so many endpoints it is remembered whether their calls are noted."""
UNKEPT = frozenset({"assistant"})
"""What these services are asked is not kept: it is what people say."""


ASIDE = frozenset(
    ["voice"]
    + [f"assistant assistant.{verb}" for verb in ("prepare", "search", "suggest", "keep", "conversations", "open")]
)
"""What a page asks by itself, when it is opened and while somebody types or speaks: what comes of it is noted."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call or stream; a struct, since one is made for every call.

    Attributes:
        number: which one it is since the node started, from 1.
        time: when it began, in seconds since 1970.
        seconds: how long it took.
        door: through which it came, such as `http`.
        asker: who asked.
        service, endpoint: what was asked.
        code: 0, or the code of the fault it ended with.
        detail: that fault's, "" without one.
        content_type: of the request.
        request: its bytes, secrets masked; None where they were too many, or are not kept.
        request_bytes: how many they were.
        answer_bytes: how many came back; 0 where nobody counted.
    """

    number: int
    time: float
    seconds: float
    door: str
    asker: Caller
    service: str
    endpoint: str
    code: int
    detail: str
    content_type: str
    request: bytes | None
    request_bytes: int
    answer_bytes: int

    @property
    def caller(self) -> str:
        """Who asked, in words."""
        return str(self.asker)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as `Node.Calls` hands it out: `request` is JSON, or absent where it is none."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _SHOWN}
        if self.request is not None and self.content_type == JSON:
            try:
                found["request"] = decode_json(self.request) if self.request else {}
            except BadRequest:  # whoever asks may send anything
                pass
        return found


_SHOWN = (
    "number",
    "time",
    "seconds",
    "door",
    "caller",
    "service",
    "endpoint",
    "code",
    "detail",
    "content_type",
    "request_bytes",
    "answer_bytes",
)


class Record:
    """The last calls."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._number = 0
        self._bytes = 0

    def add(
        self,
        time: float,
        seconds: float,
        *,
        door: str,
        caller: Caller,
        service: str,
        endpoint: str,
        code: int = 0,
        detail: str = "",
        content_type: str = BYTES,
        request: bytes = b"",
        answer_bytes: int = 0,
        secrets: Mapping[str, Any] | None = None,
    ) -> None:
        """Takes note of a call that has ended; see `Call` for what is said of it.

        `secrets` is the schema of a request that holds some: what it calls a secret is not kept.
        """
        is_noted, is_kept = _of(service, endpoint)
        if not is_noted:
            return
        self._number += 1
        kept = _kept(request, content_type, secrets) if is_kept else None
        told, size = detail[:DETAIL_CHARACTERS_MAX], len(request)
        number, calls = self._number, self._calls
        asked = (service, endpoint, code, told, content_type, kept, size, answer_bytes)
        calls.append(Call(number, time, seconds, door, caller, *asked))
        if kept:
            self._bytes += len(kept)
        while len(calls) > CALLS_MAX or self._bytes > BODIES_BYTES_MAX:
            self._bytes -= len(calls.popleft().request or b"")

    def last(self, limit: int, *, since: int = 0) -> Iterator[Call]:
        """Yields the last calls, newest first: at most `limit`, and none up to the number `since`."""
        for call, _ in zip(reversed(self._calls), range(max(0, limit)), strict=False):
            if call.number <= since:
                return
            yield call


def _kept(request: bytes, content_type: str, secrets: Mapping[str, Any] | None) -> bytes | None:
    """Returns what of a request is kept; what has secrets and is no JSON is not, for nobody can tell where they are."""
    if len(request) > BODY_BYTES_MAX:
        return None
    if not request or secrets is None:
        return request
    if content_type != JSON:
        return None
    try:
        found = encode_json(masked(decode_json(request), secrets))
    except BadRequest:
        return None
    return found if len(found) <= BODY_BYTES_MAX else None


@lru_cache(NAMES_MAX)
def _of(service: str, endpoint: str) -> tuple[bool, bool]:
    """Returns whether calls of an endpoint are noted, and whether what it is asked is kept."""
    name = bare_name(service)
    plain = name.lower()
    is_aside = plain in ASIDE or f"{plain} {endpoint.lower()}" in ASIDE
    return is_ruled(name, endpoint) and not is_aside, plain not in UNKEPT
