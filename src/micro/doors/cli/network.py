"""The commands `micro network …`: this node and its neighbours."""

from __future__ import annotations

import time
from typing import Any

import click

from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.moment import span
from micro.doors.cli.options import group
from micro.doors.cli.output import Column, clean
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note, say
from micro.errors import BadRequest, Conflict, NotFound, Unavailable

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
    try:
        found = _ask(session, "Network.Connect", {"ticket": ticket}, waiting="connecting")
    except BadRequest:
        session.hint = "micro network ticket, at the other node"
        raise
    session.show_fields(found)
    if session.shape() == "table":
        session.next("micro services")


@network.command_of("disconnect", example="micro network disconnect NID")
@click.argument("nid")
def disconnect(session: Session, nid: str) -> None:
    """End the link with a node, and forget the node."""
    session.hint = "micro network peers"
    found = _ask(session, "Network.Disconnect", {"nid": session.whole(nid)})
    if session.shape() == "json":
        session.show(found)


@network.command_of("join", example="micro network join micro1…")
@click.argument("ticket")
def join(session: Session, ticket: str) -> None:
    """Join the network of a ticket: what this node serves is found there, and the other way round.

    A node with a second path (the setting dht) may be given the id of the network instead.
    """
    session.hint = "micro network ticket, at a node of the network"
    try:
        found = _ask(session, "Network.Join", {"ticket": ticket}, waiting="joining")
    except Conflict:
        session.hint = "micro network leave"
        raise
    if found.get("already") and session.shape() != "json":
        note("this node was in that network already")
    session.show_fields(found)


@network.command_of("leave", example="micro network leave")
@click.option("--force", is_flag=True, help="Also where this node founded the network, and others are in it.")
def leave(session: Session, force: bool) -> None:
    """Leave the network that this node has joined; its neighbours stay."""
    session.hint = "micro network nodes"  # who it is that would be left alone
    session.show_fields(_ask(session, "Network.Leave", {"force": force} if force else None, waiting="leaving"))


@network.command_of("pins", example="micro network pins")
def pins(session: Session) -> None:
    """List the names of strangers used here, and the nodes that each was bound to at its first use."""
    found = _ask(session, "Network.Pins")
    session.show_rows(found, found["pins"], [Column("name"), Column("nodes")])


@network.command_of("pin", example="micro network pin greeter")
@click.argument("name")
def pin(session: Session, name: str) -> None:
    """Take a name that nobody owns for the service of the nodes that offer it now, and of no others.

    NAME@NID takes it for the service of that node, besides those it is pinned to.

    topic:TOPIC lets logs of strangers into subscriptions to that topic: of those that announce it now, or with
    topic:TOPIC@NID of one node more.
    """
    kind, _, topic = name.rpartition(":")
    searched = (topic if kind == "topic" else name).partition("@")[0]
    if kind == "topic":
        session.hint = f"{typed_line('micro events export', searched or 'TOPIC')}, at the node that has it"
    else:
        session.hint = typed_line("micro services", searched) if searched else "micro services"
    found = _ask(session, "Network.Pin", {"name": session.whole(name)}, waiting=f"looking for {name}")
    session.show_rows(found, [{"node": nid} for nid in found["nodes"]], [Column("node")])


@network.command_of("unpin", example="micro network unpin greeter")
@click.argument("name")
def unpin(session: Session, name: str) -> None:
    """Let the next use of a name bind it to the nodes that offer it then."""
    session.hint = "micro network pins"
    session.show_fields(_ask(session, "Network.Unpin", {"name": name}))


@network.command_of("offers", example="micro network offers")
def offers(session: Session) -> None:
    """List this node's services, and whether nodes that you did not connect to are offered them."""
    found = _ask(session, "Network.Offers")
    session.show_rows(found, found["offers"], [Column(name) for name in ("service", "offered", "by")])


@network.command_of("offer", example="micro network offer notes")
@click.argument("name")
def offer(session: Session, name: str) -> None:
    """Offer a service of this node to everybody in the network."""
    _rule(session, name, offered=True)


@network.command_of("hide", example="micro network hide notes")
@click.argument("name")
def hide(session: Session, name: str) -> None:
    """Keep a service of this node to yourself, and to neighbours that you connected to. It need not run yet."""
    _rule(session, name, offered=False)


def _rule(session: Session, name: str, *, offered: bool) -> None:
    session.hint = "micro network offers"
    found = _ask(session, "Network.Offer", {"name": name, "offered": offered})
    is_known = found.pop("known", True)
    session.show_fields(found)
    if not is_known:
        note(f"no service called {name} runs on this node; the word holds for the first one that does")
        session.next("micro services")


@network.command_of("peers", example="micro network peers")
def peers(session: Session) -> None:
    """List the neighbours, and how the link to each is."""
    found = _ask(session, "Network.Peers")
    rows = [{**peer, "since": span(peer.get("since_seconds") or 0)} for peer in found["peers"]]
    session.show_rows(found, rows, PEERS)
    if not rows and session.shape() == "table":
        note("no neighbours yet")
        session.next("micro network connect TICKET, with what `micro network ticket` printed on the other node")


@network.command_of("nodes", example="micro network nodes")
def nodes(session: Session) -> None:
    """List this node and the nodes it knows, and how each is reached now."""
    found = _ask(session, "Network.Nodes")
    session.show_rows(found, found["nodes"], [Column(name) for name in ("nid", "state", "over", "services")])


@network.command_of("routes", example="micro network routes greeter")
@click.argument("service", required=False, default="")
def routes(session: Session, service: str) -> None:
    """List the way to each instance in reach."""
    found = _ask(session, "Network.Routes", {"service": service})
    columns = [Column(name) for name in ("service", "version", "node", "instance", "over", "state")]
    session.show_rows(found, found["routes"], columns)


@network.command_of("services", example="micro network services")
def services(session: Session) -> None:
    """List the services of each node in reach."""
    found = _ask(session, "Network.Services")
    rows = [{"node": node["nid"], "service": name} for node in found["nodes"] for name in node["services"]]
    session.show_rows(found, rows, [Column("node"), Column("service")])


@network.command_of("graph", example="micro network graph")
def graph(session: Session) -> None:
    """Draw the nodes that this one is linked with, and what runs on each."""
    found = _ask(session, "Network.Graph")
    if session.shape() != "table":
        session.show(found)
        return
    offered = {node["nid"]: ", ".join(node["services"]) for node in found["services"]}
    here = found["nodes"][0]["nid"]
    say(f"{here}  {clean(offered.get(here, ''))}".rstrip())
    for number, link in enumerate(found["links"], 1):
        corner = "└" if number == len(found["links"]) else "├"
        say(f" {corner}─ {link['to']}  {clean(link['over'])}  {clean(offered.get(link['to'], ''))}".rstrip())
    if not found["links"]:
        note("no links yet")
        session.next("micro network connect TICKET, with what `micro network ticket` printed on another node")


@network.command_of("ping", example="micro network ping NID")
@click.argument("nid")
@click.option("--count", type=click.IntRange(1, 100), default=5, metavar="NUMBER", help="How often.  [default: 5]")
def ping(session: Session, nid: str, count: int) -> None:
    """Measure the way to a node and back."""
    session.hint = "micro network nodes"
    found = _ask(session, "Network.Measure", {"nid": session.whole(nid), "count": count}, waiting="measuring")
    seconds = sorted(found["seconds"])
    row = {
        "nid": found["nid"],
        "over": found["over"],
        "least": _time(seconds[0]),
        "median": _time(seconds[len(seconds) // 2]),
        "most": _time(seconds[-1]),
    }
    session.show_rows(found, [row], [Column(name) for name in ("nid", "over", "least", "median", "most")])


@network.command_of("trace", example="micro network trace greeter")
@click.argument("service")
def trace(session: Session, service: str) -> None:
    """Follow the way of a call to a service, and time each hop there and back.

    As a call it is refused where only strangers offer the name and it was never used here.
    """
    session.meet(service)
    session.hint = "micro services"
    here = session.ask("node", "Node.Status")["nid"]  # the link is there now, and the command has started
    began = time.monotonic()
    session.ask("node", "Node.Status")
    first = {"node": "", "to": here, "over": "socket", "seconds": time.monotonic() - began}
    found = _ask(session, "Network.Trace", {"service": session.whole(service)}, waiting="following")
    hops = [first, *found["hops"]]
    rows = [
        {"hop": number, "from": hop["node"] or "here", **hop, "time": _time(hop["seconds"])}
        for number, hop in enumerate(hops)
    ]
    session.show_rows({"hops": hops}, rows, [Column(name) for name in ("hop", "from", "to", "over", "time")])


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
