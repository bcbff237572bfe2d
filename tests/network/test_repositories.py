"""Folders and repositories whose authors never heard of Micro, run for real: fetched, built, called."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

STRANGERS = Path(__file__).parents[1] / "strangers"
PATIENCE_SECONDS = 240
NEEDED = {
    "express": ("node", "npm"),
    "frontend": ("node", "npm"),
    "gohttp": ("go",),
    "broken": ("go",),
    "rustbin": ("cargo", "rustc", "cc"),
    "cfilter": ("make", "cc"),
    "shout": ("make", "cc"),
}
FOLDERS = (
    "rustbin",
    "express",
    "fastapi",
    "flask",
    "gohttp",
    "pyfunc",
    "website",
    "shout",
    "frontend",
    "procfile",
    "ticking",
)
"""What is run beside the node from the start, the slow ones first."""


@dataclass
class Town:
    """A node in a home of its own, and what was begun on it."""

    folder: Path
    environment: dict[str, str]
    begun: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    ended: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return Path(self.environment["MICRO_HOME"])

    def type(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "micro", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Types a command and returns its exit code, its output and its errors."""
        with self.type(*words) as process:
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode, out, error

    def runs(self, name: str) -> None:
        """Waits until the run that was begun for `name` has succeeded."""
        needs(name)
        if name not in self.ended:
            _, error = self.begun[name].communicate(timeout=PATIENCE_SECONDS)
            self.ended[name] = (self.begun[name].returncode, error)
        code, error = self.ended[name]
        assert code == 0, error

    def call(self, service: str, endpoint: str, **request: Any) -> Any:
        """Calls an endpoint and returns what came, as JSON."""
        code, out, error = self("call", service, endpoint, json.dumps(request), "--output", "json")
        assert code == 0, error
        return json.loads(out)

    def beside(self, service: str, name: str) -> bytes:
        """Returns a file that lies beside the build that a service runs."""
        for record in self.home.glob("builds/*/complete"):
            if json.loads(record.read_text())["service"] == service:
                return (record.parent / name).read_bytes()
        raise AssertionError(f"{service} has no build")


def needs(name: str) -> None:
    """Skips a test whose toolchain is not here."""
    missing = [tool for tool in NEEDED.get(name, ()) if not shutil.which(tool)]
    if missing:
        pytest.skip(f"{name} needs {', '.join(missing)}, which is not installed here")


def commit(source: Path, repository: Path) -> None:
    """Makes a git repository of a folder."""
    shutil.copytree(source, repository)
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "All"]):
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", *who, *words], cwd=repository, check=True)


def environment(home: Path) -> dict[str, str]:
    """Returns the owner's variables; Go's compiled standard library outlives the test, for it takes a minute."""
    found = {**os.environ, "MICRO_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    if shutil.which("go") and "GOCACHE" not in found:
        asked = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True)
        found["GOCACHE"] = asked.stdout.strip()
    return found


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Returns a node on which every stranger's program was begun to run."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "home").mkdir(mode=0o700)
        shutil.copytree(STRANGERS, folder, dirs_exist_ok=True)
        commit(folder / "cfilter", folder / "shout")
        town = Town(folder, environment(folder / "home"))
        with town.type("server", "--no-network", "--api-port", "0", "--log-level", "error") as node:
            try:
                assert node.stdout is not None
                while "Try next" not in node.stdout.readline():
                    assert node.poll() is None
                for name in FOLDERS:
                    if all(shutil.which(tool) for tool in NEEDED.get(name, ())):
                        town.begun[name] = town.type("run", "./shout@main" if name == "shout" else f"./{name}")
                yield town
            finally:
                for process in town.begun.values():
                    process.kill()
                    process.communicate()
                node.send_signal(signal.SIGINT)
                node.communicate(timeout=PATIENCE_SECONDS)


def test_a_static_site(town: Town) -> None:
    """Its pages are read as a browser would, and nothing above or beside them."""
    town.runs("website")

    assert "Ann was here" in town.call("website", "Site.Get")["body"]
    assert town.call("website", "Site.Get", path="/css/plain.css")["content_type"] == "text/css"
    assert "About" in town.call("website", "Site.Get", path="about?x=1")["body"]
    for path in ("../cfilter/README.md", "/%2e%2e/cfilter/README.md"):
        assert town("call", "website", "Site.Get", json.dumps({"path": path}))[0] == 4


def test_a_site_that_has_to_be_built(town: Town) -> None:
    """Its script runs, and what that leaves is served."""
    town.runs("frontend")

    assert town.call("frontend", "Site.Get")["body"] == "<h1>built by somebody</h1>"
    assert town("call", "frontend", "Site.Get", '{"path": "build.js"}')[0] == 4


def test_a_procfile(town: Town) -> None:
    """Its line `web:` starts a program of any kind, on the port that it is given."""
    town.runs("procfile")

    assert town.call("procfile", "Http.Get", path="/hello.txt")["body"] == "hello from a Procfile\n"
    assert "Procfile" in town.call("procfile", "Http.Get")["body"]


def test_plain_functions(town: Town) -> None:
    """Those whose parameters have types are endpoints, with schema and description."""
    town.runs("pyfunc")

    assert town.call("pyfunc", "Pyfunc.ToFahrenheit", celsius=100) == {"result": 212.0}
    assert town.call("pyfunc", "Pyfunc.Reading", celsius=0) == {"celsius": 0.0, "fahrenheit": 32.0}
    described = json.loads(town("describe", "pyfunc", "--output", "json")[1])
    assert described["description"] == "Converts temperatures."
    assert {one["name"] for one in described["endpoints"]} == {"Pyfunc.ToFahrenheit", "Pyfunc.Reading"}
    assert town("call", "pyfunc", "Pyfunc.ToFahrenheit", '{"celsius": "warm"}')[0] == 1


def test_a_filter_in_c_from_a_git_repository(town: Town) -> None:
    """It is built by make, what it reads is what was called with, and the build comes out the same again."""
    town.runs("shout")

    assert town.call("shout", "Shout.Run", input="hello") == {"result": "HELLO"}
    code, out, error = town("verify", "shout")
    assert (code, "equal in every bit" in out) == (0, True), out + error


def test_a_binary_in_rust(town: Town) -> None:
    """Its crate is vendored, named in the bill by its hash, and the build comes out the same again."""
    town.runs("rustbin")

    assert town.call("rustbin", "Rustbin.Run", input="four\nsix six")["result"] == "4\n7\n"
    bill = json.loads(town.beside("rustbin", "sbom.json"))
    named = [(one["purl"].partition("@")[0], one["hashes"][0]["alg"]) for one in bill["components"]]
    assert named == [("pkg:cargo/itoa", "SHA-256")]
    code, out, error = town("verify", "rustbin")
    assert (code, "equal in every bit" in out) == (0, True), out + error


def test_an_express_application(town: Town) -> None:
    """It is found where it listens, though it heeds no PORT; scripts of packages were not run."""
    town.runs("express")

    assert town.call("express", "Http.Get", path="/roll/6")["body"] == {"rolled": 6}
    posted = town.call("express", "Http.Post", path="/echo", body={"a": [1, 2]})
    assert posted["body"] == {"got": {"a": [1, 2]}}
    assert not list(town.home.rglob("ran-by-npm"))
    lock = json.loads(town.beside("express", "lock"))
    assert lock["packages"]["node_modules/express"]["integrity"].startswith("sha512-")


def test_a_fastapi_application(town: Town) -> None:
    """Its OpenAPI description becomes endpoints with fields, and its refusals become faults."""
    town.runs("fastapi")

    described = json.loads(town("describe", "fastapi", "--output", "json")[1])
    endpoints = {one["name"]: one for one in described["endpoints"]}
    assert set(endpoints) == {"Fastapi.ReadThing", "Fastapi.PutThing", "Fastapi.ListNames"}
    assert endpoints["Fastapi.PutThing"]["request"]["required"] == ["thing_id", "name", "price"]
    assert town.call("fastapi", "Fastapi.PutThing", thing_id=1, name="tea", price=2.5) == {"id": 1}
    assert town.call("fastapi", "Fastapi.ReadThing", thing_id=1, currency="CHF")["currency"] == "CHF"
    assert town.call("fastapi", "Fastapi.ListNames") == {"result": ["tea"]}
    assert town("call", "fastapi", "Fastapi.ReadThing", '{"thing_id": 9}')[0] == 4


def test_a_flask_application(town: Town) -> None:
    """It has no description, so its paths are asked; what was chosen of its packages is kept as a lock."""
    town.runs("flask")

    assert "Hello from Flask" in town.call("flask", "Http.Get")["body"]
    assert town.call("flask", "Http.Post", path="/sum", body={"numbers": [1, 2]})["body"] == {"sum": 3}
    assert b"--hash=sha256:" in town.beside("flask", "lock")


def test_a_program_that_answers_bit_by_bit(town: Town) -> None:
    """Its description says so, so it is a stream; one without a description can be asked for one."""
    town.runs("ticking")

    with town.type("stream", "ticking", "Ticking.Ticks", '{"from": 5}') as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline())["result"] for _ in range(3)]
        process.kill()
    assert [(one["event"], one["data"]) for one in lines] == [("tick", 5), ("tick", 6), ("tick", 7)]

    town.runs("procfile")
    code, out, error = town("stream", "procfile", "Http.Stream", '{"path": "/hello.txt"}')
    assert (code, "hello from a Procfile" in out) == (0, True), error


def test_a_failed_build_leaves_what_runs(town: Town) -> None:
    """The generation before goes on, and the message says so."""
    needs("cfilter")
    assert town("run", "./cfilter")[0] == 0
    (town.folder / "cfilter" / "shout.c").write_text("int main(void) { return oops; }\n")
    code, _, error = town("update", "cfilter")

    assert (code, "generation 1 goes on" in error) == (1, True), error
    assert town.call("cfilter", "Cfilter.Run", input="still here") == {"result": "STILL HERE"}


def test_detection_says_why_and_runs_nothing(town: Town) -> None:
    """What it is, what can be asked of it, and what it needs."""
    code, out, error = town("detect", "./gohttp", "--output", "json")

    assert code == 0, error
    found = json.loads(out)
    assert (found["recipe"], found["serves"], found["tools"]) == ("go", "http", ["go"])
    assert found["endpoints"] == ["GET /hello"]
    assert "ListenAndServe" in found["why"]
    assert town("detect", "./nothing-here")[0] == 1


def test_a_changed_build_is_found_out(town: Town) -> None:
    """Verification notices one byte that was added."""
    code, out, error = town("build", "./pyfunc", "--output", "json")
    assert code == 0, error
    key = json.loads(out.splitlines()[-1])["build"]
    assert town("verify", key[:12])[0] == 0
    bill = town.home / "builds" / key / "sbom.json"
    bill.write_bytes(bill.read_bytes() + b" ")
    code, _, error = town("verify", key)

    assert (code, "sbom.json was changed after it was built" in error) == (1, True), error


def test_a_server_in_go(town: Town) -> None:
    """What it answers passes through, and the build comes out the same again."""
    town.runs("gohttp")

    assert town.call("gohttp", "Http.Get", path="/hello?name=Ann")["body"] == "hello Ann"
    assert town("call", "gohttp", "Http.Get", '{"path": "/nothing"}')[0] == 4
    code, out, error = town("verify", "gohttp")
    assert (code, "equal in every bit" in out) == (0, True), out + error


def test_what_does_not_build_is_refused(town: Town) -> None:
    """With the compiler's words, and its log is kept."""
    needs("broken")
    code, _, error = town("run", "./broken")

    assert code == 1
    assert "the build of Go failed: ./main.go:6:14: invalid operation" in error
    assert any("invalid operation" in log.read_text() for log in town.home.glob("builds/*/build.log"))
