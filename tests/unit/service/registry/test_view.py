"""Views: all instances of a service as one thing."""

from __future__ import annotations

from typing import Any

import pytest

from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance
from micro.service.registry.view import View

HERE, THERE = "bhere", "bthere"


def described(version: str, *endpoints: str, text: str = "", topic: str = "events") -> Description:
    fields: dict[str, Any] = {"name": "greeter", "version": version, "description": text, "metadata": {}}
    fields["topics"] = [{"topic": topic, "queue": None}]
    fields["endpoints"] = [{"name": name, "description": f"{name} of {version}"} for name in endpoints]
    return check_description(fields)


OLD = described("1.0.0", "Say.Hello", text="Old.\nMore.")
NEW = described("1.1.0", "Say.Hello", "Say.Bye", text="New.", topic="news")
ALIEN = described("9.9.9", "Say.Hello", "Say.Evil", text="Alien.")


def instance(id: str, version: str, nid: str = HERE) -> Instance:
    return Instance("greeter", version, id, nid, local=nid == HERE)


@pytest.fixture
def view() -> View:
    """Two versions here and a stranger's elsewhere, given in no order."""
    return View(
        "greeter",
        [
            (instance("a", "9.9.9", THERE), ALIEN),
            (instance("b", "1.0.0"), OLD),
            (instance("c", "1.1.0"), NEW),
            (instance("d", "1.1.0"), NEW),
        ],
    )


def test_ours_come_first_then_newer_ones(view: View) -> None:
    """A stranger does not come first by calling itself newer."""
    assert [found.id for found in view.instances] == ["c", "d", "b", "a"]


def test_versions_and_nodes_are_merged(view: View) -> None:
    """Each once."""
    assert (view.versions, view.nids) == (("9.9.9", "1.1.0", "1.0.0"), (HERE, THERE))


def test_ours_speaks_for_the_service(view: View) -> None:
    """A stranger cannot say what a service of ours does."""
    assert (view.description, view.owner) == (NEW, HERE)


def test_endpoints_are_merged_and_ours_win(view: View) -> None:
    """What only a stranger has is added, what we define stays ours."""
    found = {endpoint["name"]: endpoint["description"] for endpoint in view.describe()["endpoints"]}

    assert found == {
        "Say.Hello": "Say.Hello of 1.1.0",
        "Say.Bye": "Say.Bye of 1.1.0",
        "Say.Evil": "Say.Evil of 9.9.9",
    }


def test_topics_are_merged(view: View) -> None:
    """A service listens to whatever one of its versions listens to."""
    assert [topic["topic"] for topic in view.describe()["topics"]] == ["news", "events"]


def test_a_call_goes_to_those_that_can_answer_it(view: View) -> None:
    """Two versions may run side by side."""
    assert [found.id for found in view.providing("Say.Bye")] == ["c", "d"]


@pytest.mark.parametrize("endpoint", ["Say.Hello", "Debug.Health", "No.Such"])
def test_what_all_have_or_none_says_goes_to_all(view: View, endpoint: str) -> None:
    """Endpoints that no description lists are answered by the instance."""
    assert view.providing(endpoint) == view.instances


def test_a_pin_chooses_instances(view: View) -> None:
    """By version or the beginning of one."""
    assert [[found.id for found in view.of_version(wanted)] for wanted in ("1.1", "1", "", "2")] == [
        ["c", "d"],
        ["c", "d", "b"],
        ["c", "d", "b", "a"],
        [],
    ]


def test_the_line_in_a_list(view: View) -> None:
    """One line a service, with what a person looks for."""
    assert view.summary() == {
        "name": "greeter",
        "version": "1.1.0",
        "description": "New.",
        "endpoints": 3,
        "nodes": 2,
        "owner": HERE,
        "where": "both",
    }


@pytest.mark.parametrize(("nids", "where"), [([HERE], "local"), ([THERE], "network"), ([THERE, HERE], "both")])
def test_it_says_where_it_runs(nids: list[str], where: str) -> None:
    """Here, elsewhere or both."""
    assert View("greeter", [(instance(nid, "1.0.0", nid), OLD) for nid in nids]).where == where


def test_an_unknown_endpoint_has_no_summary(view: View) -> None:
    """None, and no exception on the hot path."""
    assert (view.endpoint("Say.Hello") is None, view.endpoint("No.Such")) == (False, None)


def test_a_short_description_gets_every_field() -> None:
    """Faces need not ask what is there."""
    least = check_description({"name": "greeter", "version": "1.0.0"})

    assert View("greeter", [(instance("a", "1.0.0"), least)]).describe() == {
        "name": "greeter",
        "version": "1.0.0",
        "description": "",
        "metadata": {},
        "topics": [],
        "endpoints": [],
        "owner": HERE,
    }
