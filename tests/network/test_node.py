"""One node: a service from its directory, called, streamed with, published to, killed, updated."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micro.errors import (
    BadRequest,
    Conflict,
    Fault,
    Forbidden,
    InternalError,
    NoNode,
    NotFound,
    Timeout,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from micro.node.front import Client
from tests.network.places import StartNode, client_of, pid_of, run, until


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
async def test_a_service_answers_in_every_form(start_node: StartNode, greeter_folder: Path, direct: bool) -> None:
    """Calls, raw bytes and both kinds of stream work the same way directly and through the node."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node, direct=direct) as client:
        assert await client.call("greeter", "Say.Hello", {"name": "Ann"}) == "Hello Ann"
        assert await client.call("greeter", "Say.Hello", {"name": "Ann"}, returns=str) == "Hello Ann"
        assert await client.call("greeter", "Greeter.Blocking", {"n": 4}) == 5
        assert await client.call("greeter", "Say.Bytes", b"\x00\xff" * 600_000) == b"\x00\xff" * 600_000
        async with client.stream("greeter", "Say.Count", {"to": 3000}) as numbers:
            assert [number async for number in numbers] == list(range(3000))
        async with client.stream("greeter", "Say.Shout") as words:
            await words.send("abc")
            assert await anext(aiter(words)) == "ABC"
            await words.end()
        async with client.stream("greeter", "Say.Total") as numbers:
            for number in (1, 2, 3):
                await numbers.send(number)
            await numbers.end()
            assert [total async for total in numbers] == [6]


async def test_a_handler_that_gives_up_fails_its_own_call_alone(start_node: StartNode, greeter_folder: Path) -> None:
    """Whatever it raises: the caller's other calls on the same link go on, and so does the process."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node) as client:
        instance = await client.call("greeter", "Say.Instance")
        other = asyncio.create_task(client.call("greeter", "Say.Slowly", {"seconds": 1}))
        await asyncio.sleep(0.1)
        for how, name in (("cancelled", "CancelledError"), ("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt")):
            with pytest.raises(InternalError, match=name):
                await client.call("greeter", "Say.Leave", {"how": how})
        for how, name in (("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt")):
            with pytest.raises(InternalError, match=name):
                await client.call("greeter", "Say.LeaveLater", {"how": how})
            async with client.stream("greeter", "Say.LeaveStream", {"how": how}) as numbers:
                with pytest.raises(InternalError, match=name):
                    [number async for number in numbers]
        assert await other == "at last"
        assert await client.call("greeter", "Say.Instance") == instance


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
async def test_failures_say_what_and_why(start_node: StartNode, greeter_folder: Path, direct: bool) -> None:
    """Each kind of failure arrives as its fault, and an exception's own text stays at home."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node, direct=direct) as client:
        with pytest.raises(BadRequest, match="name: expected a string, got 5"):
            await client.call("greeter", "Say.Hello", {"name": 5})
        with pytest.raises(NotFound, match=r"no endpoint Say\.Helo; it has Say\.Hello"):
            await client.call("greeter", "Say.Helo")
        with pytest.raises(NotFound, match="micro services"):
            await client.call("gretr", "Say.Hello")
        with pytest.raises(Conflict, match="as asked"):
            await client.call("greeter", "Say.Fail")
        for endpoint in ("Say.Hello", "Say.Slowly"):
            async with client.stream("greeter", endpoint, {"seconds": 0} if "Slow" in endpoint else {}) as stream:
                with pytest.raises(BadRequest, match="is a call, not a stream"):
                    await anext(aiter(stream))
        with pytest.raises(InternalError) as crash:
            await client.call("greeter", "Say.Crash")
        with pytest.raises(Unavailable, match=r"greeter gave up the work on Say\.GiveUp"):
            await client.call("greeter", "Say.GiveUp", timeout_seconds=20)
        for wrong in (float("inf"), float("nan"), "5"):
            with pytest.raises(BadRequest, match="timeout_seconds: expected a number of seconds"):
                await client.call("greeter", "Say.Hello", timeout_seconds=wrong)  # type: ignore[arg-type]
        with pytest.raises(BadRequest, match="Micro-Endpoint: a header value is text, not NoneType"):
            await client.call("greeter", None)  # type: ignore[call-overload]
        with pytest.raises(BadRequest, match="X-A: a header value is text, not int"):
            await client.call("greeter", "Say.Hello", headers={"X-A": 5})  # type: ignore[dict-item]
        with pytest.raises(Timeout, match=r"0\.2 s"):
            await client.call("greeter", "Say.Slowly", {"seconds": 5}, timeout_seconds=0.2)

    assert "secret" not in crash.value.detail


BLAMING = """
from collections.abc import AsyncIterator

from micro import Service
from micro.errors import BadRequest, NotFound, TooManyRequests

blaming = Service("blaming")


@blaming.endpoint("Say.Fail")
async def fail(how: str) -> str:
    faults = {"wrong": BadRequest("no"), "absent": NotFound("no"), "often": TooManyRequests("no")}
    raise {**faults, "else": NotFound("no", id="far.A.B")}.get(how, ValueError(how))


@blaming.endpoint("Say.Begin")
async def begin() -> AsyncIterator[int]:
    raise NotFound("there is nothing to begin with")
    yield 1


blaming.run()
"""


async def test_what_is_the_callers_fault_is_no_failure_of_the_service(start_node: StartNode, tmp_path: Path) -> None:
    """Figures and traces tell apart what was asked wrongly, and what a service failed at or was refused elsewhere."""
    folder = tmp_path / "blaming"
    folder.mkdir()
    (folder / "main.py").write_text(BLAMING)
    node = await start_node()
    await run(node, folder)

    async with client_of(node) as client:
        for how in ("wrong", "absent", "often", "else", "crash"):
            with pytest.raises(Fault):
                await client.call("blaming", "Say.Fail", {"how": how})
        with pytest.raises(BadRequest):
            await client.call("blaming", "Say.Fail", {"how": 5})
        async with client.stream("blaming", "Say.Begin") as numbers:
            with pytest.raises(NotFound):
                await anext(aiter(numbers))
        stats = await client.call("blaming", "Debug.Stats")
        traces = (await client.call("blaming", "Debug.Trace"))["traces"]

    counted = {name: (each["requests"], each["errors"], each["rejected"]) for name, each in stats["endpoints"].items()}
    assert (counted["Say.Fail"], counted["Say.Begin"]) == ((6, 2, 4), (1, 0, 1))
    assert (stats["errors"], stats["rejected"]) == (2, 5)
    told = [each["rejected"] for each in traces if each["endpoint"] == "Say.Fail"]
    assert told == [True, True, True, False, False, True]
    await node.figures.collect()
    assert [(each.errors, each.rejected) for each in node.figures.all() if each.endpoint == "Say.Fail"] == [(2, 4)]


async def test_a_killed_process_is_gone_at_once_and_comes_back(start_node: StartNode, greeter_folder: Path) -> None:
    """Calls under way fail as of unknown outcome, idempotent ones succeed on the next instance."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node, direct=False) as client:
        instance = await client.call("greeter", "Say.Instance")
        under_way = asyncio.create_task(client.call("greeter", "Say.Slowly", {"seconds": 30}))
        await asyncio.sleep(0.1)
        os.kill(pid_of(node, "greeter"), signal.SIGKILL)
        with pytest.raises(Unavailable, match="outcome unknown"):
            await under_way
        answers: list[str] = []
        while not answers or not answers[-1].startswith("greeter-"):
            try:
                answers.append(await client.call("greeter", "Say.Instance"))
            except Unavailable as fault:  # and never a 404: it is there again in a moment
                answers.append(fault.detail)

    assert answers[-1] != instance
    assert len(answers) == 1 or "being started again" in answers[0]


async def test_a_service_that_is_started_again_is_not_called_unknown(
    start_node: StartNode, greeter_folder: Path
) -> None:
    """Whoever asks for its description or for the way to it hears the same as whoever calls it."""
    node = await start_node()
    await run(node, greeter_folder)
    for instance in node.catalog.holding(node.nid):
        node.catalog.deregister(instance, node.ports.clock.monotonic())

    async with client_of(node) as client:
        for endpoint in ("Registry.Get", "Registry.Route"):
            with pytest.raises(Unavailable, match="greeter is not there now: it is being started again"):
                await client.call("registry", endpoint, {"name": "greeter"})
            with pytest.raises(NotFound, match="no service is called gretr"):
                await client.call("registry", endpoint, {"name": "gretr"})
    with pytest.raises(Unavailable, match="being started again"):
        node.describe("greeter")


async def test_a_version_that_does_not_run_is_not_found(start_node: StartNode, greeter_folder: Path) -> None:
    """And those that do are named: waiting does not help."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node) as client:
        with pytest.raises(NotFound, match=r"greeter runs in version 0\.1\.0, not '9'; ask for one of these"):
            await client.call("greeter@9", "Say.Hello")
        assert await client.call("greeter@0.1", "Say.Hello") == "Hello world"


async def test_events_wait_for_their_subscriber(start_node: StartNode, greeter_folder: Path) -> None:
    """What was published before anybody subscribed is handled when the subscriber appears, once."""
    node = await start_node()

    async with client_of(node) as client:
        for n in range(20):
            await client.publish("orders", {"n": n}, id=f"order-{n}")
        await client.publish("orders", {"n": 0}, id="order-0")
        await run(node, greeter_folder)

        async def handled() -> list[str]:
            return [line.line for line in await node.supervisor.tail("greeter") if line.line.startswith("order")]

        await until(lambda: _has(handled, 20))
        assert sorted(await handled()) == sorted(f"order {n}" for n in range(20))


async def _has(lines: object, count: int) -> bool:
    return len(await lines()) >= count  # type: ignore[operator]


async def test_an_event_that_cannot_be_handed_out_is_refused(start_node: StartNode) -> None:
    """More headers than fit beside those of the topic's keeper are refused at once, and the topic goes on."""
    node = await start_node()
    async with client_of(node) as client:
        with pytest.raises(TooLarge, match="headers"):
            await client.publish("many", {"n": 0}, headers={f"X-{n}": "y" for n in range(60)})
        await client.publish("many", {"n": 1}, headers={"X-1": "y"})
        async with client.subscribe("many", "reader") as events:
            event = await anext(aiter(events))

    assert (event.value, event.headers["x-1"]) == ({"n": 1}, "y")


async def test_everything_comes_back_with_the_node(start_node: StartNode, greeter_folder: Path) -> None:
    """A node that was stopped runs the same services again, is the same node, and a client finds it."""
    node = await start_node()
    await run(node, greeter_folder)
    async with client_of(node) as client:
        await client.call("greeter", "Say.Hello")
        await node.stop()
        with pytest.raises((NoNode, Unavailable)):
            await client.call("greeter", "Say.Hello")
        again = await start_node(str(node.home.path))
        await until(lambda: again.catalog.lookup("greeter"))

        assert again.nid == node.nid
        assert await client.call("greeter", "Say.Hello") == "Hello world"


async def test_an_update_fails_no_call(start_node: StartNode, greeter_folder: Path) -> None:
    """While a service moves to a new revision, every call is answered, by the old one or the new."""
    node = await start_node()
    await run(node, greeter_folder)
    answers: list[str] = []
    stop = asyncio.Event()

    async def ask(client: Client) -> None:
        while not stop.is_set():
            answers.append(await client.call("greeter", "Say.Hello"))

    async with client_of(node) as near, client_of(node, direct=False) as far:
        asking = [asyncio.create_task(ask(client)) for client in (near, far, near, far)]
        await asyncio.sleep(0.2)
        main = greeter_folder / "main.py"
        main.write_text(main.read_text().replace("Hello {name}", "Welcome {name}"))
        async for progress in node.supervisor.update("greeter"):
            assert not progress.failed, progress
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*asking)

    assert {answers[0], answers[-1]} == {"Hello world", "Welcome world"}


async def test_a_service_is_itself_and_no_more(start_node: StartNode, tmp_path: Path) -> None:
    """A supervised service may call others as itself, and may not control the node."""
    folder = tmp_path / "curious"
    folder.mkdir()
    (folder / "main.py").write_text(
        "from typing import Any\n"
        "from micro import Context, Service\n"
        "curious = Service('curious')\n"
        "@curious.endpoint('Try.It')\n"
        "async def attempt(service: str, endpoint: str, context: Context) -> dict[str, Any]:\n"
        "    return {'answer': await context.client.call(service, endpoint, {})}\n"
        "curious.run()\n"
    )
    node = await start_node()
    await run(node, folder)

    async with client_of(node) as client:
        seen = await client.call("curious", "Try.It", {"service": "registry", "endpoint": "Registry.List"})
        with pytest.raises(Forbidden, match="owner"):
            await client.call("curious", "Try.It", {"service": "runtime", "endpoint": "Runtime.Status"})

    assert [found["name"] for found in seen["answer"]["services"]] == ["curious"]


async def test_a_service_that_stands_still_does_not_fill_the_node(start_node: StartNode, greeter_folder: Path) -> None:
    """Messages for it are refused once so many wait, its link lives, and it answers when it goes on."""
    node = await start_node()
    await run(node, greeter_folder)

    async with client_of(node, direct=False) as client, AsyncExitStack() as streams:
        pid, instance = pid_of(node, "greeter"), await client.call("greeter", "Say.Instance")
        opened = [await streams.enter_async_context(client.stream("greeter", "Say.Shout")) for _ in range(24)]
        os.kill(pid, signal.SIGSTOP)
        try:
            for stream in opened:
                await stream.send("x" * 4_000_000)
            answers = [asyncio.create_task(anext(aiter(stream))) for stream in opened]  # type: ignore[arg-type]
            await until(lambda: any(answer.done() for answer in answers))
        finally:
            os.kill(pid, signal.SIGCONT)
        found = await asyncio.gather(*answers, return_exceptions=True)
        assert await client.call("greeter", "Say.Instance") == instance

    assert {type(one) for one in found} == {str, TooManyRequests}


async def test_direct_calls_are_counted(start_node: StartNode, greeter_folder: Path) -> None:
    """The node's figures hold what callers did that skipped it."""
    node = await start_node()
    await run(node, greeter_folder)
    async with client_of(node) as client:
        for _ in range(7):
            await client.call("greeter", "Say.Hello")

    await node.figures.collect()

    assert [f.requests for f in node.figures.all() if f.endpoint == "Say.Hello"] == [7]


async def test_a_call_leaves_nothing_behind(start_node: StartNode, greeter_folder: Path) -> None:
    """Futures and answers of calls that are over are freed, in the caller and in the node."""
    node = await start_node()
    await run(node, greeter_folder)
    async with client_of(node) as near, client_of(node, direct=False) as far:
        before = _futures()
        for _ in range(300):
            await near.call("greeter", "Say.Hello")
            await far.call("greeter", "Say.Hello")

        assert _futures() - before < 50


def _futures() -> int:
    gc.collect()
    return sum(isinstance(found, asyncio.Future) for found in gc.get_objects())


async def test_an_owner_names_a_service(start_node: StartNode, greeter_folder: Path) -> None:
    """The same source runs twice under two names, and each answers under its own."""
    node = await start_node()
    assert await run(node, greeter_folder) == "greeter"
    assert await run(node, greeter_folder, "second") == "second"

    async with client_of(node) as client:
        instances = {await client.call(name, "Say.Instance") for name in ("greeter", "second")}
    assert len(instances) == 2


async def test_the_home_is_the_owners_alone(start_node: StartNode) -> None:
    """The home, its key, its token and its sockets cannot be opened by others."""
    node = await start_node()

    modes = {
        name: stat.S_IMODE((node.home.path / name).stat().st_mode)
        for name in (".", "key", "token", "run/node.sock", "broker.db")
        if (node.home.path / name).exists()
    }
    assert {mode & 0o077 for mode in modes.values()} == {0}


async def test_a_client_without_a_node_says_how_to_start_one(home: Path) -> None:
    """The error names the command."""
    with pytest.raises(NoNode, match="micro server"):
        async with Client(home=str(home)):
            pass
