"""A super node that lies: a real one, whose answers and parcels are spoilt on their way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from micro.node.backbone import Backbone
from micro.service.registry.backbone import MAP_ANSWER, STORE
from micro.service.registry.charting import Charting
from micro.service.registry.holder import Holder
from micro.service.registry.outbox import Living, Outbox
from micro.service.registry.presence import Beat
from micro.service.registry.record import RECORD_BYTES_MAX, ServiceRecord, read_record, sign_record
from micro.service.registry.shardmap import ShardMap, sign_map
from micro.service.registry.shards import Found
from micro.trust.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKey

__all__ = ["LIES", "Traitor"]

LIES = ("forged", "altered", "oversized", "expired", "replayed", "omitted", "beaten", "maps")
"""What a traitor does: makes records up, changes those of others, sends what is too large or over or was withdrawn,
keeps all but one of the records of a name back, invents signs of life, and tells of maps that are none or no longer the
newest."""


class Traitor:
    """Turns a running super node into a liar, until it is started again.

    Args:
        backbone: its place in the network.
        lies: what it does, of `LIES`.
        chance: which lie when.
        victim: the public key of the node of which it makes records up.
    """

    def __init__(self, backbone: Backbone, lies: Sequence[str], chance: Random, victim: bytes) -> None:
        self.lies = lies
        self.chance = chance
        self.victim = victim
        self.key = NodeKey(chance.randbytes(KEY_BYTES))
        self.seen: dict[bytes, None] = {}
        self.maps: list[bytes] = []
        self.now: Callable[[], float] = backbone._clock.now
        holder, charting = backbone.holder, backbone.charting
        assert holder is not None
        assert charting is not None
        assert backbone._office._super is not None
        self.maps = [chart.signed.sealed for chart in charting.atlas.charts()]
        holder.outbox = _Outbox(holder.outbox, self)
        backbone._office._role.holder = backbone._office._super.holder = _Holder(holder, self)
        backbone._office._role.charting = _Charting(charting, self)

    def spoil(self, sealed: Sequence[bytes]) -> list[bytes]:
        """Returns what is told in the place of records."""
        self.seen.update(dict.fromkeys(sealed))
        told = list(sealed)
        lie = self.chance.choice(self.lies)
        if lie == "forged":
            told.append(self._made_up(int(self.now()) + 3600))
        elif lie == "expired":
            told.append(self._made_up(int(self.now()) - 3600))
        elif lie == "oversized":
            told.append(self.chance.randbytes(RECORD_BYTES_MAX))
        elif lie == "altered" and self.seen:
            told.append(_altered(self.chance.choice([*self.seen]), self.chance))
        elif lie == "replayed":
            told = [self.chance.choice([*self.seen]), *told] if self.seen else told
        return told

    def _made_up(self, expires: int) -> bytes:
        """Returns a record that names the victim and is signed by nobody whom it names."""
        record = ServiceRecord(self.key.public, "treasure", "1", 1 << 40, expires, bytes(32), ("treasure",))
        sealed = sign_record(self.key, record).sealed
        return sealed.replace(self.key.public, self.victim)

    def beat(self, living: Living) -> Living:
        """Returns a presence with a step that its node has not revealed."""
        if "beaten" not in self.lies:
            return living
        return Living(living.sealed, living.sequence, Beat(living.beat.step + 1, self.chance.randbytes(32)))

    def charts(self, wanted: bytes) -> bytes:
        """Returns an answer with maps in the place of the true one."""
        if "maps" not in self.lies:
            return wanted
        found = MAP_ANSWER.decode(wanted)
        if self.chance.random() < 0.5:
            return MAP_ANSWER.encode({"current": self.chance.choice(self.maps), "previous": self.maps[-1]})
        return MAP_ANSWER.encode({**found, "current": self._own_map()})

    def _own_map(self) -> bytes:
        return sign_map(self.key, ShardMap(self.key.public, 1 << 20, int(self.now()), ())).sealed


class _Holder(Holder):
    """Answers with lies."""

    def __init__(self, holder: Holder, traitor: Traitor) -> None:
        self.__dict__ = {**holder.__dict__, "traitor": traitor}

    def find(self, name: str, limit: int, key: bytes, chance: int) -> Found:
        found = super().find(name, limit, key, chance)
        if "omitted" in self.__dict__["traitor"].lies:
            found = Found(found.sealed[:1], 1)
        return Found(tuple(self.__dict__["traitor"].spoil(found.sealed)), found.total)

    def present(self, keys: Sequence[bytes], now: float) -> list[Living]:
        return [self.__dict__["traitor"].beat(living) for living in super().present(keys, now)]


class _Outbox(Outbox):
    """Packs lies in."""

    def __init__(self, outbox: Outbox, traitor: Traitor) -> None:
        self.__dict__ = {**outbox.__dict__, "traitor": traitor}

    def take(self, target: bytes, map_version: int) -> bytes:
        traitor: Traitor = self.__dict__["traitor"]
        parcel: dict[str, Any] = STORE.decode(super().take(target, map_version))
        parcel["records"] = traitor.spoil(parcel["records"])
        if "beaten" in traitor.lies:
            parcel["beats"] = [
                {**beat, "step": beat["step"] + 1, "value": traitor.chance.randbytes(32)} for beat in parcel["beats"]
            ]
        if "maps" in traitor.lies:
            parcel["map_version"] += traitor.chance.choice((0, 1, 1 << 20))
        return STORE.encode(parcel)


class _Charting(Charting):
    """Tells of other maps."""

    def __init__(self, charting: Charting, traitor: Traitor) -> None:
        self.__dict__ = {**charting.__dict__, "traitor": traitor}

    def answer(self, body: bytes) -> bytes:
        answer: bytes = self.__dict__["traitor"].charts(super().answer(body))
        return answer


def _altered(sealed: bytes, chance: Random) -> bytes:
    """Returns a record with a sequence of its own and the signature of the one it was."""
    record = read_record(sealed).record
    fields = {name: getattr(record, name) for name in record.__slots__}
    changed = ServiceRecord(**{**fields, "sequence": record.sequence + 1 + chance.randrange(1000)})
    return sealed[:SIGNATURE_BYTES] + changed.encode()
