"""What a node goes out to other nodes with, made as its settings want it: its place in a network, and its meters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from micro.errors import BadRequest, ConfigError
from micro.network.metering import Meters, Rates
from micro.network.relays import Relays
from micro.node.backbone import Backbone
from micro.node.config import NodeConfig
from micro.node.engines import Ports
from micro.node.home import Home
from micro.node.membership import Membership
from micro.node.offered import offers_of
from micro.node.passing import Passing
from micro.node.pinned import Pinned
from micro.node.reach import NodeReach
from micro.node.remembered import Remembered
from micro.node.second import SecondPath, bootstrap_addresses
from micro.service.registry.announcement import Place
from micro.service.registry.catalog import Catalog
from micro.service.registry.holder import Holder
from micro.service.registry.shardmap import check_owner
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

__all__ = ["open_backbone", "open_meters", "open_passing", "open_second"]


def open_backbone(
    key: NodeKey,
    config: NodeConfig,
    home: Home,
    ports: Ports,
    catalog: Catalog,
    reach: NodeReach,
    membership: Membership,
    relays: Relays,
    *,
    topics: Callable[[], Iterable[str]],
    place: Callable[[], Place],
    hidden: Callable[[], frozenset[str]],
    heard: Callable[[float], Awaitable[bool]],
    second: SecondPath | None,
) -> Backbone:
    """Returns the node's place in a network, not taken yet."""
    return Backbone(
        key,
        membership,
        reach,
        clock=ports.clock,
        entropy=ports.entropy,
        offers=partial(offers_of, catalog, nid_of(key.public), hidden),
        topics=topics,
        place=place,
        heard=heard,
        super_node=config.super_node,
        owner=_owner(config),
        writes_per_second=config.stranger_writes_per_second,
        away_seconds=config.super_away_seconds,
        ticket=config.join,
        pinned=Pinned(ports.disk, home.path / "pins.json", catalog),
        relays=relays,
        second=second,
    )


def _owner(config: NodeConfig) -> str:
    """Returns what the owner of a super node is called.

    Raises:
        ConfigError: the setting `owner_label` is no label.
    """
    try:
        return check_owner(config.owner_label)
    except BadRequest as fault:
        raise ConfigError(f"the setting owner_label: {fault}") from fault


def open_second(
    key: NodeKey, config: NodeConfig, ports: Ports, remembered: Remembered, reach: NodeReach
) -> SecondPath | None:
    """Returns the second path, where the settings want one."""
    if not config.dht:
        return None
    return SecondPath(
        key,
        partial(ports.open_commons, config),
        remembered,
        reach,
        clock=ports.clock,
        port=config.dht_port,
        bootstrap=bootstrap_addresses(config.dht_bootstrap),
    )


def open_meters(config: NodeConfig, ports: Ports) -> Meters:
    """Returns what measures strangers."""
    rates = Rates(
        calls_per_second=config.stranger_calls_per_second,
        events_per_second=config.stranger_events_per_second,
        lookups_per_second=config.stranger_lookups_per_second,
        bytes_per_second=config.stranger_bytes_per_second,
    )
    return Meters(rates, ports.clock.monotonic)


def open_passing(config: NodeConfig, ports: Ports, holder: Callable[[], Holder | None]) -> Passing:
    """Returns what passes browsers' connections on, if the settings want that, not open yet."""
    return Passing(config, ports.open_passage, entropy=ports.entropy, clock=ports.clock, holder=holder)
