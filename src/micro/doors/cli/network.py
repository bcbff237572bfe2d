"""The commands `micro network …`: this node and its neighbours."""

from __future__ import annotations

from typing import Any

import click

from micro.doors.cli.moment import span
from micro.doors.cli.options import group
from micro.doors.cli.output import Column
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.errors import NotFound, Unavailable

__all__ = ["network"]

PEERS = [Column(name) for name in ("nid", "state", "since", "addresses", "error")]


def _ask(session: Session, endpoint: str, request: dict[str, Any] | None = None, *, waiting: str = "") -> Any:
    """Asks the node's own service `network`, which a node without a network lacks."""
    try:
        return session.ask("network", endpoint, request, waiting=waiting)
    except NotFound as fault:
        if "no service is called network" not in fault.detail:
            raise
        session.hint = "micro server --network"
        raise Unavailable("this node was started without a network, so it has no neighbours") from None


@group("network", example="micro network connect $(MICRO_HOME=~/other micro network ticket)")
def network() -> None:
    """Link this node with others.

    A ticket says where a node is; it is no permission. Once linked, the services of both are in reach of both.
    """


@network.command_of("ticket", example="micro network ticket")
def ticket(session: Session) -> None:
    """Print this node's ticket, for the owner of another node."""
    found = _ask(session, "Network.Ticket")
    if session.shape() == "json":
        session.show(found)
    else:
        say(found["ticket"])


@network.command_of("connect", example="micro network connect micro1…")
@click.argument("ticket")
def connect(session: Session, ticket: str) -> None:
    """Link with the node of a ticket, now and whenever it can be reached."""
    session.hint = "micro network peers"
    found = _ask(session, "Network.Connect", {"ticket": ticket}, waiting="connecting")
    session.show_fields(found)
    if session.shape() == "table":
        note("next: micro services")


@network.command_of("disconnect", example="micro network disconnect NID")
@click.argument("nid")
def disconnect(session: Session, nid: str) -> None:
    """End the link with a node, and forget the node."""
    session.hint = "micro network peers"
    found = _ask(session, "Network.Disconnect", {"nid": nid})
    if session.shape() == "json":
        session.show(found)


@network.command_of("peers", example="micro network peers")
def peers(session: Session) -> None:
    """List the neighbours, and how the link to each is."""
    found = _ask(session, "Network.Peers")
    rows = [{**peer, "since": span(peer.get("since_seconds") or 0)} for peer in found["peers"]]
    session.show_rows(found, rows, PEERS)
    if not rows and session.shape() == "table":
        note("no neighbours yet")
        note("next: micro network connect TICKET, with what `micro network ticket` printed on the other node")


@network.command_of("nodes", example="micro network nodes")
def nodes(session: Session) -> None:
    """List the nodes in reach: this one and its neighbours."""
    here = session.ask("node", "Node.Status")
    found = _ask(session, "Network.Peers")
    rows = [{"nid": here["nid"], "where": "here"}]
    rows += [{"nid": peer["nid"], "where": peer["state"]} for peer in found["peers"]]
    session.show_rows({"nodes": rows}, rows, [Column("nid"), Column("where")])
