"""The command itself, without a node: what is there, what is suggested, and how it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from micro.doors.cli.commands import ENTRIES
from micro.doors.cli.live import ServiceCommand
from micro.doors.cli.main import root, run
from micro.service.service import Service

HEAVY = ("apsw", "asyncio", "cryptography", "google", "iroh", "msgspec", "uvicorn", "uvloop")


@pytest.mark.parametrize("name", ENTRIES)
def test_each_command_is_what_the_list_says(name: str) -> None:
    """Its help begins with the line that the list shows, and has an example of itself."""
    command = root.get_command(click.Context(root), name)

    assert command is not None
    assert command.name == name
    assert (command.help or "").split("\n")[0] == ENTRIES[name].summary
    assert f"micro {name}" in getattr(command, "example", "")


@pytest.mark.parametrize("words", [["--help"], [], ["version"], ["--version"], ["network", "--help"], ["store"]])
def test_what_needs_no_node_works_without_one(words: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says something."""
    assert run(words) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["services"],
        ["status"],
        ["call", "greeter", "Say.Hello"],
        ["greeter", "hello"],
        ["publish", "topic", "{}"],
        ["subscribe", "topic"],
        ["bench"],
        ["kill", "greeter"],
        ["store", "list"],
        ["--home", "/nowhere", "services"],
    ],
)
def test_without_a_node_the_answer_is_clear(words: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, and the command that starts one."""
    assert run(words) == 3
    assert re.search(r"^next: (MICRO_HOME=\S+ )?micro server$", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["servces"], "did you mean services"),
        (["call"], "Missing argument"),
        (["call", "greeter", "Say.Hello", "{"], "no JSON"),
        (["call", "greeter", "Say.Hello", "{}", "--header", "x"], "--header NAME=VALUE"),
        (["services", "--outputt", "json"], "--output"),
        (["services", "--output", "xml"], "is not one of"),
        (["services", "--timeout", "0"], "--timeout"),
        (["new", "Bad_Name"], "try 'bad-name'"),
        (["new", "status"], "a command of micro"),
        (["bench", "greeter"], "name the endpoint too"),
        (["bench", "greeter", "A.B", "--callers", "0"], "from 1 to"),
        (["run", ".", "--env", "x"], "--env NAME=VALUE"),
        (["server", "--address", "unix:/x"], "No such option"),
        (["services", "--timeout", "soon"], "no number of seconds"),
    ],
)
def test_wrong_words_are_a_matter_of_usage(
    words: list[str], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with what is wrong and what helps."""
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_nothing_heavy_is_loaded_for_help() -> None:
    """`micro --help` is there at once."""
    program = f"""
import sys
from micro.doors.cli.main import run
run(["--help"])
print([name for name in {HEAVY} if name in sys.modules])
"""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def greeter() -> ServiceCommand:
    """Returns the command of a service with two structs."""
    service = Service("greeter", version="1.2.0", description="Greets.")

    async def hello(name: str = "world") -> str:
        """Greet someone."""
        return name

    service.endpoint("Say.Hello", price="0.001")(hello)
    service.endpoint("Wave.Hello")(hello)
    service.endpoint("Say.Bye")(hello)
    return ServiceCommand(service.describe())


@pytest.mark.parametrize(
    ("words", "found", "left"),
    [
        (["bye", "--name", "Ann"], "Say.Bye", ["--name", "Ann"]),
        (["say", "hello"], "Say.Hello", []),
        (["wave-hello"], "Wave.Hello", []),
        (["Say.Hello", "x"], "Say.Hello", ["x"]),
        (["say"], "say", []),
        (["say", "--help"], "say", ["--help"]),
    ],
)
def test_a_services_words_lead_to_its_endpoint(words: list[str], found: str, left: list[str]) -> None:
    """What follows is the endpoint's."""
    _, command, rest = greeter().resolve_command(click.Context(greeter()), words)

    assert command is not None
    assert (command.name, rest) == (found, left)


def test_a_services_help_lists_its_endpoints() -> None:
    """By their shortest names, with price, and an example."""
    command = greeter()
    text = command.get_help(click.Context(command, info_name="micro greeter"))

    for part in ("greeter 1.2.0: Greets.", "bye ", "say hello", "wave hello", "[price 0.001]", "Example:"):
        assert part in text


def test_a_services_endpoints_are_completed() -> None:
    """Word by word."""
    command = greeter()
    context = click.Context(command, info_name="greeter")

    assert [item.value for item in command.shell_complete(context, "")] == ["say", "wave", "bye"]
    assert [item.value for item in command.shell_complete(context, "b")] == ["bye"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For each shell."""
    assert run(["completion", shell]) == 0
    assert "_MICRO_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "expected"), [("ser", {"server", "services"}), ("", set(ENTRIES)), ("zzz", set())])
def test_commands_are_completed_without_a_node(typed: str, expected: set[str], home: Path) -> None:
    """Silently: only the words come out."""
    environment = {
        "_MICRO_COMPLETE": "fish_complete",
        "COMP_WORDS": "micro ",
        "COMP_CWORD": typed,
        "MICRO_HOME": str(home),
    }
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-m", "micro"], env=environment, capture_output=True, text=True, check=False)

    words = {line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines() if line}
    assert (words, done.stderr) == (expected, "")


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "orders", "1", "--id", ""],
        ["subscribe", "orders", "--queue", ""],
        ["store", "write", "key", "value", "--service", ""],
        ["events", "replay", "orders", "--from", "1h", "--queue="],
        ["run", ".", "--name", ""],
        ["auth", "token", "ann", "--secret", ""],
        ["auth", "create", "rule", "all", "--resource", "service:*:*", "--scope", ""],
        ["auth", "check", "notes", "Notes.Write", "--as", ""],
        ["bench", "greeter", "Say.Hello", "--body", ""],
        ["--home", "", "kill", "greeter"],
        ["kill", "greeter", "--home", ""],
        ["kill", "greeter", "--address", ""],
        ["server", "--home", ""],
    ],
)
def test_an_empty_option_is_not_one_that_was_left_out(
    words: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a variable that nobody set; without it the command would do something else."""
    assert run(words) == 2
    assert "it is empty; give it a value, or leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["auth", "update", "account", "ann", "--scopes", ""],
        ["auth", "create", "account", "ann", "--scopes", ""],
        ["store", "list", "--prefix", ""],
    ],
)
def test_an_empty_option_that_means_something_is_taken(words: list[str], home: Path) -> None:
    """No scopes at all, and any key: it is only the node that lacks."""
    assert run(words) == 3


@pytest.mark.parametrize("scopes", [",,,", "ops,,dev", "ops,"])
def test_scopes_are_words_between_commas(scopes: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where one is empty, a word was meant that did not come."""
    assert run(["auth", "create", "account", "bob", "--scopes", scopes]) == 2
    assert "words between commas are expected" in capsys.readouterr().err
