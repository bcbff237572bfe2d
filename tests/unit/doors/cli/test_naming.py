"""Words on a command line, and the endpoints they mean."""

from __future__ import annotations

import pytest

from micro.doors.cli.naming import dashed, find_endpoint, methods_of, near, spelled, structs_of
from micro.errors import BadRequest

GREETER = ["Say.Hello", "Say.Bye", "Greeter.SayHi", "Wave.Bye"]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("SayHi", "say-hi"),
        ("say_hi", "say-hi"),
        ("say-hi", "say-hi"),
        ("firstName", "first-name"),
        ("HTTPGet", "http-get"),
        ("Sha256", "sha256"),
        ("Say.HelloAll", "say.hello-all"),
    ],
)
def test_names_are_typed_with_dashes(name: str, typed: str) -> None:
    """Every way to join words comes to the same."""
    assert dashed(name) == typed


@pytest.mark.parametrize(
    ("words", "endpoint", "count"),
    [
        ("hello", "Say.Hello", 1),
        ("say hello", "Say.Hello", 2),
        ("say-hello", "Say.Hello", 1),
        ("Say.Hello", "Say.Hello", 1),
        ("SAY HELLO", "Say.Hello", 2),
        ("say-hi", "Greeter.SayHi", 1),
        ("say_hi", "Greeter.SayHi", 1),
        ("wave bye", "Wave.Bye", 2),
        ("hello there", "Say.Hello", 1),
    ],
)
def test_words_find_their_endpoint(words: str, endpoint: str, count: int) -> None:
    """With or without the struct, joined or as it is called."""
    assert find_endpoint(GREETER, words.split()) == (endpoint, count)


@pytest.mark.parametrize("words", ["", "say", "nothing", "say nothing"])
def test_words_that_name_nothing_find_nothing(words: str) -> None:
    """A struct alone is no endpoint."""
    assert find_endpoint(GREETER, words.split()) is None


def test_a_method_of_two_structs_is_ambiguous() -> None:
    """The message says what to type instead."""
    with pytest.raises(BadRequest, match="`say bye` or `wave bye`"):
        find_endpoint(GREETER, ["bye"])


def test_the_structs_of_every_service_make_nothing_ambiguous() -> None:
    """A service's own `stats` goes before the one that all services have."""
    assert find_endpoint(["Debug.Stats", "Game.Stats"], ["stats"]) == ("Game.Stats", 1)


def test_a_method_called_like_a_struct_gives_way_to_two_words() -> None:
    """Where both words name an endpoint, both are meant."""
    names = ["Greeter.Say", "Say.Hello"]

    assert find_endpoint(names, ["say", "hello"]) == ("Say.Hello", 2)
    assert find_endpoint(names, ["say"]) == ("Greeter.Say", 1)


@pytest.mark.parametrize(("endpoint", "words"), [("Say.Hello", "hello"), ("Wave.Bye", "wave bye")])
def test_the_shortest_spelling_is_shown(endpoint: str, words: str) -> None:
    """The struct is named only where it must be."""
    assert spelled(GREETER, endpoint) == words


@pytest.mark.parametrize("endpoint", GREETER)
def test_the_shortest_spelling_leads_back(endpoint: str) -> None:
    """What the help shows works."""
    found = find_endpoint(GREETER, spelled(GREETER, endpoint).split())

    assert found is not None
    assert found[0] == endpoint


def test_structs_and_their_methods_are_listed() -> None:
    """In the order of the endpoints."""
    assert structs_of(GREETER) == ["say", "greeter", "wave"]
    assert methods_of(GREETER, "say") == {"hello": "Say.Hello", "bye": "Say.Bye"}


def test_near_names_are_found_as_they_are_called() -> None:
    """Spelling with dashes is for comparing only."""
    assert near("say.helo", ["Say.Hello", "Wave.Bye"]) == ["Say.Hello"]
    assert near("xyz", ["Say.Hello"]) == []
