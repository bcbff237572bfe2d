"""Generations of a service on a real node: tried beside their parents, adopted or put to zero, and gone back to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from micro.doors.api.opening import open_api
from micro.errors import Fault, NotFound
from micro.node.front import Client
from micro.node.herald import TOPIC
from micro.node.node import Node
from tests.network.places import StartNode, client_of, until
from tests.unit.runtime.guest.guests import guest

SOURCE = """
import asyncio
import json
import time
from collections.abc import AsyncIterator
from micro import Event, Service

greeter = Service("greeter")

@greeter.endpoint("Say.Version")
def version(text: str = "") -> int:
    return VERSION

@greeter.endpoint("Say.Broken")
def broken(text: str = "") -> int:
    if BROKEN:
        raise ValueError("broken")
    return VERSION

@greeter.endpoint("Say.Dear")
async def dear(text: str = "") -> int:
    until = time.thread_time() + 0.004 * (VERSION - 1)
    while time.thread_time() < until:
        pass
    return VERSION

@greeter.endpoint("Say.Count")
async def count(to: int = 3) -> AsyncIterator[int]:
    for number in range(to):
        yield VERSION
        await asyncio.sleep(0.01)

@greeter.subscribe("work", queue="workers")
async def work(event: Event) -> None:
    if BROKEN:
        raise ValueError("broken")

@greeter.subscribe("dear", queue="workers")
async def work_dearly(event: Event) -> None:
    until = time.thread_time() + 0.004 * (VERSION - 1)
    while time.thread_time() < until:
        pass

@greeter.function("slow")
def work_slowly(event: Event) -> None:
    time.sleep(0.05 * (VERSION - 1))

greeter.run()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns the folder of a service in its first version."""
    place = tmp_path / "greeter"
    place.mkdir()
    write(place, 1)
    return place


def write(folder: Path, version: int, *, broken: bool = False) -> None:
    """Commits a version of the service."""
    commit(folder, SOURCE.replace("VERSION", str(version)).replace("BROKEN", str(broken)))


def commit(folder: Path, text: str, *files: str) -> None:
    if text:
        (folder / "main.py").write_text(text)
        files = ("main.py",)
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "-q", "-b", "main"), ("add", *files), (*names, "commit", "-q", "-m", "a version")):
        subprocess.run(("git", "-C", folder, *words), check=True)


async def run(node: Node, folder: Path) -> None:
    *_, last = [progress async for progress in node.supervisor.run(f"{folder}@main")]
    assert not last.failed, last


async def offer(node: Node) -> str:
    """Offers what is in the folder now, and returns the last line."""
    *_, last = [progress async for progress in node.supervisor.offers.offer("greeter")]
    assert not last.failed, last.detail
    return last.detail


def generation(node: Node, number: int) -> dict[str, Any]:
    found = node.supervisor.offers.status("greeter")
    return next(each for each in found["generations"] if each["generation"] == number)


def is_through_the_node(client: Client) -> bool:
    """Whether the client skips the node no more."""
    return not client._ways._direct_links


async def call_many(client: Client, endpoint: str, count: int, at_once: int = 32) -> Counter[object]:
    """Calls, so many at once, and counts the answers; a fault is counted as its code."""
    left, answers = iter(range(count)), Counter[object]()

    async def caller() -> None:
        for _ in left:
            try:
                answers[await client.call("greeter", endpoint)] += 1
            except Fault as fault:
                answers[f"fault {fault.code}"] += 1

    await asyncio.gather(*(caller() for _ in range(at_once)))
    return answers


async def test_a_worse_newcomer_gets_a_twentieth_of_the_calls_and_then_none(
    start_node: StartNode, folder: Path
) -> None:
    """A caller that skipped the node is sent back to it, or nothing could be counted."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client:
        assert await client.call("greeter", "Say.Broken") == 1  # directly
        write(folder, 2, broken=True)
        assert "generation 2 of greeter is on trial beside generation 1" in await offer(node)
        await until(lambda: is_through_the_node(client))

        answers = await call_many(client, "Say.Broken", 400)
        assert answers.total() == 400
        assert 0 < answers["fault 500"] <= 20
        node.supervisor.offers.succession.look()
        assert generation(node, 2)["state"] == "zero"
        assert "fails or refuses more often than its parent" in generation(node, 2)["reasons"][0]

        assert await call_many(client, "Say.Broken", 200) == {1: 200}
        assert await client.call("greeter#2", "Say.Version") == 2
        assert await client.call("greeter#1", "Say.Version") == 1
        with pytest.raises(NotFound, match="generation 3 of greeter does not run; these do: 1, 2"):
            await client.call("greeter#3", "Say.Version")


async def test_a_newcomer_that_costs_more_gets_nothing_any_more(start_node: StartNode, folder: Path) -> None:
    """Its answers are right and hardly later, and it takes four milliseconds of a processor for each."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client:
        write(folder, 2)
        await offer(node)
        for _ in range(20):
            await call_many(client, "Say.Dear", 100, at_once=4)
            node.supervisor.offers.succession.look()
            if generation(node, 2)["state"] == "zero":
                break
        assert generation(node, 2)["state"] == "zero"
        assert generation(node, 2)["cost"]["worse"] > 5
        assert "costs more than its parent" in " ".join(generation(node, 2)["reasons"])


def write_guest(folder: Path, work: str) -> None:
    """Commits a guest that does some work for each call."""
    said = {"name": "greeter", "endpoints": [{"name": "Say.Dear"}]}
    answer = "(i32.store8 (i32.const 0) (i32.const 49)) (call $answer (i32.const 0) (i32.const 1))"
    (folder / "greeter.wasm").write_bytes(guest(f"{work} {answer}", described=said))
    (folder / "micro.toml").write_text('[service]\nrecipe = "wasm"\ncommand = "greeter.wasm"\nname = "greeter"\n')
    commit(folder, "", "greeter.wasm", "micro.toml")


async def test_a_guest_that_takes_more_fuel_gets_nothing_any_more(start_node: StartNode, tmp_path: Path) -> None:
    """Its worker counts what each call takes, and tells it with the answer."""
    folder = tmp_path / "greeter"
    folder.mkdir()
    write_guest(folder, "")
    node = await start_node(wasm_workers=1)
    await run(node, folder)
    async with client_of(node) as client:
        write_guest(folder, "(memory.fill (i32.const 8192) (i32.const 0) (i32.const 150000))" * 2)
        await offer(node)
        for _ in range(20):
            await call_many(client, "Say.Dear", 100, at_once=4)
            node.supervisor.offers.succession.look()
            if generation(node, 2)["state"] == "zero":
                break
        assert generation(node, 2)["cost"]["worse"] > 5
        assert generation(node, 2)["cost"]["better"] == generation(node, 2)["cost"]["same"] == 0
        assert "costs more than its parent" in " ".join(generation(node, 2)["reasons"])


async def test_a_newcomer_alone_is_not_called_around_the_node(start_node: StartNode, folder: Path) -> None:
    """While its parent is away it is the only one there, and still on trial: nobody is led past those who count."""
    node = await start_node()
    await run(node, folder)
    write(folder, 2)
    await offer(node)
    (parent,) = (instance for instance in node.supervisor._launcher._live.values() if instance.badge.generation == 1)
    os.kill(parent.pid, signal.SIGKILL)
    await until(lambda: [i.generation for i in instances(node) if i.state == "serving"] == [2])
    async with client_of(node) as client:
        found = await client.call("registry", "Registry.Route", {"name": "greeter"})
        assert found["addresses"] == []
        assert is_through_the_node(client)


async def test_a_newcomer_that_is_no_worse_takes_over_without_a_failed_call(
    start_node: StartNode, folder: Path
) -> None:
    """The generation before lives on, for those who ask for it and for streams that began with it."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client, client.stream("greeter", "Say.Count", {"to": 10_000}) as before:
        assert await anext(aiter(before)) == 1
        write(folder, 2)
        await offer(node)
        seen: Counter[object] = Counter()
        for _ in range(60):
            seen += await call_many(client, "Say.Version", 500)
            node.supervisor.offers.succession.look()
            if generation(node, 2)["state"] == "active":
                break
            await asyncio.sleep(0)
        await until(lambda: generation(node, 2)["state"] == "active", 5, what=str(generation(node, 2)))
        assert set(seen) == {1, 2}
        assert await call_many(client, "Say.Version", 50) == {2: 50}
        assert await client.call("greeter#1", "Say.Version") == 1
        assert await anext(aiter(before)) == 1
        assert generation(node, 1)["state"] == "retired"


async def test_a_newcomer_that_does_not_handle_its_events_gets_none_any_more(
    start_node: StartNode, folder: Path
) -> None:
    """Events of a queue are shared out and compared as calls are, and those it gave back are handled by its parent."""
    node = await start_node()
    await run(node, folder)
    write(folder, 2, broken=True)
    await offer(node)
    async with client_of(node) as client:
        for _ in range(420):
            await client.publish("work", {})

        async def is_decided() -> bool:
            node.supervisor.offers.succession.look()
            return generation(node, 2)["state"] == "zero"

        await until(is_decided, 10, what=str(generation(node, 2)))
        had = generation(node, 2)["calls"]
        assert generation(node, 2)["failed"] == had
        assert 0 < had <= 25  # of 420 and those that came again
        for _ in range(60):
            await client.publish("work", {})
        (report,) = (report for report in node.broker.topics() if report.topic == "work")
        await until(lambda: node.trials == {})
        assert generation(node, 2)["calls"] == had
        assert report.queues[0].members == 2


@pytest.mark.parametrize(
    ("topic", "quality", "reason"),
    [("dear", "cost", "costs more than its parent"), ("slow", "speed", "is slower than its parent")],
)
async def test_a_newcomer_that_takes_more_for_its_events_gets_none_any_more(
    start_node: StartNode, folder: Path, topic: str, quality: str, reason: str
) -> None:
    """It handles each: it tells how long that took, without the time that the event waited, and what it cost."""
    node = await start_node()
    await run(node, folder)
    write(folder, 2)
    await offer(node)
    async with client_of(node) as client:
        for _ in range(20):
            for _ in range(100):
                await client.publish(topic, {})
            node.supervisor.offers.succession.look()
            if generation(node, 2)["state"] == "zero":
                break
            await asyncio.sleep(0.1)
        assert generation(node, 2)["state"] == "zero"
        assert generation(node, 2)[quality]["worse"] > 5
        assert generation(node, 2)["failed"] == 0
        assert reason in " ".join(generation(node, 2)["reasons"])


async def test_a_rollback_is_only_a_weight(start_node: StartNode, folder: Path) -> None:
    """No process ends and none begins; without a number it goes back to the one before."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client:
        write(folder, 2)
        await offer(node)
        offers = node.supervisor.offers
        assert await offers.rollback("greeter", 2) == "generation 2 of greeter gets all calls"
        assert await call_many(client, "Say.Version", 50) == {2: 50}
        assert await offers.rollback("greeter") == "generation 1 of greeter gets all calls"
        await until(lambda: is_through_the_node(client))
        assert await call_many(client, "Say.Version", 50) == {1: 50}
        assert generation(node, 2)["state"] == "retired"
        assert generation(node, 1)["reasons"] == ["its owner said so"]
        with pytest.raises(NotFound, match="generation 7 of greeter does not live any more; these do: 1, 2"):
            await offers.rollback("greeter", 7)
        assert "is generation 2 already, retired" in await offer(node)


async def test_an_owner_may_update_and_kill_past_a_trial(start_node: StartNode, folder: Path) -> None:
    """An update moves all calls at once and ends the trial; what is killed is gone with all its generations."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client:
        write(folder, 2)
        await offer(node)
        write(folder, 3)
        *_, last = [progress async for progress in node.supervisor.update("greeter")]
        assert not last.failed, last
        assert await call_many(client, "Say.Version", 50) == {3: 50}
        states = {number: generation(node, number)["state"] for number in (1, 2, 3)}
        assert states == {1: "ended", 2: "zero", 3: "active"}
        assert node.trials == {}
        assert await client.call("greeter#2", "Say.Version") == 2

        await node.supervisor.kill("greeter")
        assert instances(node) == []


async def test_a_newcomer_that_does_not_come_up_changes_nothing_and_is_told(
    start_node: StartNode, folder: Path
) -> None:
    """The event is in the node's own topic."""
    node = await start_node()
    await run(node, folder)
    async with client_of(node) as client, client.subscribe(TOPIC) as events:
        commit(folder, "raise SystemExit(3)\n")
        *_, last = [progress async for progress in node.supervisor.offers.offer("greeter")]
        assert last.failed
        assert "it ended before it registered, with code 3" in last.detail
        event = await anext(aiter(events))
        assert json.loads(event.body)["kind"] == "refused"
        assert [each["generation"] for each in node.supervisor.offers.status("greeter")["generations"]] == [1]
        assert await call_many(client, "Say.Version", 20) == {1: 20}


async def test_a_trial_goes_on_where_it_was_when_the_node_starts_again(start_node: StartNode, folder: Path) -> None:
    """What was counted is remembered, and the newcomer comes back with its number and its weight."""
    node = await start_node()
    home = node.config.home
    await run(node, folder)
    write(folder, 2)
    await offer(node)
    async with client_of(node) as client:
        await call_many(client, "Say.Version", 400)
    await node.stop()

    node = await start_node(home)
    await until(lambda: any(i.generation == 2 and i.weight == 500 for i in instances(node)))
    assert generation(node, 2)["state"] == "canary"
    assert sum(generation(node, 2)["answers"].values()) >= 15
    async with client_of(node) as client:
        assert await client.call("greeter#2", "Say.Version") == 2


def instances(node: Node) -> list[Any]:
    view = node.catalog.lookup("greeter")
    return list(view.instances) if view is not None else []


async def typed(node: Node, *words: str) -> str:
    """Types a command, and returns what it writes."""
    environment = {**os.environ, "MICRO_HOME": str(node.home.path), "NO_COLOR": "1"}
    program = (sys.executable, "-m", "micro", *words)
    process = await asyncio.create_subprocess_exec(*program, stdout=subprocess.PIPE, env=environment)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_generations_are_seen_and_called_from_every_door(start_node: StartNode, folder: Path) -> None:
    """The command line names them as `greeter#2`, and so does HTTP, where the sign is written `%23`."""
    node = await start_node(api=True, api_port=0)
    await open_api(node)
    await run(node, folder)
    write(folder, 2)
    assert "generation 2 of greeter is on trial" in await typed(node, "update", "greeter", "--trial")

    found = json.loads(await typed(node, "evolution", "greeter", "--output", "json"))
    states = [(each["generation"], each["state"], each["weight"]) for each in found["generations"]]
    assert states == [(1, "active", 9_500), (2, "canary", 500)]
    assert json.loads(await typed(node, "call", "greeter#2", "Say.Version")) == {"result": 2}
    assert (await typed(node, "greeter#1", "say", "version")).strip() == "1"
    for number in (1, 2):
        answer = await asyncio.to_thread(post, f"{node.status()['api']}/api/greeter%23{number}/Say.Version", node.token)
        assert answer == {"result": number}

    assert "generation 1 of greeter gets all calls" in await typed(node, "rollback", "greeter")
    found = json.loads(await typed(node, "evolution", "greeter", "--output", "json"))
    assert [each["state"] for each in found["generations"]] == ["active", "zero"]


def post(url: str, token: str) -> object:
    request = urllib.request.Request(url, b"{}", {"Authorization": f"Bearer {token}"}, method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())
