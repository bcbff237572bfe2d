"""Exit codes, and what a person reads."""

from __future__ import annotations

import pytest

from micro.doors.cli.ending import Usage, exit_code, explain
from micro.errors import ConfigError, Fault, Forbidden, LinkClosed, NoNode, NotFound, SourceError, Timeout, Unavailable


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, 1), (401, 5), (402, 5), (403, 5), (404, 4), (408, 6), (409, 1), (413, 1), (429, 7), (500, 1), (503, 7)],
)
def test_a_fault_ends_with_its_code(code: int, expected: int) -> None:
    """Scripts tell by it what to do."""
    assert exit_code(Fault.make(code, "x")) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NoNode("x"), 3),
        (Usage("x"), 2),
        (LinkClosed("x"), 7),
        (TimeoutError(), 6),
        (ConfigError("x"), 1),
        (SourceError("x"), 1),
        (OSError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_other_errors_end_with_theirs(error: BaseException, expected: int) -> None:
    """As the settled table says."""
    assert exit_code(error) == expected


def test_a_fault_from_elsewhere_says_where_and_which() -> None:
    """What happened, where, and its code."""
    lines = explain(NotFound("no such note", id="notes.Notes.Read"), remedy="micro notes list")

    assert lines == ["micro: notes.Notes.Read: no such note (404 Not Found)", "next: micro notes list"]


def test_an_error_of_ours_needs_no_code() -> None:
    """A person reads it, not a protocol."""
    assert explain(NotFound("no such thing"), remedy="micro services") == [
        "micro: no such thing",
        "next: micro services",
    ]


def test_every_kind_knows_a_command_that_helps() -> None:
    """Where the command itself knows none."""
    errors = [NoNode("x"), ConfigError("x"), LinkClosed("x"), SourceError("x"), NotFound("x"), Unavailable("x")]

    assert all(explain(error)[1].startswith("next: micro ") for error in errors)


@pytest.mark.parametrize(
    "error", [Fault.make(400, "x"), Fault.make(409, "x", id="a.A.B"), Usage("x"), SourceError("x"), OSError("x")]
)
def test_where_nothing_better_is_known_the_help_of_what_was_typed_does(error: BaseException) -> None:
    """An error is told in two lines, whatever it is."""
    assert explain(error, typed="micro detect")[1:] == ["next: micro detect --help"]


def test_who_points_to_a_log_is_followed() -> None:
    """The log of the service that failed, which may be another one than was called."""
    pointing = Fault.make(500, "KeyError in pyfunc.Pyfunc.Divide; its log tells more", id="pyfunc.Pyfunc.Divide")
    assert explain(pointing, hint="micro pyfunc divide --help")[1] == "next: micro logs pyfunc"

    placeless = Fault.make(500, "KeyError in it; its log tells more", id="it")
    assert explain(placeless, hint="micro it --help")[1] == "next: micro it --help"


def test_the_errors_own_remedy_goes_first() -> None:
    """It knows best."""
    assert explain(Usage("x", remedy="micro a"), remedy="micro b")[1] == "next: micro a"


def test_a_strangers_message_cannot_move_the_cursor() -> None:
    """Nor can the place it says it comes from."""
    assert "\x1b" not in "".join(explain(NotFound("a\x1b[2J", id="x\x1by")))


@pytest.mark.parametrize("error", [Fault.make(400, "x"), TimeoutError(), OSError("x"), Usage("x"), Timeout("x")])
def test_where_nobody_knows_better_the_help_of_the_command_is_next(error: Exception) -> None:
    """No error is told without a next step."""
    assert explain(error, typed="micro publish")[1:] == ["next: micro publish --help"]


def test_a_command_that_the_error_names_is_next() -> None:
    """It knows more than the command that failed."""
    pinned = "none of those is there now; `micro network unpin greeter` lets the next use take what is there"
    refused = "no; `micro auth check notes Say.Hi --as ann`, at q75q7pki, says why to `micro auth list`"

    assert explain(Unavailable(pinned), hint="micro greeter hello --help")[1] == "next: micro network unpin greeter"
    assert explain(Forbidden(refused))[1] == "next: micro auth check notes Say.Hi --as ann, at q75q7pki"


@pytest.mark.parametrize(
    "named",
    [
        "micro run https://evil.example/x",
        "micro network leave --force",
        "micro network pin evil",
        "micro services; rm x",
        "micro services $(x)",
        "micro network join micro1abc",
        "micro kill notes",
    ],
)
def test_a_strangers_error_gives_no_command_that_does_something(named: str) -> None:
    """It may say whatever it likes; what stands after `next:` is typed."""
    assert explain(Unavailable(f"gone; `{named}` helps"), hint="micro a")[1] == "next: micro a"


def test_a_hint_that_says_more_than_the_error_stays() -> None:
    """It says where to type the command, for instance."""
    hint = "micro network ticket, at the other node"

    assert explain(NotFound("no ticket; `micro network ticket` prints one"), hint=hint)[1] == f"next: {hint}"


def test_a_remedy_goes_before_what_the_error_names() -> None:
    """Whoever gives it is sure."""
    error = NotFound("the token is not taken; get a new one with `micro auth token`")

    assert explain(error, remedy="unset MICRO_TOKEN")[1] == "next: unset MICRO_TOKEN"


def test_an_error_of_the_system_is_said_without_its_number() -> None:
    """Where, and what; the number tells nobody anything."""
    assert explain(FileNotFoundError(2, "No such file or directory", "/a"))[0] == "micro: /a: No such file or directory"


def test_an_error_without_words_is_named() -> None:
    """An empty line would help nobody."""
    assert explain(TimeoutError())[0] == "micro: TimeoutError"
