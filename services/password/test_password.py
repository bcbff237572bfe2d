"""Passwords are as strong as they say."""

from __future__ import annotations

import math
import string
from types import ModuleType

import pytest

from micro.errors import BadRequest


@pytest.mark.parametrize("length", [8, 20, 256])
def test_a_password_has_its_length_and_every_kind(main: ModuleType, length: int) -> None:
    """Letters of both cases, digits and symbols."""
    for _ in range(50):
        password = main.generate(length).password

        assert len(password) == length
        assert all(any(letter in kind for letter in password) for kind in main.ALPHABETS)


def test_kinds_can_be_left_out(main: ModuleType) -> None:
    """Then only letters are in it."""
    assert main.generate(64, digits=False, symbols=False).password.isalpha()


@pytest.mark.parametrize(("lookalikes", "expected"), [(True, True), (False, False)])
def test_lookalikes_are_in_it_only_if_wanted(main: ModuleType, lookalikes: bool, expected: bool) -> None:
    """In 2000 characters some would be, if they might."""
    made = "".join(main.generate(200, lookalikes=lookalikes).password for _ in range(10))

    assert any(letter in main.LOOKALIKES for letter in made) is expected


def test_no_two_are_the_same(main: ModuleType) -> None:
    """Chance is good."""
    assert len({main.generate().password for _ in range(200)}) == 200


def test_the_bits_are_counted_exactly(main: ModuleType) -> None:
    """Of two binary digits that must both be there, two passwords of length two exist."""
    assert main._bits_of_form(2, [1, 1]) == 1.0
    assert main._bits_of_form(8, [26]) == pytest.approx(8 * math.log2(26))


def test_a_phrase_has_its_words(main: ModuleType) -> None:
    """With 11 bits each."""
    made = main.phrase(7, separator=" ")

    assert (len(made.password.split()), made.bits, made.strength) == (7, 77.0, "strong")
    assert set(made.password.split()) <= set(main.word_list())


def test_a_phrase_may_have_capitals(main: ModuleType) -> None:
    """And no separator."""
    made = main.phrase(4, separator="", capitals=True).password

    assert sum(letter in string.ascii_uppercase for letter in made) == 4


def test_the_words_are_2048_and_plain(main: ModuleType) -> None:
    """Each once, in small letters."""
    words = main.word_list()

    assert (len(words), len(set(words))) == (2048, 2048)
    assert all(word.isascii() and word.islower() for word in words)


@pytest.mark.parametrize(
    ("password", "strength"),
    [
        ("", "very weak"),
        ("password", "very weak"),
        ("P@ssw0rd", "very weak"),
        ("qwertyuiop", "very weak"),
        ("aaaaaaaaaaaa", "very weak"),
        ("Summer2026!", "very weak"),
        ("12345678", "very weak"),
        ("correct horse", "very weak"),
        ("correct horse zebra", "weak"),
        ("kX9#vQ2m", "fair"),
        ("kX9#vQ2mLw4$", "strong"),
        ("kX9#vQ2mLw4$Tz7%", "very strong"),
    ],
)
def test_strength_is_estimated(main: ModuleType, password: str, strength: str) -> None:
    """Not by length alone: who guesses knows how people make passwords."""
    assert main.strength(password).strength == strength


@pytest.mark.parametrize(
    ("password", "advice"),
    [("password", "Words"), ("aaaa9x", "Repeated"), ("1987xkqz", "Years"), ("qwert", "Rows"), ("x", "short")],
)
def test_it_says_what_makes_a_password_weak(main: ModuleType, password: str, advice: str) -> None:
    """So that the next one is better."""
    assert any(advice in line for line in main.strength(password).advice)


def test_what_it_makes_it_finds_strong(main: ModuleType) -> None:
    """The estimate does not punish chance."""
    for _ in range(20):
        assert main.strength(main.generate().password).strength in ("strong", "very strong")


@pytest.mark.parametrize(
    "password", ["é" * 1024, "a" * 1024, "passwordpassword" * 64, "ab" * 512, "\x00" * 1024, "abcd" * 256]
)
def test_any_password_can_be_judged(main: ModuleType, password: str) -> None:
    """The longest ones too."""
    assert main.strength(password).bits >= 0


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("generate", {"length": 7}),
        ("generate", {"length": 257}),
        ("phrase", {"words": 2}),
        ("phrase", {"words": 33}),
        ("phrase", {"separator": "x" * 9}),
        ("strength", {"password": "x" * 1025}),
    ],
)
def test_everything_is_bounded(main: ModuleType, endpoint: str, arguments: dict[str, object]) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="expected"):
        getattr(main, endpoint)(**arguments)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
