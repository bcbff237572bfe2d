"""Laws of the catalog, for any history."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance, InstanceKey
from micro.service.registry.view import View

NIDS = ("b0", "b1", "b2")
SERVICES = ("greeter", "weather")
DESCRIPTIONS = {
    (name, version): check_description(
        {
            "name": name,
            "version": version,
            "description": f"{name} of {version}",
            "endpoints": [{"name": f"Say.V{version}"}],
        }
    )
    for name in SERVICES
    for version in ("1", "2")
}


@dataclass(frozen=True)
class Word:
    """One thing a node says of an instance of its."""

    instance: Instance
    leaving: bool
    lease_seconds: int


def words(sequence: st.SearchStrategy[int]) -> st.SearchStrategy[Word]:
    found = st.builds(
        Instance,
        service=st.sampled_from(SERVICES),
        version=st.sampled_from("12"),
        id=st.sampled_from("xy"),
        nid=st.sampled_from(NIDS),
        weight=st.integers(0, 3),
        sequence=sequence,
    )
    return st.builds(Word, found, st.booleans(), st.integers(1, 100))


def described(instance: Instance) -> Description:
    return DESCRIPTIONS[instance.service, instance.version]


def tell(catalog: Catalog, word: Word, now: float = 0.0) -> None:
    if word.leaving:
        catalog.deregister(word.instance, now)
    else:
        catalog.register(word.instance, described(word.instance), word.lease_seconds, now)


def picture(catalog: Catalog) -> object:
    """Returns all that can be seen of a catalog."""
    views: list[View] = list(catalog.list())
    return [
        [(view.name, view.instances, view.versions, view.nids, view.describe()) for view in views],
        [
            [(match.name, round(match.score, 6)) for match in catalog.search(word)]
            for word in ("greeter ", "weat", "of 2 ")
        ],
    ]


@given(st.lists(words(st.integers(1, 6)), max_size=30), st.randoms(use_true_random=False))
def test_records_with_a_sequence_may_arrive_in_any_order(said: list[Word], chance: object) -> None:
    """What is known at last does not depend on the way."""
    shuffled = list(said)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Catalog(), Catalog()
    for word in said:
        tell(one, word)
    for word in shuffled:
        tell(other, word)

    assert picture(one) == picture(other)


@given(st.lists(words(st.integers(1, 6)), max_size=30), st.randoms(use_true_random=False), st.integers(0, 101))
def test_leases_end_the_same_for_any_order(said: list[Word], chance: object, now: int) -> None:
    """Not only who is known, but until when."""
    shuffled = list(said)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Catalog(), Catalog()
    for catalog, order in ((one, said), (other, shuffled)):
        for word in order:
            tell(catalog, word)
        catalog.expire(now)

    assert picture(one) == picture(other)


@given(st.lists(words(st.just(0)), max_size=30), st.lists(st.sampled_from(NIDS), max_size=30))
def test_nodes_do_not_depend_on_each_other(said: list[Word], order: list[str]) -> None:
    """Each node's words in their order, and the nodes woven together anyhow, come to the same."""
    one, other = Catalog(), Catalog()
    for word in said:
        tell(one, word)
    queues = {nid: [word for word in said if word.instance.nid == nid] for nid in NIDS}
    for nid in (*order, *(nid for nid in NIDS for _ in said)):
        if queues[nid]:
            tell(other, queues[nid].pop(0))

    assert picture(one) == picture(other)


@given(st.lists(words(st.integers(0, 6)), max_size=30))
def test_telling_it_twice_changes_nothing(said: list[Word]) -> None:
    """A word that is repeated at once is a renewal and no news."""
    one, other = Catalog(), Catalog()
    for word in said:
        tell(one, word)
        tell(other, word)
        tell(other, word)

    assert (picture(one), one.number) == (picture(other), other.number)


@given(st.lists(words(st.integers(0, 6)), max_size=40), st.integers(0, 40))
def test_a_watcher_knows_what_a_reader_knows(said: list[Word], begin: int) -> None:
    """Whoever starts from a picture and applies the changes has the new picture."""
    catalog = Catalog()
    for word in said[:begin]:
        tell(catalog, word)
    known = {found.key: found for view in catalog.list() for found in view.instances}
    number = catalog.number
    for word in said[begin:]:
        tell(catalog, word)
    for change in catalog.changes_since(number).changes:
        known.pop(change.instance.key, None)
        if change.kind != "removed":
            known[change.instance.key] = change.instance

    assert known == {found.key: found for view in catalog.list() for found in view.instances}


class LeaseMachine(RuleBasedStateMachine):
    """Registering, renewing and leaving beside the simplest model: a dictionary of ends."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog()
        self.ends: dict[InstanceKey, float] = {}
        self.now = 0.0

    @rule(word=words(st.just(0)))
    def say(self, word: Word) -> None:
        """A node says something of an instance."""
        key = word.instance.key
        before = next((i for v in self.catalog.list() for i in v.instances if i.key == key), None)
        tell(self.catalog, word, self.now)
        if word.leaving:
            self.ends.pop(key, None)
        elif before == word.instance:
            self.ends[key] = max(self.ends[key], self.now + word.lease_seconds)
        else:
            self.ends[key] = self.now + word.lease_seconds

    @rule(word=words(st.just(0)))
    def renew(self, word: Word) -> None:
        """It renews a lease."""
        known = word.instance.key in self.ends

        assert self.catalog.renew(word.instance.key, word.lease_seconds, self.now) is known
        if known:
            self.ends[word.instance.key] = max(self.ends[word.instance.key], self.now + word.lease_seconds)

    @rule(nid=st.sampled_from(NIDS))
    def drop(self, nid: str) -> None:
        """Its link ends."""
        dropped = {change.instance.key for change in self.catalog.drop_node(nid)}

        assert dropped == {key for key in self.ends if key[1] == nid}
        self.ends = {key: end for key, end in self.ends.items() if key[1] != nid}

    @rule(seconds=st.integers(0, 60))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.now += seconds
        ended = {change.instance.key for change in self.catalog.expire(self.now)}

        assert ended == {key for key, end in self.ends.items() if end <= self.now}
        self.ends = {key: end for key, end in self.ends.items() if end > self.now}

    @invariant()
    def knows_the_living(self) -> None:
        """Exactly those whose lease lasts are known."""
        assert {found.key for view in self.catalog.list() for found in view.instances} == set(self.ends)

    @invariant()
    def wakes_in_time(self) -> None:
        """A timer set for the next end is never late."""
        due = self.catalog.next_expiry()

        assert not self.ends or (due is not None and due <= min(self.ends.values()))

    @invariant()
    def keeps_nothing_of_the_gone(self) -> None:
        """Descriptions, index and holdings are those of the living."""
        services = {key[0] for key in self.ends}

        assert (len(self.catalog), len(self.catalog._index)) == (len(services), len(services))
        assert bool(self.catalog._shelf.bytes) is bool(self.ends)


TestLeases = LeaseMachine.TestCase
