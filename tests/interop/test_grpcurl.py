"""grpcurl, which knows nothing of this project, learns by reflection what a node has, and asks it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from micro.doors.grpc.door import GrpcDoor
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from tests.interop.programs import BUILD_SECONDS, PLACE, SOURCE, compiled, reason_not_to
from tests.unit.doors.api.house import Seen, greeter

REASON = reason_not_to()
PACKAGE = "github.com/fullstorydev/grpcurl/cmd/grpcurl"
RUN_SECONDS = 60
DEADLINE_EXCEEDED, UNAUTHENTICATED, UNIMPLEMENTED, ALREADY_EXISTS = 4, 16, 12, 6
OFFSET = 64
"""grpcurl ends with this much more than gRPC's code."""

PROTO = 'syntax = "proto3"; package greeter; message None {} service Say { rpc Nothing(None) returns (None); }'

pytestmark = [pytest.mark.skipif(bool(REASON), reason=REASON), pytest.mark.prove]


def built() -> Path:
    """Returns grpcurl, built where it is not yet; where that takes too long, the test is skipped."""
    folder = PLACE / "programs" / "grpcurl"
    shutil.copytree(SOURCE / "grpcurl", folder, dirs_exist_ok=True)
    program = compiled(folder, BUILD_SECONDS, PACKAGE)
    if program is None:
        pytest.skip(f"grpcurl is not compiled within {BUILD_SECONDS} s; run this again to go on")
    return program


class Asking:
    """Runs grpcurl against a door."""

    def __init__(self, program: Path, address: str, token: str) -> None:
        self._program = program
        self._address = address
        self.token = token

    async def __call__(self, *words: str, options: tuple[str, ...] = (), code: int = 0) -> str:
        """Returns what it says, and checks that it ends with `code` of gRPC."""
        process = await asyncio.create_subprocess_exec(
            *(str(self._program), "-plaintext", *options, self._address, *words),
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        async with asyncio.timeout(RUN_SECONDS):
            said, _ = await process.communicate()
        assert process.returncode == (code + OFFSET if code else 0), said.decode()
        return said.decode()

    async def call(self, method: str, said: str = "{}", *options: str, code: int = 0) -> str:
        """Calls a method with messages in JSON."""
        return await self(method, options=("-d", said, *options), code=code)


@asynccontextmanager
async def asking() -> AsyncIterator[Asking]:
    program = await asyncio.to_thread(built)
    with tempfile.TemporaryDirectory(prefix="micro-") as home:
        node = Node(NodeConfig(home=home, api=False, mucp=False, network=False), system_ports())
        await node.start()
        node.platform.add(greeter(Seen()))
        door = GrpcDoor(
            client_for=node.client,
            describe=node.platform.describe,
            list_services=lambda: [{"name": each["name"]} for each in node.platform.describe_all()],
            token=node.token,
            user=lambda token: node.gate.visit(token).caller,
        )
        try:
            yield Asking(program, f"127.0.0.1:{await door.start('127.0.0.1', 0)}", node.token)
        finally:
            await door.stop()
            await node.stop()


def messages(text: str) -> list[object]:
    """Returns the JSON values of a text, one after the other."""
    found, rest = [], text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


async def test_grpcurl_asks_a_node() -> None:
    """Lists, describes, calls, streams both ways, and is told errors with their details."""
    async with asking() as grpcurl:
        names = (await grpcurl("list")).split()
        assert {"greeter.Say", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} <= {
            *names
        }
        for name in names:
            assert f"{name} is a service" in await grpcurl("describe", name)
        assert "rpc Count ( .greeter.CountRequest ) returns ( stream .greeter.CountResponse );" in await grpcurl(
            "describe", "greeter.Say.Count"
        )

        assert messages(await grpcurl.call("greeter.Say/Hello", '{"name": "Ann"}')) == [{"result": "Hello Ann"}]
        counted = await grpcurl.call("greeter.Say/Count", '{"to": 3}')
        assert messages(counted) == [{"result": str(number)} for number in range(3)]
        assert messages(await grpcurl.call("greeter.Say/Sum", '{"result": 4} {"result": 5}')) == [{"result": "9"}]

        told = await grpcurl.call("greeter.Say/Fail", '{"code": 409}', "-format-error", code=ALREADY_EXISTS)
        assert '"id": "greeter.Say.Fail"' in told


async def test_grpcurl_is_told_the_code_of_what_is_not_there() -> None:
    """Which grpc-go takes from the details too."""
    async with asking() as grpcurl:
        with tempfile.TemporaryDirectory(prefix="micro-") as folder:
            (Path(folder) / "say.proto").write_text(PROTO)
            source = ("-import-path", folder, "-proto", "say.proto")
            said = await grpcurl.call("greeter.Say/Nothing", "{}", *source, code=UNIMPLEMENTED)
    assert "greeter has no endpoint Say.Nothing" in said


async def test_grpcurl_says_who_asks_and_for_how_long() -> None:
    """By metadata and a deadline, which a stream has too."""
    async with asking() as grpcurl:
        token = ("-H", f"authorization: Bearer {grpcurl.token}")
        assert messages(await grpcurl.call("greeter.Say/Who", "{}", *token)) == [{"result": "the owner"}]
        wrong = ("-rpc-header", "authorization: Bearer wrong")
        assert "token is not taken" in await grpcurl.call("greeter.Say/Who", "{}", *wrong, code=UNAUTHENTICATED)
        await grpcurl.call("greeter.Say/Slow", "{}", "-max-time", "1", code=DEADLINE_EXCEEDED)
        quiet = await grpcurl.call("greeter.Say/Quiet", "{}", "-max-time", "1", code=DEADLINE_EXCEEDED)
    assert '"result": "once"' in quiet
