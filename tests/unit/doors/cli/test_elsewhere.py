"""What is to be typed next, where the node that it is about is not the usual one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from micro.doors.cli.elsewhere import at_home, home_words, typed_line
from micro.doors.cli.main import run


@pytest.mark.parametrize(
    ("hint", "typed"),
    [
        ("micro services", "MICRO_HOME=/some/where micro services"),
        ("micro describe a; then: micro network pin a", None),
        ("micro new hello && micro run ./hello", "micro new hello && MICRO_HOME=/some/where micro run ./hello"),
        ("micro network ticket, at a node of the network", "micro network ticket, at a node of the network"),
        ("unset MICRO_TOKEN", "unset MICRO_TOKEN"),
    ],
)
def test_each_command_of_a_hint_names_the_home(hint: str, typed: str | None) -> None:
    """But for those that concern no node, or another one."""
    there = "MICRO_HOME=/some/where micro "
    assert at_home(hint, "/some/where") == (typed if typed is not None else hint.replace("micro ", there))


def test_the_usual_home_needs_no_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However it was named; another one is quoted where a shell would not understand it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MICRO_HOME", raising=False)
    for home in (None, "~/.micro", str(tmp_path / ".micro")):
        assert home_words(home) == ""
        assert at_home("micro services", home) == "micro services"
    monkeypatch.setenv("MICRO_HOME", str(tmp_path / "a b"))
    assert home_words(None) == f"MICRO_HOME='{tmp_path}/a b' "
    assert home_words("~/.micro") == ""


@pytest.mark.parametrize("by_option", [True, False])
def test_an_error_names_the_home(
    by_option: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of the option, else that of the environment."""
    monkeypatch.setenv("MICRO_HOME", str(tmp_path / "environment"))
    home = tmp_path / ("option" if by_option else "environment")
    assert run([*(("--home", str(home)) if by_option else ()), "services"]) == 3
    assert f"next: MICRO_HOME={home} micro server" in capsys.readouterr().err


@pytest.mark.parametrize(
    "word", ["greeter", "x;touch pwn", "a b", "", "-x", "$(id)", "it's", "x' && micro y, at '", "a\nb"]
)
@pytest.mark.parametrize("home", ["/some/where", "/some/wh'ere $(id)"])
def test_a_word_of_somebody_elses_stays_one_word(word: str, home: str) -> None:
    """Whatever is in it, whoever types the line again runs no other command; and it still names the home."""
    line = at_home(typed_line("micro network pin", word), home)

    *typed, last = shlex.split(line)
    dashes = ["--"] if word.startswith("-") else []
    assert (typed, last) == ([f"MICRO_HOME={home}", "micro", "network", "pin", *dashes], word.replace("\n", " "))
