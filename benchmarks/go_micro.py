"""Measures calls in go-micro's HTTP spelling beside a go-micro server, under one load.

`python -m benchmarks.go_micro` needs the Go toolchain, which builds the server from its published module, and `wrk`
(Debian: `apt-get install wrk`). The newest go-micro that is built is v4.11.0. Four are measured in turn:

* `go-micro`: a server with the handler in its own process, on as many processors as it likes;
* `node`: our node asked for an endpoint of its own, so that one process hears and answers, as there;
* `node and service`: our node asked for an endpoint of a service, which is a second process behind it;
* `bare`: one process of uvloop and httptools that reads no header and always says the same: no Python is faster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.peers.micro_network import SERVICE, node
from benchmarks.process import processor_seconds, program, until
from benchmarks.result import spread_of
from micro.node.front import Client
from tests.interop.programs import GENERATIONS, build, reason_not_to

__all__ = ["main"]

CONNECTIONS = 64
BUILD_SECONDS = 900
ANSWER_SECONDS = 30
GO = "go-micro"
SETTINGS = {"MICRO_API": "false", "MICRO_NETWORK": "false", "MICRO_MUCP_PORT": "0"}
SCRIPT = """wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Micro-Service"] = "%s"
wrk.headers["Micro-Endpoint"] = "%s"
wrk.headers["Micro-Id"] = "1"
"""
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_BAD = re.compile(r"(Non-2xx.*|Socket errors.*)")


@dataclass(frozen=True)
class Place:
    """Whom the load is for.

    Attributes:
        port: where it is asked.
        pids: the processes that answer.
        service, endpoint, body: what it is asked.
        answer: what is in each answer.
    """

    port: int
    pids: tuple[int, ...]
    service: str = "bench"
    endpoint: str = "Say.Hello"
    body: str = '{"name":"Ann"}'
    answer: str = "Hello Ann"


@asynccontextmanager
async def _bare(folder: Path) -> AsyncIterator[Place]:
    del folder
    async with program(sys.executable, "-m", "benchmarks.bare_http") as process:
        assert process.stdout is not None
        yield Place(int(await process.stdout.readline()), (process.pid,))


@asynccontextmanager
async def _node(folder: Path) -> AsyncIterator[Place]:
    home = folder / "home"
    async with node(home, **SETTINGS) as pid, Client(home=str(home)) as client:
        yield Place(await _port(client), (pid,), "registry", "Debug.Health", "{}", '"status":"ok"')


async def _port(client: Client) -> int:
    return int(str((await client.call("node", "Node.Status"))["mucp"]).rpartition(":")[2])


@asynccontextmanager
async def _ours(folder: Path) -> AsyncIterator[Place]:
    home = folder / "home"
    async with node(home, **SETTINGS) as pid, Client(home=str(home)) as client:
        async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": "bench"}) as steps:
            async for step in steps:
                if step["failed"]:
                    raise RuntimeError(f"the service does not run: {step['detail']}")
        service = (await client.call("runtime", "Runtime.Status"))["services"][0]["pid"]
        yield Place(await _port(client), (pid, int(service)))


@asynccontextmanager
async def _go(folder: Path) -> AsyncIterator[Place]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    environment = {
        "INTEROP_DO": "serve",
        "INTEROP_NAME": "bench",
        "MICRO_SERVER_ADDRESS": f"127.0.0.1:{port}",
    }
    built = await asyncio.to_thread(build, GENERATIONS[-1], BUILD_SECONDS)
    if built is None:
        raise RuntimeError(f"go-micro is not built within {BUILD_SECONDS} s; run this again to go on")

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async with program(str(built), environment=environment, log=folder / "log") as process:
        await until(answers)
        yield Place(port, (process.pid,))


def _check(place: Place) -> None:
    """Asks once, since errors of MUCP look well to wrk."""
    headers = {"Content-Type": "application/json", "Micro-Service": place.service}
    connection = HTTPConnection("127.0.0.1", place.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", "/", place.body, {**headers, "Micro-Endpoint": place.endpoint, "Micro-Id": "1"})
        answer = connection.getresponse()
        body, error = answer.read().decode(), answer.getheader("Micro-Error")
    finally:
        connection.close()
    if error or place.answer not in body:
        raise RuntimeError(f"it does not answer as it should: {error or body}")


async def _rate(place: Place, folder: Path, seconds: float) -> tuple[float, float]:
    """Returns calls a second, and processor seconds of the server for each."""
    script = folder / "call.lua"
    await asyncio.to_thread(script.write_text, SCRIPT % (place.body, place.service, place.endpoint))
    words = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script), f"http://127.0.0.1:{place.port}/")
    used = processor_seconds(place.pids)
    async with program(*words) as process:
        output = (await process.communicate())[0].decode()
    if process.returncode or (bad := _BAD.search(output)):
        raise RuntimeError(f"wrk: {bad[1] if not process.returncode and bad else output}")
    found = _RATE.search(output)
    assert found is not None, output
    rate = float(found[1])
    return rate, (processor_seconds(place.pids) - used) / (rate * seconds)


async def _measured(serve: Callable[[Path], AbstractAsyncContextManager[Place]], seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with serve(folder) as place:
            await asyncio.to_thread(_check, place)
            await _rate(place, folder, 1)
            return await _rate(place, folder, seconds)


SIDES: dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]] = {
    GO: _go,
    "node and service": _ours,
    "node": _node,
    "bare": _bare,
}


async def _rounds(count: int, seconds: float) -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    for number in range(count):
        for name in list(SIDES) if number % 2 == 0 else list(SIDES)[::-1]:
            found[name].append(await _measured(SIDES[name], seconds))
        told = [f"{name} {figures[-1][0]:,.0f} ({figures[-1][1] * 1e6:.1f} us)" for name, figures in found.items()]
        print(f"round {number + 1}: {'; '.join(told)}; load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"calls a second and processor time of a call, beside {GO}'s, {CONNECTIONS} connections:")
    for name, figures in found.items():
        rates = spread_of([ours[0] / theirs[0] for ours, theirs in zip(figures, found[GO], strict=True)])
        times = spread_of([theirs[1] / ours[1] for ours, theirs in zip(figures, found[GO], strict=True)])
        assert rates is not None
        assert times is not None
        print(
            f"{name:>17}: {rates.median:5.2f} x the rate ({rates.low:.2f} to {rates.high:.2f}),"
            f" {times.median:5.2f} times less processor ({times.low:.2f} to {times.high:.2f})"
        )


def main() -> int:
    """Measures and prints; returns 1 where what it takes is not here."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.go_micro", description="Measure beside go-micro.")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how many rounds [default: 7]")
    parser.add_argument("--seconds", type=int, default=5, metavar="S", help="for each measurement [default: 5]")
    options = parser.parse_args()
    why = reason_not_to() or ("" if shutil.which("wrk") else "the load is made by wrk, and there is no `wrk`")
    if why:
        sys.stderr.write(f"nothing is measured: {why}\n")
        return 1
    asyncio.run(_rounds(options.rounds, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
