"""Rules: whom a node's owner lets call, stream, publish and subscribe; go-micro's, compiled.

Pure.

A rule grants or denies a resource, `type:name:endpoint`, to whoever holds a scope. Of the rules whose resource and
scope fit, the one with the highest priority decides, of equal ones the oldest; where none fits the answer is no. Of
type, name and endpoint each is a word, `*` for all, or a beginning that ends with a separator and `*`, such as
`orders.*`. The owner of the node is asked about no rule, so no rule can lock him out.

| scope | who holds it |
| --- | --- |
| "" (`public`) | everybody, also who did not say who he is |
| `*` | whoever has an account here, and every service that this node runs |
| a word | an account that was given it |
| `account:ID` | whoever shows a token of that user |
| `service:NAME`, `service:*` | that service of this node, any of them |
| `node:NID`, `node:*` | that node over its link, any of them |

A table answers without looking at each rule. They are filed by name and endpoint, and there by scope, of which only
the first that decides is kept: a decision looks up the few patterns that could fit and the few scopes of the caller,
however many rules there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, Literal, NamedTuple, TypeVar, get_args

from micro.errors import BadRequest, Fault, Forbidden, Unauthorized
from micro.trust.account import Account, check_scope
from micro.trust.identity import short
from micro.trust.policy import Caller

__all__ = [
    "DEFAULT",
    "DEPTH_MAX",
    "PRIORITY_MAX",
    "RULES_MAX",
    "Access",
    "Decision",
    "Resource",
    "Rule",
    "RuleTable",
    "check_reach",
    "fits",
    "held_by",
    "refusal",
]

Access = Literal["granted", "denied"]
Type = Literal["service", "topic"]

RULES_MAX: Final = 1_000
"""How many rules a node keeps."""

PRIORITY_MAX: Final = 1_000_000
DEPTH_MAX: Final = 8
"""A beginning such as `orders.eu.*` has at most so many separators."""

PATTERN_CHARACTERS_MAX: Final = 256
PUBLIC_WORDS = frozenset({"public", "<public>"})

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_PATTERN = re.compile(r"\*|[^\s*\x00-\x1f\x7f]+(?:[./-]\*)?")
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # as the broker has it
_SEPARATOR = re.compile(r"[./-]")
_KINDS: dict[str, Literal["user", "service", "node"]] = {"account": "user", "service": "service", "node": "node"}


class Resource(NamedTuple):
    """What a rule is about.

    Attributes:
        type: `service`, `topic`, or `*` for both.
        name: of services or topics.
        endpoint: `Struct.Method` of a service, `Publish` or `Subscribe` of a topic.
    """

    type: str
    name: str
    endpoint: str

    def __str__(self) -> str:
        return ":".join(self)

    @staticmethod
    def parse(text: str) -> Resource:
        """Reads `type:name:endpoint`; a name may have colons of its own.

        Raises:
            BadRequest: it has fewer than three parts.
        """
        type_, _, rest = text.partition(":")
        name, _, endpoint = rest.rpartition(":")
        if not (type_ and name and endpoint):
            raise BadRequest(
                f"resource {text[:80]!r}: type:name:endpoint is expected, such as service:greeter:Say.Hello or "
                "topic:orders:*"
            )
        return Resource(type_, name, endpoint)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: its name.
        scope: whom it is about; see the table above.
        resource: what it is about.
        access: what it says.
        priority: the highest that fits decides.

    Raises:
        BadRequest: a part has another form; the detail names it.
    """

    id: str
    scope: str
    resource: Resource
    access: Access = "granted"
    priority: int = 0

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise BadRequest(f"id {self.id[:80]!r}: 1 to 64 letters, digits and . _ - inside are expected")
        if self.access not in get_args(Access):
            raise BadRequest(f"access {str(self.access)[:20]!r}: granted or denied is expected")
        if not -PRIORITY_MAX <= self.priority <= PRIORITY_MAX:
            raise BadRequest(f"priority {self.priority}: at most {PRIORITY_MAX} either way is expected")
        if self.scope in PUBLIC_WORDS:
            object.__setattr__(self, "scope", "")
        _check_holder(self.scope)
        _check_resource(self.resource)


def _check_holder(scope: str) -> None:
    if scope in ("", "*"):
        return
    kind, colon, name = scope.partition(":")
    if not colon:
        check_scope(scope)
    elif kind not in _KINDS:
        raise BadRequest(f"scope {scope[:80]!r}: before a colon stands account, service or node")
    elif name != "*" or kind == "account":  # any account is `*`
        Account(name, _KINDS[kind])


def _check_resource(resource: Resource) -> None:
    if resource.type not in ("*", *get_args(Type)):
        raise BadRequest(f"resource type {resource.type[:20]!r}: service, topic or * is expected")
    for field, pattern in (("name", resource.name), ("endpoint", resource.endpoint)):
        if len(pattern) > PATTERN_CHARACTERS_MAX or _PATTERN.fullmatch(pattern) is None:
            raise BadRequest(
                f"resource {field} {pattern[:80]!r}: a word, *, or a beginning such as orders.* is expected, with "
                f". / or - before the *, and {PATTERN_CHARACTERS_MAX} characters in all"
            )
        if pattern.endswith("*") and len(_SEPARATOR.findall(pattern)) > DEPTH_MAX:
            raise BadRequest(f"resource {field} {pattern[:80]!r}: at most {DEPTH_MAX} separators stand before the *")


def check_reach(resource: Resource) -> None:
    """Checks that what a rule is about can exist: a topic has neither `/` nor `:` in its name, and two endpoints.

    Rules are checked when they are made, not when they are read: a node keeps those that it has.

    Raises:
        BadRequest: it is about a topic that cannot be; the detail says why.
    """
    if resource.type != "topic":
        return
    if resource.name != "*" and _TOPIC.fullmatch(resource.name.removesuffix("*")) is None:
        raise BadRequest(
            f"resource name {resource.name[:80]!r}: no topic can be called so, a rule about it would never count; "
            "letters, digits and . _ - inside are expected, such as orders.paid or orders.*"
        )
    if resource.endpoint.lower() not in ("*", "publish", "subscribe"):
        raise BadRequest(
            f"resource endpoint {resource.endpoint[:80]!r}: with a topic one may Publish or Subscribe, or * for both"
        )


DEFAULT: Final = Rule("default", "", Resource("*", "*", "*"))
"""What a new node begins with: everybody may do what the fixed policy leaves open."""


def fits(pattern: str, text: str) -> bool:
    """Says whether a pattern means a text: the same, all, or its beginning."""
    return pattern in ("*", text) or (pattern.endswith("*") and text.startswith(pattern[:-1]))


def held_by(caller: Caller) -> tuple[str, ...]:
    """Returns the scopes that a caller holds: those of the table above, and its account's."""
    if caller.anonymous:
        return ("",)
    if caller.user:
        return ("", "*", f"account:{caller.account}", *caller.scopes)
    if caller.supervised:
        return ("", "*", "service:*", f"service:{caller.service}", *caller.scopes)
    known = ("", "node:*", f"node:{caller.nid}")
    return (*known, "*", *caller.scopes) if caller.account else known


class Decision(NamedTuple):
    """What a table says.

    Attributes:
        granted: the answer.
        rule: what decided; None for the owner, and where nothing fits.
    """

    granted: bool
    rule: Rule | None = None


_Ranked = tuple[int, Rule]
_Scopes = dict[str, _Ranked]
Filed = TypeVar("Filed")


class _Index(Generic[Filed]):
    """What is filed under patterns, found by the texts that they mean."""

    __slots__ = ("_beginnings", "_every", "_make", "_words")

    def __init__(self, make: Callable[[], Filed]) -> None:
        self._make = make
        self._words: dict[str, Filed] = {}
        self._beginnings: dict[str, Filed] = {}
        self._every: Filed | None = None

    def at(self, pattern: str) -> Filed:
        """Returns what is filed under a pattern, made anew where there is nothing yet."""
        if pattern == "*":
            self._every = self._make() if self._every is None else self._every
            return self._every
        if pattern.endswith("*"):
            return self._beginnings.setdefault(pattern[:-1], self._make())
        return self._words.setdefault(pattern, self._make())

    def find(self, text: str) -> list[Filed]:
        """Returns what is filed under the patterns that mean a text."""
        word = self._words.get(text)
        found = [] if word is None else [word]
        if self._every is not None:
            found.append(self._every)
        if self._beginnings:
            for separator in islice(_SEPARATOR.finditer(text), DEPTH_MAX):
                beginning = self._beginnings.get(text[: separator.end()])
                if beginning is not None:
                    found.append(beginning)
        return found


def _index() -> _Index[_Index[_Scopes]]:
    return _Index(lambda: _Index(dict))


class RuleTable:
    """Rules, compiled.

    Args:
        rules: the oldest first; which of equal priority decides is by this order.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules: Sequence[Rule] = sorted(rules, key=lambda rule: -rule.priority)
        self._services, self._topics = _index(), _index()
        for rank, rule in enumerate(self.rules):
            type_, name, endpoint = rule.resource
            if type_ != "topic":  # no spelling of a service slips past a rule
                self._services.at(name.lower()).at(endpoint.lower()).setdefault(rule.scope, (rank, rule))
            if type_ != "service":
                self._topics.at(name).at(endpoint.lower()).setdefault(rule.scope, (rank, rule))

    def decide(self, caller: Caller, type_: Type, name: str, endpoint: str) -> Decision:
        """Says whether a caller may use an endpoint of a service, or do something with a topic."""
        if caller.owner:
            return _OWNER
        by_name = self._services.find(name.lower()) if type_ == "service" else self._topics.find(name)
        scopes, endpoint = held_by(caller), endpoint.lower()
        first = len(self.rules)
        best: Rule | None = None
        for by_endpoint in by_name:
            for by_scope in by_endpoint.find(endpoint):
                for scope in scopes:
                    found = by_scope.get(scope)
                    if found is not None and found[0] < first:
                        first, best = found
        return _NOTHING if best is None else Decision(best.access == "granted", best)


_OWNER = Decision(True)  # noqa: FBT003 - its one field
_NOTHING = Decision(False)  # noqa: FBT003 - its one field


def refusal(caller: Caller, type_: Type, name: str, endpoint: str, nid: str) -> Fault:
    """Returns the fault for what no rule of a node grants: 401 where the caller should say who it is, else 403."""
    if type_ == "service":
        used, asked = f"use {name} {endpoint}", f"{name} {endpoint}"
    else:
        verb = endpoint.lower()
        used = f"{verb} {'to' if verb == 'subscribe' else 'on'} {name}"
        asked = f"{name} {verb} --topic"
    if caller.anonymous:
        what = asked if type_ == "service" else f"{name}, to {used.split()[0]} there,"
        return Unauthorized(
            f"{what} needs to know who asks; show a token of an account that may, as `micro auth token ID` prints one"
        )
    return Forbidden(
        f"{caller} may not {used}; the owner of {short(nid)} can allow it with `micro auth create rule`, and learns "
        f"why by `micro auth check {asked} --as {_as_typed(caller)}`, at {short(nid)}"
    )


def _as_typed(caller: Caller) -> str:
    """Returns a caller as `micro auth check --as` takes it."""
    if caller.user:
        return caller.account
    return f"service:{caller.service}" if caller.supervised else f"node:{caller.nid}"
