"""Writes the rounds down as a page: ratios with their spread, never times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.lines import Bound, Line
from benchmarks.result import bound_spread, fsync_spread, line_spread, processor_microseconds
from benchmarks.round import Round

__all__ = ["page"]

HEAD = """# Benchmarks

`make bench` measures the network beside its peers, in one run on one machine, and writes this page. A figure is the
median of the ratios of {rounds} round(s), with the middle half of them in brackets. In each round every engine has
fresh processes, and all are measured in turn, once forwards and once backwards. Beside a ratio stands the processor
time of one call or item in microseconds, client and servers together, and how many times less ours is.

Ratios are ours / theirs: of a rate, more is better; of a time, less. `p50` is the middle time of a call when one caller
waits for each answer.

All clients, and all servers in Python, run on uvloop. grpc.aio, FastAPI and the bare echo are called over Unix sockets,
like our services, and without TLS; NATS over TCP on loopback. JSON and protobuf go
through the typed client and typed endpoints on our side, and carry a protobuf message on gRPC's. Ephemeral events go
from one publisher over the node, or the server, to four subscribers with a connection each; all five are in one
process, for every engine.

Durable events are acknowledged after an fsync on both sides. JetStream keeps them in files, `sync_interval: always`,
with one fsync for each event; our node shares one among those that wait. Each client publishes as it does by default:
ours gives every event an id, by which the node suppresses duplicates, and nats-py gives none. How many times more we
manage depends on the disk, so that what an fsync takes is told below: where it is cheap the processor decides
([decision 11](../decisions/0011-durable-publish-and-the-disk.md)).

Two figures are of nodes that talk over iroh, which encrypts and proves both ends. *Over the link between nodes* is that
hop by itself: two processes, as with gRPC, one with the caller, the other with the endpoint that answers, and between
them pipe and protocol as between two nodes. *Through node, link and node* is the whole way of a call to a service of
another node: four processes, the client, its node, the other node and the service, with the iroh link between the nodes
and a Unix socket at either end.

"""
TOPIC = "| what | bodies, ours / theirs | ratio | bar | clears it | processor time, ours / theirs (times less) |\n"
BOUNDS_HEAD = """
## Figures of our own

Times are told as a part of their bar. Those of the registry, and where it is said, are processor time. What a record or
the index takes is what each service adds to an empty one, which itself takes a few kilobytes once.

| what | found | bar | clears it |
| --- | --- | --- | --- |
"""


def page(
    lines: Iterable[Line],
    bounds: Iterable[Bound],
    rounds: Sequence[Round],
    machine: dict[str, str],
    *,
    repeated: int,
    strange: int,
    plot: str | None,
) -> str:
    """Returns the page in Markdown.

    Args:
        machine: facts about it.
        repeated: how many rounds were repeated because the machine's mood had changed.
        strange: how many rounds are in another mood still.
        plot: the file of the plot beside the page, if there is one.
    """
    text = HEAD.format(rounds=len(rounds))
    if plot:
        text += f"![Each ratio beside its bar]({plot})\n\n"
    text += TOPIC + "| --- | --- | --- | --- | --- | --- |\n"
    text += "".join(_line(line, rounds) for line in lines)
    told = [_bound(bound, rounds) for bound in bounds]
    if told:
        text += BOUNDS_HEAD + "".join(told)
    text += "\n## The machine\n\n| fact | is |\n| --- | --- |\n"
    text += "".join(f"| {fact} | {value} |\n" for fact, value in machine.items())
    if (fsync := fsync_spread(rounds)) is not None:
        told_in = "calls of one caller to the bare echo, by p50"
        text += f"| an fsync takes | {_short(fsync.median)} ({_short(fsync.low)} to {_short(fsync.high)}) {told_in} |\n"
    text += f"| rounds | {len(rounds)}, of which {repeated} repeated; {strange} with another bare echo than most |\n"
    return text + _faults(rounds)


def _line(line: Line, rounds: Sequence[Round]) -> str:
    spread = line_spread(line, rounds)
    if spread is None:
        return f"| {line.name} | {line.codec} | not measured | {_bar(line)} | | |\n"
    ours, theirs = processor_microseconds(line, rounds)
    ratio = f"{_short(spread.median)} × ({_short(spread.low)} to {_short(spread.high)})"
    processor = f"{_short(ours)} / {_short(theirs)} ({_short(theirs / ours)})"
    return (
        f"| {line.name} | {line.codec} | {ratio} | {_bar(line)} | {_yes(line.holds(spread.median))} | {processor} |\n"
    )


def _bar(line: Line) -> str:
    if line.bar is None:
        return ""
    return f"{'≥' if line.figure == 'rate' else '≤'} {line.bar:g} ×"


def _bound(bound: Bound, rounds: Sequence[Round]) -> str:
    spread = bound_spread(bound, rounds)
    bar = f"≤ {bound.bar:g} {bound.unit}"
    if spread is None:
        return f"| {bound.name} | not measured | {bar} | |\n"
    unit = "of the bar" if bound.unit == "s" else bound.unit
    found = f"{_short(spread.median)} {unit} ({_short(spread.low)} to {_short(spread.high)})"
    limit = 1.0 if bound.unit == "s" else bound.bar
    return f"| {bound.name} | {found} | {bar} | {_yes(spread.median <= limit)} |\n"


def _yes(holds: bool | None) -> str:
    return "" if holds is None else "yes" if holds else "**no**"


def _short(value: float) -> str:
    """Returns a figure with as many digits as it deserves."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _faults(rounds: Sequence[Round]) -> str:
    told = {f"{what}: {why}" for found in rounds for what, why in found.faults.items()}
    if not told:
        return ""
    return "\n## What failed in a round\n\n" + "".join(f"* {fault}\n" for fault in sorted(told))
