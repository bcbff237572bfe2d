"""The first words of a TLS connection: for whom it is.

Pure.

A client says in its first message, the ClientHello, which name it wants (RFC 6066, 3), in the clear. That is all that
whoever passes a connection on needs; nothing else is read, nothing is answered, and the rest is sealed. The bytes come
from anybody, in pieces of any size: each length is checked against what encloses it, each byte is looked at once.

    record    = type 22, version 3.x, length <= 2^14, fragment      (RFC 8446, 5.1; one message may be in several)
    fragments = type 1, length <= `GREETING_BYTES_MAX`, ClientHello  (RFC 8446, 4.1.2)
"""

from __future__ import annotations

import re
from typing import Final

from micro.errors import MicroError

__all__ = ["GREETING_BYTES_MAX", "RECORDS_MAX", "Greeting", "NoGreeting", "alert"]

GREETING_BYTES_MAX: Final = 16_384
"""The longest ClientHello. Those of browsers have some 2,000 bytes, most of it a key that quantum computers keep."""

RECORDS_MAX: Final = 16
"""In so many records it may come."""

HOST_CHARACTERS_MAX: Final = 253
"""A name has no more (RFC 1035, 2.3.4)."""

HANDSHAKE, CLIENT_HELLO = 22, 1
RECORD_HEAD_BYTES, RECORD_BYTES_MAX = 5, 2**14
MESSAGE_HEAD_BYTES = 4
MAJOR_VERSION = 3
RANDOM_BYTES, SESSION_BYTES_MAX = 32, 32
EXTENSIONS_MAX = 128
"""There are some sixty, and browsers make up two more."""
SERVER_NAME, HOST_NAME = 0, 0

UNEXPECTED, ILLEGAL, UNREADABLE, UNKNOWN_NAME = 10, 47, 50, 112
"""What an alert says (RFC 8446, 6.2): unexpected_message, illegal_parameter, decode_error, unrecognized_name."""

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""The last label begins with a letter: what ends with a number is an address (RFC 6066 forbids them here)."""


class NoGreeting(MicroError):
    """What came is no ClientHello that anybody here may be meant by.

    Attributes:
        alert: what TLS calls the reason; None where TLS is not spoken, so that no alert would be understood.
    """

    def __init__(self, reason: str, alert: int | None = UNREADABLE) -> None:
        super().__init__(reason)
        self.alert = alert


def alert(description: int) -> bytes:
    """Returns the record that ends a connection before anything was agreed on (RFC 8446, 6)."""
    return bytes((21, MAJOR_VERSION, 3, 0, 2, 2, description))


class Greeting:
    """Reads one ClientHello, as its bytes come.

    Attributes:
        received: all bytes that were heard, which whoever is meant gets first.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self._message = bytearray()
        self._at = 0
        self._records = 0

    def hear(self, data: bytes) -> str | None:
        """Takes the next bytes; returns the name that is wanted, in lower case, or None while it is not all there.

        Raises:
            NoGreeting: it is none, names nobody, or is too long. What comes after that is not to be read.
        """
        self.received += data
        if len(self.received) > GREETING_BYTES_MAX + RECORDS_MAX * RECORD_HEAD_BYTES + RECORD_BYTES_MAX:
            raise NoGreeting("more came than anybody says before he is answered", UNEXPECTED)
        while True:
            wanted = self._wanted()
            if wanted is not None and len(self._message) >= wanted:
                if len(self._message) > wanted:
                    raise NoGreeting("something follows the ClientHello in its record", UNEXPECTED)
                return _name_in(Reader(bytes(self._message[MESSAGE_HEAD_BYTES:])))
            if not self._take_record():
                return None

    def _wanted(self) -> int | None:
        """Returns how many bytes the message has with its head, None while that is not known."""
        message = self._message
        if message and message[0] != CLIENT_HELLO:
            raise NoGreeting("the first message is no ClientHello", UNEXPECTED)
        if len(message) < MESSAGE_HEAD_BYTES:
            return None
        wanted = int.from_bytes(message[1:MESSAGE_HEAD_BYTES])
        if wanted > GREETING_BYTES_MAX:
            raise NoGreeting(f"the ClientHello has {wanted} bytes; {GREETING_BYTES_MAX} are read at most", ILLEGAL)
        return MESSAGE_HEAD_BYTES + wanted

    def _take_record(self) -> bool:
        """Takes the next record, if all of it is there."""
        at, received = self._at, self.received
        head = received[at : at + RECORD_HEAD_BYTES]
        if head[:1] and head[0] != HANDSHAKE:
            raise NoGreeting("this is no handshake of TLS", UNEXPECTED if self._records else None)
        if len(head) > 1 and head[1] != MAJOR_VERSION:
            raise NoGreeting("this is no version of TLS that anybody speaks", None)
        if len(head) < RECORD_HEAD_BYTES:
            return False
        length = int.from_bytes(head[3:])
        if not 0 < length <= RECORD_BYTES_MAX:
            raise NoGreeting(f"a record has 1 to {RECORD_BYTES_MAX} bytes, this one says {length}")
        if len(received) < at + RECORD_HEAD_BYTES + length:
            return False
        self._records += 1
        if self._records > RECORDS_MAX:
            raise NoGreeting(f"the ClientHello comes in more than {RECORDS_MAX} records", ILLEGAL)
        self._at = at + RECORD_HEAD_BYTES + length
        self._message += received[at + RECORD_HEAD_BYTES : self._at]
        return True


class Reader:
    """Cuts bytes into fields; a field that says it is longer than what is left is refused."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Says whether anything is left."""
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """Returns the next bytes."""
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise NoGreeting("a length in the ClientHello goes beyond its end")
        self._at += count
        return found

    def number(self, count: int) -> int:
        """Returns the next number of so many bytes."""
        return int.from_bytes(self.take(count))

    def vector(self, count: int, least: int, most: int) -> bytes:
        """Returns what stands behind its own length of so many bytes."""
        length = self.number(count)
        if not least <= length <= most:
            raise NoGreeting(f"a field of the ClientHello has {least} to {most} bytes, this one says {length}")
        return self.take(length)


def _name_in(body: Reader) -> str:
    if body.number(2) >> 8 != MAJOR_VERSION:
        raise NoGreeting("the ClientHello is of no version that anybody speaks", ILLEGAL)
    body.take(RANDOM_BYTES)
    body.vector(1, 0, SESSION_BYTES_MAX)
    if len(body.vector(2, 2, 2**16 - 2)) % 2:
        raise NoGreeting("the list of ciphers ends within one")
    body.vector(1, 1, 2**8 - 1)
    if not body:
        raise NoGreeting("the ClientHello names nobody", UNKNOWN_NAME)
    extensions = Reader(body.vector(2, 0, 2**16 - 1))
    if body:
        raise NoGreeting("something follows the extensions of the ClientHello")
    return _named(extensions)


def _named(extensions: Reader) -> str:
    found: dict[int, bytes] = {}
    while extensions:
        kind, data = extensions.number(2), extensions.vector(2, 0, 2**16 - 1)
        if kind in found:
            raise NoGreeting("an extension is there twice", ILLEGAL)
        if len(found) >= EXTENSIONS_MAX:
            raise NoGreeting(f"there are more than {EXTENSIONS_MAX} extensions", ILLEGAL)
        found[kind] = data
    if SERVER_NAME not in found:
        raise NoGreeting("the ClientHello names nobody", UNKNOWN_NAME)
    whole = Reader(found[SERVER_NAME])
    names = Reader(whole.vector(2, 1, 2**16 - 1))
    kind, name = names.number(1), names.vector(2, 1, 2**16 - 1)
    if kind != HOST_NAME or names or whole:
        raise NoGreeting("one name of a host is expected, and nothing beside it", ILLEGAL)
    return _host(name)


def _host(name: bytes) -> str:
    if len(name) > HOST_CHARACTERS_MAX or not name.isascii():
        raise NoGreeting("the name is none of a host", UNKNOWN_NAME)
    host = name.decode("ascii").lower()
    if not _HOST.fullmatch(host):
        raise NoGreeting("the name is none of a host", UNKNOWN_NAME)
    return host
