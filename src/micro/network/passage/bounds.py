"""How much of a super node those may take whose connections it passes on.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Every bound of the passage; a connection beyond one is ended, and nobody is told more than that.

    Attributes:
        connections_max: connections of all browsers.
        connections_per_origin_max: those of one IPv4 address, or one IPv6 network of 64 bits.
        connections_per_node_max: those to one node.
        connections_per_caller_max: those of one origin to one node: nobody takes all of it to himself.
        calls_per_second: how many one origin may begin to one node in the long run.
        calls_burst: how many at once.
        greeting_seconds: how long a browser may take to say whom it means.
        taking_seconds: how long a node may take to take a connection that is for it.
        idle_seconds: how long nothing may come from either side.
        stalled_seconds: how long one side may read nothing of what the other says.
        look_seconds: how often the clocks above are looked at.
        piece_bytes: what is read at once.
        waiting_bytes_max: what waits to be read by the browser, before no more is taken from the node.
        nodes_max: how many nodes may ask for connections.
        bytes_per_second: what may pass to and from one node in the long run.
        burst_bytes: what may pass at once.
    """

    connections_max: int = 512
    connections_per_origin_max: int = 64
    connections_per_node_max: int = 128
    connections_per_caller_max: int = 32
    calls_per_second: float = 10.0
    calls_burst: float = 100.0
    greeting_seconds: float = 5.0
    taking_seconds: float = 5.0
    idle_seconds: float = 300.0
    stalled_seconds: float = 60.0
    look_seconds: float = 5.0
    piece_bytes: int = 16_384
    waiting_bytes_max: int = 65_536
    nodes_max: int = 10_000
    bytes_per_second: int = 32 * 1024 * 1024
    burst_bytes: int = 16 * 1024 * 1024
