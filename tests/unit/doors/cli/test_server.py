"""What a node says to whoever has just started it, and where its settings come from."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

import micro
from micro.doors.cli.main import run
from micro.doors.cli.server import server, suggestions, typed
from micro.doors.cli.settings import load_config
from micro.errors import ConfigError
from micro.node.config import setting_names
from micro.node.variables import GO_MICRO_VARIABLES, OTHER_VARIABLES, unknown_variables
from micro.service.service import Service


def greeter(example: object) -> dict[str, object]:
    """Returns the description of a service."""
    service = Service("greeter")

    async def hello(name: str = "", loud: bool = False) -> str:
        """Greet."""
        return name

    service.endpoint("Say.Hello", examples=[example])(hello)
    return service.describe()


def test_each_door_has_its_line() -> None:
    """Typed as programs are called here."""
    lines = suggestions(greeter({"name": "Ann"}), "127.0.0.1:8080", micro="bin/micro", python="bin/python")

    assert lines[0] == "bin/micro greeter hello --name Ann"
    assert lines[1].startswith("curl -s http://127.0.0.1:8080/api/greeter/Say.Hello ")
    assert lines[1].endswith("""-d '{"name":"Ann"}'""")
    assert lines[2].startswith("bin/python -c ")


@pytest.mark.parametrize("example", [{"name": "Ann"}, {"name": 'a"b', "loud": True}, {"name": "it's"}])
def test_the_line_for_python_is_python(example: dict[str, object]) -> None:
    """And asks for what the example says."""
    line = suggestions(greeter(example), "", micro="micro", python="python")[1]
    tree = ast.parse(shlex.split(line)[2])
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 3]

    assert [ast.literal_eval(argument) for argument in calls[0].args] == ["greeter", "Say.Hello", example]


def test_without_services_the_first_one_is_suggested() -> None:
    """How to write it, run it and call it."""
    assert "micro new hello" in suggestions(None, "", micro="micro", python="python")[0]


def test_a_program_on_the_path_is_typed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one by its path, from here."""
    program = tmp_path / "bin" / "micro"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert typed("micro", str(program)) == "bin/micro"

    monkeypatch.setenv("PATH", str(program.parent))
    assert typed("micro", str(program)) == "micro"


def test_every_setting_is_an_option() -> None:
    """None is forgotten when one is added."""
    options = {option for parameter in server.params for option in parameter.opts}

    assert {f"--{name.replace('_', '-')}" for name in setting_names()} <= options
    assert all(isinstance(parameter, click.Option) for parameter in server.params)


def test_settings_come_from_file_environment_and_options(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes before the one named before it."""
    (home / "config.toml").write_text('api_port = 1\nkept_days = 1.0\nlog_level = "debug"\n')
    monkeypatch.setenv("MICRO_KEPT_DAYS", "2")
    monkeypatch.setenv("MICRO_LOG_LEVEL", "error")
    found = load_config(None, {"log_level": "warning", "api": None})

    assert (found.home, found.api_port, found.kept_days, found.log_level) == (str(home), 1, 2.0, "warning")


def test_a_home_that_is_typed_goes_first(home: Path, tmp_path: Path) -> None:
    """And its file is read, not that of the environment's."""
    (home / "config.toml").write_text("api_port = 1\n")
    (tmp_path / "config.toml").write_text("api_port = 2\n")

    assert load_config(str(tmp_path), {}).api_port == 2


def test_a_wrong_setting_is_named(home: Path) -> None:
    """With the place where it stands."""
    (home / "config.toml").write_text("api_prt = 1\n")

    with pytest.raises(ConfigError, match="api_prt"):
        load_config(None, {})


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With why, and what to do."""
    (tmp_path / "file").write_text("")

    assert run(["server", "--home", str(tmp_path / "file" / "home"), "--no-network", "--no-api"]) == 1
    assert "cannot be made: Not a directory; choose another home with MICRO_HOME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MICRO_API_PROT", "MICRO_API_PORT"), ("MICRO_HOEM", "MICRO_HOME"), ("MICRO_TOKN", "MICRO_TOKEN")],
)
def test_a_misspelled_variable_is_noticed(name: str, meant: str) -> None:
    """With what was probably meant."""
    assert unknown_variables({name: "1", "PATH": "/bin"}) == {name: meant}


def test_another_programs_variable_is_not_taken_for_ours() -> None:
    """An editor is called micro too."""
    assert unknown_variables({"MICRO_TRUECOLOR": "1", "MICRO_CONFIG_HOME": "/"}) == {
        "MICRO_CONFIG_HOME": "",
        "MICRO_TRUECOLOR": "",
    }


def test_every_variable_that_the_code_heeds_is_known() -> None:
    """A new one is a setting, or stands in `OTHER_VARIABLES`, or go-micro's programs heed it."""
    code = "".join(file.read_text() for file in Path(micro.__file__).parent.rglob("*.py"))
    heeded = set(re.findall(r"""["'](MICRO_[A-Z_]+)["']""", code)) - {"MICRO_"}

    assert heeded > set(OTHER_VARIABLES)
    assert unknown_variables(dict.fromkeys(heeded, "")) == {}
    assert unknown_variables(dict.fromkeys(GO_MICRO_VARIABLES, "")) == {}
    assert unknown_variables({f"MICRO_{name.upper()}": "" for name in setting_names()}) == {}


def test_a_command_tells_of_a_misspelled_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, beside its own output; of another program's it keeps silent."""
    monkeypatch.setenv("MICRO_HOEM", str(home))
    monkeypatch.setenv("MICRO_TRUECOLOR", "1")
    assert run(["version", "--output", "plain"]) == 0

    shown = capsys.readouterr()
    assert shown.err == "micro: the environment variable MICRO_HOEM means nothing; did you mean MICRO_HOME?\n"
    assert "MICRO" not in shown.out
