"""Workers for WebAssembly guests that try to get out, as a guest would that has broken out of its runtime."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from micro.errors import EngineError
from micro.network.transport import stream
from micro.runtime.engine.cell import Cells
from micro.runtime.engine.compiling import Compiling
from micro.runtime.engine.worker import Hut, Worker
from micro.runtime.environments import Interpreter
from micro.runtime.sandbox.confinement import Confinement
from micro.system import SystemDisk, SystemProcesses
from tests.contract.yard import CONFINING, TRY, Yard, forbidden
from tests.waiting import until

KINDS = ("none", *CONFINING)

ESCAPES = """
home, doors, port = sys.argv[1:4]
def knock(place):
    own = socket.socket(socket.AF_UNIX)
    own.settimeout(2)
    own.connect(place)
    return "let in"
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        return own.sendto(b"x", ("192.0.2.1", 9))
attempt("key", lambda: open(home + "/key").read())
attempt("home", lambda: os.listdir(home + "/kv"))
attempt("into the home", lambda: open(home + "/planted", "w").write("x"))
attempt("the node's socket", lambda: knock(home + "/run/node.sock"))
attempt("door of another", lambda: knock(home + "/run/s/other.n"))
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", int(port)), 2))
attempt("datagram", datagram)
attempt("packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("code of others", lambda: open(home + "/guests/other.core.cwasm", "w").write("x"))
attempt("kernel", lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
tell()
"""


@pytest.fixture(scope="module", autouse=True)
def ask_before_the_loop_runs() -> None:
    for kind in CONFINING:
        forbidden(kind)


@pytest.fixture(params=KINDS)
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    why = forbidden(request.param) if request.param in CONFINING else ""
    if why:
        pytest.skip(f"{request.param} is not permitted on this machine: {why}")
    made = Yard(request.param, tmp_path)
    yield made
    made.close()


def cells_of(yard: Yard) -> Cells:
    async def confinement() -> Confinement:
        return yard.confinement()

    python = Interpreter.of_this_process()
    return Cells(SystemProcesses(), confinement, python.folders(), python.environment())


def hut_of(yard: Yard, script: str, *arguments: object) -> Hut:
    """Returns what starts a script in place of the program of workers."""
    command = (str(Interpreter.of_this_process().program), "-c", TRY + script, *map(str, arguments))
    return Hut(cells_of(yard), command, yard.run, yard.home / "guests", stream, SystemDisk())


async def said(yard: Yard, script: str, *arguments: object) -> dict[str, str | None]:
    """Returns what a script could do where a worker is."""
    with pytest.raises(EngineError) as ended:
        await Worker.start(hut_of(yard, script, *arguments), "w0")
    return dict(json.loads(str(ended.value).partition(": ")[2]))


async def test_a_worker_that_was_taken_over_gets_nowhere(yard: Yard) -> None:
    """Not to the owner's files, the node's socket, another service's door, the network or the code of other guests."""
    (yard.home / "kv").mkdir()
    (yard.run / "s").mkdir()
    with contextlib.ExitStack() as stack:
        for place in (yard.run / "node.sock", yard.run / "s" / "other.n"):
            own = stack.enter_context(socket.socket(socket.AF_UNIX))
            own.bind(str(place))
            own.listen()
        port = stack.enter_context(socket.socket())
        port.bind(("127.0.0.1", 0))
        port.listen()
        tried = await said(yard, ESCAPES, yard.home, yard.run / "w0", port.getsockname()[1])
    could = {name for name, how in tried.items() if how is not None}
    if yard.kind == "none":  # each attempt is one that works where nothing stands in its way
        assert {"key", "home", "into the home", "the node's socket", "door of another", "loopback"} <= could
        assert {"code of others"} <= could
    else:
        assert could <= {"into the home"}  # a folder of that name, of its own
        assert not (yard.home / "planted").exists()


async def test_a_worker_is_let_in_at_the_doors_of_its_guests(yard: Yard) -> None:
    """What the node puts into its folder while it runs is there for it."""
    if yard.kind == "none":
        pytest.skip("a worker that is not confined uses the doors where they are")
    script = """
door = sys.argv[1]
until = time.monotonic() + 30
while not os.path.exists(door) and time.monotonic() < until:
    time.sleep(0.01)
own = socket.socket(socket.AF_UNIX)
attempt("door", lambda: own.connect(door) or "let in")
tell()
"""
    inside, outside = yard.run / "w0" / "mine.n", yard.run / "mine.n"
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(outside))
        own.listen()
        asking = asyncio.ensure_future(said(yard, script, inside))
        await until(inside.parent.is_dir)
        await asyncio.sleep(0.3)
        SystemDisk().link(outside, inside)
        assert await asking == {"door": "let in"}


async def test_a_worker_that_never_listens_is_told_so(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is too busy is no failure without a reason."""
    monkeypatch.setattr("micro.runtime.engine.worker.START_SECONDS_MAX", 0.2)

    with pytest.raises(EngineError, match=r"guests does not start: it did not listen within 0\.2 s"):
        await Worker.start(hut_of(yard, "time.sleep(600)"), "w0")


async def test_a_worker_that_does_not_speak_is_told_so(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said that it listens, and greets nobody."""
    monkeypatch.setattr("micro.runtime.engine.worker.DIAL_SECONDS_MAX", 0.2)
    script = """
place = sys.argv[1]
own = socket.socket(fileno=int(place)) if place.isdigit() else socket.socket(socket.AF_UNIX)
if not place.isdigit():
    own.bind(place.removeprefix("unix:"))
    own.listen()
sys.stdout.write("ready" + chr(10))
sys.stdout.flush()
time.sleep(600)
"""
    with pytest.raises(EngineError, match=r"guests does not start: \S"):
        await Worker.start(hut_of(yard, script), "w0")


async def test_a_compiler_that_was_taken_over_gets_nowhere(yard: Yard) -> None:
    """It finds its input and its output; what it puts out is kept for that artefact alone."""
    (yard.home / "kv").mkdir()
    artefact = yard.source / "a.wasm"
    artefact.write_bytes(b"\0asm\1\0\0\0")
    told = "sys.stderr.write(json.dumps([name for name in RESULTS if RESULTS[name]])); sys.exit(71)"
    script = TRY + ESCAPES.replace("tell()", told)
    command = (str(Interpreter.of_this_process().program), "-c", script, str(yard.home), "-", "9")
    compiling = Compiling(cells_of(yard), command, yard.home / "guests", SystemDisk(), engine=lambda: "engine")
    with pytest.raises(EngineError) as ended:
        await compiling.compiled(artefact)
    could = set(json.loads(str(ended.value)))
    assert {"key", "home", "into the home"} <= could if yard.kind == "none" else not could
    assert SystemDisk().entries(yard.home / "guests") == []
