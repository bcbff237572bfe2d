"""Words as a newcomer types them, also wrong ones: what they lead to, and what is said of them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.network.places import StartNode, run, typed

NASTY = "x;touch pwn"


def told_next(error: str) -> list[str]:
    """Returns the words of the command that is to be typed next, as a shell takes them, without the home."""
    [line] = [line for line in error.splitlines() if line.startswith("next: ")]
    return shlex.split(line.removeprefix("next: "))[1:]


async def test_what_to_type_next_holds_no_command_of_somebody_elses(start_node: StartNode) -> None:
    """What was typed is one word there, and a word that may be an option is none."""
    home = str((await start_node(network=True)).home.path)
    for words, expected in [
        (["network", "pin", NASTY], ["micro", "services", NASTY]),
        (["network", "pin", "a b@c"], ["micro", "services", "a b"]),
        (["network", "pin", ""], ["micro", "services"]),
        (["network", "pin", "--", "-x"], ["micro", "services", "--", "-x"]),
        (["network", "pin", "topic:x@"], ["micro", "events", "subscriptions", "x"]),
        (["call", NASTY, "Say.Hello"], ["micro", "services"]),
        (["stream", NASTY, "Say.Hello"], ["micro", "describe", NASTY]),
        (["node@" + NASTY, "nothing"], ["micro", "node@" + NASTY, "--help"]),
        (["node@" + NASTY, "status", "--nothing"], ["micro", "node@" + NASTY, "status", "--help"]),
    ]:
        code, _, error = await typed(home, *words)
        assert (code > 0, told_next(error)) == (True, expected), (words, error)


@pytest.mark.parametrize("command", [["greeter", "shout"], ["stream", "greeter", "Say.Shout", "--output", "plain"]])
async def test_the_lines_before_a_wrong_one_are_answered(
    command: list[str], start_node: StartNode, greeter_folder: Path
) -> None:
    """Then comes the error, and nothing of Python's."""
    node = await start_node()
    await run(node, greeter_folder)

    code, out, error = await typed(str(node.home.path), *command, given=b'one\ntwo\n"x\nthree\n')

    assert (code, out.splitlines()) == (2, ["ONE", "TWO"])
    assert error.splitlines()[0].startswith("micro: each line of the standard input is one item, and ")
    assert "Warning" not in error


async def test_half_of_the_lines_make_no_answer(start_node: StartNode, greeter_folder: Path) -> None:
    """A service that answers at the end would take those before a wrong one for all."""
    node = await start_node()
    await run(node, greeter_folder)

    assert (await typed(str(node.home.path), "greeter", "total", given=b"1\n2\nx\n3\n"))[:2] == (2, "")
    assert (await typed(str(node.home.path), "greeter", "total", given=b"1\n2\n3\n"))[:2] == (0, "6")


async def test_a_wrong_id_of_an_event_is_named(start_node: StartNode) -> None:
    """Not the header that it travels in."""
    home = str((await start_node()).home.path)

    code, _, error = await typed(home, "publish", "orders", "hi", "--id", "a\nb")

    assert code == 2
    assert "--id 'a\\nb': an id travels as a header, and a header value has no control characters" in error


async def test_what_is_no_node_is_not_pinned(start_node: StartNode) -> None:
    """That, and not whether somebody offers the service, is what is wrong."""
    home = str((await start_node(network=True)).home.path)

    code, _, error = await typed(home, "network", "pin", "greeter@nobody")

    assert code == 1
    assert "behind the @ the id of a node is expected" in error
