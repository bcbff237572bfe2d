"""A super node's part: what it takes from whom, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest

from micro.service.registry import holder
from micro.service.registry.atlas import Atlas
from micro.service.registry.backbone import ANNOUNCE, STORE
from micro.service.registry.heard import Moment
from micro.service.registry.holder import Holder
from micro.service.registry.presence import BEAT_SECONDS, LEASE_SECONDS
from micro.service.registry.shardmap import shard_of_node
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import NOW, chain_of, key_of, map_of, presence_of, signed_of, withdrawn_of

KEEPER = key_of(0)
NUMBERS = range(1, 7)
ANN, BOB = key_of(11), key_of(12)
CHAIN = chain_of(1)
AT = Moment(NOW, 0.0)


def atlas_of(numbers: Any = NUMBERS, version: int = 1) -> Atlas:
    atlas = Atlas(nid_of(KEEPER.public))
    atlas.take(map_of(KEEPER, numbers, version).sealed)
    return atlas


def later(seconds: float) -> Moment:
    return Moment(NOW + seconds, seconds)


def said(**fields: Any) -> dict[str, Any]:
    return ANNOUNCE.decode(ANNOUNCE.encode(fields))


def present(**fields: Any) -> dict[str, Any]:
    return said(presence=presence_of(ANN, CHAIN).sealed, **fields)


def beat(step: int, sequence: int = 1) -> dict[str, Any]:
    found = CHAIN.beat(step)
    return said(beat={"sequence": sequence, "step": found.step, "value": found.value})


def parcels(holder: Holder) -> dict[bytes, dict[str, Any]]:
    """Returns what waits, by whom it is for."""
    return {target: STORE.decode(holder.outbox.take(target, 1)) for target in holder.outbox.targets()}


@pytest.fixture
def home() -> Holder:
    """The first holder of Ann's shard."""
    atlas = atlas_of()
    key = atlas.holders(shard_of_node(nid_of(ANN.public)))[0].key
    return Holder(key, atlas)


def test_a_home_hands_on_what_it_is_told(home: Holder) -> None:
    """A record to the holders of its name and words, presence and beats to the others of the node's shard."""
    record = signed_of(ANN, terms=("hello",))
    heard = home.announce(ANN.public, present(records=[record.sealed]), AT)
    first = parcels(home)
    home.announce(ANN.public, beat(1), later(BEAT_SECONDS))
    second = parcels(home)

    assert (heard.trouble, heard.again, heard.banished) == ("", False, False)
    assert set(first) == {*home._targets(record), *home._others(shard_of_node(nid_of(ANN.public)))}
    assert sum(parcel["records"] == (record.sealed,) for parcel in first.values()) == len(home._targets(record))
    assert [len(parcel["beats"]) for parcel in second.values()] == [1, 1]


def test_holders_by_the_map_before_are_handed_everything_too() -> None:
    """Whoever has not heard of the newest map yet still asks them."""
    atlas = atlas_of([1, 2, 3])
    atlas.take(map_of(KEEPER, [1, 4, 5], 2).sealed)
    first = Holder(key_of(1).public, atlas)
    first.announce(ANN.public, present(records=[signed_of(ANN).sealed]), AT)

    found = parcels(first)
    assert set(found) == {key_of(number).public for number in (2, 3, 4, 5)}
    assert all(parcel["records"] and parcel["presences"] for parcel in found.values())


def test_so_many_nodes_have_their_home_here(home: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told to choose another one, and costs no memory; those that are here go on."""
    monkeypatch.setattr(holder, "HOMED_MAX", 1)
    assert home.announce(ANN.public, present(), AT).trouble == ""

    refused = home.announce(BOB.public, said(presence=presence_of(BOB, chain_of(2)).sealed), AT)
    assert "choose another one" in refused.trouble
    assert len(home.presences) == 1
    assert home.announce(ANN.public, beat(1), later(BEAT_SECONDS)).trouble == ""


def test_others_check_what_they_are_handed_and_keep_it(home: Holder) -> None:
    """Every holder has the record, the presence and the beat in the end."""
    record = signed_of(ANN, terms=("hello",))
    home.announce(ANN.public, present(records=[record.sealed]), AT)
    sender = home._key
    for target, parcel in parcels(home).items():
        other = Holder(target, atlas_of())
        heard = other.store(sender, parcel, AT)
        assert (heard.trouble, heard.unknown) == ("", [])
        assert len(other.shards) == len(parcel["records"])
        assert len(other.presences) == len(parcel["presences"])


def test_a_beat_without_presence_is_asked_for(home: Holder) -> None:
    """From a node: everything again; from another super node: the presence."""
    assert home.announce(ANN.public, beat(1), AT).again
    home.announce(ANN.public, present(), AT)
    home.announce(ANN.public, beat(1), later(BEAT_SECONDS))
    target, parcel = next(iter(parcels(home).items()))
    other = Holder(target, atlas_of())

    heard = other.store(home._key, {**parcel, "presences": (), "beats": (beat(1)["beat"] | {"key": ANN.public},)}, AT)
    assert heard.unknown == [ANN.public]
    home.missing(target, heard.unknown)
    assert len(parcels(home)[target]["presences"]) == 1


def test_records_without_presence_are_not_kept(home: Holder) -> None:
    """Nothing would ever end them here."""
    heard = home.announce(ANN.public, said(records=[signed_of(ANN).sealed]), AT)

    assert heard.again
    assert not home._homed


@pytest.mark.parametrize("what", ["record", "presence", "beat"])
def test_nobody_speaks_for_another(home: Holder, what: str) -> None:
    """Bob's words over Ann's link are a forgery, and two are too much."""
    home.announce(ANN.public, present(), AT)
    forged = {
        "record": said(records=[signed_of(BOB).sealed]),
        "presence": said(presence=presence_of(BOB, CHAIN).sealed),
        "beat": said(beat={"key": BOB.public, "sequence": 1, "step": 1, "value": bytes(32)}),
    }[what]

    assert "forged" in home.announce(ANN.public, forged, AT).trouble
    assert home.announce(ANN.public, forged, AT).banished
    assert home.penalties.banished_seconds(nid_of(ANN.public), 1.0) > 0


def test_a_misplaced_presence_is_no_home(home: Holder) -> None:
    """A node whose shard is elsewhere is not present here."""
    strangers = [key_of(number) for number in range(20, 60)]
    stranger = next(key for key in strangers if not home.is_home_of(key.public))

    heard = home.announce(stranger.public, said(presence=presence_of(stranger, CHAIN).sealed), AT)

    assert "misplaced" in heard.trouble
    assert not len(home.presences)


def test_one_cause_is_charged_once_a_message(home: Holder) -> None:
    """A lot of records that came late cost an honest node next to nothing."""
    records = [signed_of(ANN, f"service-{number}", expires=NOW - 1, terms=()).sealed for number in range(40)]

    heard = home.announce(ANN.public, present(records=records), AT)

    assert "expired" in heard.trouble
    assert 0 < home.penalties.account(nid_of(ANN.public), 0.0) < 5


@pytest.mark.parametrize("ahead_seconds", [1, 60])
def test_a_node_cannot_have_its_home_banished(ahead_seconds: int) -> None:
    """Neither with records and presences on which clocks disagree, nor with those that belong elsewhere."""
    home, other = (Holder(key_of(number).public, atlas_of([1, 2, 3])) for number in (1, 2))
    home.announce(ANN.public, present(), AT)
    home.outbox.take(other._key, 1)
    for turn in range(100):
        at = later(turn * 0.25)
        end = int(at.now) + 1
        wish = {"records": [signed_of(ANN, sequence=turn + 1, expires=end, terms=()).sealed]}
        if turn % 2:
            wish["presence"] = presence_of(ANN, CHAIN, sequence=turn + 1, issued=end + 58).sealed
        assert not home.announce(ANN.public, said(**wish), at).banished
        parcel = STORE.decode(home.outbox.take(other._key, 1))
        for ahead in (ahead_seconds, -ahead_seconds):
            heard = other.store(home._key, parcel, Moment(at.now + ahead, at.monotonic))
            assert not heard.banished
    assert other.penalties.account(nid_of(home._key), 25.0) == 0


def test_two_presences_of_one_number_cost_their_homes_nothing() -> None:
    """A beat of the one fits the other no better than a forgery, and no home can know of both."""
    home, other = (Holder(key_of(number).public, atlas_of([1, 2, 3])) for number in (1, 2))
    home.announce(ANN.public, present(), AT)
    home.outbox.take(other._key, 1)
    other.store(
        home._key,
        {
            "records": [],
            "beats": [],
            "presences": [
                {"sealed": presence_of(ANN, chain_of(2)).sealed, "step": 0, "value": b""},
            ],
        },
        AT,
    )
    assert len(other.presences) == 1
    for step in range(1, 4):
        at = later(step * BEAT_SECONDS)
        home.announce(ANN.public, beat(step), at)
        heard = other.store(home._key, STORE.decode(home.outbox.take(other._key, 1)), at)
        assert heard.unknown == [ANN.public]

    assert other.penalties.account(nid_of(home._key), 3 * BEAT_SECONDS) == 0


def test_a_super_node_pays_for_what_anybody_could_see(home: Holder) -> None:
    """Whatever it hands on that is forged or malformed is its own lie."""
    forged = signed_of(ANN).sealed[:-1] + b"x"
    sender = home.atlas.holders(0)[0].key
    heard = [home.store(sender, STORE.decode(STORE.encode({"records": [forged]})), AT) for _ in range(3)]

    assert any(each.banished for each in heard)


def test_a_flood_is_refused(home: Holder) -> None:
    """A node that says too much at once is not listened to, and banished in the end."""
    home.announce(ANN.public, present(), AT)
    messages = [
        [signed_of(ANN, f"service-{number}", terms=(), sequence=turn).sealed for number in range(50)]
        for turn in range(1, 61)
    ]
    heard = [home.announce(ANN.public, said(records=records), AT) for records in messages]

    assert not heard[0].trouble
    assert "flood" in heard[-1].trouble
    assert heard[-1].again
    assert any(each.banished for each in heard)


def test_what_is_held_just_so_costs_nothing(home: Holder) -> None:
    """A node that says everything twice, and comes to a limit by that, loses nothing; each message costs something."""
    messages = [
        [signed_of(ANN, f"service-{start + number}", terms=()).sealed for number in range(50)]
        for start in range(0, holder.NODE_RECORDS_MAX, 50)
    ]
    heard = [home.announce(ANN.public, present(), AT)]
    heard += [home.announce(ANN.public, said(records=records), AT) for records in messages * 20]
    assert [each for each in heard if each.trouble or each.again] == []

    turns = int(holder.SAYS_BURST)
    heard = [home.announce(ANN.public, said(records=messages[0]), AT) for _ in range(turns)]
    assert "flood" in heard[-1].trouble


def test_who_comes_too_fast_to_be_known_says_everything_again(home: Holder) -> None:
    """Its presence was refused, too, so nothing of it is held."""
    turns = int(holder.SAYS_BURST) + 1
    heard = [home.announce(ANN.public, present(), AT) for _ in range(turns)]
    assert heard[-1].again


def test_a_withdrawal_goes_where_the_record_went(home: Holder) -> None:
    """And the home does not take the record again."""
    record, withdrawal = signed_of(ANN), withdrawn_of(ANN, sequence=2)
    home.announce(ANN.public, present(records=[record.sealed]), AT)
    before = {target for target, parcel in parcels(home).items() if parcel["records"]}

    home.announce(ANN.public, said(records=[withdrawal.sealed]), AT)
    after = parcels(home)
    assert {target for target, parcel in after.items() if parcel["records"] == (withdrawal.sealed,)} == before
    assert "outdated" in home.announce(ANN.public, said(records=[record.sealed]), AT).trouble


def test_a_node_whose_lease_ends_is_forgotten(home: Holder) -> None:
    """And its watchers are told."""
    woken: list[int] = []
    watcher = home.watchers.add(["greeter"], [ANN.public], lambda: woken.append(1))
    home.announce(ANN.public, present(), AT)
    assert [item.get("presence") is not None for item in watcher.news] == [True]

    home.tick(NOW + LEASE_SECONDS + 10)

    assert watcher.news[-1] == {"gone": ANN.public}
    assert not home._homed
    assert len(woken) == 2


def test_a_node_that_moved_is_no_longer_at_home_here(home: Holder) -> None:
    """Its new home hands over a newer presence."""
    home.announce(ANN.public, present(), AT)
    newer = presence_of(ANN, chain_of(2), sequence=2)
    living = {"sealed": newer.sealed, "step": 0, "value": b""}

    home.store(key_of(2).public, STORE.decode(STORE.encode({"presences": [living]})), AT)

    assert not home._homed
    assert home.present([ANN.public], NOW)[0].sealed == newer.sealed


def test_a_node_that_leaves_is_nowhere(home: Holder) -> None:
    """A presence without addresses says so, and an older one cannot bring it back."""
    home.announce(ANN.public, present(), AT)
    left = presence_of(ANN, chain_of(2, 0), sequence=2, addresses=())

    home.announce(ANN.public, said(presence=left.sealed), AT)

    assert home.present([ANN.public], NOW) == []
    assert "outdated" in home.announce(ANN.public, present(), AT).trouble


def test_after_another_map_the_new_holders_are_told(home: Holder) -> None:
    """Those that hold something now and did not before get it, and nobody else."""
    records = [signed_of(ANN, f"service-{number}", terms=(f"word{number}",)) for number in range(30)]
    home.announce(ANN.public, present(records=[record.sealed for record in records]), AT)
    parcels(home)
    before = home.atlas.current
    home.atlas.take(map_of(KEEPER, range(1, 8), 2).sealed)
    for _ in home.remapping(before):
        pass

    told = parcels(home)
    new = key_of(7).public
    assert len(told[new]["records"]) > 3
    assert sum(len(parcel["records"]) for parcel in told.values()) < 30
    assert home.atlas.member(new) is not None


def test_whoever_may_have_nothing_is_told_everything(home: Holder) -> None:
    """All of it that belongs there."""
    records = [signed_of(ANN, f"service-{number}", terms=()) for number in range(20)]
    home.announce(ANN.public, present(records=[record.sealed for record in records]), AT)
    before = parcels(home)
    for target in before:
        for _ in home.telling_all(target):
            pass

    assert parcels(home) == before


def test_watchers_hear_of_records(home: Holder) -> None:
    """New ones and withdrawals; whoever does not keep up is told that something was missed."""
    atlas = atlas_of([1])
    holder = Holder(key_of(1).public, atlas)
    watcher = holder.watchers.add(["greeter"], [], lambda: None)
    for sequence in range(1, 4):
        signed = signed_of(ANN, sequence=sequence)
        holder.store(key_of(1).public, STORE.decode(STORE.encode({"records": [signed.sealed]})), AT)
    assert len(watcher.news) == 3
    for _ in range(400):
        holder.watchers.tell_record("greeter", b"")
    assert watcher.news[0] == {"missed": True}
    holder.watchers.remove(watcher)
    assert len(holder.watchers) == 0
    assert not holder.watchers._names


def test_a_record_is_kept_once() -> None:
    """The home keeps the very bytes that the holder shows, and knows them when they come again."""
    holder = Holder(key_of(1).public, atlas_of([1]))
    record = signed_of(ANN)
    holder.announce(ANN.public, present(records=[record.sealed]), AT)

    assert holder._homed[ANN.public].records["greeter"] is holder.shards.find("greeter").sealed[0]
    assert holder.announce(ANN.public, said(records=[record.sealed]), AT).trouble == ""
    assert holder._homed[ANN.public].records["greeter"] is holder.shards.find("greeter").sealed[0]
