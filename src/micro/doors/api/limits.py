"""How much, and how long, a client of the HTTP door may take of it.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the door; a request beyond one is answered with a fault, and its connection ends.

    Attributes:
        request_line_bytes_max: method, target and version.
        headers_max: how many headers a request has.
        header_value_bytes_max: one header's value.
        header_bytes_max: all headers together.
        header_seconds: how long a request's head may take from its first byte, and a new connection until that byte.
        body_bytes_max: a message of 4 MiB, and room for what a form wraps around it.
        bodies_bytes_max: the larger bodies of all requests that are being read or answered.
        small_body_bytes_max: a body up to here is never turned away because others are under way.
        chunks_max: in how many chunks a body may come.
        body_idle_seconds: how long nothing of a body may come.
        body_bytes_per_second_min: how fast a body comes at least, once `body_grace_seconds` have passed.
        body_grace_seconds: how long a body may be slower.
        request_seconds: how long a whole request may take to arrive.
        idle_seconds: how long a connection is kept between two requests.
        pipelined_bytes_max: how much may wait of requests sent before the answer to the one before them.
        stall_seconds: how long an answer may wait for a client that does not read it.
        connections_max: connections of all clients.
        connections_local_max: connections of all programs on this machine, which have one address together.
        connections_address_max: connections of one other address; of one /64 where it is IPv6.
        handshake_seconds: how long the handshake of TLS may take, where the door speaks it.
        handshakes_max: handshakes under way of all clients; a connection beyond is ended at once.
        handshakes_address_max: those of one address; of one /64 where it is IPv6.
        linger_seconds: how long what a refused client still sends is read and dropped, so that it sees the answer.
        linger_bytes_max: how much of it.
        sweep_seconds: how often the clocks above are looked at.
        message_bytes_max: one message of a WebSocket.
        ping_seconds: how often a WebSocket is asked for a sign of life, and how long it has for it.
        stop_seconds: how long requests under way may take when the door closes.
    """

    request_line_bytes_max: int = 8 * KIBIBYTE
    headers_max: int = 64
    header_value_bytes_max: int = 4 * KIBIBYTE
    header_bytes_max: int = 16 * KIBIBYTE
    header_seconds: float = 5.0
    body_bytes_max: int = 4 * MEBIBYTE + 64 * KIBIBYTE
    bodies_bytes_max: int = 64 * MEBIBYTE
    small_body_bytes_max: int = 64 * KIBIBYTE
    chunks_max: int = 16_384
    body_idle_seconds: float = 10.0
    body_bytes_per_second_min: int = KIBIBYTE
    body_grace_seconds: float = 5.0
    request_seconds: float = 60.0
    idle_seconds: float = 60.0
    pipelined_bytes_max: int = 64 * KIBIBYTE
    stall_seconds: float = 60.0
    connections_max: int = 1024
    connections_local_max: int = 896
    connections_address_max: int = 128
    handshake_seconds: float = 5.0
    handshakes_max: int = 64
    handshakes_address_max: int = 16
    linger_seconds: float = 2.0
    linger_bytes_max: int = 256 * KIBIBYTE
    sweep_seconds: float = 0.5
    message_bytes_max: int = 4 * MEBIBYTE
    ping_seconds: float = 20.0
    stop_seconds: int = 5

    @property
    def head_bytes_max(self) -> int:
        """A request line and all headers, with their line ends."""
        return self.request_line_bytes_max + self.header_bytes_max
