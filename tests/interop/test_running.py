"""`micro run` of an unchanged go-micro program: a service of the node, confined like others, that is called and calls.

The program is written as go-micro's documentation writes one. `make test` runs it with the generation of today's
default, `make prove` with all of which one can be built.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, Fault, MicroError
from micro.node.front import Client
from tests.interop import programs
from tests.interop.matrix import Cell, Matrix
from tests.interop.programs import PLACE, SOURCE, Built, Generation
from tests.interop.test_events import until

REASON = programs.reason_not_to()
NAME = "go-micro-srv-greeter"
DIRECTION = "we run Go by micro run"
PATIENCE_SECONDS = 120.0
EVENT_SECONDS = 60.0
SHOUTER = '''
from micro import Service

shouter = Service("shouter")


@shouter.endpoint("Shouter.Shout")
def shout(text: str) -> str:
    """Shouts."""
    return text.upper()


shouter.run()
'''

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)


class House:
    """A node of its own, as its owner uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fetched = f"file://{PLACE / 'modules' / 'cache' / 'download'}"
        asked = subprocess.run(["go", "env", "GOPROXY"], capture_output=True, text=True, check=True)
        self.environment = {
            **os.environ,
            "MICRO_HOME": str(folder / "home"),
            "GOCACHE": str(PLACE / "cache"),
            "GOPROXY": f"{fetched},{asked.stdout.strip()}",
        }
        self.client = Client(home=str(folder / "home"))

    async def micro(self, *words: str) -> str:
        """Types a command and returns what it says, with its errors."""
        process = await self.start(*words)
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, _ = await process.communicate()
        return said.decode()

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "micro", *words),
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def call(self, endpoint: str, **request: Any) -> Any:
        return await self.client.call(NAME, endpoint, request)

    async def again(self, work: Callable[[], Any]) -> Any:
        """Does something until it succeeds: while its service is being started again it is not there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await work()
                except MicroError:
                    await asyncio.sleep(0.2)


@pytest.fixture
async def house(sandbox_of_here: str) -> AsyncIterator[House]:
    """Yields a node."""
    async with AsyncExitStack() as ending:
        place = ending.enter_context(tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True))
        house = House(Path(place))
        (house.folder / "home").mkdir(mode=0o700)
        node = await house.start("server", "--no-network", "--no-api", "--mucp-port", "0", "--log-level", "error")
        try:
            await house.again(lambda: house.client.call("node", "Node.Status"))
            yield house
        finally:
            await house.client.close()
            node.terminate()
            await node.communicate()


def documented(generation: Generation, folder: Path) -> None:
    """Writes the program for a generation."""
    shutil.copytree(SOURCE / generation.name, folder, ignore=shutil.ignore_patterns("*.go"))
    text = (SOURCE / "documented" / "main.go").read_text()
    (folder / "main.go").write_text(text.replace('"MICRO', f'"{generation.module}'))


async def test_an_unchanged_program_is_a_service(
    house: House, generation: Generation, built: Built, matrix: Matrix
) -> None:
    """It is called, streamed and published to, calls us, has types, is started again after a crash, and has a log."""
    built(generation)  # so that its modules are here
    documented(generation, house.folder / "greeter")
    (house.folder / "shouter").mkdir()
    (house.folder / "shouter" / "main.py").write_text(SHOUTER)
    assert f"{NAME} runs" in (said := await house.micro("run", "./greeter")), said
    assert "shouter runs" in await house.micro("run", "./shouter")

    described = await house.client.call("registry", "Registry.Get", {"name": NAME})
    seen = {
        "types": _types(described),
        "unary JSON": await house.call("Greeter.Hello", name="Ann"),
        "structured error": await _refusal(house),
        "server stream": await _counted(house),
        "a call of ours": await house.again(lambda: house.call("Greeter.Shouted", name="Ann")),
    }
    await until(lambda: "heard of Bob" in log(house), lambda: house.client.publish("arrivals", {"name": "Bob"}))
    seen["publish"] = log(house).count("heard of Bob") >= 1
    seen["an event of its own"] = await _announced(house)
    seen["crash"] = await _crashed(house)
    wanted = {
        "types": ("1.2.3", ["count", "name"], ["greeting"]),
        "unary JSON": {"greeting": "Hello Ann"},
        "structured error": ("greeter.Greeter.Hello", "no name"),
        "server stream": ["Hello Ann 0", "Hello Ann 1", "Hello Ann 2"],
        "a call of ours": {"greeting": "HELLO ANN"},
        "publish": True,
        "an event of its own": {"name": "Cid", "count": 0},
        "crash": {"greeting": "Hello Eve"},
    }
    for what, value in wanted.items():
        matrix.note(Cell(what, DIRECTION, generation.name), well=seen[what] == value)
    assert seen == wanted
    assert "ok" in await house.micro("health", NAME)


def log(house: House) -> str:
    """Returns what the node kept of what the program said."""
    done = subprocess.run(
        [sys.executable, "-m", "micro", "logs", NAME],
        env=house.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _types(described: Any) -> tuple[str, list[str], list[str]]:
    hello = next(each for each in described["endpoints"] if each["name"] == "Greeter.Hello")
    return (
        described["version"],
        sorted(hello["request"]["properties"]),
        sorted(hello["response"]["properties"]),
    )


async def _refusal(house: House) -> tuple[str, str]:
    try:
        await house.call("Greeter.Hello")
    except BadRequest as refused:
        return refused.id, refused.detail
    raise AssertionError("it took a request without a name")


async def _counted(house: House) -> list[str]:
    async with house.client.stream(NAME, "Greeter.Counted", {"name": "Ann", "count": 3}) as stream:
        return [json.loads(item)["greeting"] if isinstance(item, bytes) else item["greeting"] async for item in stream]


async def _announced(house: House) -> Any:
    """Has the program publish, and returns what comes of it at the node."""
    async with house.client.subscribe("greeted") as subscription, asyncio.timeout(EVENT_SECONDS):
        await house.call("Greeter.Announced", name="Cid")
        return json.loads((await anext(aiter(subscription))).body)


async def _crashed(house: House) -> Any:
    with pytest.raises(Fault):
        await house.call("Greeter.Crash")
    return await house.again(lambda: house.call("Greeter.Hello", name="Eve"))
