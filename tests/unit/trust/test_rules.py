"""Rules: which one decides, who holds which scope, and what is no rule."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, Forbidden, Unauthorized
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey
from micro.trust.policy import Caller
from micro.trust.rules import DEFAULT, DEPTH_MAX, PRIORITY_MAX, Resource, Rule, RuleTable, check_reach, refusal

NID = nid_of(NodeKey(bytes(range(32))).public)
OTHER = nid_of(NodeKey(bytes(range(1, 33))).public)
OWNER = Caller(owner=True)
ANONYMOUS = Caller(anonymous=True)
ANN = Caller(user=True, account="ann", scopes=("ops", "team/blue"))
NOTES = Caller(service="notes", supervised=True)
NEIGHBOUR = Caller(nid=NID)
PARTNER = Caller(nid=NID, account=NID, scopes=("partner",))


def rule(scope: str, resource: str, access: str = "granted", priority: int = 0, id: str = "r") -> Rule:
    return Rule(id, scope, Resource.parse(resource), access, priority)  # type: ignore[arg-type]


def granted(rules: list[Rule], caller: Caller, type_: str, name: str, endpoint: str) -> bool:
    return RuleTable(rules).decide(caller, type_, name, endpoint).granted  # type: ignore[arg-type]


def says(resource: str, name: str, endpoint: str, type_: str = "service") -> bool:
    """Whether a rule for everybody about this resource grants that one."""
    return granted([rule("", resource)], ANONYMOUS, type_, name, endpoint)


@pytest.mark.parametrize(
    ("scope", "holders"),
    [
        ("", [ANONYMOUS, ANN, NOTES, NEIGHBOUR, PARTNER]),
        ("public", [ANONYMOUS, ANN, NOTES, NEIGHBOUR, PARTNER]),
        ("<public>", [ANONYMOUS, ANN, NOTES, NEIGHBOUR, PARTNER]),
        ("*", [ANN, NOTES, PARTNER]),
        ("ops", [ANN]),
        ("team/blue", [ANN]),
        ("partner", [PARTNER]),
        ("account:ann", [ANN]),
        ("service:notes", [NOTES]),
        ("service:*", [NOTES]),
        (f"node:{NID}", [NEIGHBOUR, PARTNER]),
        ("node:*", [NEIGHBOUR, PARTNER]),
        (f"node:{OTHER}", []),
        ("account:bob", []),
        ("service:ann", []),
        ("dev", []),
    ],
)
def test_who_holds_a_scope(scope: str, holders: list[Caller]) -> None:
    """Each caller holds those of its kind and those of its account, and no others."""
    rules = [rule(scope, "service:greeter:*")]
    callers = [ANONYMOUS, ANN, NOTES, NEIGHBOUR, PARTNER]
    assert [c for c in callers if granted(rules, c, "service", "greeter", "Say.Hello")] == holders


def test_no_rule_locks_the_owner_out() -> None:
    """Neither none nor one against everybody."""
    for rules in ([], [rule("", "*:*:*", "denied", PRIORITY_MAX), rule("*", "*:*:*", "denied", PRIORITY_MAX)]):
        assert granted(rules, OWNER, "service", "greeter", "Say.Hello")
        assert granted(rules, OWNER, "topic", "orders", "Subscribe")


def test_without_a_rule_the_answer_is_no() -> None:
    """What nobody granted is not granted."""
    assert not granted([], ANN, "service", "greeter", "Say.Hello")
    assert not granted([rule("", "service:greeter:*")], ANN, "service", "notes", "Say.Hello")


def test_the_default_grants_everybody_everything() -> None:
    """As go-micro's does."""
    assert granted([DEFAULT], ANONYMOUS, "service", "greeter", "Say.Hello")
    assert granted([DEFAULT], NEIGHBOUR, "topic", "orders", "Publish")


def test_the_highest_priority_decides() -> None:
    """Whichever was made first."""
    low, high = rule("", "service:greeter:*", priority=1), rule("", "service:*:*", "denied", 2, "high")
    for rules in ([low, high], [high, low]):
        decision = RuleTable(rules).decide(ANN, "service", "greeter", "Say.Hello")
        assert (decision.granted, decision.rule) == (False, high)


def test_of_equal_priority_the_oldest_decides() -> None:
    """So a new rule changes nothing that an old one of its rank said."""
    yes, no = rule("", "service:greeter:*", id="yes"), rule("*", "service:greeter:*", "denied", id="no")
    assert granted([yes, no], ANN, "service", "greeter", "Say.Hello")
    assert not granted([no, yes], ANN, "service", "greeter", "Say.Hello")


def test_a_rule_about_others_decides_nothing() -> None:
    """The first one that fits the caller too does."""
    rules = [rule("ops", "service:greeter:*", "denied", 9), rule("", "service:greeter:*")]
    assert granted(rules, ANONYMOUS, "service", "greeter", "Say.Hello")
    assert not granted(rules, ANN, "service", "greeter", "Say.Hello")


@pytest.mark.parametrize(
    ("resource", "name", "endpoint", "expected"),
    [
        ("service:greeter:Say.Hello", "greeter", "Say.Hello", True),
        ("service:greeter:Say.Hello", "greeter", "Say.Bye", False),
        ("service:greeter:Say.*", "greeter", "Say.Bye", True),
        ("service:greeter:Say.*", "greeter", "Sayings.List", False),
        ("service:shop-*:*", "shop-cart", "Cart.Add", True),
        ("service:shop-*:*", "shop", "Cart.Add", False),
        ("service:Greeter:SAY.hello", "greeter", "Say.Hello", True),
        ("*:*:*", "greeter", "Say.Hello", True),
        ("topic:*:*", "greeter", "Say.Hello", False),
    ],
)
def test_which_services_a_resource_means(resource: str, name: str, endpoint: str, expected: bool) -> None:
    """A word, all, or a beginning; services in any spelling."""
    assert says(resource, name, endpoint) == expected


@pytest.mark.parametrize(
    ("resource", "topic", "verb", "expected"),
    [
        ("topic:orders:*", "orders", "Publish", True),
        ("topic:orders:publish", "orders", "Publish", True),
        ("topic:orders:Publish", "orders", "Subscribe", False),
        ("topic:orders:*", "Orders", "Publish", False),
        ("topic:orders.*:*", "orders.eu.new", "Subscribe", True),
        ("topic:orders.*:*", "orders", "Subscribe", False),
        (f"topic:{'a/' * DEPTH_MAX}*:*", "a/" * DEPTH_MAX + "b/c", "Publish", True),
        ("topic:urn:orders:*", "urn:orders", "Publish", True),
        ("*:*:*", "orders", "Publish", True),
        ("service:*:*", "orders", "Publish", False),
    ],
)
def test_which_topics_a_resource_means(resource: str, topic: str, verb: str, expected: bool) -> None:
    """Topics are what they are spelled."""
    assert says(resource, topic, verb, "topic") == expected


@pytest.mark.parametrize(
    "text", ["", "service", "service:greeter", ":greeter:*", "service::*", "service:greeter:", "a:b"]
)
def test_what_is_no_resource(text: str) -> None:
    """It has three parts."""
    with pytest.raises(BadRequest):
        Resource.parse(text)


DEEP = "a/" * (DEPTH_MAX + 1) + "*"


@pytest.mark.parametrize(
    "resource", ["x:greeter:*", "service:gre*:*", "service:*-x:*", "topic:a b:*", f"topic:{DEEP}:*", "topic:a\n:*"]
)
def test_what_no_rule_can_be_about(resource: str) -> None:
    """A pattern that could not be looked up, or names nothing."""
    with pytest.raises(BadRequest):
        rule("", resource)


@pytest.mark.parametrize(
    "scope",
    ["owner", "anonymous", "Ops", "a b", "a" * 65, "node:x", "service:X", "account:*", "team:blue", "-", "account:"],
)
def test_what_is_no_scope(scope: str) -> None:
    """A word that means somebody else, or nobody."""
    with pytest.raises(BadRequest):
        rule(scope, "*:*:*")


@pytest.mark.parametrize(
    "fields", [{"id": ""}, {"id": "a b"}, {"id": "x" * 65}, {"access": "maybe"}, {"priority": PRIORITY_MAX + 1}]
)
def test_what_is_no_rule(fields: dict[str, object]) -> None:
    """Each part is checked."""
    with pytest.raises(BadRequest):
        rule(**{"scope": "", "resource": "*:*:*", **fields})  # type: ignore[arg-type]


def test_a_refusal_says_whether_to_say_who_one_is() -> None:
    """401 to whoever did not, 403 to whoever did; both name what was asked."""
    unknown, known = (refusal(caller, "service", "greeter", "Say.Hello", NID) for caller in (ANONYMOUS, ANN))
    assert (type(unknown), type(known)) == (Unauthorized, Forbidden)
    assert "greeter Say.Hello" in unknown.detail
    assert "the account ann" in known.detail
    assert f"the owner of {short(NID)} can allow it" in known.detail
    assert f"`micro auth check greeter Say.Hello --as ann`, at {short(NID)}" in known.detail
    assert "may not subscribe to orders" in refusal(ANN, "topic", "orders", "Subscribe", NID).detail


@pytest.mark.parametrize("text", ["topic:*:*", "topic:orders.*:Publish", "topic:orders:subscribe", "service:a/*:*"])
def test_what_can_be_is_let_through(text: str) -> None:
    """A topic by its whole name, a beginning or all; services are called as they like."""
    check_reach(Resource.parse(text))


@pytest.mark.parametrize(
    "text", ["topic:orders/*:*", "topic:orders/eu:Publish", "topic:a:b:*", "topic:.a:*", "topic:orders:Say.Hello"]
)
def test_a_topic_that_cannot_be_is_refused(text: str) -> None:
    """A rule about it would never count, and its owner would believe it did."""
    with pytest.raises(BadRequest, match=r"no topic can be called so|Publish or Subscribe"):
        check_reach(Resource.parse(text))
