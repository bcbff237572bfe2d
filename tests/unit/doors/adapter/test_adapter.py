"""The parts of an adapter: what it is told, what it hands on, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from micro.doors.adapter.answer import VALUE_BYTES_MAX, value_of
from micro.doors.adapter.command import CommandProgram
from micro.doors.adapter.ending import told_end
from micro.doors.adapter.functions import functions_of, load
from micro.doors.adapter.http import HttpProgram
from micro.doors.adapter.listening import listening_ports
from micro.doors.adapter.program import Program, child_environment, read_program
from micro.doors.adapter.site import Site
from micro.errors import BadRequest, ConfigError, EngineError, Fault, NotFound, TooLarge
from micro.system import SystemProcesses

SERVER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        codes = {"/missing": 404, "/odd": 418, "/bad": 503, "/gone": 410, "/slow": 504, "/wrong": 422, "/wrong?a": 400}
        body = str(dict(os.environ) if self.path == "/environment" else self.path).encode()
        if self.path == "/large":
            body = b"x" * 4_000_001
        if self.path == "/hang":
            os._exit(3)
        self.send_response(codes.get(self.path, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def program(folder: Path, text: str, serves: str = "program") -> Program:
    (folder / "program.py").write_text(text)
    return Program("it", serves, (sys.executable, "program.py"), folder)


@pytest.mark.parametrize(
    ("content_type", "data", "body", "base64"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}, False),
        ("application/problem+json; charset=utf-8", b"[1]", [1], False),
        ("application/json", b"no json", "no json", False),
        ("text/html", "<p>ä".encode(), "<p>ä", False),
        ("text/html", b"\xff", "/w==", True),
        ("image/png", b"\x89PNG", "iVBORw==", True),
        ("", b"plain", "plain", False),
    ],
)
def test_what_a_program_answers_becomes_a_value(content_type: str, data: bytes, body: object, base64: bool) -> None:
    """JSON as it is, text as text, all else as base64."""
    found = value_of(content_type, data)

    assert (found.body, found.base64) == (body, base64)


def test_a_value_that_no_message_holds_is_refused() -> None:
    """With the way to have it all the same."""
    with pytest.raises(TooLarge, match="as bytes, with Fetch"):
        value_of("image/png", bytes(VALUE_BYTES_MAX + 1))


def test_a_site_gives_only_its_own_files(tmp_path: Path) -> None:
    """No step leads out of the folder, and no link and no hidden file in it is followed."""
    folder = tmp_path / "site"
    (folder / "docs").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "index.html").write_text("home")
    (folder / "docs" / "index.html").write_text("docs")
    (folder / "way").symlink_to(tmp_path / "secret.txt")
    (folder / "inner").symlink_to(folder / "index.html")
    site = Site(folder)

    assert site.read("/") == ("text/html", b"home")
    assert site.read("docs") == site.read("/docs/?a=b#c") == ("text/html", b"docs")
    assert site.read("/inner")[1] == b"home"
    for path in (
        "../secret.txt",
        "/%2e%2e/secret.txt",
        "way",
        ".env",
        "/docs/../../secret.txt",
        "x\0",
        "..\\secret.txt",
    ):
        with pytest.raises(NotFound):
            site.read(path)


def test_a_program_sees_nothing_of_the_adapter(tmp_path: Path) -> None:
    """Neither the badge nor what the adapter's Python needs; what its owner and its author gave is there."""
    said = {
        "name": "docs",
        "description": "",
        "serves": "http",
        "command": ["./x"],
        "directory": str(tmp_path),
        "environment": {"MODE": "fast"},
    }
    variables = {
        "MICRO_PROGRAM": json.dumps(said),
        "MICRO_TOKEN": "t",
        "PYTHONPATH": "/ours",
        "GIVEN": "1",
        "PATH": "/b",
    }
    found = read_program(variables)

    assert found.name == "my-docs"  # `docs` is an address of every node
    assert child_environment(found, variables) == {"PATH": "/b", "GIVEN": "1", "MODE": "fast"}
    for broken in ({}, {"MICRO_PROGRAM": "["}, {"MICRO_PROGRAM": "[]"}, {"MICRO_PROGRAM": "{}"}):
        with pytest.raises(ConfigError, match="start programs with `micro run`"):
            read_program(broken)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (3, "ended with code 3"),
        (-9, "was ended by the signal SIGKILL"),
        (134, "ended with code 134, as one does that the signal SIGABRT ends"),
        (255, "ended with code 255"),
        (-99, "ended with code -99"),
    ],
)
def test_an_end_is_told_in_words(code: int, told: str) -> None:
    """A signal by its name, if it has one."""
    assert told_end(code) == told


async def test_a_filter_is_run_once_a_call(tmp_path: Path) -> None:
    """With the call's body on its standard input; a bad end is a fault with its last words."""
    echo = CommandProgram(program(tmp_path, "import sys; print(sys.stdin.read()[::-1], end='')"), SystemProcesses(), {})
    assert await echo.run(b"abc", None) == b"cba"

    bad = program(tmp_path, "import sys; sys.exit('no luck')")
    with pytest.raises(Fault, match="ended with code 1: no luck") as failed:
        await CommandProgram(bad, SystemProcesses(), {}).run(b"", None)
    assert failed.value.code == 500
    aborting = program(tmp_path, "import os; os.abort()")
    with pytest.raises(Fault, match="the program was ended by the signal SIGABRT: it did not say why"):
        await CommandProgram(aborting, SystemProcesses(), {}).run(b"", None)
    slow = program(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(Fault) as late:
        await CommandProgram(slow, SystemProcesses(), {}).run(b"", 0.3)
    assert late.value.code == 408
    flood = program(tmp_path, "while True: print('x' * 100_000)")
    with pytest.raises(Fault) as large:
        await CommandProgram(flood, SystemProcesses(), {}).run(b"", None)
    assert large.value.code == 413


async def test_a_server_is_asked_and_its_refusals_are_faults(tmp_path: Path) -> None:
    """Each status becomes the code that callers know; too much, nonsense and silence are faults as well."""
    server = HttpProgram(program(tmp_path, SERVER, "http"), SystemProcesses(), {"MICRO_TOKEN": "secret"})
    await server.start()

    assert (await server.ask("GET", "a b?c=ä", b"", "", None)).body == "/a%20b?c=%C3%A4"
    assert "secret" not in str((await server.ask("GET", "/environment", b"", "", None)).body)
    assert await server.fetch("/x", None) == b"/x"
    assert await server.description() is None
    for path in ("/wrong", "/wrong?a"):  # what the program says of what was asked is for whoever asked
        with pytest.raises(BadRequest, match=f"^{re.escape(path)}$"):
            await server.ask("GET", path, b"", "", None)
    faults = {"/missing": 404, "/odd": 400, "/bad": 503, "/gone": 404, "/slow": 408, "/large": 413, "/hang": 503}
    for path, code in faults.items():
        with pytest.raises(Fault) as refused:
            await server.ask("GET", path, b"", "", None)
        assert (path, refused.value.code) == (path, code)
        told = {"/missing": "GET /missing: /missing", "/odd": "GET /odd: 418 /odd"}  # whoever shows it adds the code
        assert str(refused.value) == told.get(path, str(refused.value))
    assert await server.wait() == 3


DRIPPING = """
import http.server, os, socketserver, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = {"/events": "text/event-stream", "/lines": "application/x-ndjson"}.get(self.path, "text/plain")
        if self.path == "/missing":
            return self.send_error(404, "nobody is here")
        if self.path == "/nonsense":
            self.wfile.write(b"SSH-2.0-nothing\\r\\n")
            return
        if self.path == "/endless":
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\n" + b"X: y\\r\\n" * 100_000)
            return
        if self.path == "/interim":
            self.wfile.write(b"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            text = {"/events": f"id: {number}\\ndata: {number}\\n\\n", "/lines": f"{number}\\n"}.get(self.path, "x")
            self.wfile.write(f"{len(text):x}\\r\\n{text}\\r\\n".encode())
            if self.path == "/waiting":
                open("asked", "w").close()
                while self.connection.recv(1):
                    pass
                open("left", "w").close()
                return
        if self.path == "/torn":
            return self.connection.close()
        self.wfile.write(b"0\\r\\n\\r\\n")

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
async def dripping(tmp_path: Path) -> AsyncIterator[HttpProgram]:
    """Yields a program whose answers come bit by bit."""
    server = HttpProgram(program(tmp_path, DRIPPING, "http"), SystemProcesses(), {})
    await server.start()
    yield server
    assert server._started is not None
    server._started.signal(signal.SIGKILL)
    await server.wait()


async def drained(stream: AsyncIterator[object]) -> list[object]:
    return [item async for item in stream]


def appeared(path: Path) -> bool:
    """Waits until a file is there."""
    return any(path.exists() or time.sleep(0.05) for _ in range(200))


async def test_an_answer_is_given_on_as_it_comes(dripping: HttpProgram) -> None:
    """Events, lines and pieces, also after a head that goes before the answer."""
    assert [item async for item in dripping.stream("/lines")] == [0, 1, 2]
    assert [(item["id"], item["data"]) async for item in dripping.stream("/events")] == [("0", 0), ("1", 1), ("2", 2)]
    assert "".join([item async for item in dripping.stream("/text")]) == "xxx"
    assert (await dripping.ask("GET", "/interim", b"", "", None)).body == "xxx"


async def test_what_is_not_ended_well_is_a_fault(dripping: HttpProgram) -> None:
    """Refused, torn, no HTTP, or a head without an end: the caller is told which."""
    faults = {"/missing": (404, "nobody is here"), "/torn": (503, "hung up"), "/nonsense": (503, "no HTTP")}
    for path, (code, words) in {**faults, "/endless": (503, "does not end")}.items():
        with pytest.raises(Fault, match=words) as failed:
            await drained(dripping.stream(path))
        assert failed.value.code == code


async def test_whoever_leaves_a_stream_hangs_up(dripping: HttpProgram, tmp_path: Path) -> None:
    """So that the program need not go on for nobody."""
    stream = dripping.stream("/waiting")
    assert await anext(stream) == "x"
    await stream.aclose()
    assert await asyncio.to_thread(appeared, tmp_path / "left")


async def test_calls_do_not_wait_for_each_other(dripping: HttpProgram) -> None:
    """However many streams stand still."""
    streams = [dripping.stream("/waiting") for _ in range(40)]
    assert [await anext(stream) for stream in streams] == ["x"] * 40
    assert (await dripping.ask("GET", "/lines", b"", "", 10.0)).content_type == "application/x-ndjson"
    for stream in streams:
        await stream.aclose()


async def test_a_stream_that_was_called_says_what_it_is(dripping: HttpProgram) -> None:
    """Its description should have said so."""
    assert (await dripping.ask("GET", "/lines", b"", "", 10.0)).body
    with pytest.raises(Fault, match="did not answer") as late:
        await dripping.ask("GET", "/waiting", b"", "", 0.3)
    assert late.value.code == 408


async def test_a_server_that_ends_at_once_is_told_apart(tmp_path: Path) -> None:
    """It did not listen, and its code is named."""
    server = HttpProgram(program(tmp_path, "raise SystemExit(4)", "http"), SystemProcesses(), {})
    with pytest.raises(EngineError, match="ended with code 4 before it listened"):
        await server.start()


@pytest.fixture
def listener() -> Iterator[tuple[int, int]]:
    """Returns the session and the port of another process that listens."""
    text = (
        "import socket, sys; one = socket.create_server(('127.0.0.1', 0)); "
        "print(one.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells which process listens where")
def test_ports_of_a_session_are_found(listener: tuple[int, int]) -> None:
    """Those of its own processes, and nobody else's."""
    session, port = listener
    with socket.create_server(("127.0.0.1", 0)) as ours:
        assert listening_ports(session) == [port]
        assert ours.getsockname()[1] != port
    assert listening_ports(2**30) == []


def test_functions_of_a_file(tmp_path: Path) -> None:
    """Public ones of its own; what it imports is not offered, and a name of the library's hides nothing."""
    (tmp_path / "colorsys.py").write_text(
        "from textwrap import dedent\ndef f(a: int) -> int: return a\ndef _g(): ...\n"
    )
    known = dict(sys.modules)
    try:
        assert [name for name, _ in functions_of(load(tmp_path, "colorsys.py"))] == ["f"]
        (tmp_path / "broken_file.py").write_text("1/0")
        with pytest.raises(EngineError, match=r"broken_file\.py cannot be imported: ZeroDivisionError"):
            load(tmp_path, "broken_file.py")
    finally:
        sys.path[:] = [path for path in sys.path if path != str(tmp_path)]
        sys.modules.clear()
        sys.modules.update(known)
