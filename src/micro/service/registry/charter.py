"""Who may become a super node: the keeper's rules.

Pure.

The keeper can add, remove and number super nodes, and nothing else. Its rules keep one owner, or one place on the net,
from becoming many super nodes; what an owner calls itself is its own word, a prefix of addresses costs money.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from micro.errors import Conflict, Forbidden, TooManyRequests
from micro.service.registry.shardmap import SUPER_NODES_MAX, ShardMap, SuperNode

__all__ = ["PER_OWNER_MAX", "PER_PREFIX_MAX", "Wish", "with_member", "with_wishes", "without_members"]

PER_OWNER_MAX: Final = 32
"""So many super nodes may say that they are of one owner."""

PER_PREFIX_MAX: Final = 16
"""So many super nodes may be in one /24 (IPv4) or /48 (IPv6)."""


class Wish(NamedTuple):
    """What a super node wishes: to be in the map as it says, or, without `member`, that the one of `key` is not."""

    member: SuperNode | None
    key: bytes


def with_wishes(
    found: ShardMap, wishes: Sequence[Wish], now: int
) -> tuple[ShardMap | None, list[Conflict | Forbidden | TooManyRequests | None]]:
    """Returns the next map with what these wish, None where nothing changes, and for each the reason against it.

    Each is judged as if those before it had been met in maps of their own; yet all of them cost one map.
    """
    together, reasons = found, list[Conflict | Forbidden | TooManyRequests | None]()
    for wish in wishes:
        try:
            if wish.member is None:
                together = without_members(together, [wish.key], now) or together
            else:
                together = with_member(together, wish.member, now) or together
        except (Conflict, Forbidden, TooManyRequests) as refusal:
            reasons.append(refusal)
        else:
            reasons.append(None)
    return (found.next(together.members, now) if together is not found else None), reasons


def with_member(found: ShardMap, member: SuperNode, now: int) -> ShardMap | None:
    """Returns the next map with a super node, or None where the map has it already just so.

    Raises:
        Forbidden: its owner, or its place on the net, has enough super nodes.
        TooManyRequests: the map is full.
    """
    known = next((other for other in found.members if other.key == member.key), None)
    if known is not None and known.is_like(member):
        return None
    others = [other for other in found.members if other.key != member.key]
    if len(others) >= SUPER_NODES_MAX:
        raise TooManyRequests(f"the network has {SUPER_NODES_MAX} super nodes, the most there can be")
    if sum(other.owner_mark == member.owner_mark for other in others) >= PER_OWNER_MAX:
        raise Forbidden(f"the owner {member.owner} has {PER_OWNER_MAX} super nodes already, the most one may have")
    if sum(other.prefix == member.prefix for other in others) >= PER_PREFIX_MAX:
        raise Forbidden(f"{member.prefix} has {PER_PREFIX_MAX} super nodes already; run this one elsewhere")
    joined = known.joined if known is not None else now
    added = SuperNode(member.key, member.addresses, member.relay, member.owner, joined)
    return found.next([*others, added], now)


def without_members(found: ShardMap, keys: Collection[bytes], now: int) -> ShardMap | None:
    """Returns the next map without some super nodes, or None where the map has none of them.

    Raises:
        Conflict: nobody would be left.
    """
    others = [other for other in found.members if other.key not in keys]
    if len(others) == len(found.members):
        return None
    if not others:
        raise Conflict("this is the last super node of its network; another one must join before it leaves")
    return found.next(others, now)
