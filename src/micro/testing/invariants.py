"""What must hold in a world at every moment, whatever happens to it.

An invariant is asked at every tick and says what is wrong. To add one, give it to `World`: whoever builds a part that
believes something writes down here what it must never believe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from micro.mucp.limits import FRAME_COST_BYTES, WINDOW_BYTES
from micro.network.link import Link
from micro.service.registry.catalog import LEASE_SECONDS_MAX
from micro.service.registry.instance import InstanceKey

if TYPE_CHECKING:
    from micro.testing.machine import Machine

__all__ = ["CreditIsKept", "Invariant", "LeasesRise", "LinksLive", "RecordsAreTrue", "Watched", "standing"]

EXPIRY_SECONDS_LATE = 0.25
"""A node looks for leases that have ended every tenth of a second; so much late is never right."""


class Watched(Protocol):
    """What an invariant sees of a world: `World` is one, with all of its methods."""

    @property
    def now(self) -> float:
        """The time, in seconds since the world began."""

    def running(self) -> Sequence[Machine]:
        """Returns the machines whose node runs."""

    def truth(self, nid: str) -> Mapping[tuple[str, str], None]:
        """Returns every (service, instance) that ran under a nid."""

    def name_of(self, nid: str) -> str:
        """Returns what a node is called here."""

    def receivers(self) -> Iterator[tuple[str, Any, Any]]:
        """Yields each pipe's end: its name, what stands on it, and on the other end if nothing is between."""


class Invariant(Protocol):
    """Something that must always hold."""

    def check(self, world: Any) -> Iterator[str]:
        """Yields what is wrong now, in words; nothing where all is well. `world` is the `World`."""


def standing() -> list[Invariant]:
    """Returns the invariants that every world has, each with a memory of its own."""
    return [RecordsAreTrue(), LeasesRise(), CreditIsKept(), LinksLive()]


class RecordsAreTrue:
    """No forged and no expired record is believed.

    A record of another node is of an instance that really ran there under that node's key, or of a guest's that said so
    of itself, and it is gone when its lease has ended.
    """

    def check(self, world: Watched) -> Iterator[str]:
        """See `Invariant`."""
        now = world.now
        for machine in world.running():
            assert machine.node is not None
            for instance, expires in machine.node.catalog.believed():
                if expires < now - EXPIRY_SECONDS_LATE:
                    yield f"{machine.name} believes {instance.service} of {world.name_of(instance.nid)} after its lease"
                if (instance.service, instance.id) not in world.truth(instance.nid):
                    yield f"{machine.name} believes that {instance.nid} has {instance.service}, which it never had"


class LeasesRise:
    """While a record stays, its lease only rises, is never longer than allowed, and its sequence never falls."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, InstanceKey], tuple[int, float, int]] = {}

    def check(self, world: Watched) -> Iterator[str]:
        """See `Invariant`."""
        now, before, after = world.now, self._before, {}
        for machine in world.running():
            assert machine.node is not None
            for instance, expires in machine.node.catalog.believed():
                key = machine.name, instance.key
                life, lease, sequence = before.get(key, (0, 0.0, 0))
                after[key] = machine.starts, expires, instance.sequence
                if life != machine.starts:
                    continue
                if expires < lease:
                    yield f"{machine.name}: the lease of {instance.service} went back from {lease:.3f} to {expires:.3f}"
                if instance.sequence < sequence:
                    yield (
                        f"{machine.name}: the record of {instance.service} went back from sequence {sequence} "
                        f"to {instance.sequence}"
                    )
                if expires > now + LEASE_SECONDS_MAX:
                    yield f"{machine.name}: the lease of {instance.service} ends in more than a day"
        self._before = after


class CreditIsKept:
    """No credit is lost or made up: a sender has what the receiver gave it.

    A window may be overdrawn once, by one message, and never exceeds what it began as. When nothing is between the two
    ends of a link they agree, for each direction of each stream and subscription.
    """

    def check(self, world: Watched) -> Iterator[str]:
        """See `Invariant`."""
        for name, near, far in world.receivers():
            if isinstance(near, Link) and near.closed is None and near.session.exchanges:
                yield from self._bounds(name, near)
                if isinstance(far, Link) and far.closed is None and not near.session.output and not far.session.output:
                    yield from self._agreement(name, near, far)

    @staticmethod
    def _bounds(name: str, link: Link) -> Iterator[str]:
        least = -(link.session.limits.message_bytes + FRAME_COST_BYTES)
        for number, exchange in link.session.exchanges.items():
            for what, window in (("send", exchange.send_window), ("receive", exchange.receive_window)):
                if not least <= window <= WINDOW_BYTES:
                    yield f"{name}: the {what} window of exchange {number} is {window} bytes"

    @staticmethod
    def _agreement(name: str, near: Link, far: Link) -> Iterator[str]:
        for number, exchange in near.session.exchanges.items():
            other = far.session.exchanges.get(number)
            if other is not None and exchange.send_window != other.receive_window:
                sends, receives = exchange.send_window, other.receive_window
                yield f"{name}: on exchange {number} {sends} bytes may be sent, and {receives} are taken"


class LinksLive:
    """No node takes a neighbour for linked whose link has ended: nobody would ever dial it again."""

    def check(self, world: Watched) -> Iterator[str]:
        """See `Invariant`."""
        for machine in world.running():
            peers = machine.node.peers if machine.node is not None else None
            for nid, peer in peers.known.items() if peers is not None else ():
                if peer.link is not None and peer.link.closed is not None:
                    reason = peer.link.closed
                    yield f"{machine.name} keeps a link to {world.name_of(nid)} that has ended: {reason}"
