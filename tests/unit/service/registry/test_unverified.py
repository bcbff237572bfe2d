"""What is said of a name that nobody vouches for."""

from __future__ import annotations

from micro.service.registry.unverified import STATUS, question, refusal, who_offers


def test_it_is_said_who_offers_the_name() -> None:
    """A few of many."""
    assert "a node of strangers (b1)" in who_offers("greeter", ["b1"])
    assert "5 nodes of strangers (b1, b2, b3, …)" in who_offers("greeter", ["b1", "b2", "b3", "b4", "b5"])
    assert question("greeter", ["b1"]).endswith("Use it, now and from then on?")


def test_the_refusal_says_what_to_do() -> None:
    """And a program knows it by its status."""
    fault = refusal("greeter", ["b1"])
    assert (fault.code, fault.status, fault.id) == (403, STATUS, "greeter")
    assert "micro network pin greeter" in fault.detail
