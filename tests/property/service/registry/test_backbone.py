"""Laws of what super nodes keep: nothing altered is believed, and the order of arrival does not matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micro.errors import BadRequest, TooLarge
from micro.service.registry.penalties import COST_MAX, Penalties, Verdict
from micro.service.registry.presence import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    STEPS_MAX,
    Beat,
    PresenceRecord,
    continues,
    read_presence,
    sign_presence,
)
from micro.service.registry.presences import Presences
from micro.service.registry.record import Kind, ServiceRecord, SignedRecord, read_mark, read_record, sign_record
from micro.service.registry.ring import HOLDERS_MAX, ring_of
from micro.service.registry.shardmap import SHARDS, read_map
from micro.service.registry.shards import Shards
from tests.unit.service.registry.makings import (
    DAY,
    NOW,
    chain_of,
    key_of,
    map_of,
    members_of,
    presence_of,
    signed_of,
    withdrawn_of,
)

KEYS = [key_of(number) for number in range(3)]
CHAIN = chain_of(1)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,9}){0,3}", fullmatch=True).filter(
    lambda name: name not in ("api", "assets", "docs", "mcp", "rpc") and len(name) < 63
)
WORDS = st.lists(st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True), max_size=8, unique=True).map(tuple)
TOPICS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
NUMBERS = st.integers(1, 2**63 - 1)
HASHES = st.binary(min_size=32, max_size=32)


@st.composite
def records(draw: st.DrawFn) -> SignedRecord:
    key = draw(st.sampled_from(KEYS))
    withdrawn = draw(st.booleans())
    kind = draw(st.sampled_from(Kind))
    if kind is not Kind.SERVICE:
        others = st.sampled_from([other.public for other in KEYS if other is not key])
        origin = draw(others) if kind is Kind.SUBSCRIPTION else b""
        said = (draw(TOPICS), "", draw(NUMBERS), draw(NUMBERS), b"", (), withdrawn, kind, origin)
        return sign_record(key, ServiceRecord(key.public, *said))
    try:
        record = ServiceRecord(
            key.public,
            draw(NAMES),
            draw(st.from_regex(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,20}", fullmatch=True)),
            draw(NUMBERS),
            draw(NUMBERS),
            b"" if withdrawn else draw(HASHES),
            draw(WORDS),
            withdrawn,
        )
    except BadRequest:  # a platform's name
        record = signed_of(key).record
    return sign_record(key, record)


@given(records())
def test_a_record_has_one_spelling(signed: SignedRecord) -> None:
    """What is read is what was signed, and is written the same again."""
    found = read_record(signed.sealed)

    assert found == signed
    assert found.record.encode() == signed.sealed[64:]
    assert found.is_genuine()
    assert read_mark(found.record.mark) == (found.record.kind, found.record.name, found.record.origin)


LOG = ServiceRecord(KEYS[0].public, "orders", "", 1, NOW + DAY, b"", kind=Kind.LOG)
SUBSCRIPTION = replace(LOG, kind=Kind.SUBSCRIPTION, origin=KEYS[1].public)

SEALED: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "record": (signed_of(KEYS[0]).sealed, read_record),
    "withdrawal": (withdrawn_of(KEYS[0]).sealed, read_record),
    "log": (sign_record(KEYS[0], LOG).sealed, read_record),
    "subscription": (sign_record(KEYS[0], SUBSCRIPTION).sealed, read_record),
    "presence": (presence_of(KEYS[0], CHAIN).sealed, read_presence),
    "map": (map_of(KEYS[0], range(4)).sealed, read_map),
}


@pytest.mark.parametrize("name", SEALED)
def test_no_altered_byte_is_believed(name: str) -> None:
    """Every byte, signature and body: it is not read, or it is not genuine."""
    sealed, read = SEALED[name]
    for place in range(len(sealed)):
        for change in (0x01, 0x80, 0xFF):
            altered = sealed[:place] + bytes((sealed[place] ^ change,)) + sealed[place + 1 :]
            try:
                found = read(altered)
            except (BadRequest, TooLarge):
                continue
            assert not found.is_genuine()  # type: ignore[attr-defined]


@given(st.data())
def test_no_part_of_another_is_believed(data: st.DataObject) -> None:
    """Neither a part, nor something behind it, nor the signature of one before the body of another."""
    name = data.draw(st.sampled_from(sorted(SEALED)))
    sealed, read = SEALED[name]
    other = data.draw(st.sampled_from([found for found, _ in SEALED.values() if found != sealed]))
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for altered in (sealed[:cut], sealed + other[:1], other[:64] + sealed[64:], sealed[:64] + other[64:]):
        try:
            found = read(altered)
        except (BadRequest, TooLarge):
            continue
        assert not found.is_genuine()  # type: ignore[attr-defined]


# -- records at a super node

SAID = [
    maker(key, name, sequence=sequence, expires=NOW + seconds, terms=terms)
    for maker in (signed_of, withdrawn_of)
    for key in KEYS[:2]
    for name in ("greeter", "weather")
    for sequence in (1, 2, 3)
    for seconds, terms in ((DAY, ("hello",)), (600, ("hello", "other")))
]


def seen(shards: Shards) -> tuple[object, ...]:
    """Returns all that anybody can find out."""
    names = [tuple(sorted(shards.find(name).sealed)) for name in ("greeter", "weather")]
    words = [tuple(sorted(shards.search([word]).sealed)) for word in ("hello", "other")]
    nodes = [tuple(sorted(shards.of_node(key.public))) for key in KEYS]
    return (names, words, nodes, len(shards))


def heard(said: list[SignedRecord]) -> Shards:
    shards = Shards()
    for signed in said:
        shards.put(signed, NOW, name=True, words=signed.record.terms)
    return shards


@given(st.lists(st.sampled_from(SAID), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(said: list[SignedRecord], chance: object) -> None:
    """Nor does hearing something twice."""
    other = [*said, *said[:3]]
    chance.shuffle(other)  # type: ignore[attr-defined]

    assert seen(heard(said)) == seen(heard(other))


@given(st.lists(st.sampled_from(SAID), max_size=12))
def test_the_newest_of_each_counts(said: list[SignedRecord]) -> None:
    """Against the plainest model: a dictionary."""
    model: dict[tuple[bytes, str], SignedRecord] = {}
    for signed in said:
        key = (signed.record.key, signed.record.name)
        if key not in model or model[key].rank < signed.rank:
            model[key] = signed
    shards = heard(said)

    living = {signed.sealed for signed in model.values() if not signed.record.withdrawn}
    assert {sealed for name in ("greeter", "weather") for sealed in shards.find(name).sealed} == living
    later = NOW + 700
    ended = {signed.sealed for signed in shards.expire(later)}
    assert ended == {sealed for sealed in living if read_record(sealed).record.expires <= later}


@given(st.lists(st.tuples(st.sampled_from(SAID), st.booleans(), st.booleans()), max_size=12))
def test_nothing_is_left_when_all_is_over(said: list[tuple[SignedRecord, bool, bool]]) -> None:
    """However it was filed, every index is empty at the end."""
    shards = Shards()
    for signed, name, word in said:
        shards.put(signed, NOW, name=name, words=signed.record.terms if word else ())
    shards.expire(NOW + 2 * DAY)

    assert seen(shards) == seen(Shards())
    assert not len(shards._names)
    assert not len(shards._words)
    assert not len(shards._nodes)
    assert not shards._texts


# -- presence


@given(st.integers(0, STEPS_MAX), st.integers(-1, STEPS_MAX + 1), st.binary(min_size=32, max_size=32))
def test_only_the_owner_of_a_chain_goes_on(held: int, step: int, value: bytes) -> None:
    """A later step with its own value continues the chain, and nothing else does."""
    last = CHAIN.beat(held)
    right = CHAIN.beat(step).value if 0 <= step <= STEPS_MAX else value

    assert continues(last, Beat(step, right)) == (held < step <= STEPS_MAX)
    assert not continues(last, Beat(step, value))


@given(st.lists(st.tuples(st.integers(0, 45), st.integers(0, 12), st.sampled_from(["beat", "presence", "forged"]))))
def test_nobody_prolongs_a_lease_but_its_node(deeds: list[tuple[int, int, str]]) -> None:
    """Whatever is sent in whatever order, a node counts as present only so long after a step that it has shown."""
    signed = presence_of(KEYS[0], CHAIN)
    presences = Presences()
    now, shown = NOW, -1
    for seconds, back, deed in deeds:
        now += seconds
        step = max(0, (now - NOW) // BEAT_SECONDS - back)  # the node has shown no step before its time
        if step <= CHAIN.steps:
            if deed == "beat":
                presences.beat(KEYS[0].public, 1, CHAIN.beat(step), now)
                shown = max(shown, step)
            elif deed == "presence":
                presences.put(signed, CHAIN.beat(step), now)
                shown = max(shown, step)
            else:
                presences.beat(KEYS[0].public, 1, Beat(step + 1, bytes(32)), now)
        presences.expire(now)
        if presences.get(KEYS[0].public, now) is not None:
            assert shown >= 0
            assert now < NOW + shown * BEAT_SECONDS + LEASE_SECONDS


CHAINS = [chain_of(number) for number in range(4)]
HOMES = (b"home 0", b"home 1", b"home 2")
DEEDS = st.tuples(st.sampled_from(["beat", "tell", "move", "repeat", "hush", "former"]), st.integers(0, 4))


@given(st.lists(DEEDS, max_size=30))
def test_nobody_has_a_node_missed_of_which_its_home_tells(deeds: list[tuple[str, int]]) -> None:
    """Others tell what they have heard on, call the node silent, and are late with it, a former home among them."""
    presences, key = Presences(), KEYS[0].public
    sequence, step, told = 1, 0, -1
    for deed, number in deeds:
        chain, home = CHAINS[sequence % 4], HOMES[sequence % 3]
        signed = presence_of(KEYS[0], chain, sequence=sequence)
        now = NOW + step * BEAT_SECONDS
        if deed == "beat":
            step, told = min(step + 1, told + 2), min(told, step)
        elif deed == "tell":
            presences.put(signed, chain.beat(step), now, home)
            told = step
        elif deed == "move":
            sequence, step, told = sequence + 1, 0, -1
        elif deed == "repeat":
            presences.put(signed, chain.beat(max(0, step - number)), now, b"other")
        elif deed == "hush":
            presences.hush(key, sequence + number - 2, step + number, b"other")
        else:
            presences.hush(key, sequence - 1, step + number, HOMES[(sequence - 1) % 3])
        if told == step:
            assert presences.get(key, NOW + step * BEAT_SECONDS) is not None


@given(
    NUMBERS,
    NUMBERS,
    st.lists(st.ip_addresses(v=4).map(lambda ip: f"{ip}:4040"), max_size=8, unique=True).map(tuple),
    HASHES,
    st.integers(0, STEPS_MAX),
)
def test_a_presence_has_one_spelling(
    sequence: int, issued: int, addresses: tuple[str, ...], anchor: bytes, steps: int
) -> None:
    """What is read is what was signed."""
    record = PresenceRecord(KEYS[0].public, sequence, issued, addresses, "", anchor, steps)
    signed = sign_presence(KEYS[0], record)

    found = read_presence(signed.sealed)
    assert found.record == record
    assert found.is_genuine()


# -- the map


@settings(max_examples=12)
@given(st.integers(4, 40), st.integers(0, 1000), st.integers(0, 6), st.integers(0, 6))
def test_joining_and_leaving_move_only_a_share(count: int, first: int, owners: int, prefixes: int) -> None:
    """Between those that stay less moves than the share of the one that comes or goes."""
    numbers = list(range(first, first + count + 1))
    less = ring_of(members_of(numbers[:-1], owners=owners, prefixes=prefixes))
    more = ring_of(members_of(numbers, owners=owners, prefixes=prefixes))
    joined = key_of(numbers[-1]).public

    between = 0
    for shard in range(0, SHARDS, 4):
        before = {member.key for member in less.holders(shard)}
        after = {member.key for member in more.holders(shard)}
        between += len(after - before - {joined})

    share = SHARDS // 4 * HOLDERS_MAX / (count + 1)
    assert between <= share


@settings(max_examples=12)
@given(st.integers(1, 40), st.integers(0, 1000), st.integers(0, 5), st.integers(0, 5))
def test_loads_are_bounded(count: int, first: int, owners: int, prefixes: int) -> None:
    """Whatever the owners and places, all shards have their holders, and nobody has more than 5/4 of its share."""
    members = members_of(range(first, first + count), owners=owners, prefixes=prefixes)
    ring = ring_of(members)
    loads = [ring.load(member.key) for member in members]

    each = min(HOLDERS_MAX, count)
    assert sum(loads) == SHARDS * each
    assert max(loads) <= max(-(-5 * SHARDS * each // (4 * count)), SHARDS if count <= HOLDERS_MAX else 0)


@given(st.lists(st.tuples(st.sampled_from(list(Verdict)), st.floats(0, 10)), max_size=200))
def test_an_account_never_grows_beyond_the_limit(charges: list[tuple[Verdict, float]]) -> None:
    """Whoever reaches it is refused, and begins anew afterwards."""
    penalties, now = Penalties(), 0.0
    for verdict, seconds in charges:
        now += seconds
        too_much = penalties.charge("eve", verdict, now)
        assert 0.0 <= penalties.account("eve", now) < COST_MAX
        if too_much:
            assert penalties.banished_seconds("eve", now) > 0
