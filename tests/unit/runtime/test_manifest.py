"""What an author says in `micro.toml`."""

from __future__ import annotations

import pytest

from micro.errors import SourceError
from micro.runtime.manifest import Manifest, check_environment, is_service_name, read_manifest


def test_everything_it_may_say() -> None:
    """Command, name and variables are read."""
    text = (
        b'[service]\ncommand = "python serve.py --name \'a b\'"\nname = "say-hello"\n[service.environment]\nA = "1"\n'
    )

    assert read_manifest(text) == Manifest(("python", "serve.py", "--name", "a b"), "say-hello", {"A": "1"})


def test_a_command_as_a_list() -> None:
    """A list of words is taken as it is."""
    assert read_manifest(b'[service]\ncommand = ["./serve", "a b"]').command == ("./serve", "a b")


def test_how_it_is_built_and_what_it_is() -> None:
    """An author may say what detection would only guess."""
    text = b'[service]\nserves = "http"\nrecipe = "node"\nbuild = "npm run build"\ndescription = "Greets."'

    assert read_manifest(text) == Manifest(
        serves="http", recipe="node", build=("npm", "run", "build"), description="Greets."
    )


def test_nothing_said() -> None:
    """An empty file leaves everything to detection."""
    assert read_manifest(b"") == Manifest()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[service", "is no TOML"),
        (b"\xff", "is no TOML"),
        (b"service = 1", r"write \[service\]"),
        (b'[service]\ncomand = "x"', "did you mean `command`"),
        (b"[services]", "did you mean `service`"),
        (b'[service]\nserves = "tea"', "`serves` is 'tea'; it is one of micro, http, program, functions, site"),
        (b"[service]\nserves = 1", "`serves` is '1'; it is a text"),
        (b"[service]\nbuild = 1", "`build` is a text or a list"),
        (b"[service]\ndescription = []", "`description` is"),
        (b"[service]\ncommand = 1", "`command` is a text or a list"),
        (b"[service]\ncommand = [1]", "`command` is a text or a list"),
        (b'[service]\ncommand = "python \'main.py"', "cannot be split into words"),
        (b'[service]\ncommand = [""]', "begins with the program's name"),
        (b'[service]\ncommand = ["a\\u0000b"]', "holds no zero characters"),
        (b'[service]\nname = "Say Hello"', "lower-case words joined by dashes"),
        (b'[service]\nnetwork = "yes"', "true or false, without quotes"),
        (b"[service]\nenvironment = 1", r"write \[service.environment\]"),
        (b"[service.environment]\nA = 1", "A is a text"),
        (b'[service.environment]\nMICRO_TOKEN = "x"', "the node's own"),
        (b'[service.environment]\n"A B" = "x"', "no name for a variable"),
        (b"#" * 70_000, "is larger than"),
        (b"a = " + b"[" * 60_000, "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_named(text: bytes, reason: str) -> None:
    """Each mistake is said in its own words."""
    with pytest.raises(SourceError, match=reason):
        read_manifest(text)


def test_the_network_is_asked_for() -> None:
    """By who needs it, and by nobody else."""
    assert read_manifest(b"[service]\nnetwork = true").network
    assert not read_manifest(b"[service]\nnetwork = false").network
    assert not read_manifest(b"[service]").network


def test_too_many_variables() -> None:
    """Variables are bounded in number."""
    with pytest.raises(SourceError, match="more than 64 variables"):
        check_environment({f"A{number}": "" for number in range(65)}, "environment")


@pytest.mark.parametrize("name", ["a", "say-hello", "b2b", "a" * 63])
def test_names_of_services(name: str) -> None:
    """Lower-case words joined by dashes are names."""
    assert is_service_name(name)


@pytest.mark.parametrize("name", ["", "A", "2b", "a--b", "-a", "a-", "a_b", "a.b", "../a", "a\n", "a" * 64])
def test_no_names_of_services(name: str) -> None:
    """Anything else is none; a name is part of paths."""
    assert not is_service_name(name)
