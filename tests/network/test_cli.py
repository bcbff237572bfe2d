"""The command as a person types it, against a node that was started the same way."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from micro.doors.cli.main import run
from micro.doors.cli.session import Session
from micro.node.foreground import OPEN_FILES
from tests.network.places import GREETER
from tests.unit.runtime.source.forge import Repository

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Typed:
    """What came of a command."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


HEAVY = """
from micro import Service

held = b"x" * 300_000_000
del held

heavy = Service("heavy")


@heavy.endpoint("Say.Hello")
async def hello() -> str:
    return "hello"


heavy.run()
"""


class Shell:
    """Types commands in a folder, for one home."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "MICRO_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Starts a command and goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "micro", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *words: str, given: str | None = None) -> Typed:
        """Types a command, with `given` on its standard input, and waits for its end."""
        with self.start(*words, stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL) as process:
            out, error = process.communicate(given, timeout=PATIENCE_SECONDS)
            return Typed(process.returncode, out, error)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Returns the output up to and with the line that holds `text`."""
    assert process.stdout is not None
    found = ""
    while text not in found:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
        line = os.read(process.stdout.fileno(), 65_536).decode() if ready else ""
        assert line, f"{text!r} never came; this did:\n{found}"
        found += line
    return found


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """Returns a shell beside a node that runs the service `greeter` and was told so by typing."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "home").mkdir(mode=0o700)
        (folder / "greeter").mkdir()
        (folder / "greeter" / "main.py").write_text(GREETER)
        micro = Shell(folder / "home", folder)
        node = micro.start("server", "--no-network", "--api-port", "0", "--log-level", "error")
        try:
            read_until(node, "Try next")
            ran = micro("run", "./greeter")
            assert ran.code == 0, ran.error
            yield micro
        finally:
            node.send_signal(signal.SIGINT)
            node.communicate(timeout=PATIENCE_SECONDS)


def test_a_run_shows_its_steps(shell: Shell) -> None:
    """On the standard error, and the result on the standard output."""
    (shell.folder / "steps").mkdir()
    (shell.folder / "steps" / "main.py").write_text(GREETER.replace('Service("greeter"', 'Service("steps"'))
    found = shell("run", "./steps")

    assert (found.code, "steps" in found.out) == (0, True)
    assert {line.split()[0] for line in found.error.splitlines()} >= {"fetching", "building", "starting"}
    assert shell("kill", "steps").code == 0
    assert shell("call", "steps", "Say.Hello").code == 4


def test_a_run_that_fails_shows_the_log(shell: Shell) -> None:
    """Exit code 1, with the last lines the service wrote."""
    (shell.folder / "broken").mkdir()
    (shell.folder / "broken" / "main.py").write_text("raise SystemExit('no luck today')\n")
    found = shell("run", "./broken")

    assert found.code == 1
    assert "no luck today" in found.error


def test_an_update_moves_a_service(shell: Shell) -> None:
    """To what its folder holds now."""
    (shell.folder / "moving").mkdir()
    source = shell.folder / "moving" / "main.py"
    source.write_text(GREETER.replace('Service("greeter"', 'Service("moving"'))
    assert shell("run", "./moving").code == 0
    source.write_text(source.read_text().replace("Hello {name}", "Good day {name}"))

    assert shell("update", "moving").code == 0
    assert shell("moving", "hello", "--name", "Ann").out == "Good day Ann\n"


@pytest.mark.parametrize(
    "words",
    [
        "hello --name Ann",
        "say hello --name Ann",
        "say-hello --name Ann",
        "Say.Hello --name Ann",
        'hello {"name":"Ann"}',
    ],
)
def test_a_service_is_a_command(shell: Shell, words: str) -> None:
    """In every spelling of its endpoint."""
    assert shell("greeter", *words.split()) == Typed(0, "Hello Ann\n", "")


def test_a_source_that_runs_under_a_chosen_name_is_not_updated_by_the_way(shell: Shell) -> None:
    """Whoever runs it without a name is told what there is; the same words as before update it, and say so."""
    (shell.folder / "twice").mkdir()
    (shell.folder / "twice" / "main.py").write_text(GREETER.replace('Service("greeter"', 'Service("twice"'))
    assert shell("run", "./twice", "--name", "chosen").code == 0

    refused = shell("run", "./twice")
    assert refused.code == 1
    assert "runs already, as chosen: micro update chosen" in refused.error
    again = shell("run", "./twice", "--name", "chosen")
    assert (again.code, "chosen runs already from" in again.error) == (0, True)
    assert shell("run", "./twice", "--name", "other").code == 0
    assert [shell("kill", name).code for name in ("chosen", "other")] == [0, 0]

    for count in range(2):  # a name that it gave itself is no choice
        found = shell("run", "./twice")
        assert (found.code, "twice runs already from" in found.error) == (0, bool(count))
    assert shell("kill", "twice").code == 0


def test_the_node_says_the_home_for_another_terminal(shell: Shell, tmp_path: Path) -> None:
    """Where it is not the usual one, as nobody there knows of it."""
    home = tmp_path / "another"
    node = shell.start("--home", str(home), "server", "--no-network", "--api-port", "0", "--log-level", "error")
    said = read_until(node, "Ctrl-C")
    node.send_signal(signal.SIGINT)
    node.communicate(timeout=PATIENCE_SECONDS)
    for line in said[said.index("Try next") :].splitlines()[1:-1]:
        assert line.strip().startswith(f"MICRO_HOME={home} ")
        assert " micro" in line or "-m micro" in line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the limits of another process")
def test_a_node_opens_as_many_files_as_it_may(shell: Shell, tmp_path: Path) -> None:
    """A shell's soft limit is made for programs that open a few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, soft), hard))
    try:
        node = shell.start("--home", str(tmp_path / "another"), "server", "--no-network", "--api-port", "0")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        read_until(node, "Ctrl-C")
        assert resource.prlimit(node.pid, resource.RLIMIT_NOFILE)[0] == min(OPEN_FILES, hard)
    finally:
        node.send_signal(signal.SIGINT)
        node.communicate(timeout=PATIENCE_SECONDS)


def test_memory_is_what_a_service_has_now(shell: Shell) -> None:
    """And not the most that it ever had, which stands beside it."""
    (shell.folder / "heavy").mkdir()
    (shell.folder / "heavy" / "main.py").write_text(HEAVY)
    assert shell("run", "./heavy").code == 0
    found = json.loads(shell("stats", "heavy", "--output", "json").out)
    assert found["memory_peak_bytes"] > 250_000_000
    if sys.platform == "linux":
        assert found["memory_bytes"] < 200_000_000
    assert shell("kill", "heavy").code == 0


def test_the_first_hop_of_a_trace_is_the_socket_alone(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the start of the command nor its dialling; here time passes by dialling and asking alone."""
    node = Shell(shell.folder / "traced", shell.folder)
    process = node.start("server", "--api-port", "0", "--log-level", "error", "--network-host", "127.0.0.1")
    try:
        read_until(process, "Try next")
        assert node("run", "./greeter").code == 0
        passed = [0.0]
        dial, ask = Session.client, Session.ask

        async def dialling(session: Session) -> Any:
            passed[0] += 100.0 * (session._client is None)
            return await dial(session)

        def asking(session: Session, *words: Any, **options: Any) -> Any:
            passed[0] += 1.0
            return ask(session, *words, **options)

        monkeypatch.setattr(Session, "client", dialling)
        monkeypatch.setattr(Session, "ask", asking)
        monkeypatch.setattr("micro.doors.cli.network.time.monotonic", lambda: passed[0])
        monkeypatch.setenv("MICRO_HOME", node.environment["MICRO_HOME"])
        assert run(["network", "trace", "greeter", "--output", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["hops"][0]["seconds"] == 1.0
    finally:
        monkeypatch.undo()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)


def test_a_home_named_last_counts(shell: Shell, tmp_path: Path) -> None:
    """A service command asks the node that its own options name, and not the one it was looked up at."""
    found = shell("greeter", "hello", "--name", "Ann", "--home", str(tmp_path / "elsewhere"))

    assert (found.code, found.out) == (3, "")
    assert "no node answers" in found.error


def test_a_version_may_be_asked_for(shell: Shell) -> None:
    """As with `micro call`."""
    assert shell("greeter@0.1.0", "hello").out == "Hello world\n"
    found = shell("greeter@9.9.9", "hello")
    assert (found.code, found.out) == (4, "")
    assert "greeter runs in version 0.1.0, not '9.9.9'; ask for one of these" in found.error


def test_a_name_of_the_node_itself_is_refused_at_once(shell: Shell, tmp_path: Path) -> None:
    """Before anything is fetched or built."""
    found = shell("run", str(tmp_path), "--name", "registry")

    assert (found.code, found.out) == (1, "")
    assert "registry is a service of the node itself; choose another name" in found.error


def test_a_request_comes_from_the_standard_input(shell: Shell) -> None:
    """For a dash."""
    assert shell("greeter", "hello", "--json", "-", given='{"name": "Ann"}').out == "Hello Ann\n"


def test_json_is_what_travelled(shell: Shell) -> None:
    """With the object around a lone result."""
    assert shell("greeter", "hello", "--output", "json").json == {"result": "Hello world"}
    assert shell("--output", "json", "greeter", "hello").json == {"result": "Hello world"}
    assert shell("call", "greeter", "Say.Hello", '{"name": "Ann"}').json == {"result": "Hello Ann"}


def test_bytes_travel_as_they_are(shell: Shell) -> None:
    """From a file to the standard output."""
    (shell.folder / "photo").write_text("no {json")

    assert shell("greeter", "bytes", "@photo").out == "no {json"
    assert shell("call", "greeter", "Say.Bytes", "@photo", "--raw").out == "no {json"


def test_a_stream_prints_items_as_they_come(shell: Shell) -> None:
    """One a line."""
    assert shell("greeter", "count", "--to", "3").out == "0\n1\n2\n"
    assert shell("stream", "greeter", "Say.Count", '{"to": 2}').lines == [{"result": 0}, {"result": 1}]


def test_lines_typed_are_items_of_a_stream(shell: Shell) -> None:
    """Both ways at once."""
    assert shell("greeter", "shout", given="one\ntwo\n").out == "ONE\nTWO\n"
    assert shell("stream", "greeter", "Say.Shout", given='"one"\n').lines == [{"result": "ONE"}]


def test_a_wrong_line_ends_a_stream(shell: Shell) -> None:
    """As a matter of usage."""
    found = shell("stream", "greeter", "Say.Shout", given='"one"\n"two\n')

    assert found.code == 2
    assert "each line of the standard input is one item" in found.error


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("greeter fail --code 403", 5, "403 Forbidden"),
        ("greeter fail --code 404", 4, "404 Not Found"),
        ("greeter fail --code 503", 7, "503 Service Unavailable"),
        ("greeter fail --code 409", 1, "next: micro greeter fail --help"),
        ("greeter slowly --seconds 30 --timeout 0.2", 6, "0.2 s"),
        ("greetr hello", 4, "did you mean greeter"),
        ("greeter helo", 4, "did you mean hello"),
        ("greeter count", 2, "needs --to"),
        ("greeter count --to x", 2, "'x' is no integer"),
        ("greeter count --to", 2, "next: micro greeter count --help"),
        ("call greetr Say.Hello", 4, "did you mean greeter"),
        ("call greeter@b5uaabcd Say.Hello", 4, "'b5uaabcd' is no whole node id"),
        ("call nobody@b5uaabcd Say.Hello", 4, "'b5uaabcd' is no whole node id"),
        ("call greeter Say.Hello [1]", 1, "expected an object, got a list of 1"),
        ("stream greetr Say.Count", 4, "no service is called greetr"),
        ("servces", 2, "did you mean services"),
        ("describe greetr", 4, "greetr"),
        ("health greetr", 4, "greetr"),
        ("logs greetr", 4, "greetr"),
        ("kill greetr", 4, "greetr"),
        ("run ./nowhere", 1, "next: micro run --help"),
        ("detect ./nowhere", 1, "next: micro detect --help"),
        ("detect http://[", 1, "next: micro detect --help"),
        ("call greeter Say.Hello {bad", 2, "next: micro describe greeter"),
        ("greeter crash", 1, "next: micro logs greeter"),
        ("rollback greetr", 4, "next: micro status"),
        ("rollback greeter 99", 4, "next: micro evolution greeter"),
        ("subscribe silence --timeout 0.2", 6, "next: micro events list"),
        ("subscribe silence@b5uaxxx", 1, "next: micro network nodes"),
        ("subscribe not/a/topic", 1, "next: micro events list"),
        ("subscribe silence --queue not/a/queue", 1, "next: micro events list"),
        ("publish not/a/topic 1", 1, "next: micro publish --help"),
        ("publish noise @nofile", 2, "next: micro publish --help"),
        ("publish noise 1 --header foo", 2, "next: micro publish --help"),
        ("auth check noise frobnicate --topic", 1, "next: micro auth check --help"),
        ("auth check notes Notes.Read --as nobody", 4, "next: micro auth list accounts"),
        ("store read nothing", 4, "nothing"),
        ("config get nothing", 4, "nothing"),
        ("network peers", 7, "without a network"),
        ("network connect rubbish", 7, "without a network"),
    ],
)
def test_what_goes_wrong_is_said(
    shell: Shell,
    words: str,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the standard error, with an exit code that scripts can tell apart, and the next command."""
    monkeypatch.setenv("MICRO_HOME", shell.environment["MICRO_HOME"])
    monkeypatch.chdir(shell.folder)

    assert run(words.split()) == code
    found = capsys.readouterr()
    assert found.out == ""
    here = f"MICRO_HOME={shell.environment['MICRO_HOME']} "
    assert said in found.err.replace(here, "")
    assert f"\nnext: {here}micro" in found.err


def test_a_token_that_is_not_taken_is_to_be_let_go(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it is set no other command works either, not even the one that makes a better one."""
    monkeypatch.setenv("MICRO_HOME", shell.environment["MICRO_HOME"])
    monkeypatch.setenv("MICRO_TOKEN", "x.y.z")

    assert run(["services"]) == 5
    assert capsys.readouterr().err.endswith("\nnext: unset MICRO_TOKEN\n")


def test_a_misspelt_queue_is_dropped(shell: Shell) -> None:
    """With what waited in it; then it is not there."""
    shell("publish", "laundry", "1")
    assert shell("subscribe", "laundry", "--queue", "stray", "--count", "1", "--no-ack").code == 0

    dropped = shell("events", "drop", "laundry", "stray", "--output", "json")
    again = shell("events", "drop", "laundry", "stray")

    assert dropped.json == {"topic": "laundry", "queue": "stray", "events": 1}
    assert (again.code, again.error.splitlines()[-1].endswith(" micro events list")) == (4, True)


def test_services_are_listed_and_found(shell: Shell) -> None:
    """By name and by what they do."""
    assert "greeter" in [service["name"] for service in shell("services", "-o", "json").json["services"]]
    assert shell("services", "greets", "people").out.startswith("greeter\t")
    assert "only eight words of a service count" in shell("services", "zebra", "-o", "table").error


def test_a_description_is_one_object(shell: Shell) -> None:
    """All that a caller must know; as protobuf too."""
    found = shell("describe", "greeter", "--output", "json").json
    proto = shell("describe", "greeter", "--proto").out

    assert {"name", "version", "description", "metadata", "owner", "nodes", "topics", "endpoints"} <= set(found)
    assert found["topics"] == [{"topic": "orders", "queue": "greeter"}]
    assert proto.startswith('syntax = "proto3";')


def test_status_names_what_programs_look_for(shell: Shell) -> None:
    """And the services that run."""
    found = shell("status", "--output", "json").json

    assert {"nid", "version", "pid", "api", "socket", "home"} <= set(found)
    assert "greeter" in [service["name"] for service in found["running"] if service["state"] == "running"]


def test_status_of_one_service_shows_its_source(shell: Shell) -> None:
    """Where it is from, whether it follows that, and since when nobody looked; one that does not run is not found."""
    Repository(shell.folder / "shop").files(main_py=GREETER.replace('Service("greeter"', 'Service("shop"'))
    pinned = shell("run", "./shop@main", "--no-evolve")
    assert (pinned.code, pinned.error.startswith("fetching")) == (0, True)
    still = shell("status", "shop", "-o", "json").json
    assert shell("run", "./shop@main", "--evolve").code == 0
    follows = shell("status", "shop", "-o", "json").json
    table = shell("status", "shop", "-o", "table").out

    assert (still["evolves"], still["looked"], still["ref"]) == (False, 0, "refs/heads/main")
    assert (follows["evolves"], follows["looked"] > 0, follows["newest"]) == (True, True, follows["revision"])
    (shell.folder / "shop").rename(shell.folder / "closed")
    assert shell("publish", "source.updated", '{"service": "shop"}').code == 0
    for _ in range(200):
        missed = shell("status", "-o", "table").error
        if "cannot fetch" in missed:
            break

    assert f"shop: cannot fetch {shell.folder}/shop" in missed
    assert "micro status shop" in missed
    assert "next look" in table
    assert "refs/heads/main" in table
    assert shell("status", "nobody").code == 4


def test_health_and_stats_ask_the_services(shell: Shell) -> None:
    """One, or all."""
    assert shell("health", "greeter", "-o", "json").json["status"] == "ok"
    assert shell("stats", "greeter", "-o", "json").json["requests"] >= 1
    assert "greeter\tok" in shell("health").out


def test_logs_show_what_a_service_wrote(shell: Shell) -> None:
    """What its subscriber prints, too."""
    assert shell("publish", "orders", '{"n": 7}').code == 0
    with shell.start("logs", "-f", "greeter") as process:
        read_until(process, "order 7")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0


NOTING = """
import logging
from micro import Context, Service
{setup}
service = Service("{name}")


@service.endpoint("Say.It")
async def say(context: Context) -> str:
    context.log.debug("a detail")
    context.log.info("a note about %s", "it")
    context.log.warning("a warning")
    logging.getLogger("mine").warning("another's")
    return "said"


service.run()
"""


@pytest.mark.parametrize(
    ("name", "setup", "shown"),
    [
        ("plain", "", ["INFO a note about it", "WARNING a warning", "another's"]),
        ("own", "logging.basicConfig(level=30, format='own: %(message)s')", ["own: a warning", "own: another's"]),
    ],
)
def test_logs_show_what_a_handler_logs(shell: Shell, name: str, setup: str, shown: list[str]) -> None:
    """Each line once, from INFO on, or as the program that sets up logging has it."""
    (shell.folder / name).mkdir()
    (shell.folder / name / "main.py").write_text(NOTING.format(name=name, setup=setup))
    assert shell("run", f"./{name}").code == 0
    assert shell("call", name, "Say.It").code == 0
    with shell.start("logs", "-f", name) as process:
        read_until(process, shown[-1])
        process.send_signal(signal.SIGINT)
    out = shell("logs", name).out
    assert [out.count(line) for line in shown] == [1] * len(shown)
    assert sum(out.count(word) for word in ("a detail", "a note", "a warning", "another's")) == len(shown)
    shell("kill", name)


def test_an_event_waits_in_its_queue(shell: Shell) -> None:
    """Published before anybody listened; the same id twice is one event."""
    for _ in range(2):
        assert shell("publish", "parcels", '{"n": 1}', "--id", "a1").out == "a1\n"
    shell("publish", "parcels", "plain text")

    assert shell("subscribe", "parcels", "--queue", "q", "--count", "2").out == '{"n":1}\nplain text\n'


def test_an_event_that_is_not_acknowledged_comes_again(shell: Shell) -> None:
    """As its second delivery."""
    shell("publish", "returns", "1")
    first, second = (
        shell("subscribe", "returns", "--queue", "q", "--count", "1", "-o", "json", *more).json
        for more in (["--no-ack"], [])
    )

    assert (first["attempt"], second["attempt"]) == (1, 2)


@pytest.mark.parametrize(
    ("words", "shown"),
    [("subscribe waiting --queue q", "early"), ("services --watch", "greeter"), ("greeter shout", "ONE")],
)
def test_an_endless_command_ends_cleanly(shell: Shell, words: str, shown: str) -> None:
    """Ctrl-C is its usual end, also while it waits for something to be typed."""
    shell("publish", "waiting", "early")
    with shell.start(*words.split(), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        read_until(process, shown)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr.read() == ""


def test_keys_are_kept(shell: Shell) -> None:
    """Written, read byte for byte, listed, deleted."""
    assert shell("store", "write", "greeting", "-", given="hello\n").code == 0
    assert shell("store", "read", "greeting").out == "hello\n"
    assert shell("store", "list", "--prefix", "gr").out == "greeting\n"
    assert shell("store", "list", "--table", "other").out == ""
    assert shell("store", "delete", "greeting").code == 0
    assert shell("store", "read", "greeting").code == 4


def test_settings_are_kept_and_secrets_masked(shell: Shell) -> None:
    """Unless their owner asks for them."""
    assert shell("config", "set", "greeter.times", "3").code == 0
    assert shell("config", "set", "greeter.key", "s3cret", "--secret").code == 0
    assert shell("config", "get", "greeter.times").out == "3\n"
    assert "s3cret" not in shell("config", "get", "greeter").out
    assert shell("config", "get", "greeter.key", "--reveal").out == "s3cret\n"
    assert shell("config", "delete", "greeter").code == 0
    assert shell("config", "get", "greeter").code == 4


def test_the_doctor_finds_the_node(shell: Shell) -> None:
    """And nothing that fails."""
    found = shell("doctor", "--output", "json")
    checks = {check["name"]: check["state"] for check in found.json["checks"]}

    assert (found.code, checks["node"], checks["version"]) == (0, "ok", "ok")


def test_a_new_service_runs_and_its_test_passes(shell: Shell) -> None:
    """As it was written."""
    assert shell("new", "hello").code == 0
    assert shell("run", "./hello").code == 0
    assert shell("hello", "hello", "--name", "Ann").out == "Hello Ann\n"
    done = subprocess.run(
        [sys.executable, "-m", "unittest"],
        cwd=shell.folder / "hello",
        env=shell.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert shell("new", "hello").code == 1


def test_a_bench_measures_and_compares(shell: Shell) -> None:
    """A service that is named, and one of its own."""
    for words in ([], ["greeter", "Say.Hello"]):
        found = shell("bench", *words, "--callers", "1,4", "--seconds", "0.05", "--rounds", "1", "-o", "json")

        assert found.code == 0, found.error
        assert [row["callers"] for row in found.json["rows"]] == [1, 4]
        assert all(row["service"]["calls_per_second"] > 0 for row in found.json["rows"])


def completed(shell: Shell, line: str) -> set[str]:
    """Returns the words that fish would offer at the end of the line."""
    words, _, incomplete = line.rpartition(" ")
    environment = {"_MICRO_COMPLETE": "fish_complete", "COMP_WORDS": f"{words} ", "COMP_CWORD": incomplete}
    done = subprocess.run(
        [sys.executable, "-m", "micro"],
        env={**shell.environment, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {found.partition(",")[2].partition("\t")[0] for found in done.stdout.splitlines() if found}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("micro gree", {"greeter"}),
        ("micro greeter he", {"hello"}),
        ("micro greeter hello --na", {"--name"}),
        ("micro describe gree", {"greeter"}),
        ("micro call greeter Say.H", {"Say.Hello"}),
        ("micro nothing he", set()),
    ],
)
def test_the_tab_key_knows_what_lives(shell: Shell, line: str, words: set[str]) -> None:
    """Services, endpoints and fields."""
    assert completed(shell, line) == words


@pytest.fixture
def lone_shell(tmp_path: Path, home: Path) -> Shell:
    """Returns a shell without a node."""
    return Shell(home, tmp_path)


def test_a_wrong_ticket_at_the_start_leads_to_where_tickets_are(lone_shell: Shell) -> None:
    """The doctor of this node has none."""
    found = lone_shell("server", "--join", "hello", "--api-port", "0", "--log-level", "error")

    assert found.code == 1
    assert found.error.endswith("\nnext: micro network ticket, at a node of the network\n")


def test_a_node_is_told_what_to_try(lone_shell: Shell) -> None:
    """A call for each door, with the services of a catalogue; Ctrl-C stops it in order."""
    greeter = lone_shell.folder / "catalogue" / "greeter"
    greeter.mkdir(parents=True)
    (greeter / "main.py").write_text(GREETER)
    with lone_shell.start("server", "--no-network", "--api-port", "0", "--catalogue", "catalogue") as node:
        said = read_until(node, "Ctrl-C stops the node")
        assert "micro greeter hello" in said
        assert "curl -s http://127.0.0.1:" in said
        assert "python -c " in said
        assert lone_shell("greeter", "hello").out == "Hello world\n"
        second = lone_shell("server")
        assert (second.code, "a node already runs" in second.error) == (1, True)
        node.send_signal(signal.SIGINT)
        assert node.wait(PATIENCE_SECONDS) == 0


def test_a_pipe_that_nobody_reads_ends_a_command(shell: Shell) -> None:
    """Quietly, as other programs do."""
    with shell.start("greeter", "count", "--to", "100000") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == ""


def test_an_account_calls_what_it_may(shell: Shell) -> None:
    """Without the owner's word on names of strangers; and the doctor takes its token for no broken node."""
    assert shell("auth", "create", "account", "bob").code == 0
    shell.environment["MICRO_TOKEN"] = shell("auth", "token", "bob").out.strip()
    try:
        assert shell("greeter", "hello").out == "Hello world\n"
        assert shell("call", "greeter", "Say.Hello").code == 0
        asked = shell("doctor", "--output", "json")
        assert (asked.code, asked.json["checks"][-1]["state"]) == (0, "warn")
        for wrong in ("garbage", ""):
            shell.environment["MICRO_TOKEN"] = wrong
            asked = shell("doctor", "--output", "json")
            assert (asked.code, asked.json["checks"][-1]["name"]) == (1, "token")
            assert "unset MICRO_TOKEN" in asked.json["checks"][-1]["remedy"]
    finally:
        del shell.environment["MICRO_TOKEN"]
        assert shell("auth", "delete", "account", "bob").code == 0


def test_who_may_call_is_said_and_asked(shell: Shell) -> None:
    """Rules and accounts come and go as they are typed, in each form of output."""
    made = shell("auth", "create", "account", "ann", "--scopes", "ops, dev")
    assert (made.code, made.out[:3]) == (0, "ms_")
    assert "keep it now" in made.error
    ruled = shell(
        "auth", "create", "rule", "ops", "--scope", "ops", "--access", "denied", "--resource", "service:greeter:Say.*"
    )
    assert (ruled.code, ruled.out) == (0, "ops\tops\tdenied\tservice:greeter:Say.*\t1\n")
    assert [rule["id"] for rule in shell("auth", "list", "rules", "-o", "json").json["rules"]] == ["ops", "default"]
    account = shell("auth", "list", "accounts", "-o", "json").json["accounts"][0]
    assert (account["id"], account["type"], account["scopes"]) == ("ann", "user", ["ops", "dev"])

    assert shell("auth", "check", "greeter", "Say.Hello", "--as", "ann").code == 5
    assert shell("auth", "check", "greeter", "Say.Hello").code == 0
    assert shell("auth", "check", "orders", "publish", "--topic", "--as", "ann", "-o", "json").json["rule"] == "default"
    shown = shell("auth", "check", "greeter", "Say.Hello", "--as", "ann", "-o", "table").out
    assert "rule     ops" in shown

    given = shell("auth", "token", "ann", "--secret", "-", given=made.out)
    assert (given.code, given.out[:3]) == (0, "ma_")
    shell.environment["MICRO_TOKEN"] = given.out.strip()
    try:
        assert shell("greeter", "hello").code == 5
        assert shell("auth", "list", "rules").code == 5
        shell.environment["MICRO_TOKEN"] = given.out.strip()[4:]
        wrong = shell("auth", "list", "rules")
        assert (wrong.code, "the token is not taken" in wrong.error) == (5, True)
        shell.environment["MICRO_TOKEN"] = ""
        empty = shell("auth", "list", "rules")
        assert (empty.code, "MICRO_TOKEN is set and empty" in empty.error) == (2, True)
    finally:
        del shell.environment["MICRO_TOKEN"]
    assert shell("greeter", "hello").code == 0

    assert shell("auth", "token", "ann", "--secret", "wrong").code == 5
    assert shell("auth", "update", "account", "ann").code == 2
    assert shell("auth", "update", "account", "ann", "--disable", "--new-secret").out[:3] == "ms_"
    assert shell("auth", "list", "accounts").out.split("\t")[3] == "disabled"
    assert shell("auth", "create", "rule", "x", "--resource", "greeter").code == 2
    for words in (("rule", "ops"), ("account", "ann")):
        assert shell("auth", "delete", *words).code == 0
        assert shell("auth", "delete", *words).code == 4


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("auth check shy Say.Hello", 0, "no service is called shy now; that is what would hold for one"),
        ("auth check greeter Say.Helo", 0, "greeter has no endpoint Say.Helo; that is what would hold for one"),
        ("subscribe", 2, "which topic? Missing argument 'TOPIC'"),
        ("subscribe", 2, "micro events list"),
        ("größe hello", 4, "no command and no service is called 'größe'"),
    ],
)
def test_what_is_not_there_is_named(shell: Shell, line: str, code: int, text: str) -> None:
    """And what to do about it, where anything helps."""
    found = shell(*line.split())

    assert (found.code, text in found.error) == (code, True), found.error


def test_what_is_there_is_not_said_to_be_absent(shell: Shell) -> None:
    """A service that runs, and the node's own."""
    for line in ("auth check greeter Say.Hello", "auth check registry Registry.List"):
        assert shell(*line.split()).error == "", line


def test_a_run_that_nobody_looks_on_at_goes_on(shell: Shell) -> None:
    """Ctrl-C ends the looking on, and says so."""
    (shell.folder / "later").mkdir()
    (shell.folder / "later" / "main.py").write_text(GREETER.replace('Service("greeter"', 'Service("later"'))
    process = shell.start("run", "./later")
    assert process.stderr is not None
    while "building" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 130
    assert "the node goes on with it: `micro status` shows what runs" in error
    for _ in range(600):
        if shell("later", "hello").code == 0:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("it did not go on")


@pytest.mark.skipif(not shutil.which("make") or not shutil.which("cc"), reason="make and cc are not installed here")
def test_builds_that_nobody_looks_on_at_are_given_up(shell: Shell) -> None:
    """Ctrl-C says so, and as many as may be at work at once keep nobody from building."""
    for name, loop in (("one", "while sleep 0.2; do :; done"), ("two", "while sleep 0.2; do :; done"), ("three", "")):
        (shell.folder / name).mkdir()
        (shell.folder / name / "a.c").write_text("int main() { return 0; }\n")
        lines = f"all:\n\t@echo looping; {loop}\n\tcp a.c app && chmod +x app\n"
        (shell.folder / name / "Makefile").write_text(lines)
    for name in ("one", "two"):
        process = shell.start("build", f"./{name}")
        assert process.stderr is not None
        while "looping\n" not in process.stderr.readline().replace("echo looping", ""):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, "the node gives it up" in error) == (130, True), error

    assert shell("build", "./three").code == 0


@pytest.mark.skipif(not shutil.which("make") or not shutil.which("cc"), reason="make and cc are not installed here")
@pytest.mark.parametrize("verb", ["build", "run"])
def test_what_failed_names_a_log_that_tells_why(shell: Shell, verb: str) -> None:
    """What the error says to type next is there: the last lines of the build, and where all of them are."""
    name = f"broken-{verb}"
    (shell.folder / name).mkdir()
    (shell.folder / name / "a.c").write_text("int main() { return nothing; }\n")
    (shell.folder / name / "Makefile").write_text("all:\n\tcc -o app a.c\n")

    failed = shell(verb, f"./{name}")
    assert (failed.code, f"micro logs {name}\n" in failed.error) == (1, True), failed.error
    told = shell("logs", name)
    assert told.code == 0, told.error
    assert "nothing" in told.out
    log = Path(told.out.rstrip().splitlines()[-1].partition("all that it wrote is in ")[2])
    assert "nothing" in log.read_text()


def test_what_did_not_come_up_names_its_log(shell: Shell) -> None:
    """By the name that its author gave it, and where it wrote nothing itself."""
    (shell.folder / "folder").mkdir()
    (shell.folder / "folder" / "main.py").write_text("raise SystemExit(3)\n")
    (shell.folder / "folder" / "micro.toml").write_text('[service]\nname = "silent"\ncommand = "python main.py"\n')

    failed = shell("run", "./folder")
    assert failed.error.endswith("micro logs silent\n"), failed.error
    assert "it ended before it registered, with code 3" in shell("logs", "silent").out
