"""First messages of TLS, as OpenSSL makes them and as liars would."""

from __future__ import annotations

import ssl

__all__ = ["body_of", "extension", "hello_of_openssl", "message", "named", "records"]


def hello_of_openssl(name: str | None) -> bytes:
    """Returns what a client of the standard library says first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    there = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), there, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return there.read()


def extension(kind: int, data: bytes) -> bytes:
    """Returns an extension."""
    return kind.to_bytes(2) + len(data).to_bytes(2) + data


def named(*names: bytes, kind: int = 0) -> bytes:
    """Returns the extension that names whoever is wanted."""
    entries = b"".join(bytes((kind,)) + len(name).to_bytes(2) + name for name in names)
    return extension(0, len(entries).to_bytes(2) + entries)


def body_of(extensions: bytes | None, *, session: bytes = b"", ciphers: bytes = b"\x13\x01") -> bytes:
    """Returns a ClientHello without its head."""
    said = b"\x03\x03" + bytes(32) + bytes((len(session),)) + session + len(ciphers).to_bytes(2) + ciphers + b"\x01\x00"
    return said if extensions is None else said + len(extensions).to_bytes(2) + extensions


def message(body: bytes, kind: int = 1) -> bytes:
    """Returns a message of the handshake."""
    return bytes((kind,)) + len(body).to_bytes(3) + body


def records(data: bytes, size: int = 2**14, kind: int = 22) -> bytes:
    """Returns records with a message in pieces of so many bytes."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes((kind, 3, 1)) + len(piece).to_bytes(2) + piece for piece in pieces)
