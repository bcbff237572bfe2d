"""What a home makes of a node that parted, what it tells the others of it, and what these believe."""

from __future__ import annotations

from typing import Any

import pytest

from micro.service.registry.backbone import SILENCE, STORE, STORE_ITEMS_MAX
from micro.service.registry.holder import Holder
from micro.service.registry.outbox import Living, Outbox
from micro.service.registry.partings import GRACE_SECONDS
from micro.service.registry.presence import BEAT_SECONDS
from micro.service.registry.watchers import Watcher
from tests.unit.service.registry.makings import NOW, chain_of, key_of, presence_of
from tests.unit.service.registry.test_holder import ANN, AT, CHAIN, atlas_of, beat, later, present, said

OVER = BEAT_SECONDS + GRACE_SECONDS
NUMBERS = (1, 2, 3)


class Three:
    """The holders of Ann's shard; the first is her home, and has told the others of her presence and her first step."""

    def __init__(self) -> None:
        self.home, *self.others = (Holder(key_of(number).public, atlas_of(NUMBERS)) for number in NUMBERS)
        self.stay = self.home.partings.come(ANN.public)
        self.home.announce(ANN.public, present(), AT)
        self.home.announce(ANN.public, beat(1), later(BEAT_SECONDS))
        self.pass_on()

    def pass_on(self, sender: Holder | None = None, seconds: float = BEAT_SECONDS) -> None:
        """Has everybody take what waits for him, in the order in which it is sent."""
        sender = sender or self.home
        for other in (self.home, *self.others):
            while other is not sender and other._key in sender.outbox.targets():
                other.store(sender._key, STORE.decode(sender.outbox.take(other._key, 1)), later(seconds))
                silences = sender.outbox.take_silences(other._key, 1)
                if silences is not None:
                    other.silence(sender._key, SILENCE.decode(silences))

    def part(self) -> None:
        """Ann's link breaks, and she does not come back."""
        self.home.partings.part(ANN.public, self.stay, BEAT_SECONDS)
        self.hush()

    def hush(self) -> None:
        for _ in self.home.hushing(OVER):
            pass

    def found(self, seconds: float = OVER) -> list[bool]:
        """Says at which of the three Ann is found."""
        return [bool(each.present([ANN.public], NOW + seconds)) for each in (self.home, *self.others)]


@pytest.fixture
def three() -> Three:
    return Three()


def watched(holder: Holder) -> Watcher:
    return holder.watchers.add((), [ANN.public], lambda: None)


def moved(sequence: int = 2) -> dict[str, Any]:
    """Ann's words to a new home."""
    signed = presence_of(ANN, chain_of(2), sequence=sequence, issued=NOW + BEAT_SECONDS)
    return said(presence=signed.sealed)


def test_whoever_stays_away_is_found_nowhere(three: Three) -> None:
    """All three holders know, and those that watch are told."""
    watchers = [watched(each) for each in (three.home, *three.others)]
    three.part()
    three.pass_on()

    assert three.found() == [False] * 3
    assert [list(watcher.news) for watcher in watchers] == [[{"gone": ANN.public}]] * 3


def test_whoever_comes_back_in_time_is_never_missed(three: Three) -> None:
    """At the same home nobody else hears that the link broke."""
    three.home.partings.part(ANN.public, three.stay, BEAT_SECONDS)
    three.home.partings.come(ANN.public)
    three.hush()

    assert three.home.outbox.targets() == []
    assert three.found() == [True] * 3


def test_whoever_has_another_home_is_never_missed(three: Three) -> None:
    """Once that has told so, the first one has nothing to say."""
    second = three.others[0]
    second.announce(ANN.public, moved(), later(BEAT_SECONDS))
    three.pass_on(second)
    three.part()

    assert three.home.outbox.targets() == []
    assert three.found() == [True] * 3


@pytest.mark.parametrize("is_late", [True, False], ids=["the silence is late", "the new home is late"])
def test_a_new_home_and_a_silence_meet(three: Three, *, is_late: bool) -> None:
    """In whatever order they arrive, the node is found, and those that watch know where it is."""
    second, third = three.others
    watcher = watched(third)
    three.part()
    second.announce(ANN.public, moved(), later(OVER))
    for sender in (second, three.home) if is_late else (three.home, second):
        three.pass_on(sender, OVER)

    assert three.found() == [True] * 3
    assert "presence" in watcher.news[-1]


def test_a_node_is_told_back(three: Three) -> None:
    """Who comes to the home that missed it is found by all again."""
    three.part()
    three.pass_on()
    watcher = watched(three.others[1])
    three.home.announce(ANN.public, moved(), later(OVER))
    three.pass_on(seconds=OVER)

    assert three.found() == [True] * 3
    assert "presence" in watcher.news[-1]


def test_a_step_tells_a_node_back_too(three: Three) -> None:
    """A home that was mistaken, or a word of it that was, is outweighed by the next step."""
    second = three.others[0]
    watcher = watched(second)
    second.silence(three.home._key, {"silent": [{"key": ANN.public, "sequence": 1, "step": 1}]})
    step = CHAIN.beat(2)
    fields = {"key": ANN.public, "sequence": 1, "step": 2, "value": step.value}
    second.store(three.home._key, {"records": (), "presences": (), "beats": (fields,)}, later(2 * BEAT_SECONDS))

    assert second.present([ANN.public], NOW + 2 * BEAT_SECONDS)
    assert [list(item) for item in watcher.news] == [["gone"], ["presence"]]


def test_a_stranger_has_nobody_missed(three: Three) -> None:
    """Whatever super node it is: only the home is heard, and it costs nobody anything."""
    second, third = three.others
    for number in (1, 7):
        third.silence(second._key, {"silent": [{"key": ANN.public, "sequence": number, "step": number}]})

    assert third.present([ANN.public], NOW + OVER)


def test_a_silent_node_is_not_told_as_living(three: Three) -> None:
    """Neither on a new link, nor to who asks for its presence, nor to a super node that is new in the map."""
    three.part()
    three.pass_on()
    target = three.others[0]._key
    for _ in three.home.telling_all(target):
        pass
    three.home.missing(target, [ANN.public])
    parcel = STORE.decode(three.home.outbox.take(target, 1))
    silences = three.home.outbox.take_silences(target, 1)
    assert not parcel["presences"]
    assert silences is not None

    for _ in three.home.remapping(None):
        pass
    parcels = [STORE.decode(three.home.outbox.take(each._key, 1)) for each in three.others]
    assert [parcel["presences"] for parcel in parcels] == [(), ()]


def test_a_home_may_be_mistaken_once(three: Three) -> None:
    """A node that comes back while the home goes through those that parted is left out."""
    three.home.partings.part(ANN.public, three.stay, BEAT_SECONDS)
    hushing = three.home.hushing(OVER)
    next(hushing)
    three.home.partings.come(ANN.public)
    list(hushing)

    assert three.found() == [True] * 3


def test_a_silence_comes_after_what_it_is_about() -> None:
    """And a later word of the node takes it back while it waits."""
    outbox, target, key = Outbox(), b"target", ANN.public
    signed = presence_of(ANN, CHAIN)
    outbox.put_presence(target, key, Living(signed.sealed, 1, signed.anchor))
    outbox.put_silence(target, key, 1, 0)
    assert outbox.take_silences(target, 1) is None
    outbox.take(target, 1)
    assert outbox.take_silences(target, 1) is not None
    assert outbox.targets() == []

    outbox.put_silence(target, key, 1, 0)
    outbox.put_beat(target, key, 1, CHAIN.beat(1))
    outbox.take(target, 1)
    assert outbox.take_silences(target, 1) is None


def test_many_silences_are_told_in_parts() -> None:
    """Each message is bounded, and nothing is left out."""
    outbox, target = Outbox(), b"target"
    keys = [number.to_bytes(32) for number in range(2 * STORE_ITEMS_MAX + 1)]
    for key in keys:
        outbox.put_silence(target, key, 2**62, 240)
    told: list[bytes] = []
    while (message := outbox.take_silences(target, 2**62)) is not None:
        told += [each["key"] for each in SILENCE.decode(message)["silent"]]

    assert told == keys
