"""The kit passes a service by our own SDK, and finds what is wrong with one in which a fault was planted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from micro.doors.conformance import peer, service
from micro.doors.conformance.check import Check, Outcome
from micro.doors.conformance.hosting import Host
from micro.errors import EngineError, Fault, MicroError, Timeout
from micro.mucp.event import Block
from micro.mucp.exchange import Exchange
from micro.mucp.frame import Kind
from micro.mucp.hearing import Hearing
from micro.mucp.session import Session
from micro.network.link import Link
from micro.network.transport import stream
from micro.node.client import NodeDialer
from micro.service.client import Client
from micro.service.running import Running
from micro.service.server import Server
from micro.service.service import Service
from micro.service.stream import RawStream
from micro.service.subscription import Event
from micro.system import SystemClock, SystemEntropy
from tests.interop import serving
from tests.interop.serving import make_kit

PATIENT_SECONDS = 50.0
FAULTY_SECONDS = 1.0
"""How long a check waits for what a planted fault keeps from coming."""
OTHER_SECONDS = 10.0
"""And each other check meanwhile: less than all of it may take, since some wait for what they can do without."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the kit wait for a machine that has much else to do."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", PATIENT_SECONDS)


@asynccontextmanager
async def running(kit: Service, address: str, token: str) -> AsyncIterator[None]:
    """Runs a service at an address meanwhile, as a program does that a node has started."""
    clock, entropy = SystemClock(), SystemEntropy()
    dialer = NodeDialer(address, token=token, service=kit.name)
    work = Running(
        kit,
        dialer=dialer,
        clock=clock,
        entropy=entropy,
        instance="kit-1",
        socket=None,
        uid=os.getuid(),
        sockets=stream,
        stay=False,
    )
    task = asyncio.ensure_future(work.run())
    try:
        yield
    finally:
        work.stop()
        try:
            await task
        except MicroError:
            pass  # the kit has ended its link


async def outcomes(home: Path, *, kit: Service | None = None, token: str = "secret", shown: str = "") -> list[Outcome]:
    """Tries a service, which shows a token."""
    address, found = f"unix:{home / 'kit'}", list[Outcome]()
    listening = asyncio.Event()

    async def work() -> None:
        async for outcome in service.tried(address, lambda where: listening.set(), token=token):
            found.append(outcome)

    task = asyncio.ensure_future(work())
    await listening.wait()
    async with running(kit or make_kit(), address, shown or token):
        await task
    return found


def differing(found: list[Outcome]) -> dict[str, str]:
    return {outcome.check.name.removeprefix("service-"): outcome.seen for outcome in found if outcome.state != "passed"}


async def test_our_own_passes(home: Path) -> None:
    """All of it."""
    found = await outcomes(home)

    assert differing(found) == {}
    assert len(found) == len(service.checks()) >= 22


def no_pong(self: Any, number: int, payload: bytes, events: list[Any]) -> None:
    """Answers with other bytes."""
    self._frame(Kind.PONG, 0, bytes(8))


def as_error(original: Callable[..., None]) -> Callable[..., None]:
    def fail(self: Any, number: int, fault: Any, *, refused: bool = False) -> None:
        original(self, number, fault)

    return fail


def deaf(*arguments: Any, **options: Any) -> None:
    """Does nothing."""


async def silent(*arguments: Any, **options: Any) -> None:
    """Does nothing."""


def reckless(original: Callable[..., bool]) -> Callable[..., bool]:
    """Sends whatever the credit."""

    def send_now(self: Any, body: bytes) -> bool:
        self.exchange.send_window = 2**40
        return original(self, body)

    return send_now


def wasteful(original: Callable[..., None]) -> Callable[..., None]:
    """Gives back twice what was taken."""

    def consumed(self: Any, exchange: Any, size: int) -> None:
        original(self, exchange, size)
        original(self, exchange, size)

    return consumed


def once(original: Callable[..., None]) -> Callable[..., None]:
    """Takes a header block the first time that it is said."""

    def define(self: Any, number: int, payload: bytes, events: list[Any]) -> None:
        if number not in self._blocks:
            original(self, number, payload, events)

    return define


def unled(block: Block, extra: Any) -> Block:
    """Does not look at extra headers."""
    return block


def hasty(original: Callable[..., Any]) -> Callable[..., Any]:
    """Does not wait until an event is on disk."""

    async def publish(self: Any, topic: str, event: Any, **options: Any) -> Any:
        return await original(self, topic, event, **{**options, "durable": False})

    return publish


class Vague:
    """Makes faults that say nothing."""

    @staticmethod
    def make(code: int, detail: str) -> Fault:
        return Fault.make(500, "it failed")


def leaves(self: Running, link: Link, reason: str) -> None:
    """Hangs up on what is under way."""
    link.close(reason)


FAULTS: list[tuple[str, Any, str, Any, set[str]]] = [
    ("a PONG with other bytes", Hearing, "_on_ping", no_pong, {"registers"}),
    ("nothing is REFUSED", Session, "fail", as_error(Session.fail), {"unknown"}),
    ("a fault has no code", serving, "Fault", Vague, {"fault", "large-request"}),
    ("a CANCEL is not heard", Server, "withdrawn", deaf, {"withdrawn"}),
    ("a CANCEL of a stream is not heard", RawStream, "cancelled", deaf, {"stream-withdrawn"}),
    ("no bound of answers", Session, "_weigh", deaf, {"large-answer"}),
    ("credit is not heeded", RawStream, "send_now", reckless(RawStream.send_now), {"heeds-credit"}),
    ("no credit is given", Session, "consumed", deaf, {"gives-credit"}),
    ("too much credit is given", Session, "consumed", wasteful(Session.consumed), {"gives-credit"}),
    ("credit is not heard", Exchange, "credit", deaf, {"heeds-credit"}),
    ("a block is taken once", Hearing, "_on_define", once(Hearing._on_define), {"blocks-anew"}),
    ("extra headers do not count", Hearing, "_led", staticmethod(unled), {"extra-headers"}),
    ("no event is acknowledged", Event, "ack", silent, {"subscribes"}),
    ("a publish is not durable", Client, "publish", hasty(Client.publish), {"publishes"}),
    ("GOAWAY ends all", Running, "going", leaves, {"goaway"}),
]


@pytest.mark.parametrize(("what", "place", "name", "fault", "names"), FAULTS, ids=[each[0] for each in FAULTS])
async def test_a_planted_fault_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: str, place: Any, name: str, fault: Any, names: set[str]
) -> None:
    """By the checks that are for it; the others are patient."""
    make = service._one

    async def one(check: Check, host: Host) -> Outcome:
        is_for_it = check.name.removeprefix("service-") in names
        monkeypatch.setattr(peer, "WAIT_SECONDS", FAULTY_SECONDS if is_for_it else OTHER_SECONDS)
        return await make(check, host)

    monkeypatch.setattr(service, "_one", one)
    monkeypatch.setattr(place, name, fault)

    found = differing(await outcomes(home))

    assert {name for name, seen in found.items() if not seen.startswith("not tried")} == names, found
    assert all(found.values())


async def test_another_token_is_found(home: Path) -> None:
    """And nothing else is tried then."""
    found = differing(await outcomes(home, shown="other"))

    assert found.pop("greets") == "another token than that of MICRO_TOKEN"
    assert set(found.values()) <= {"not tried: service-greets failed"}


async def test_a_service_of_another_name_is_found(home: Path) -> None:
    """Which the kit could not call."""
    kit = make_kit()
    kit.name = "other"
    found = differing(await outcomes(home, kit=kit))

    assert "'other'" in found["registers"]


async def test_it_starts_a_command(home: Path) -> None:
    """With the variables that a node gives its services."""
    command = (sys.executable, "-m", "tests.interop.serving")
    made = service.tried(f"unix:{home / 'kit'}", lambda where: None, command=command, token="secret")

    assert differing([outcome async for outcome in made]) == {}


async def test_what_cannot_start_is_told(home: Path) -> None:
    """At once."""
    made = service.tried(f"unix:{home / 'kit'}", lambda where: None, command=("/nowhere/at/all",))

    with pytest.raises(EngineError, match="cannot be started"):
        [outcome async for outcome in made]


async def test_a_command_that_ends_is_told(home: Path) -> None:
    """Before it has made a link: nobody waits for one then."""
    command = (sys.executable, "-c", "raise SystemExit(4)")
    made = service.tried(f"unix:{home / 'kit'}", lambda where: None, command=command)

    with pytest.raises(EngineError, match="ended with code 4 before it made a link"):
        [outcome async for outcome in made]


async def test_nobody_coming_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to start."""
    monkeypatch.setattr(service, "SERVICE_SECONDS_MAX", 0.1)
    made = service.tried(f"unix:{home / 'kit'}", lambda where: None)

    with pytest.raises(Timeout, match="MICRO_ADDRESS=unix:"):
        [outcome async for outcome in made]
