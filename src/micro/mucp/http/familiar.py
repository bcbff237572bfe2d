"""Knows heads again that were read before: a program's requests differ in their ids and bodies, and hardly otherwise.

Pure.

Theory. Where no message is under way, what a parser makes of a head depends on the bytes of the head alone. So one that
was read in full, and led to a call or an event without an objection, means the same when the same bytes come again, and
need not be read again. The value of `Micro-Id` is cut out before heads are compared, for it is another one each time;
that is done only where it has nothing but letters and digits, which no reading can take for more than a value. What is
kept is of one kind: asked at `/`, with its length said, and nothing to be agreed upon before the body or after it.
"""

from __future__ import annotations

import msgspec

from micro.mucp.http.head import RequestHead
from micro.mucp.http.reader import Message
from micro.mucp.message import Form

__all__ = ["Familiar", "Known"]

KNOWN_MAX = 1_024
KNOWN_BYTES_MAX = 2_048
"""A longer head is read each time."""
ID_CHARACTERS_MAX = 64

_START = b"POST / HTTP/1.1\r\n"
_LINE = b"\r\n"
_END = b"\r\n\r\n"
_ID = b"\r\nMicro-Id: "
_NEVER = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"trailer", b"te"))

Found = tuple[str, int, int]
"""The id of a message, and where its body begins and ends."""


class Known(msgspec.Struct, frozen=True):
    """A head that was read before.

    Attributes:
        before: its bytes up to the value of `Micro-Id`; all of them where it has none.
        after: its bytes behind that value; none where it has none.
        head: what it means.
        size: how many bytes of body follow it.
    """

    before: bytes
    after: bytes
    head: RequestHead
    size: int

    def match(self, data: bytes, position: int) -> Found | None:
        """Returns the message that begins at `position`, where it has this head and is whole."""
        before, after = self.before, self.after
        if not data.startswith(before, position):
            return None
        start = position + len(before)
        id = self.head.id
        if after:
            stop = data.find(_LINE, start)
            value = data[start:stop]
            if not value.isalnum() or len(value) > ID_CHARACTERS_MAX or not data.startswith(after, stop):
                return None
            id = value.decode("ascii")
            start = stop + len(after)
        end = start + self.size
        return (id, start, end) if end <= len(data) else None


class Familiar:
    """Heads that were read before; many connections may share it."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def find(self, data: bytes, position: int) -> Known | None:
        """Returns what is known of the head that stands at `position`, None where it is not known."""
        end = data.find(_END, position) + len(_END)
        split = _split(data, position, end) if end >= len(_END) else None
        return self._known.get(b"".join(split)) if split is not None else None

    def learn(self, data: bytes, message: Message, head: RequestHead) -> None:
        """Remembers a head, where `data` is that message and nothing else, and heads of its kind can be known again."""
        size = len(message.body)
        end = len(data) - size
        if end > KNOWN_BYTES_MAX or data.find(_END) + len(_END) != end or not data.startswith(_START):
            return
        if message.is_last or not _is_steady(head) or any(name.lower() in _NEVER for name, _ in message.pairs):
            return
        split = _split(data, 0, end)
        if split is None:
            return
        known = Known(*split, head, size)
        if known.match(data, 0) != (message.id.decode("latin-1") or head.id, end, len(data)):
            return
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[b"".join(split)] = known


def _split(data: bytes, position: int, end: int) -> tuple[bytes, bytes] | None:
    """Returns a head up to the value of its `Micro-Id`, and from there; all and nothing where it has none.

    Joined they are like no other head, since the line keeps its name and has no value then. A head with a value of more
    than letters and digits is none that can be known: None.
    """
    start = data.find(_ID, position, end)
    if start < 0:
        return data[position:end], b""
    start += len(_ID)
    stop = data.find(_LINE, start)
    return (data[position:start], data[stop:end]) if data[start:stop].isalnum() else None


def _is_steady(head: RequestHead) -> bool:
    """Returns whether what is done with such a request depends on nothing but its head, until its body is read."""
    return head.fault is None and head.form is not Form.STREAM and bool(head.plain)
