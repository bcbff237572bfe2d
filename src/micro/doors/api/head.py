"""Reads the head of a request strictly: what two parsers could understand differently is refused before the second.

Pure.

Every rule closes a way by which a request was once smuggled past, or into, some server; see RFC 9112, sections 2 to 6,
whose options for leniency are not taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused

__all__ = ["METHODS", "Head", "check_unfinished", "read_head"]

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
ALLOW = {"allow": b", ".join(METHODS).decode()}
SHOWN_BYTES_MAX = 40
TLS_HANDSHAKE = 0x16

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/([0-9])\.([0-9])")
_NAME = re.compile(rb"[A-Za-z0-9-]{1,64}")
_FIELD = re.compile(rb"([A-Za-z0-9-]{1,64}):([\t -~\x80-\xff]*)\r\n")
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,10}")
_PAGE = re.compile(rb"/(?:\?[!-~]*)?")
_READING = (b"GET", b"HEAD")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")

_ONCE = frozenset(
    b"authorization connection content-length content-type expect host origin sec-fetch-dest sec-fetch-mode"
    b" sec-fetch-site sec-websocket-key sec-websocket-version transfer-encoding upgrade".split()
)
"""Headers that stand once: of two different ones, every reader picks another."""


class Head(NamedTuple):
    """A request's head that may be passed on.

    Attributes:
        method: one of `METHODS`.
        target: path and query.
        version: `1.0` or `1.1`.
        fields: names and values, as they came.
        body_bytes: how long the body is; None if it comes in chunks and says so at its end.
        waits: whether the client sends the body only after `100 Continue`.
        upgrades: whether it becomes a WebSocket.
        plain: whether the bytes it came in can be passed on as they are.
    """

    method: bytes
    target: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]]
    body_bytes: int | None
    waits: bool
    upgrades: bool
    plain: bool

    def rewritten(self, body_bytes: int) -> bytes:
        """Returns the head as a parser shall see it: the plain path, and always the length of the body."""
        lines = [b"%s %s HTTP/%s" % (self.method, self.target, self.version)]
        lines += [b"%s: %s" % (name, value.strip(b" \t")) for name, value in self.fields if name.lower() not in _OURS]
        if body_bytes:
            lines.append(b"content-length: %d" % body_bytes)
        return b"\r\n".join((*lines, b"", b""))


_OURS = (b"content-length", b"transfer-encoding", b"expect")


def check_unfinished(part: bytearray, limits: Limits) -> None:
    """Refuses, as early as can be, what cannot become a head any more.

    Args:
        part: what came of the head, without its empty line.

    Raises:
        Refused: it is too long, has a bare CR or LF, or is no HTTP.
    """
    if not 0x41 <= part[0] <= 0x5A:
        kind = "TLS; ask with http://" if part[0] == TLS_HANDSHAKE else "no HTTP"
        raise Refused(400, f"request line: expected a method in capitals, got {kind}")
    line_end = part.find(b"\n")
    if line_end < 0 and len(part) > limits.request_line_bytes_max:
        raise _too_long_a_line(limits)
    pairs = part.count(b"\r\n")
    if part.count(b"\n") != pairs or part.count(b"\r") - part.endswith(b"\r") != pairs:
        raise _bare_line_end()
    if len(part) > limits.head_bytes_max:
        raise _too_many_bytes(limits)


def read_head(block: bytes, hosts: Hosts, limits: Limits) -> Head:
    """Reads a head from its first byte to its empty line.

    Raises:
        Refused: it breaks a rule; the detail begins with the part that does.
    """
    line_end = block.find(b"\r\n")
    method, target, version = _read_line(block[:line_end], limits)
    fields = _read_fields(block, line_end + 2, limits)
    once = _only_once(fields)
    host = once.get(b"host")
    if host is None:
        raise Refused(400, "Host: every request names the host it is for")
    host = hosts.check_host(host)
    if b"origin" in once or b"sec-fetch-site" in once:
        opens = method in _READING and _PAGE.fullmatch(target) is not None and _is_opened(once)
        hosts.check_origin(host, once.get(b"origin"), once.get(b"sec-fetch-site"), opens=opens)
    body_bytes = _body_bytes(once, version, limits)
    waits = b"expect" in once and _check_expectation(once[b"expect"], version)
    upgrades = b"upgrade" in once and _check_upgrade(method, version, once, body_bytes)
    absolute = target[:1] != b"/"
    if absolute:
        target = _path_of(target, host)
    plain = not (absolute or waits or body_bytes is None)
    return Head(method, target, version, fields, body_bytes, waits, upgrades, plain)


def _is_opened(once: Mapping[bytes, bytes]) -> bool:
    """Says whether a person opens a page by it, in a window and not in a frame (Fetch Metadata, W3C)."""
    return once.get(b"sec-fetch-mode") == b"navigate" and once.get(b"sec-fetch-dest") == b"document"


def _read_line(line: bytes, limits: Limits) -> tuple[bytes, bytes, bytes]:
    if len(line) > limits.request_line_bytes_max:
        raise _too_long_a_line(limits)
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        if b"\n" in line or b"\r" in line:
            raise _bare_line_end()
        raise Refused(400, f"request line: expected METHOD PATH HTTP/1.1, got {_shown(line)}")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in b"01":
        raise Refused(400, f"version: this door speaks HTTP/1.1, not HTTP/{major.decode()}.{minor.decode()}")
    if method not in METHODS:
        raise Refused(405, f"method: there is no {method.decode()} here", headers=ALLOW)
    if b"#" in target:
        raise Refused(400, "request line: a fragment (#...) stays with the client")
    return method, target, b"1." + minor


def _read_fields(block: bytes, start: int, limits: Limits) -> list[tuple[bytes, bytes]]:
    """Returns names and values, with the blanks around them; together they are all there is from `start` on."""
    size = len(block) - start
    if size > limits.header_bytes_max:
        raise _too_many_bytes(limits)
    fields: list[tuple[bytes, bytes]] = _FIELD.findall(block, start)
    if len(fields) > limits.headers_max:
        raise Refused(431, f"headers: at most {limits.headers_max} are read, got {len(fields)}")
    if sum([len(name) + len(value) for name, value in fields]) + 3 * len(fields) + 2 != size:  # something between them
        raise _no_header(block[start:-4].split(b"\r\n"))
    if size > limits.header_value_bytes_max or not block.isascii():
        _check_values(fields, limits)
    return fields


def _check_values(fields: list[tuple[bytes, bytes]], limits: Limits) -> None:
    most = limits.header_value_bytes_max
    for name, value in fields:
        if len(value.strip(b" \t")) > most:
            raise Refused(431, f"{name.decode()}: a header has at most {most} bytes, got {len(value)}")
        try:
            value.decode()
        except UnicodeDecodeError:
            raise Refused(400, f"{name.decode()}: a header's value is text in UTF-8, got other bytes") from None


def _no_header(lines: list[bytes]) -> Refused:
    """Returns why one of these lines is no header."""
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            return _bad_name(line, name)
        if not _VALUE.fullmatch(value) and b"\r" not in value and b"\n" not in value:
            return Refused(400, f"{name.decode()}: a header's value has no control characters")
    return _bare_line_end()


def _only_once(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Returns the headers that stand once, by name."""
    once: dict[bytes, bytes] = {}
    for name, value in fields:
        name = name.lower()
        if name in _ONCE:
            if name in once:
                raise Refused(400, f"{name.decode()}: stands twice; which one counts would be a guess")
            once[name] = value.strip(b" \t")
    return once


def _bad_name(line: bytes, name: bytes) -> Refused:
    if line[:1] in (b" ", b"\t"):
        return Refused(400, "headers: a header goes on over a second line (obsolete folding); write it on one")
    if b"\n" in line or b"\r" in line:
        return _bare_line_end()
    if name != name.rstrip():
        return Refused(400, f"headers: blanks between the name {_shown(name.rstrip())} and its colon")
    return Refused(400, f"headers: expected a name of letters, digits and dashes before a colon, got {_shown(line)}")


def _path_of(target: bytes, host: bytes) -> bytes:
    """Returns path and query of an absolute address, which must be that of `Host`."""
    scheme, separator, rest = target.partition(b"://")
    if scheme.lower() not in (b"http", b"https") or not separator:
        raise Refused(400, f"request line: expected a path that begins with /, got {_shown(target)}")
    authority = re.split(rb"[/?]", rest, maxsplit=1)[0]
    if authority.lower() != host:
        raise Refused(400, f"request line: it is for {_shown(authority)}, and Host says {_shown(host)}")
    path = rest[len(authority) :]
    return path if path[:1] == b"/" else b"/" + path


def _body_bytes(once: dict[bytes, bytes], version: bytes, limits: Limits) -> int | None:
    coding, length = once.get(b"transfer-encoding"), once.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise Refused(400, "Content-Length and Transfer-Encoding both say how long the body is; send one")
        if coding != b"chunked":
            raise Refused(400, f"Transfer-Encoding: only chunked is read, got {_shown(coding)}")
        if version != b"1.1":
            raise Refused(400, "Transfer-Encoding: HTTP/1.0 has none")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise Refused(400, f"Content-Length: expected digits, got {_shown(length)}")
    if int(length) > limits.body_bytes_max:
        raise Refused(413, f"Content-Length: a body has at most {limits.body_bytes_max} bytes, got {int(length)}")
    return int(length)


def _check_expectation(expected: bytes, version: bytes) -> bool:
    if expected.lower() != b"100-continue" or version != b"1.1":
        raise Refused(400, f"Expect: only 100-continue of HTTP/1.1 is understood, got {_shown(expected)}")
    return True


def _check_upgrade(method: bytes, version: bytes, once: dict[bytes, bytes], body_bytes: int | None) -> bool:
    if once[b"upgrade"].lower() != b"websocket":
        raise Refused(400, f"Upgrade: only websocket is understood, got {_shown(once[b'upgrade'])}")
    tokens = [token.strip() for token in once.get(b"connection", b"").lower().split(b",")]
    if method != b"GET" or version != b"1.1" or body_bytes != 0 or b"upgrade" not in tokens:
        raise Refused(400, "Upgrade: a WebSocket begins with GET, HTTP/1.1, Connection: Upgrade, and no body")
    if once.get(b"sec-websocket-version") != b"13":
        raise Refused(400, "Sec-WebSocket-Version: version 13 is spoken here")
    if not _KEY.fullmatch(once.get(b"sec-websocket-key", b"")):
        raise Refused(400, "Sec-WebSocket-Key: expected 16 bytes in base64")
    return True


def _too_long_a_line(limits: Limits) -> Refused:
    return Refused(
        414, f"request line: it has at most {limits.request_line_bytes_max} bytes; send more in a POST's body"
    )


def _too_many_bytes(limits: Limits) -> Refused:
    return Refused(431, f"headers: together they have at most {limits.header_bytes_max} bytes")


def _bare_line_end() -> Refused:
    return Refused(400, "headers: each line ends with CR LF, and neither stands alone")


def _shown(value: bytes) -> str:
    return ascii(value[:SHOWN_BYTES_MAX].decode("ascii", "backslashreplace"))
