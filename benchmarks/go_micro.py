"""Measures calls in go-micro's HTTP spelling: a service behind our node beside a go-micro server, under one load.

`python -m benchmarks.go_micro` needs the Go toolchain, which builds the server from its published module, and `wrk`
(Debian: `apt-get install wrk`). The newest go-micro that is built is v4.11.0. Ours are two processes, the node that
speaks HTTP and the service behind it; go-micro's is one, on as many processors as it likes.
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
BODY = '{"name":"Ann"}'
SCRIPT = """wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Micro-Service"] = "%s"
wrk.headers["Micro-Endpoint"] = "Say.Hello"
wrk.headers["Micro-Id"] = "1"
"""
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_BAD = re.compile(r"(Non-2xx.*|Socket errors.*)")

Place = tuple[int, str, tuple[int, ...]]
"""A port, the service that is asked there, and the processes that answer."""


@asynccontextmanager
async def _ours(folder: Path) -> AsyncIterator[Place]:
    home = folder / "home"
    settings = {"MICRO_API": "false", "MICRO_NETWORK": "false", "MICRO_MUCP_PORT": "0"}
    async with node(home, **settings) as pid, Client(home=str(home)) as client:
        async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": "bench"}) as steps:
            async for step in steps:
                if step["failed"]:
                    raise RuntimeError(f"the service does not run: {step['detail']}")
        address = (await client.call("node", "Node.Status"))["mucp"]
        service = (await client.call("runtime", "Runtime.Status"))["services"][0]["pid"]
        yield int(str(address).rpartition(":")[2]), "bench", (pid, int(service))


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
        yield port, "bench", (process.pid,)


def _check(place: Place) -> None:
    """Asks once, since errors of MUCP look well to wrk."""
    headers = {"Content-Type": "application/json", "Micro-Service": place[1], "Micro-Endpoint": "Say.Hello"}
    connection = HTTPConnection("127.0.0.1", place[0], timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", "/", BODY, {**headers, "Micro-Id": "1"})
        answer = connection.getresponse()
        body, error = answer.read().decode(), answer.getheader("Micro-Error")
    finally:
        connection.close()
    if error or "Hello Ann" not in body:
        raise RuntimeError(f"it does not answer as it should: {error or body}")


async def _rate(place: Place, folder: Path, seconds: float) -> tuple[float, float]:
    """Returns calls a second, and processor seconds of the server for each."""
    script = folder / "call.lua"
    await asyncio.to_thread(script.write_text, SCRIPT % (BODY, place[1]))
    words = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script), f"http://127.0.0.1:{place[0]}/")
    used = processor_seconds(place[2])
    async with program(*words) as process:
        output = (await process.communicate())[0].decode()
    if process.returncode or (bad := _BAD.search(output)):
        raise RuntimeError(f"wrk: {bad[1] if not process.returncode and bad else output}")
    found = _RATE.search(output)
    assert found is not None, output
    rate = float(found[1])
    return rate, (processor_seconds(place[2]) - used) / (rate * seconds)


async def _measured(serve: Callable[[Path], AbstractAsyncContextManager[Place]], seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="micro-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with serve(folder) as place:
            await asyncio.to_thread(_check, place)
            await _rate(place, folder, 1)
            return await _rate(place, folder, seconds)


async def _rounds(count: int, seconds: float) -> None:
    ratios, times = [], []
    for number in range(count):
        sides = [(_ours, "ours"), (_go, "go-micro")]
        found = {}
        for serve, name in sides if number % 2 == 0 else sides[::-1]:
            found[name] = await _measured(serve, seconds)
        ours, theirs = found["ours"], found["go-micro"]
        ratios.append(ours[0] / theirs[0])
        times.append(theirs[1] / ours[1])
        print(
            f"round {number + 1}: {ours[0]:,.0f} / {theirs[0]:,.0f} calls a second, {ratios[-1]:.2f} x;"
            f" {ours[1] * 1e6:.1f} / {theirs[1] * 1e6:.1f} us of processor, {times[-1]:.2f} times less;"
            f" load {os.getloadavg()[0]:.1f}"
        )
    for what, figures in (("rate", ratios), ("processor time", times)):
        spread = spread_of(figures)
        assert spread is not None
        print(f"{what}: {spread.median:.2f} x ({spread.low:.2f} to {spread.high:.2f}), {CONNECTIONS} connections")


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
