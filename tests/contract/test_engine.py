"""What every engine for processes promises, confining or not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.errors import EngineError
from micro.runtime.engine.engine import Launch
from tests.contract.yard import CONFINING, KINDS, Yard, forbidden, running
from tests.waiting import until


@pytest.fixture(params=KINDS)
async def yard(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Yard]:
    why = forbidden(request.param) if request.param in CONFINING else ""
    if why:
        pytest.skip(f"{request.param} is not permitted on this machine: {why}")
    made = Yard(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def ask_before_the_loop_runs() -> None:
    """What is permitted is found out by a loop of its own."""
    for kind in CONFINING:
        forbidden(kind)


async def test_it_runs_in_its_source_with_its_variables_alone(yard: Yard) -> None:
    """And ends with the code that it chose."""
    ended = await yard.run_to_end(
        """
        attempt("here", os.getcwd)
        attempt("files", lambda: sorted(os.listdir(".")))
        attempt("greeting", lambda: os.environ["GREETING"])
        attempt("home", lambda: os.environ.get("MICRO_HOME", "untold"))
        attempt("argument", lambda: sys.argv[1])
        tell()
        sys.exit(7)
        """,
        "one two",
        environment={"GREETING": "Hello, world"},
    )
    assert ended.code == 7
    assert ended.told == {
        "here": str(yard.source),
        "files": "['main.py']",
        "greeting": "Hello, world",
        "home": "untold",
        "argument": "one two",
    }


async def test_output_and_errors_come_line_by_line(yard: Yard) -> None:
    """The last line too."""
    ended = await yard.run_to_end("print('one', flush=True); sys.stderr.write('two')")
    assert (ended.code, sorted(ended.lines)) == (0, ["one", "two"])


async def test_it_imports_what_the_node_has(yard: Yard) -> None:
    """From the node's own environment, wherever that lies, and from an editable checkout."""
    ended = await yard.run_to_end("import micro, msgspec, uvloop; print(micro.__name__, msgspec.__name__)")
    assert (ended.code, ended.lines) == (0, ["micro msgspec"])


async def test_the_devices_that_every_program_uses_work(yard: Yard) -> None:
    """What is thrown away, what is empty, and chance; also for what the guest starts."""
    ended = await yard.run_to_end(
        """
        import subprocess
        attempt("null", lambda: open("/dev/null", "r+b", buffering=0).write(b"gone"))
        attempt("zero", lambda: open("/dev/zero", "rb").read(2).hex())
        attempt("chance", lambda: len(open("/dev/urandom", "rb", buffering=0).read(8)))
        command = ["/bin/sh", "-c", "cat < /dev/null; echo lost > /dev/null; echo kept"]
        attempt("child", lambda: subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).stdout)
        tell()
        """
    )
    assert ended.told == {"null": "4", "zero": "0000", "chance": "8", "child": "b'kept\\n'"}


async def test_asked_to_end_it_ends_as_it_likes(yard: Yard) -> None:
    """The signal reaches the guest, not only what stands around it."""
    lines: list[str] = []
    instance = await yard.start(
        """
        def bye(number, frame):
            print("bye", flush=True)
            os._exit(4)
        signal.signal(signal.SIGTERM, bye)
        print("up", flush=True)
        while True:
            time.sleep(0.05)
        """,
        lines=lines,
    )
    await until(lambda: "up" in lines)
    assert await instance.stop(20) == 4
    assert lines[-1] == "bye"


async def test_made_to_end_where_it_does_not_listen(yard: Yard) -> None:
    """When its grace is over."""
    lines: list[str] = []
    instance = await yard.start(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("up", flush=True)
        while True:
            time.sleep(0.05)
        """,
        lines=lines,
    )
    await until(lambda: "up" in lines)
    assert await instance.stop(0.1) == -signal.SIGKILL


async def test_a_signal_that_ended_it_is_told(yard: Yard) -> None:
    """As a negative number, whatever stood around it."""
    ended = await yard.run_to_end("os.kill(os.getpid(), signal.SIGSEGV)")
    assert ended.code == -signal.SIGSEGV


async def test_its_private_folder_is_its_own(yard: Yard) -> None:
    """`HOME` and `TMPDIR` lead there, and it may write."""
    private = {"HOME": str(yard.private), "TMPDIR": str(yard.private)}
    ended = await yard.run_to_end(
        """
        import pathlib, tempfile
        attempt("home", lambda: pathlib.Path.home().joinpath("a").write_text("abc"))
        attempt("temporary", lambda: tempfile.NamedTemporaryFile().write(b"abc"))
        tell()
        """,
        environment=private,
    )
    assert ended.told == {"home": "3", "temporary": "3"}


async def test_children_end_with_it(yard: Yard) -> None:
    """Also those that ask for a session of their own, or ignore signals, but for an engine that confines nothing."""
    marker = f"left-{yard.source.parent.name}-{yard.kind}"
    lines: list[str] = []
    instance = await yard.start(
        """
        import subprocess
        code = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        own = "confined" in sys.argv
        subprocess.Popen([sys.executable, "-c", code, sys.argv[1]], start_new_session=own)
        time.sleep(0.3)
        print("up", flush=True)
        """,
        marker,
        "confined" if yard.kind in CONFINING else "beside",
        lines=lines,
    )
    await until(lambda: "up" in lines)
    await instance.wait()
    await until(lambda: not running(marker))


async def test_what_cannot_be_started_says_so(yard: Yard) -> None:
    """Before it runs, or by how it ended."""
    launch = Launch(("/nowhere/at-all",), yard.source, {"PATH": "/usr/bin:/bin"}, private=yard.private)
    said: list[str] = []

    async def write(stream: str, line: str) -> None:
        said.append(line)

    if yard.kind not in CONFINING:
        with pytest.raises(EngineError, match="/nowhere/at-all"):
            await yard.engine().start(launch, write)
        return
    instance = await yard.engine().start(launch, write)
    assert await instance.wait() != 0
    assert "at-all" in " ".join(said)


async def test_it_reaches_its_door(yard: Yard) -> None:
    """The one socket that is its own."""
    door = yard.run / "door"
    heard: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"welcome\n")
        writer.close()

    async with await asyncio.start_unix_server(greet, door):
        ended = await yard.run_to_end(
            """
            own = socket.socket(socket.AF_UNIX)
            own.connect(sys.argv[1])
            own.sendall(b"it is me\\n")
            print(own.recv(100).decode().strip())
            """,
            door,
            door=door,
        )
    assert (ended.lines, heard) == (["welcome"], [b"it is me\n"])
