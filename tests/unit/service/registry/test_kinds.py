"""Records of logs and subscriptions: their bytes, their grammar, and that none is taken for one of another kind."""

from __future__ import annotations

from typing import Any

import pytest

from micro.errors import BadRequest, TooLarge, TooManyRequests
from micro.service.broker.directory import split_log
from micro.service.registry.announcement import RENEW_SECONDS, Announcement
from micro.service.registry.backbone import FIND, WATCH
from micro.service.registry.commons.value import Wanted, believed_records, value_of_records
from micro.service.registry.finding import genuine_records, is_of, newest_records, split_node
from micro.service.registry.holder import Holder
from micro.service.registry.penalties import Verdict
from micro.service.registry.pins import NODES_MAX, Pins
from micro.service.registry.record import (
    LOGS_MAX,
    RECORD_BYTES_MAX,
    RECORD_DOMAIN,
    SERVICES_MAX,
    SUBSCRIPTIONS_MAX,
    Kind,
    ServiceRecord,
    SignedRecord,
    mark_of_log,
    mark_of_subscription,
    read_mark,
    read_record,
    sign_record,
)
from micro.service.registry.shardmap import shard_of_name, shard_of_node
from micro.service.registry.shards import NODE_RECORDS_MAX, Found, Shards
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.seal import seal
from tests.unit.service.registry.makings import DAY, NOW, chain_of, key_of, presence_of, signed_of
from tests.unit.service.registry.test_holder import AT, atlas_of, parcels, present, said

ANN, BOB = key_of(11), key_of(12)
BOBS = nid_of(BOB.public)
LONGEST = "A" + "._-b" * 31 + "xyz"


def topic_of(key: NodeKey, /, name: str = "orders", **fields: Any) -> SignedRecord:
    """Returns a signed record of a log, or of what the fields say."""
    usual: dict[str, Any] = {
        "version": "",
        "sequence": 1,
        "expires": NOW + DAY,
        "description_hash": b"",
        "kind": Kind.LOG,
    }
    return sign_record(key, ServiceRecord(key.public, name, **{**usual, **fields}))


def subscription_of(key: NodeKey, /, name: str = "orders", **fields: Any) -> SignedRecord:
    """Returns a signed record of a subscription to Bob's log."""
    return topic_of(key, name, **{"kind": Kind.SUBSCRIPTION, "origin": BOB.public, **fields})


ALL = {"service": signed_of(ANN, "orders"), "log": topic_of(ANN), "subscription": subscription_of(ANN)}


def test_the_bytes_of_the_records() -> None:
    """The layout of the reference, byte by byte; a log and a subscription leave out what services have."""
    start = b"\x08\x01" + b"\x12\x20" + ANN.public + b"\x1a\x06orders" + b"\x28\x01" + b"\x30\x80\xc7\xac\xda\x06"

    assert topic_of(ANN).sealed[64:] == start + b"\x50\x01"
    assert topic_of(ANN, withdrawn=True).sealed[64:] == start + b"\x48\x01" + b"\x50\x01"
    assert subscription_of(ANN).sealed[64:] == start + b"\x50\x02" + b"\x5a\x20" + BOB.public


@pytest.mark.parametrize("signed", ALL.values(), ids=ALL.keys())
def test_each_comes_back_as_it_was(signed: SignedRecord) -> None:
    """Of its kind, genuine, and small."""
    found = read_record(signed.sealed)

    assert found == signed
    assert found.is_genuine()
    assert len(signed.sealed) < 300
    assert read_mark(found.record.mark) == (found.record.kind, "orders", found.record.origin)


def test_the_longest_fit() -> None:
    """Into a record, a question and a watch."""
    signed = subscription_of(ANN, LONGEST, sequence=2**63 - 1, withdrawn=True)
    mark = signed.record.mark

    assert len(LONGEST) == 128
    assert len(signed.sealed) <= RECORD_BYTES_MAX
    assert FIND.decode(FIND.encode({"name": mark, "key": ANN.public}))["name"] == mark
    assert WATCH.decode(WATCH.encode({"names": [mark] * 64, "keys": [ANN.public] * 64}))["names"] == (mark,) * 64


WRONG: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a name with a node": {"name": f"orders@{BOBS}"},
    "a name with a colon": {"name": "log:orders"},
    "a name too long": {"name": "x" * 129},
    "a version": {"version": "1.0.0"},
    "a description": {"description_hash": bytes(range(32))},
    "words": {"terms": ("orders",)},
    "a log of another": {"origin": BOB.public},
    "no log": {"kind": Kind.SUBSCRIPTION},
    "half a key": {"kind": Kind.SUBSCRIPTION, "origin": BOB.public[:16]},
    "nobody's log": {"kind": Kind.SUBSCRIPTION, "origin": bytes(32)},
    "its own log": {"kind": Kind.SUBSCRIPTION, "origin": ANN.public},
    "a service's": {"kind": Kind.SERVICE, "version": "1", "description_hash": bytes(32), "origin": BOB.public},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_field_makes_no_record(fields: dict[str, Any]) -> None:
    """Neither where one is made, nor where one is read."""
    with pytest.raises(BadRequest):
        topic_of(ANN, **fields)


@pytest.mark.parametrize("tail", [b"\x50\x00", b"\x50\x03", b"\x50\x81\x00", b"\x5a\x20" + BOB.public, b"\x62\x01a"])
def test_no_other_kind_is_read(tail: bytes) -> None:
    """None that is unknown, none in another spelling, none of which a part is missing, however well it is signed."""
    body = topic_of(ANN).record.encode()[:-2] + tail
    with pytest.raises(BadRequest):
        read_record(seal(ANN, RECORD_DOMAIN, body))


def test_an_oversize_one_is_not_read() -> None:
    """Whatever it says."""
    with pytest.raises(TooLarge):
        read_record(topic_of(ANN).sealed + bytes(RECORD_BYTES_MAX))


def test_no_mark_is_of_two_kinds() -> None:
    """A service's name has no colon, and a topic's neither."""
    assert {signed.record.mark for signed in ALL.values()} == {
        "orders",
        mark_of_log("orders"),
        mark_of_subscription("orders", BOBS),
    }
    for wrong in (
        "log:",
        "log:a b",
        "logs:orders",
        "subscription:orders",
        f"subscription:{BOBS}",
        f"log:orders@{BOBS}",
    ):
        with pytest.raises(BadRequest):
            read_mark(wrong)
    with pytest.raises(BadRequest):
        split_node("log:orders@nobody")
    assert split_node(f"log:orders@{BOBS}") == ("log:orders", BOB.public)


def put(shards: Shards, signed: SignedRecord, now: float = NOW) -> Verdict:
    return shards.put(signed, now, name=True, words=signed.record.terms)


def test_each_is_found_under_its_own_mark_alone() -> None:
    """One node's service, log and subscription of one name stand side by side, and none replaces another."""
    shards = Shards()
    for signed in ALL.values():
        assert put(shards, signed) is Verdict.TAKEN

    for signed in ALL.values():
        assert shards.find(signed.record.mark) == Found((signed.sealed,), 1)
        assert shards.find(signed.record.mark, key=ANN.public) == Found((signed.sealed,), 1)
    assert shards.search(["orders"]).sealed == ()
    assert [read_record(sealed).record.kind for sealed in shards.search(["greeter"]).sealed] == [Kind.SERVICE]
    put(shards, topic_of(ANN, sequence=2, withdrawn=True))
    assert shards.find("log:orders").sealed == ()
    assert len(shards.find("orders").sealed) == 1


@pytest.mark.parametrize("made", [topic_of, subscription_of], ids=["log", "subscription"])
def test_what_is_forged_old_or_replayed_is_refused(made: Any) -> None:
    """As of a service: by signature, by time, by sequence; a withdrawal stays until its own end."""
    shards = Shards()
    first, second = made(ANN), made(ANN, sequence=2)
    forged = SignedRecord(second.record, seal(BOB, RECORD_DOMAIN, second.record.encode()))
    assert put(shards, forged) is Verdict.FORGED
    assert put(shards, second) is Verdict.TAKEN
    assert put(shards, second) is Verdict.KNOWN
    assert put(shards, first) is Verdict.OUTDATED
    assert put(shards, made(ANN, sequence=3, expires=NOW)) is Verdict.EXPIRED
    assert put(shards, made(ANN, sequence=3, expires=NOW + 2 * DAY)) is Verdict.EXPIRED
    gone = made(ANN, sequence=4, withdrawn=True)
    assert put(shards, gone) is Verdict.TAKEN
    assert put(shards, second) is Verdict.OUTDATED
    assert shards.find(first.record.mark).sealed == ()
    assert shards.expire(NOW + 2 * DAY) == []
    assert len(shards) == 0


def test_a_signature_under_another_kind_is_none() -> None:
    """Nobody can make a log of what was signed as a subscription."""
    moved = SignedRecord(topic_of(ANN).record, subscription_of(ANN).sealed[:64] + topic_of(ANN).sealed[64:])
    assert not moved.is_genuine()


def test_an_answer_with_another_kind_is_not_believed() -> None:
    """Whoever sends it is asked last."""
    for asked, sent in (("log:orders", "service"), ("orders", "log"), ("log:orders", "subscription")):
        assert genuine_records([ALL[sent].sealed], NOW, name=asked) == ([], False)
        value = value_of_records([ALL[sent]])
        assert believed_records([value], Wanted(asked), NOW, {}) == []
    assert genuine_records([ALL["log"].sealed], NOW, name="log:orders", key=ANN.public) == ([ALL["log"]], True)
    assert genuine_records([ALL["log"].sealed], NOW, word="orders") == ([], False)
    assert len(newest_records([list(ALL.values())])) == 3
    assert believed_records([value_of_records([ALL["log"]])], Wanted("log:orders"), NOW, {}) == [ALL["log"]]


def test_news_of_others_are_told_apart() -> None:
    """A record of another node, or junk, is none of the one meant."""
    assert is_of(topic_of(ANN).sealed, ANN.public)
    assert not is_of(topic_of(BOB).sealed, ANN.public)
    assert not is_of(b"junk", ANN.public)


def test_a_home_hands_a_log_to_the_holders_of_its_mark() -> None:
    """It is filed and told under the mark, and charged for like any other."""
    atlas = atlas_of()
    home = Holder(atlas.holders(shard_of_node(nid_of(ANN.public)))[0].key, atlas)
    record = topic_of(ANN)
    presence = presence_of(ANN, chain_of(1)).sealed
    heard = home.announce(ANN.public, said(presence=presence, records=[record.sealed]), AT)
    expected = {member.key for member in atlas.holders(shard_of_name("log:orders"))} - {home._key}

    assert heard.trouble == ""
    assert {target for target, parcel in parcels(home).items() if parcel["records"]} == expected
    heard = home.announce(ANN.public, said(records=[topic_of(BOB).sealed]), AT)
    assert "forged" in heard.trouble


@pytest.fixture
def words() -> Announcement:
    numbers = iter(range(1, 10_000))
    return Announcement(ANN, lambda: next(numbers), lambda size: bytes(range(size)))


def told(records: list[SignedRecord]) -> list[tuple[str, bool]]:
    return [(signed.record.mark, signed.record.withdrawn) for signed in records]


def test_a_node_tells_of_its_logs_and_withdraws_them(words: Announcement) -> None:
    """New, closed, renewed when a third of their life is over, and all of them when it leaves."""
    mine = mark_of_subscription("orders", BOBS)
    assert told(words.offer({}, NOW, topics=["log:orders", mine])) == [("log:orders", False), (mine, False)]
    assert words.offer({}, NOW + 60, topics=["log:orders", mine]) == []
    assert told(words.offer({}, NOW + 60, topics=["log:orders"])) == [(mine, True)]
    assert told(words.offer({}, NOW + RENEW_SECONDS, topics=["log:orders"])) == [("log:orders", False)]
    words.farewell(NOW + RENEW_SECONDS)
    assert sorted(told(words.withdrawn)) == [("log:orders", True), (mine, True)]


def test_what_a_node_may_tell_has_a_limit() -> None:
    """A node at all its limits is within that of a super node."""
    assert SERVICES_MAX + LOGS_MAX + SUBSCRIPTIONS_MAX <= NODE_RECORDS_MAX


def test_a_pin_takes_in_one_more_node() -> None:
    """Up to a limit, and each once."""
    pins = Pins({})
    assert pins.add("topic:orders", "a") == ("a",)
    assert pins.add("topic:orders", "b") == pins.add("topic:orders", "a") == ("a", "b")
    for number in range(NODES_MAX - 2):
        pins.add("topic:orders", str(number))
    with pytest.raises(TooManyRequests):
        pins.add("topic:orders", "one more")


def test_the_name_of_a_log() -> None:
    """A topic, of any node or of one."""
    assert split_log("orders") == ("orders", "")
    assert split_log(f"orders.dead@{BOBS}") == ("orders.dead", BOBS)
    for wrong in ("", "@", f"@{BOBS}", "orders@", "orders@bob", "a b", f"a b@{BOBS}", f"orders@{BOBS}@{BOBS}"):
        with pytest.raises(BadRequest):
            split_log(wrong)


LATER = topic_of(ANN).record.encode()[:-2] + b"\x50\x03"
"""The body of a record of a kind that a newer program may know."""


def test_a_later_kind_is_no_offence() -> None:
    """Whoever hands it on pays nothing, and whoever signed it next to nothing; it is refused all the same."""
    home, other = (Holder(key_of(number).public, atlas_of([1, 2, 3])) for number in (1, 2))
    sealed = seal(ANN, RECORD_DOMAIN, LATER)
    heard = home.announce(ANN.public, present(records=[sealed] * 20), AT)
    assert "of a kind that only a newer program knows" in heard.trouble
    assert 0 < home.penalties.account(nid_of(ANN.public), AT.monotonic) < 2
    heard = other.store(home._key, {"records": [sealed] * 20, "presences": [], "beats": []}, AT)
    assert (heard.trouble, heard.banished) == ("", False)
    assert other.penalties.account(nid_of(home._key), AT.monotonic) == 0
    assert (len(home.shards), len(other.shards)) == (0, 0)


WEAK = bytes(32)
NO_LATER_KIND = {
    "signed by another": seal(BOB, RECORD_DOMAIN, LATER),
    "signed for something else": seal(ANN, b"micro-presence-v1", LATER),
    "of nobody": bytes(64) + LATER.replace(ANN.public, WEAK),
    "in another spelling": seal(ANN, RECORD_DOMAIN, LATER[:-1] + b"\x83\x00"),
    "of another version": seal(ANN, RECORD_DOMAIN, b"\x08\x02" + LATER[2:]),
    "a wrong one of a known kind": seal(ANN, RECORD_DOMAIN, LATER[:-1] + b"\x02"),
}


@pytest.mark.parametrize("sealed", NO_LATER_KIND.values(), ids=NO_LATER_KIND.keys())
def test_what_only_looks_like_a_later_kind_is_charged(sealed: bytes) -> None:
    """As much as ever, whoever brings it."""
    home, other = (Holder(key_of(number).public, atlas_of([1, 2, 3])) for number in (1, 2))
    assert "malformed" in home.announce(ANN.public, present(records=[sealed]), AT).trouble
    assert "malformed" in other.store(home._key, {"records": [sealed], "presences": [], "beats": []}, AT).trouble
    assert other.penalties.account(nid_of(home._key), AT.monotonic) == 40


def test_nobody_announces_the_later_kind_of_another() -> None:
    """Though that one has signed it."""
    home = Holder(key_of(1).public, atlas_of([1, 2, 3]))
    wish = present(records=[seal(BOB, RECORD_DOMAIN, LATER.replace(ANN.public, BOB.public))])
    assert "malformed" in home.announce(ANN.public, wish, AT).trouble
