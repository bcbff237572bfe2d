"""Measures the rules in a process of its own: the processor time of one decision, by how many rules there are.

The rules are of every form, and several fit what is asked; of the callers one is anonymous, one a user who holds four
scopes, one a neighbour.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection
from statistics import median

from micro.trust.policy import Caller
from micro.trust.rules import DEFAULT, Access, Resource, Rule, RuleTable

__all__ = ["measure"]

SIZES = (1, 100, 1_000)
PASSES, DECISIONS = 15, 2_000
CALLERS = (
    Caller(anonymous=True),
    Caller(user=True, account="u5", scopes=("ops", "dev", "team/blue", "family")),
    Caller(nid="b" + "a" * 55),
)
ASKED = (("greeter", "Say.Hello"), ("shop-cart", "Cart.Add"), ("service-77", "Say.Hello"), ("nobody", "Any.Thing"))


def _rule(number: int) -> Rule:
    scope = ("", "*", "ops", f"account:u{number}", "node:*")[number % 5]
    name = ("greeter", "shop-*", f"service-{number}", "*", f"service-{number % 90}")[number // 5 % 5]
    endpoint = ("*", "Say.*", "Say.Hello", "Cart.Add", f"Say.M{number}")[number // 25 % 5]
    access: Access = "denied" if number % 3 else "granted"
    return Rule(f"r{number}", scope, Resource("service", name, endpoint), access, number % 50)


def _decision_seconds(table: RuleTable) -> float:
    """Returns the median of the passes of what a decision takes, over all callers and all that they ask."""
    asked = [(caller, name, endpoint) for caller in CALLERS for name, endpoint in ASKED]
    took = []
    for _ in range(PASSES):
        began = time.thread_time()
        for _ in range(DECISIONS // len(asked)):
            for caller, name, endpoint in asked:
                table.decide(caller, "service", name, endpoint)
        took.append((time.thread_time() - began) / (DECISIONS // len(asked) * len(asked)))
    return median(took)


def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted of `rules_N`, in seconds, for N rules."""
    found = {}
    for size in SIZES:
        if f"rules_{size}" in wanted:
            found[f"rules_{size}"] = _decision_seconds(RuleTable([DEFAULT, *map(_rule, range(size - 1))]))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
