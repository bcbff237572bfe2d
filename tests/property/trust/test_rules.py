"""Laws of rules: the compiled table says what looking at each rule in order would say."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.policy import Caller
from micro.trust.rules import PRIORITY_MAX, Decision, Resource, Rule, RuleTable, fits, held_by

NIDS = [nid_of(NodeKey(bytes([n]) * 32).public) for n in (1, 2)]
SCOPES = [
    "",
    "*",
    "ops",
    "dev",
    "account:ann",
    "account:bob",
    "service:notes",
    "service:*",
    "node:*",
    f"node:{NIDS[0]}",
]

words = st.sampled_from(["a", "b", "Ab", "*x"])
texts = st.builds(
    lambda parts, separators: "".join(a + b for a, b in zip(parts, [*separators, ""], strict=False)),
    st.lists(words, min_size=1, max_size=11),
    st.lists(st.sampled_from("./-"), min_size=10, max_size=10),
)
plain = st.builds("".join, st.lists(st.sampled_from(["a", "b", "Ab", ".", "/", "-"]), min_size=1, max_size=6))
beginnings = st.builds(lambda head, separator: f"{head}{separator}*", plain, st.sampled_from("./-"))
patterns = st.just("*") | plain | beginnings
resources = st.builds(Resource, st.sampled_from(["service", "topic", "*"]), patterns, patterns)
rules = st.builds(
    Rule,
    st.sampled_from(["one", "two", "three"]),
    st.sampled_from(SCOPES),
    resources,
    st.sampled_from(["granted", "denied"]),
    st.integers(-2, 2) | st.sampled_from([-PRIORITY_MAX, PRIORITY_MAX]),
)
held = st.lists(st.sampled_from(["ops", "dev"]), max_size=2, unique=True).map(tuple)
callers = st.one_of(
    st.just(Caller(anonymous=True)),
    st.just(Caller(owner=True)),
    st.builds(lambda id, scopes: Caller(user=True, account=id, scopes=scopes), st.sampled_from(["ann", "bob"]), held),
    st.builds(lambda name, scopes: Caller(service=name, supervised=True, scopes=scopes), st.just("notes"), held),
    st.builds(lambda nid, scopes: Caller(nid=nid, account=nid, scopes=scopes), st.sampled_from(NIDS), held),
    st.builds(lambda nid: Caller(nid=nid), st.sampled_from(NIDS)),
)


def naive(rules: Sequence[Rule], caller: Caller, type_: str, name: str, endpoint: str) -> Decision:
    """The rule as it is told: keep what fits, sort by priority, the first whose scope is held decides."""
    if caller.owner:
        return Decision(granted=True)
    service = type_ == "service"
    for rule in sorted(rules, key=lambda rule: -rule.priority):
        about, pattern, verb = rule.resource
        fit = fits(pattern.lower(), name.lower()) if service else fits(pattern, name)
        if about in ("*", type_) and fit and fits(verb.lower(), endpoint.lower()) and rule.scope in held_by(caller):
            return Decision(rule.access == "granted", rule)
    return Decision(granted=False)


@given(st.lists(rules, max_size=12), callers, st.sampled_from(["service", "topic"]), texts | plain, texts | plain)
@example([Rule("one", "", Resource("*", "a-*", "*"))], Caller(anonymous=True), "service", "a-", "b")
@example([Rule("one", "", Resource("*", "a-*", "*"))], Caller(anonymous=True), "topic", "a-*", "b")
def test_the_table_says_what_the_rules_say(
    found: list[Rule], caller: Caller, type_: str, name: str, endpoint: str
) -> None:
    """The same answer, by the same rule."""
    decision = RuleTable(found).decide(caller, type_, name, endpoint)  # type: ignore[arg-type]
    assert decision == naive(found, caller, type_, name, endpoint)


@given(st.lists(rules, max_size=12), callers, texts, texts)
def test_a_rule_that_denies_takes_away_only(found: list[Rule], caller: Caller, name: str, endpoint: str) -> None:
    """Adding one never lets anybody in."""
    table, more = RuleTable(found), RuleTable([*found, Rule("no", "ops", Resource("*", "*", "*"), "denied", 1)])
    if not table.decide(caller, "service", name, endpoint).granted:
        assert not more.decide(caller, "service", name, endpoint).granted
