"""Unverified names: what every face says of one before it is used for the first time.

Pure.

Nobody owns a name yet, so whoever likes may offer `greeter`. A person looks once who that is and confirms it; then the
name is pinned to those nodes, and every face takes it. Which names are unverified `micro.node.strangers` knows, what
the words are is here, so that the command line, the HTTP door, MCP and the assistant ask the same question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from micro.errors import Forbidden

__all__ = ["STATUS", "question", "refusal", "who_offers"]

STATUS: Final = "unverified_name"
"""The status of the fault that says so, by which a program tells it from every other 403."""

SHOWN_NODES_MAX: Final = 3


def who_offers(name: str, nodes: Sequence[str]) -> str:
    """Returns in words who offers a name that nobody vouches for."""
    whom = f"{len(nodes)} nodes" if len(nodes) > 1 else "a node"
    shown = ", ".join(nodes[:SHOWN_NODES_MAX]) + (", …" if len(nodes) > SHOWN_NODES_MAX else "")
    return f"{name[:80]} is offered by {whom} of strangers ({shown}), and nobody vouches for that name"


def question(name: str, nodes: Sequence[str]) -> str:
    """Returns what a person is asked."""
    return f"{who_offers(name, nodes)}. Use it, now and from then on?"


def refusal(name: str, nodes: Sequence[str]) -> Forbidden:
    """Returns the fault for a use that nobody has confirmed."""
    return Forbidden(
        f"{STATUS}: {who_offers(name, nodes)}; look at what it says of itself, and let this node's owner confirm it "
        f"once: `micro network pin {name[:80]}`, or POST its name to /api/network/Network.Pin",
        id=name,
        status=STATUS,
    )
