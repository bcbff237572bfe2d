"""A super node's part of the registry: what nodes announce to it, what others hand to it, and who finds it there.

Pure.

A node announces to its *home*, one of the holders of its shard. The home checks each record once, keeps what its nodes
announced, files what belongs to shards of its own, and has the rest handed to the holders of the name and of each word
(`outbox`). Others check again what they are handed: nobody is believed because of what it is. What is refused costs its
sender something: a forgery each time, an honest mistake once a message, since one cause may spoil a whole parcel. Who
hands things on pays only for what it could see itself, whatever its clock and its map say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from micro.service.registry.atlas import Atlas, Chart
from micro.service.registry.heard import SEEN_THROUGH, Heard, Moment
from micro.service.registry.homed import Homed, news_in
from micro.service.registry.outbox import Living, Outbox
from micro.service.registry.partings import Partings
from micro.service.registry.penalties import Penalties, Verdict
from micro.service.registry.presence import Beat, SignedPresence
from micro.service.registry.presences import Presences
from micro.service.registry.record import SignedRecord, is_timely, read_record
from micro.service.registry.shardmap import shard_of_name, shard_of_node, shard_of_word
from micro.service.registry.shards import NODE_RECORDS_MAX, Found, Shards
from micro.service.registry.watchers import Watchers
from micro.trust.identity import nid_of
from micro.trust.keys import SIGNATURE_BYTES
from micro.trust.rates import Rates

__all__ = ["HOMED_MAX", "SAYS_PER_SECOND", "Holder"]

HOMED_MAX: Final = 20_000
"""So many nodes have one super node as their home."""

SAYS_PER_SECOND: Final = 5.0
"""A node may say so many things a second: records, its presence, beats. A record that is held as it comes is none."""
SAYS_BURST: Final = 2.0 * NODE_RECORDS_MAX
"""And everything it has twice at once, signed anew."""

SLICE: Final = 200
"""So many nodes and records are told, or moved, before others have a turn."""


class Holder:
    """The state of one super node.

    Args:
        key: its public key.
        atlas: the maps of its network.
        says_per_second: how much a node that has its home here may say.
    """

    def __init__(self, key: bytes, atlas: Atlas, *, says_per_second: float = SAYS_PER_SECOND) -> None:
        self._key = key
        self.atlas = atlas
        self.shards = Shards()
        self.presences = Presences()
        self.outbox = Outbox()
        self.watchers = Watchers()
        self.penalties = Penalties()
        self.partings = Partings()
        self._says: Rates[bytes] = Rates(says_per_second, SAYS_BURST)
        self._homed: dict[bytes, Homed] = {}

    # ------------------------------------------------------------------------------------------------------ from nodes

    def is_home_of(self, key: bytes) -> bool:
        """Says whether a node may have its home here."""
        return self.atlas.is_held_by(self._key, shard_of_node(nid_of(key)))

    def announce(self, key: bytes, said: Mapping[str, Any], moment: Moment) -> Heard:
        """Takes what a node says of itself.

        Args:
            key: the node's public key, proved by its link.
            said: the fields of the message `ANNOUNCE`.
            moment: the time.
        """
        heard = Heard()
        homed = self._homed.get(key)
        if homed is None:
            if len(self._homed) >= HOMED_MAX:
                heard.trouble = f"{HOMED_MAX} nodes have their home here already; choose another one"
                return heard
            homed = self._homed[key] = Homed()
        if not self._says.allow(key, moment.monotonic, news_in(homed, said)):
            self._charge(heard, key, Verdict.FLOOD, "this", moment)
            heard.again = True  # nothing of it is held, and its node believes that it is
            if homed.living is None:
                del self._homed[key]
            return heard
        if said["presence"]:
            self._charge(heard, key, self._home_presence(key, homed, said["presence"], moment), "the presence", moment)
        if homed.living is None:  # whoever is not present has no home: nothing would ever end it
            del self._homed[key]
            heard.again = True
            return heard
        for sealed in said["records"]:
            read = self.shards.read(sealed, key)
            if isinstance(read, Verdict):
                self._charge(heard, key, read, "a record", moment)
            else:
                self._charge(heard, key, self._home_record(key, homed, read, moment), read.record.mark, moment)
        if said["beat"] is not None:
            verdict = self._home_beat(key, homed, said["beat"], moment)
            heard.again = heard.again or verdict is Verdict.UNKNOWN
            self._charge(heard, key, verdict, "the beat", moment)
        return heard

    def _home_presence(self, key: bytes, homed: Homed, sealed: bytes, moment: Moment) -> Verdict:
        signed = self.presences.read(sealed)
        if signed is None:
            return Verdict.MALFORMED
        if signed.record.key != key:
            return Verdict.FORGED
        verdict = self._take_presence(signed, signed.anchor, moment.now, self._key)
        if verdict is Verdict.TAKEN:
            homed.living, homed.is_silent = Living(sealed, signed.record.sequence, signed.anchor), False
            for target in self._others(shard_of_node(signed.record.nid)):
                self.outbox.put_presence(target, key, homed.living)
        return verdict

    def _home_record(self, key: bytes, homed: Homed, signed: SignedRecord, moment: Moment) -> Verdict:
        record = signed.record
        if record.key != key:
            return Verdict.FORGED
        if not is_timely(record, moment.now):
            return Verdict.EXPIRED
        known = homed.records.get(record.mark)
        if known is not None and known[SIGNATURE_BYTES:] == signed.sealed[SIGNATURE_BYTES:]:
            return Verdict.KNOWN
        if known is not None and signed.rank < read_record(known).rank:
            return Verdict.OUTDATED
        if known is None and len(homed.records) >= NODE_RECORDS_MAX:
            return Verdict.FULL
        if not signed.is_genuine():
            return Verdict.FORGED
        homed.records[record.mark] = signed.sealed
        self._take_record(signed, moment.now, is_checked=True)
        for target in self._targets(signed):
            self.outbox.put_record(target, key, record.mark, signed.sealed)
        return Verdict.TAKEN

    def _home_beat(self, key: bytes, homed: Homed, said: Mapping[str, Any], moment: Moment) -> Verdict:
        if said["key"] not in (b"", key):
            return Verdict.FORGED
        beat = Beat(said["step"], said["value"])
        verdict = self._take_beat(key, said["sequence"], beat, moment.now, self._key)
        if homed.living is None or homed.living.sequence != said["sequence"]:
            return Verdict.UNKNOWN if verdict in (Verdict.TAKEN, Verdict.KNOWN) else verdict
        if verdict is Verdict.TAKEN:
            homed.living, homed.is_silent = Living(homed.living.sealed, homed.living.sequence, beat), False
            for target in self._others(shard_of_node(nid_of(key))):
                self.outbox.put_beat(target, key, said["sequence"], beat)
        return verdict

    # ------------------------------------------------------------------------------------------------ from super nodes

    def store(self, sender: bytes, said: Mapping[str, Any], moment: Moment) -> Heard:
        """Takes what another super node hands over.

        Args:
            sender: its public key, proved by its link; it is in the newest map or the one before.
            said: the fields of the message `STORE`.
            moment: the time.
        """
        heard = Heard()
        for sealed in said["records"]:
            read = self.shards.read(sealed)
            verdict = read if isinstance(read, Verdict) else self._take_record(read, moment.now)
            self._charge_passing(heard, sender, verdict, "a record", moment)
        for living in said["presences"]:
            found = self.presences.read(living["sealed"])
            beat = Beat(living["step"], living["value"])
            if found is not None and not beat.step:
                beat = found.anchor
            verdict = Verdict.MALFORMED if found is None else self._take_presence(found, beat, moment.now, sender)
            if found is not None and verdict is Verdict.TAKEN:
                self._moved(found)
            self._charge_passing(heard, sender, verdict, "a presence", moment)
        for each in said["beats"]:
            beat = Beat(each["step"], each["value"])
            verdict = self._take_beat(each["key"], each["sequence"], beat, moment.now, sender)
            if verdict is Verdict.UNKNOWN or verdict in SEEN_THROUGH:
                heard.unknown.append(each["key"])  # it may belong to another presence of that number: none is signed
        return heard

    def silence(self, sender: bytes, said: Mapping[str, Any]) -> None:
        """Takes note of nodes that have parted from their home, as far as the sender is who told of them.

        It costs nothing to be wrong here: whoever tells of a node first, so that its home is not heard, is no friend of
        that home.

        Args:
            sender: as in `store`.
            said: the fields of the message `SILENCE`.
        """
        for each in said["silent"]:
            if self.presences.hush(each["key"], each["sequence"], each["step"], sender):
                self.watchers.tell_presence(each["key"], None)

    def garbled(self, sender: bytes, moment: Moment) -> Heard:
        """Charges a sender for a message that is none."""
        heard = Heard()
        self._charge(heard, sender, Verdict.MALFORMED, "a message", moment)
        return heard

    def flooded(self, sender: bytes, moment: Moment) -> Heard:
        """Charges a sender that wishes for more than it may."""
        heard = Heard()
        self._charge(heard, sender, Verdict.FLOOD, "a wish", moment)
        return heard

    def _moved(self, signed: SignedPresence) -> None:
        """Forgets a node that has another home since: it signs a new presence for each."""
        homed = self._homed.get(signed.record.key)
        if homed is not None and homed.living is not None and homed.living.sequence < signed.record.sequence:
            del self._homed[signed.record.key]
            self.partings.forget(signed.record.key)

    def missing(self, target: bytes, keys: Sequence[bytes]) -> None:
        """Puts the presences of nodes into the parcel for a super node that does not have them."""
        for key in keys:
            homed = self._homed.get(key)
            if homed is not None and homed.living is not None and not homed.is_silent:
                self.outbox.put_presence(target, key, homed.living)

    def telling_all(self, target: bytes) -> Iterator[None]:
        """Puts everything into the parcel for a super node that may have nothing, slice by slice."""
        for count, (key, homed, signed) in enumerate(self._at_home()):
            if count % SLICE == 0:
                yield
            if signed is not None:
                if target in self._targets(signed):
                    self.outbox.put_record(target, key, signed.record.mark, signed.sealed)
            elif homed.living is not None and target in self._others(shard_of_node(nid_of(key))):
                self._tell(target, key, homed)

    # ---------------------------------------------------------------------------------------------------------- asking

    def find(self, name: str, limit: int, key: bytes, chance: int) -> Found:
        """Returns records of a name, or of one node's service of that name."""
        return self.shards.find(name, limit=limit, key=key, chance=chance)

    def search(self, words: Sequence[str], limit: int, chance: int) -> Found:
        """Returns records under words."""
        return self.shards.search(words, limit=limit, chance=chance)

    def present(self, keys: Sequence[bytes], now: float) -> list[Living]:
        """Returns the presences of those of these nodes that are believed alive."""
        found = [self.presences.get(key, now) for key in keys]
        return [Living(held.sealed, held.sequence, held.beat) for held in found if held is not None]

    # ------------------------------------------------------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        """Ends what is over."""
        self.shards.expire(now)
        for key in self.presences.expire(now):
            self._homed.pop(key, None)
            self.partings.forget(key)
            self.watchers.tell_presence(key, None)

    def hushing(self, monotonic: float) -> Iterator[None]:
        """Has nodes taken for gone whose link broke and that have not come back, slice by slice."""
        for count, key in enumerate(self.partings.due(monotonic)):
            if count % SLICE == 0:
                yield
            homed = self._homed.get(key)
            if homed is None or homed.living is None or self.partings.is_linked(key):
                continue
            if self.presences.hush(key, homed.living.sequence, homed.living.beat.step, None):
                homed.is_silent = True
                self.watchers.tell_presence(key, None)
                for target in self._others(shard_of_node(nid_of(key))):
                    self._tell(target, key, homed)

    def remapping(self, before: Chart | None) -> Iterator[None]:
        """Moves what has to move after another map came, slice by slice.

        Args:
            before: the chart that was current until then.
        """
        self.watchers.tell_version()
        members = {member.key for chart in self.atlas.charts() for member in chart.ring.members}
        for target in self.outbox.targets():
            if target not in members:
                self.outbox.drop(target)
        for count, (key, homed, signed) in enumerate(self._at_home()):
            if count % SLICE == 0:
                yield
            if signed is not None:
                for target in self._new(before, _shards_of(signed)):
                    self.outbox.put_record(target, key, signed.record.mark, signed.sealed)
            elif homed.living is not None:
                for target in self._new(before, [shard_of_node(nid_of(key))]):
                    self._tell(target, key, homed)
        yield from self.shards.dropping(self._held_of)
        yield from self.presences.dropping(self.is_home_of)

    # ---------------------------------------------------------------------------------------------------------- within

    def _at_home(self) -> Iterator[tuple[bytes, Homed, SignedRecord | None]]:
        """Yields each node whose home this is, and then each of its records; they may change meanwhile."""
        for key, homed in tuple(self._homed.items()):
            yield key, homed, None
            for sealed in tuple(homed.records.values()):
                yield key, homed, read_record(sealed)

    def _tell(self, target: bytes, key: bytes, homed: Homed) -> None:
        """Puts into the parcel for a super node where a node is, or that it is silent."""
        assert homed.living is not None, "whoever is not present has no home"
        if homed.is_silent:
            self.outbox.put_silence(target, key, homed.living.sequence, homed.living.beat.step)
        else:
            self.outbox.put_presence(target, key, homed.living)

    def _take_record(self, signed: SignedRecord, now: float, *, is_checked: bool = False) -> Verdict:
        name, words = self._held_of(signed)
        if not name and not words:
            return Verdict.MISPLACED
        verdict = self.shards.put(signed, now, name=name, words=words, is_checked=is_checked)
        if verdict is Verdict.TAKEN and name:
            self.watchers.tell_record(signed.record.mark, signed.sealed)
        return verdict

    def _take_presence(self, signed: SignedPresence, beat: Beat, now: float, teller: bytes) -> Verdict:
        record = signed.record
        if not self.is_home_of(record.key):
            return Verdict.MISPLACED
        before = self.presences.get(record.key, now)
        verdict = self.presences.put(signed, beat, now, teller)
        if verdict is Verdict.KNOWN and before is None:
            self._tell_back(record.key, now)
        elif verdict is Verdict.TAKEN and (before is None or before.sealed != signed.sealed):
            living = Living(signed.sealed, record.sequence, beat)
            self.watchers.tell_presence(record.key, None if record.is_leaving else living)
        return verdict

    def _take_beat(self, key: bytes, sequence: int, beat: Beat, now: float, teller: bytes) -> Verdict:
        was_silent = self.presences.is_silent(key)
        verdict = self.presences.beat(key, sequence, beat, now, teller)
        if was_silent:
            self._tell_back(key, now)
        return verdict

    def _tell_back(self, key: bytes, now: float) -> None:
        """Tells where a node is that was silent, if it is there again."""
        for living in self.present([key], now):
            self.watchers.tell_presence(key, living)

    def _held_of(self, signed: SignedRecord) -> tuple[bool, list[str]]:
        """Returns whether a record's name, and which of its words, are in shards of ours."""
        record = signed.record
        words = [word for word in record.terms if self.atlas.is_held_by(self._key, shard_of_word(word))]
        return self.atlas.is_held_by(self._key, shard_of_name(record.mark)), words

    def _targets(self, signed: SignedRecord) -> dict[bytes, None]:
        found: dict[bytes, None] = {}
        for shard in _shards_of(signed):
            found.update(self._others(shard))
        return found

    def _others(self, shard: int) -> dict[bytes, None]:
        return {member.key: None for member in self.atlas.holders(shard) if member.key != self._key}

    def _new(self, before: Chart | None, shards: Sequence[int]) -> dict[bytes, None]:
        """Returns who holds one of these shards now and did not hold it before."""
        found = dict.fromkeys(key for shard in shards for key in self.atlas.newcomers(before, shard))
        found.pop(self._key, None)
        return found

    def _charge_passing(self, heard: Heard, sender: bytes, verdict: Verdict, what: str, moment: Moment) -> None:
        if verdict in SEEN_THROUGH:
            self._charge(heard, sender, verdict, what, moment)

    def _charge(self, heard: Heard, sender: bytes, verdict: Verdict, what: str, moment: Moment) -> None:
        if heard.refuses(verdict, what):
            heard.banished |= self.penalties.charge(nid_of(sender), verdict, moment.monotonic)


def _shards_of(signed: SignedRecord) -> list[int]:
    """Returns the shards that a record belongs to."""
    record = signed.record
    return [shard_of_name(record.mark), *(shard_of_word(word) for word in record.terms)]
