"""What a node is in its network as a super node: what it holds, what it answers, and its place in the map."""

from __future__ import annotations

import logging
from collections.abc import Callable

from micro.errors import ConfigError
from micro.node.control.backbone import BackboneService, Role, backbone_service
from micro.node.keeper import Keeper
from micro.node.membership import Membership
from micro.node.reach import NodeReach
from micro.node.standing import Standing
from micro.node.supernode import SuperRole
from micro.ports import Clock, Entropy
from micro.service.registry.announcement import Place
from micro.service.registry.atlas import Chart
from micro.service.registry.charting import Charting
from micro.service.registry.holder import Holder
from micro.service.registry.shardmap import ShardMap, SuperNode, check_owner, sign_map
from micro.service.service import Service
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

__all__ = ["Office"]

log = logging.getLogger("micro.backbone")


class Office:
    """The office of one node; a node that is no super node answers what every node does, and holds nothing.

    Args:
        key: the node's key.
        reach: how others are reached.
        membership: what the node remembers of its network.
        clock, entropy: the world.
        place: where the node can be reached now.
        owner: the label of its owner.
        writes_per_second: how much a node that has its home here may say.
        away_seconds: as a keeper it takes a super node out of the map that did not answer for so long.
        commons_port: returns the port of the second path, 0 where there is none.
    """

    def __init__(
        self,
        key: NodeKey,
        reach: NodeReach,
        membership: Membership,
        *,
        clock: Clock,
        entropy: Entropy,
        place: Callable[[], Place],
        owner: str,
        writes_per_second: float,
        away_seconds: float,
        commons_port: Callable[[], int],
    ) -> None:
        self._key = key
        self._reach = reach
        self._membership = membership
        self._clock = clock
        self._entropy = entropy
        self._place = place
        self._owner = check_owner(owner)
        self._writes_per_second = writes_per_second
        self._away_seconds = away_seconds
        self._role = Role()
        self._role.commons_port = commons_port
        self._super: SuperRole | None = None
        self._standing: Standing | None = None

    @property
    def holder(self) -> Holder | None:
        """What the node holds, None where it is no super node."""
        return self._role.holder

    @property
    def is_held(self) -> bool:
        """Whether the node is a super node at work."""
        return self._super is not None

    def service(self) -> Service:
        """Returns the service `backbone` of this node."""
        return backbone_service(
            BackboneService(
                self._role,
                clock=self._clock,
                entropy=self._entropy,
                parcelled=lambda: self._super.parcelled() if self._super is not None else None,
            )
        )

    def found(self) -> None:
        """Founds a network: its keeper is this node, and its first map names this node alone.

        Raises:
            ConfigError: the node has no address.
        """
        first = ShardMap(self._key.public, 1, int(self._clock.now()), (self._member(),))
        self._membership.enter(nid_of(self._key.public), ())
        self._membership.keep([sign_map(self._key, first).sealed])
        log.info("this node founds a network; its tickets lead into it")

    def chart(self, charting: Charting) -> None:
        """Takes the maps of the network that the node is in; it answers for them."""
        self._role.charting = charting

    async def open(self, charting: Charting) -> None:
        """Begins to work as a super node.

        Raises:
            ConfigError: the node has no address.
        """
        holder = Holder(self._key.public, charting.atlas, says_per_second=self._writes_per_second)
        role = self._super = SuperRole(
            self._key, holder, charting, self._reach, clock=self._clock, entropy=self._entropy
        )
        self._role.holder = holder
        keeper = None
        if charting.atlas.network == nid_of(self._key.public):
            keeper = Keeper(
                self._key,
                charting,
                self._reach,
                clock=self._clock,
                entropy=self._entropy,
                away_seconds=self._away_seconds,
                changed=role.greet_all,
            )
        self._standing = Standing(
            charting, self._reach, keeper=keeper, member=self._member, tickets=lambda: self._membership.tickets
        )
        self._role.admit = self._standing.admit
        await self._standing.begin()
        role.start()

    async def stand(self) -> None:
        """Sees to it that the map has the node where it is."""
        if self._standing is not None:
            await self._standing.stand()

    async def resign(self) -> None:
        """Asks the keeper, where that is another node, to take this one out of the map."""
        if self._standing is not None and self._membership.network != nid_of(self._key.public):
            await self._standing.resign()

    def remapped(self, before: Chart | None) -> None:
        """There is a newer map."""
        if self._super is not None:
            self._super.remapped(before)

    async def stop(self) -> None:
        """Ends the work."""
        if self._standing is not None:
            self._standing.stop()
        if self._super is not None:
            await self._super.stop()

    def clear(self) -> None:
        """Forgets the network; who watches here hears that it ends."""
        holder = self._role.holder
        self._role.charting = self._role.holder = self._role.admit = None
        if holder is not None:
            holder.watchers.tell_version()
        self._super = self._standing = None

    def _member(self) -> SuperNode:
        place = self._place()
        if not place.addresses and not place.relay:
            raise ConfigError("a super node must be reachable: it has no address; set network_host")
        return SuperNode(self._key.public, place.addresses, place.relay, self._owner, int(self._clock.now()))
