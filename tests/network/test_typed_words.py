"""Words as a newcomer types them, also wrong ones: what they lead to, and what is said of them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.network.places import StartNode, run, typed, until
from tests.network.test_backbone import network

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
        (["network", "pin", "topic:x@"], ["events", "export", "x,", "at", "the", "node", "that", "has", "it"]),
        (["call", NASTY, "Say.Hello"], ["micro", "services"]),
        (["stream", NASTY, "Say.Hello"], ["micro", "services"]),
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


async def test_an_answer_that_is_empty_says_so(start_node: StartNode) -> None:
    """On the standard error, so that a program that reads the answer is not in the way."""
    home = str((await start_node()).home.path)

    for words, expected in [
        (["flow", "show", "nosuch"], "no service takes events from nosuch"),
        (["services"], "no services yet; in a network `micro services WORD` searches it"),
    ]:
        code, out, error = await typed(home, *words, "--output", "plain")
        assert (code, out, expected in error) == (0, "", True), error
        assert (await typed(home, *words, "--output", "json"))[2] == ""


async def test_whoever_joins_twice_is_told(start_node: StartNode) -> None:
    """Also the one whose ticket it is."""
    [root] = await network(start_node, 1)
    node, ticket = await start_node(network=True), root.ticket().encode()

    for home, was_there in [(node.home.path, False), (node.home.path, True), (root.home.path, True)]:
        code, out, error = await typed(str(home), "network", "join", ticket, "--output", "plain")
        assert (code, f"already\t{str(was_there).lower()}" in out) == (0, True), out
        assert ("this node was in that network already" in error) == was_there


async def test_the_doctor_tells_of_a_network_that_is_gone(start_node: StartNode) -> None:
    """And where the node that runs serves its API, not whether another port is free."""
    [root] = await network(start_node, 1)
    node = await start_node(network=True, join=root.ticket().encode())
    node.condition.addresses["api"] = "http://127.0.0.1:4321"
    await until(lambda: bool(node.status()["backbone"]["home"]))

    _, out, _ = await typed(str(node.home.path), "doctor", "--output", "plain")
    assert f"ok\tsuper nodes\t{root.nid} answers, one of 1 in the map" in out
    assert "ok\tapi port\tthe node serves http://127.0.0.1:4321\t" in out

    await root.stop()
    await until(lambda: bool(node.status()["backbone"].get("trouble")))
    code, out, _ = await typed(str(node.home.path), "doctor", "--output", "plain")
    [line] = [line for line in out.splitlines() if "super nodes" in line]
    assert (code, line.split("\t")[:2], "micro network join TICKET" in line) == (0, ["warn", "super nodes"], True)
    assert node.status()["backbone"]["trouble"][:20] in line
