"""Measures calls in go-micro's HTTP spelling beside a go-micro server, under one load.

`python -m benchmarks.go_micro` needs the Go toolchain, which builds the server from its published module, and `wrk`
(Debian: `apt-get install wrk`). The newest go-micro that is built is v4.11.0. Four are measured in turn:

* `go-micro`: a server with the handler in its own process, on as many processors as it likes;
* `node`: our node asked for an endpoint of its own, so that one process hears and answers, as there;
* `node and service`: our node asked for an endpoint of a service, which is a second process behind it;
* `bare`: one process of uvloop and httptools that reads no header and always says the same: no Python is faster.

With `--clients` the load is made by programs instead, and no `wrk` is needed; see `benchmarks.go_clients`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import go_clients
from benchmarks.go_places import Place, bare, go_server, node_alone, node_and_service
from benchmarks.process import processor_seconds, program
from benchmarks.result import spread_of
from tests.interop.programs import reason_not_to

__all__ = ["main"]

CONNECTIONS = 64
ANSWER_SECONDS = 30
GO = "go-micro"
SCRIPT = """wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Micro-Service"] = "%s"
wrk.headers["Micro-Endpoint"] = "%s"
wrk.headers["Micro-Id"] = "1"
"""
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_BAD = re.compile(r"(Non-2xx.*|Socket errors.*)")


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
    GO: go_server,
    "node and service": node_and_service,
    "node": node_alone,
    "bare": bare,
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
    parser.add_argument("--clients", action="store_true", help="have programs call, of go-micro and ours")
    options = parser.parse_args()
    is_able = options.clients or shutil.which("wrk")
    why = reason_not_to() or ("" if is_able else "the load is made by wrk, and there is no `wrk`")
    if why:
        sys.stderr.write(f"nothing is measured: {why}\n")
        return 1
    measured = go_clients.rounds if options.clients else _rounds
    asyncio.run(measured(options.rounds, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
