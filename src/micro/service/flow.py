"""How events flow: which services take them from which topics, and which topics they go on to.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["NODES_MAX", "STEPS_MAX", "steps_of"]

STEPS_MAX = 10_000
"""How many steps are listed."""
NODES_MAX = 32
"""How many nodes are listed for each."""


def steps_of(descriptions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns each step of the flow, by topic, service and function.

    Args:
        descriptions: what services say of themselves, with `nodes`.

    Returns:
        `{topic, queue, service, function, emits, nodes}`; `function` is "" for a subscriber that is none, `emits` ""
        where the chain ends, `nodes` the ids of the nodes the service runs on.
    """
    steps: list[dict[str, Any]] = []
    for description in descriptions:
        nodes = list(dict.fromkeys(str(node.get("nid", "")) for node in description.get("nodes", ())))[:NODES_MAX]
        functions = description.get("functions", ())
        taken = {(function["topic"], function.get("queue", "")) for function in functions}
        steps += [_step(description, each, nodes, name=each["name"], emits=each.get("emits", "")) for each in functions]
        steps += [
            _step(description, topic, nodes, name="", emits="")
            for topic in description.get("topics", ())
            if (topic["topic"], topic.get("queue") or "") not in taken
        ]
    steps.sort(key=lambda step: (step["topic"], step["service"], step["function"], step["queue"]))
    return steps[:STEPS_MAX]


def _step(
    description: Mapping[str, Any], taking: Mapping[str, Any], nodes: list[str], *, name: str, emits: str
) -> dict[str, Any]:
    return {
        "topic": taking["topic"],
        "queue": taking.get("queue") or "",
        "service": description["name"],
        "function": name,
        "emits": emits,
        "nodes": nodes,
    }
