"""Knows heads again that were read before: a program's requests differ in their ids and bodies, and hardly otherwise.

Pure.

Theory. Where no message is under way, what a parser makes of a head depends on the bytes of the head alone. So one that
was read in full, and led to a call or an event without an objection, means the same when the same bytes come again, and
need not be read again. The value of `Micro-Id` is cut out before heads are compared, for it is another one each time;
that is done only where it has nothing but letters and digits, which no reading can take for more than a value. What is
kept is of one kind: asked at `/`, with its length said, and nothing to be agreed upon before the body or after it.
"""

from __future__ import annotations

from micro.mucp.http.head import RequestHead
from micro.mucp.http.reader import Message
from micro.mucp.message import Form

__all__ = ["Familiar"]

KNOWN_MAX = 1_024
KNOWN_BYTES_MAX = 2_048
"""A longer head is read each time."""
ID_CHARACTERS_MAX = 64

_START = b"POST / HTTP/1.1\r\n"
_END = b"\r\n\r\n"
_ID = b"\r\nMicro-Id: "
_NEVER = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"trailer", b"te"))

Found = tuple[RequestHead, str, int, int]
"""What a head means, its id, and where the body begins and ends."""


class Familiar:
    """Heads that were read before; many connections may share it."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[RequestHead, int]] = {}

    def find(self, data: bytes, position: int) -> Found | None:
        """Returns the message that begins at `position`; None where it is not whole, or its head is not known."""
        end = data.find(_END, position) + len(_END)
        if end < len(_END):
            return None
        split = _split(data, position, end)
        if split is None:
            return None
        key, id = split
        known = self._known.get(key)
        if known is None:
            return None
        head, size = known
        stop = end + size
        return (head, id or head.id, end, stop) if stop <= len(data) else None

    def learn(self, data: bytes, message: Message, head: RequestHead) -> None:
        """Remembers a head, where `data` is that message and nothing else, and heads of its kind can be known again."""
        size = len(message.body)
        end = len(data) - size
        if end > KNOWN_BYTES_MAX or data.find(_END) + len(_END) != end or not data.startswith(_START):
            return
        if message.is_last or not _is_steady(head) or any(name.lower() in _NEVER for name, _ in message.pairs):
            return
        split = _split(data, 0, end)
        if split is None or split[1] != message.id.decode("latin-1"):
            return
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[split[0]] = (head, size)


def _split(data: bytes, position: int, end: int) -> tuple[bytes, str] | None:
    """Returns a head without the value of its `Micro-Id`, and that; None where the value is not as plain as it must be.

    A head without a value there never equals one with it, since the line keeps its name and has no value then.
    """
    start = data.find(_ID, position, end)
    if start < 0:
        return data[position:end], ""
    start += len(_ID)
    stop = data.find(b"\r\n", start)
    id = data[start:stop]
    if not id.isalnum() or len(id) > ID_CHARACTERS_MAX:
        return None
    return data[position:start] + data[stop:end], id.decode("ascii")


def _is_steady(head: RequestHead) -> bool:
    """Returns whether what is done with such a request depends on nothing but its head, until its body is read."""
    return head.fault is None and head.form is not Form.STREAM and bool(head.plain)
