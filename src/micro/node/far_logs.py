"""Logs across a network: of strangers, copies of those whose nodes are away, and who subscribes to this node's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from micro.network.link import Link
from micro.network.peers import Peers
from micro.node.backbone import Backbone
from micro.node.log_copies import LogCopies
from micro.node.reach import NodeReach
from micro.node.stranger_logs import EXPORT, StrangerLogs
from micro.node.subscribers import Subscribers
from micro.ports import Entropy
from micro.service.broker.directory import LogPlace
from micro.service.registry.announcement import Place
from micro.trust.identity import short

__all__ = ["FarLogs"]


class FarLogs:
    """What a node has to do with logs of nodes that are no neighbours.

    Args:
        backbone: where they are found.
        peers: the neighbours, whose links serve, and visits.
        reach: links to super nodes.
        nid: this node.
        entropy: for the jitter of back-off.
        place: where this node can be reached now.
        topics: the topics of which this node keeps a log for others.
        may_follow: whether a node may subscribe to a topic here.
        changed: told when logs are in reach that were not, or the contrary.

    Attributes:
        strangers: logs of strangers.
        copies: copies of logs whose nodes are away.
        subscribers: who subscribes elsewhere to logs of this node.
    """

    def __init__(
        self,
        backbone: Backbone,
        peers: Peers,
        reach: NodeReach,
        *,
        nid: str,
        entropy: Entropy,
        place: Callable[[], Place],
        topics: Callable[[], list[str]],
        may_follow: Callable[[str, str], bool],
        changed: Callable[[], None],
    ) -> None:
        self._peers = peers
        visits = peers.visits
        self.strangers = StrangerLogs(backbone, visits, nid=nid, entropy=entropy, changed=changed)
        self.copies = LogCopies(
            lambda: backbone.charting.atlas if backbone.charting is not None else None,
            reach,
            entropy=entropy,
            changed=changed,
        )
        self.subscribers = Subscribers(
            backbone,
            visits,
            nid=nid,
            place=place,
            topics=topics,
            may_follow=may_follow,
            is_linked=lambda other: peers.link(other) is not None or visits.guest(other) is not None,
        )
        visits.on_welcome = self.strangers.arrived

    def start(self) -> None:
        """Begins to visit those who wait for this node."""
        self.subscribers.start()

    def close(self) -> None:
        """Stops seeking and visiting; links end with the visits."""
        self.subscribers.stop()
        self.strangers.close()
        self.copies.close()

    def missing(self, topic: str, name: str) -> Mapping[str, str]:
        """Returns the nodes whose logs a name means and that are out of reach, neighbours included: of each why."""
        return {
            nid: f"{short(nid)} is linked and has no log of {topic} for this node; {EXPORT.format(topic)}"
            if self._peers.link(nid) is not None
            else why
            for nid, why in self.strangers.missing(name).items()
        }

    def link(self, place: LogPlace) -> Link | None:
        """Returns the link over which a log, or its copy, is had: of a neighbour, else of a visit; None without one."""
        if place.nid != place.origin:
            return self.copies.link(place)
        return self._peers.link(place.nid) or self.strangers.link(place.nid)

    def lost(self, nid: str, link: Link) -> None:
        """Takes note that a link to a node is gone."""
        self.strangers.lost(nid, link)
        self.copies.lost(link)
