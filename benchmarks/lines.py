"""The lines of the table: what is set against what, and the bar that each ratio has to clear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["BOUNDS", "GUARD", "LINES", "UNIT", "Bound", "Line", "Trial", "chosen", "trials_of"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement of a round: an engine's workload with so many callers at once, 0 for a flow."""

    peer: str
    workload: str
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A ratio between two trials of the same round.

    Attributes:
        group: what it is about; lines of a group stand together.
        codec: what the bodies are, ours and the peer's.
        figure: `rate` for calls or items in a second, `p50` for the middle time of a call.
        bar: at least this for a rate, at most this for a time; None where no bar is set.
    """

    group: str
    subject: Trial
    reference: Trial
    codec: str
    figure: Literal["rate", "p50"] = "rate"
    bar: float | None = None

    @property
    def name(self) -> str:
        """What it is called in the table."""
        if self.figure == "p50":
            return f"{self.group}, p50 of one caller"
        return f"{self.group}, {self.subject.callers} in flight" if self.subject.callers else self.group

    def holds(self, ratio: float) -> bool | None:
        """Whether a ratio clears the bar; None without one."""
        if self.bar is None:
            return None
        return ratio >= self.bar if self.figure == "rate" else ratio <= self.bar


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure of ours with a bar of its own, at most `bar`; a time is told as a part of its bar.

    Attributes:
        key: under which name a round reports it.
        unit: `s`, or what is told as it is: `MB`, `bytes`, `calls`, `units` of fuel.
        once: whether the first round alone measures it: it is the same in all, or takes long to prepare.
    """

    key: str
    name: str
    bar: float
    unit: Literal["s", "MB", "bytes", "calls", "units"]
    once: bool = False


OURS, LINK = "micro_network", "iroh_link"
GRPC, NATS, FASTAPI, ECHO = "grpc_aio", "nats", "fastapi", "echo"
RAW, PROTO, JSON, MIXED = "raw / raw", "protobuf / protobuf", "JSON / JSON", "JSON / protobuf"
CALLERS = (1, 16, 256)
GUARD = Trial(ECHO, "raw", 256)
"""What every round measures to know the machine's mood."""

UNIT = Trial(ECHO, "raw", 1)
"""A call to the bare echo: in such times an fsync is told."""


def _unary(
    group: str,
    ours: str,
    peer: str,
    theirs: str,
    codec: str,
    bar: float | None = None,
    p50: float | None = None,
    *,
    us: str = OURS,
) -> Iterable[Line]:
    """Yields the lines of a call: the middle time of one caller, and the rate with 16 and 256."""
    one, *many = CALLERS
    yield Line(group, Trial(us, ours, one), Trial(peer, theirs, one), codec, "p50", p50)
    for callers in many:
        wanted = bar if callers == CALLERS[-1] else None
        yield Line(group, Trial(us, ours, callers), Trial(peer, theirs, callers), codec, "rate", wanted)


LINES: tuple[Line, ...] = (
    *_unary("100 B direct, against a bare echo", "raw", ECHO, "raw", RAW, None, 1.3),
    *_unary("100 B direct, against grpc.aio", "raw", GRPC, "raw", RAW, 30, 0.25),
    *_unary("100 B direct, against nats-py", "raw", NATS, "raw", RAW, 4),
    *_unary("JSON direct, against grpc.aio", "json", GRPC, "typed", MIXED, 25, 0.25),
    Line("JSON direct, against a bare echo", Trial(OURS, "json", 1), Trial(ECHO, "raw", 1), "JSON / raw", "p50", 1.6),
    *_unary("JSON direct, against FastAPI", "json", FASTAPI, "json", JSON),
    *_unary("protobuf direct, against grpc.aio", "protobuf", GRPC, "typed", PROTO, 18, 0.25),
    Line(
        "protobuf direct, against a bare echo",
        Trial(OURS, "protobuf", 1),
        Trial(ECHO, "raw", 1),
        "protobuf / raw",
        "p50",
        1.6,
    ),
    *_unary("100 B through the local node, against grpc.aio", "hop", GRPC, "raw", RAW, 15, 0.4),
    *_unary("100 B over the link between nodes, encrypted, against grpc.aio", "raw", GRPC, "raw", RAW, 20, us=LINK),
    *_unary("100 B through node, link and node, encrypted, against grpc.aio", "far", GRPC, "raw", RAW),
    Line("server stream 1 KB, against grpc.aio", Trial(OURS, "stream"), Trial(GRPC, "stream"), RAW, bar=25),
    Line("1 MB and back, direct, against grpc.aio", Trial(OURS, "large", 4), Trial(GRPC, "large", 4), RAW, bar=2.5),
    Line(
        "publish 100 B, 1 to 4, against grpc.aio streams", Trial(OURS, "fan_out"), Trial(GRPC, "fan_out"), RAW, bar=40
    ),
    Line("publish 100 B, 1 to 4, against nats-py", Trial(OURS, "fan_out"), Trial(NATS, "fan_out"), RAW, bar=5),
    Line(
        "durable publish 100 B, against JetStream that syncs always",
        Trial(OURS, "durable", 256),
        Trial(NATS, "durable", 256),
        RAW,
        bar=20,
    ),
)

BOUNDS: tuple[Bound, ...] = (
    Bound("idle_bytes", "idle node, PSS", 80, "MB"),
    Bound("first_call", "first call after `micro server`", 2.0, "s"),
    Bound("command", "start of the command line, `micro --version`", 0.15, "s"),
    Bound("first_call_processor", "the node's processor time until then", 2.0, "s"),
    Bound("command_processor", "processor time of `micro --version`", 0.15, "s"),
    Bound("search_10", "registry search, 10 services", 0.01, "s"),
    Bound("search_1000", "registry search, 1,000 services", 0.01, "s"),
    Bound("search_10000", "registry search, 10,000 services", 0.01, "s"),
    Bound("record_10", "registry record, each of 10 services", 1024, "bytes", once=True),
    Bound("record_1000", "registry record, each of 1,000 services", 1024, "bytes", once=True),
    Bound("record_10000", "registry record, each of 10,000 services", 1024, "bytes", once=True),
    Bound("index_10000", "registry index, for each of 10,000 services", 1024, "bytes", once=True),
    Bound("held_record", "a record at a super node, so that 300,000 take 400 MB", 1333, "bytes"),
    Bound("ring_100", "shard map of 100 super nodes", 0.1, "s"),
    Bound("ring_10000", "shard map of 10,000 super nodes", 2.0, "s"),
    Bound("ring_slice", "the longest pause of the loop meanwhile", 0.005, "s"),
    Bound("rules_1", "decision by rules, the default one alone", 5e-6, "s"),
    Bound("rules_100", "decision by rules, 100 rules", 5e-6, "s"),
    Bound("rules_1000", "decision by rules, 1,000 rules", 5e-6, "s"),
    Bound("restart", "broker's start after a crash, what a million kept events add", 0.3, "s", once=True),
    Bound("guest_core", "call of a compiled guest, over the bare call", 20e-6, "s"),
    Bound("guest_core_large", "1 MB through a compiled guest and back", 0.005, "s"),
    Bound("guest_over_time", "a guest that spins, past its time", 0.1, "s"),
    Bound("guest_python", "call of a Python guest, warm", 200e-6, "s", once=True),
    Bound("guest_python_cold", "call of a Python guest, with a new instance", 0.005, "s", once=True),
    Bound("guest_python_large", "1 MB through a Python guest and back", 0.5, "s", once=True),
    Bound("guest_javascript", "call of a JavaScript guest, warm", 200e-6, "s", once=True),
    Bound("guest_javascript_cold", "call of a JavaScript guest, with a new instance", 0.002, "s", once=True),
    Bound("hosted_suspended", "1,000 guests of one worker that wait half a second at once, beyond it", 5.0, "s"),
    Bound("hosted_fuel", "fuel of the same guests in two processes, difference", 0, "units"),
    Bound("hosted_run_cached", "`micro run` of a source that is here already", 1.0, "s"),
    Bound("hosted_run_cold", "`micro run` of a small Python repository on a new node", 20.0, "s"),
    Bound("hosted_failed", "calls and streams that fail while a service moves 4 times under 32 callers", 0, "calls"),
    Bound("mcp_http", "call of a tool by MCP over HTTP, over the call itself", 0.01, "s"),
    Bound("mcp_pipe", "call of a tool by MCP over a pipe, over the call itself", 0.01, "s"),
    Bound("mcp_bytes", "node that speaks MCP, PSS", 130, "MB"),
    Bound("loss", "a node that stands still is known dead to an open call", 0.6, "s"),
)


def chosen(words: Iterable[str]) -> tuple[tuple[Line, ...], tuple[Bound, ...]]:
    """Returns the lines and bounds whose name has one of `words` in it; all without words."""
    wanted = [word.lower() for word in words]

    def fits(name: str) -> bool:
        return not wanted or any(word in name.lower() for word in wanted)

    return tuple(line for line in LINES if fits(line.name)), tuple(bound for bound in BOUNDS if fits(bound.name))


def trials_of(lines: Iterable[Line]) -> list[Trial]:
    """Returns each trial once, the two of a line as near to each other as can be."""
    found = dict.fromkeys([GUARD])
    for line in lines:
        found.update(dict.fromkeys((line.reference, line.subject)))
    return sorted(found, key=lambda trial: (trial.callers, trial.workload not in ("stream", "fan_out")))
