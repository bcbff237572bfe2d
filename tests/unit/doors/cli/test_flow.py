"""Pictures of how events flow, and points in time as people type them."""

from __future__ import annotations

from typing import Any

import click
import pytest

from micro.doors.cli.flow import _after, drawing
from micro.doors.cli.moment import length, moment
from micro.service.flow import NODES_MAX, STEPS_MAX, steps_of


def function(name: str, topic: str, emits: str = "") -> dict[str, Any]:
    return {"name": name, "topic": topic, "queue": f"q.{name}", "emits": emits}


def service(name: str, *functions: dict[str, Any], topics: tuple[str, ...] = (), nodes: int = 1) -> dict[str, Any]:
    """Returns what a service says of itself, as far as its events go."""
    taken = [{"topic": each["topic"], "queue": each["queue"]} for each in functions]
    return {
        "name": name,
        "functions": list(functions),
        "topics": [*taken, *({"topic": topic, "queue": ""} for topic in topics)],
        "nodes": [{"nid": f"node{number}"} for number in range(nodes)] * 2,
    }


SHOP = [
    service("billing", function("bill", "orders", "invoices"), function("note", "invoices"), nodes=2),
    service("kitchen", topics=("orders", "news")),
    service("post", function("post", "invoices", "letters")),
    service("silent"),
]


def test_steps_say_who_takes_what_and_what_follows() -> None:
    """Functions and plain subscribers, each once, in order of topics; a service that takes nothing has none."""
    steps = steps_of(SHOP)

    assert [(step["topic"], step["service"], step["function"], step["emits"]) for step in steps] == [
        ("invoices", "billing", "note", ""),
        ("invoices", "post", "post", "letters"),
        ("news", "kitchen", "", ""),
        ("orders", "billing", "bill", "invoices"),
        ("orders", "kitchen", "", ""),
    ]
    assert steps[0]["nodes"] == ["node0", "node1"]
    assert steps[0]["queue"] == "q.note"


def test_a_strangers_flow_is_bounded() -> None:
    """However many services, functions and nodes there are."""
    many = [service(f"s{number}", function("f", "t"), nodes=100) for number in range(STEPS_MAX + 1)]
    steps = steps_of(many)

    assert len(steps) == STEPS_MAX
    assert len(steps[0]["nodes"]) == NODES_MAX


def test_chains_are_drawn_from_where_they_begin() -> None:
    """What follows from a function stands below it."""
    assert drawing(steps_of(SHOP)) == [
        "news",
        "└─ kitchen  on node0",
        "orders",
        "├─ billing.bill  2 nodes -> invoices",
        "│  ├─ billing.note  2 nodes",
        "│  └─ post.post  on node0 -> letters",
        "└─ kitchen  on node0",
    ]


def test_a_circle_has_an_end() -> None:
    """A topic that was drawn is named, and not drawn again; a circle without a beginning is drawn, too."""
    steps = steps_of(
        [service("s", function("there", "a", "b"), function("back", "b", "a"), function("self", "c", "c"))]
    )

    assert drawing(steps) == [
        "a",
        "└─ s.there  on node0 -> b",
        "   └─ s.back  on node0 -> a (above)",
        "c",
        "└─ s.self  on node0 -> c (above)",
    ]


def test_a_very_long_chain_is_drawn() -> None:
    """Deeper than Python's own stack."""
    steps = steps_of([service("s", *(function(f"f{n}", f"t{n:04}", f"t{n + 1:04}") for n in range(2_000)))])

    assert len(drawing(steps)) == 2_001


def test_a_topics_flow_is_what_follows_from_it() -> None:
    """And nothing that leads to it or stands beside it; a circle is no trap."""
    steps = steps_of([*SHOP, service("again", function("again", "letters", "invoices"))])

    assert {step["topic"] for step in _after(steps, "invoices")} == {"invoices", "letters"}
    assert list(_after(steps, "unheard")) == []


def test_names_of_strangers_do_not_move_the_cursor() -> None:
    """A picture is text."""
    (_, line) = drawing(
        [{"topic": "a", "service": "s\x1b[2J", "function": "", "emits": "", "nodes": ["n"], "queue": ""}]
    )

    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800), ("1.5h", 5_400)]
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    """In the unit that is typed behind it."""
    assert length(text) == seconds


def test_a_date_is_read() -> None:
    """With its zone."""
    assert moment("2026-11-01T00:00:00Z") == moment("2026-11-01T01:00:00+01:00") == 1_793_491_200
    assert moment("2026-11-02T00:00:00Z") - moment("2026-11-01T00:00:00Z") == 86_400


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 week", "1e9s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(click.BadParameter, match="15m"):
        length(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(click.BadParameter, match="2026-11-01"):
        moment(text)
