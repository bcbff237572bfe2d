"""Makes strong passwords and phrases, and estimates how strong one is."""

from __future__ import annotations

import functools
import math
import re
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from micro import Service, errors

LENGTH_MIN, LENGTH_MAX = 8, 256
WORDS_MIN, WORDS_MAX = 3, 32
SEPARATOR_CHARACTERS_MAX = 8
TESTED_CHARACTERS_MAX = 1024

SYMBOLS = "!#$%&()*+,-./:;<=>?@[]^_{|}~"
"""Those that few programs trip over."""

LOOKALIKES = frozenset("0O1lI|")
ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)

Strength = Literal["very weak", "weak", "fair", "strong", "very strong"]
STRENGTHS: tuple[tuple[float, Strength], ...] = (
    (28, "very weak"), (45, "weak"), (65, "fair"), (90, "strong"), (math.inf, "very strong"),
)  # fmt: skip
"""Up to so many bits; 65 bits take 600 years at a thousand million guesses a second."""

COMMON_WORDS = """
    123456 password qwerty letmein welcome admin login dragon monkey football baseball iloveyou sunshine princess
    master shadow superman trustno1 passw0rd secret abc123 hello charlie summer winter spring autumn changeme default
    starwars whatever freedom computer internet
"""
COMMON = frozenset(COMMON_WORDS.split())
ROWS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
LEET = str.maketrans("01345@$7!", "oieasast" + "i")

service = Service(
    "password",
    version="1.0.0",
    description="Makes strong passwords and phrases, and estimates how strong one is. It keeps none of them.",
    metadata={"tags": "tool, security, random"},
)


@dataclass
class Made:
    """A new password.

    Attributes:
        password: the password.
        bits: how many bits of chance are in it.
        strength: what that means.
    """

    password: str
    bits: float
    strength: Strength


@dataclass
class Estimate:
    """How strong a password seems.

    Attributes:
        bits: an estimate of how many guesses it takes, as a power of two; an expert may need fewer.
        strength: what that means.
        advice: what makes it weak.
    """

    bits: float
    strength: Strength
    advice: list[str] = field(default_factory=list)


@service.endpoint(idempotent=True, examples=[{}, {"length": 32, "symbols": False}])
def generate(length: int = 20, digits: bool = True, symbols: bool = True, lookalikes: bool = False) -> Made:
    """Make a password out of letters, digits and symbols, at least one of each kind.

    Wishes:
        I need a safe password
        a password with 16 characters and no symbols
        think of a secure password for me

    Wishes (es):
        inventa una clave difícil de adivinar

    Wishes (de):
        ich brauche ein sicheres Passwort

    Args:
        length: how many characters, 8 to 256.
        digits: whether digits are in it.
        symbols: whether symbols are in it.
        lookalikes: whether characters that look like others (0 O 1 l I) may be in it.
    """
    _check("length", length, LENGTH_MIN, LENGTH_MAX)
    chosen = [*ALPHABETS[:2], *([string.digits] if digits else []), *([SYMBOLS] if symbols else [])]
    alphabets = ["".join(one for one in alphabet if lookalikes or one not in LOOKALIKES) for alphabet in chosen]
    every = "".join(alphabets)
    while True:  # Drawn again until each kind is there: every password of that form is equally likely.
        password = "".join(secrets.choice(every) for _ in range(length))
        if all(any(letter in alphabet for letter in password) for alphabet in alphabets):
            break
    bits = round(_bits_of_form(length, [len(alphabet) for alphabet in alphabets]), 1)
    return Made(password, bits, _strength(bits))


@service.endpoint(idempotent=True, examples=[{}, {"words": 8, "separator": " "}])
def phrase(words: int = 6, separator: str = "-", capitals: bool = False) -> Made:
    """Make a phrase out of common words, easier to remember and to type.

    Wishes:
        a passphrase that I can remember
        six random words as a password

    Wishes (es):
        una frase de paso fácil de recordar

    Wishes (de):
        eine Passphrase, die ich mir merken kann

    Args:
        words: how many, 3 to 32; each adds 11 bits.
        separator: what stands between them, at most 8 characters.
        capitals: whether each begins with a capital letter.
    """
    _check("words", words, WORDS_MIN, WORDS_MAX)
    if len(separator) > SEPARATOR_CHARACTERS_MAX:
        raise errors.BadRequest(
            f"separator: expected at most {SEPARATOR_CHARACTERS_MAX} characters, got {len(separator)}"
        )
    chosen = [secrets.choice(word_list()) for _ in range(words)]
    password = separator.join(word.capitalize() if capitals else word for word in chosen)
    bits = round(words * math.log2(len(word_list())), 1)
    return Made(password, bits, _strength(bits))


@service.endpoint(idempotent=True, examples=[{"password": "Summer2026!"}])
def strength(password: str) -> Estimate:
    """Estimate how strong a password is. It is not kept, and not written into any log by this service.

    Wishes:
        is this password good enough
        how long would it take to guess hunter2

    Wishes (es):
        es bastante buena la contraseña hunter2

    Wishes (de):
        ist hunter2 als Passwort gut genug

    Args:
        password: the password, at most 1024 characters.
    """
    if len(password) > TESTED_CHARACTERS_MAX:
        raise errors.BadRequest(f"password: expected at most {TESTED_CHARACTERS_MAX} characters, got {len(password)}")
    advice: list[str] = []
    bits = round(_guess_bits(password, advice), 1)
    if len(password) < LENGTH_MIN:
        advice.append(f"It is short: take at least {LENGTH_MIN} characters, better {2 * LENGTH_MIN}.")
    return Estimate(bits, _strength(bits), advice)


def _guess_bits(password: str, advice: list[str]) -> float:
    """Adds up what each part of a password is worth to someone who knows how people make them."""
    rest = _take_out(password, advice)
    alphabet = sum(len(kind) for kind in ALPHABETS if any(letter in kind for letter in rest.text))
    alphabet += 100 * any(not letter.isascii() for letter in rest.text)
    return rest.bits + len(rest.text) * math.log2(max(2, alphabet))


@dataclass
class _Rest:
    """What is left of a password without its guessable parts, and the bits those parts were worth."""

    text: str
    bits: float


def _take_out(password: str, advice: list[str]) -> _Rest:
    rest = _Rest(password, 0.0)
    plain = password.lower().translate(LEET)
    known = sorted(
        (word for word in {*COMMON, *word_list()} if len(word) > 3 and word in plain),
        key=lambda word: (-len(word), word),
    )
    for word in known:
        if (at := rest.text.lower().translate(LEET).find(word)) >= 0:
            rest = _Rest(rest.text[:at] + rest.text[at + len(word) :], rest.bits + (5 if word in COMMON else 12))
            _say(advice, "Words are easy to guess: use several that have nothing to do with each other.")
    for pattern, worth, why in (
        (r"(?:19|20)\d\d", 7, "Years are easy to guess."),
        (r"(.)\1{2,}", 6, "Repeated characters add little."),
    ):
        while found := re.search(pattern, rest.text):
            rest = _Rest(rest.text[: found.start()] + rest.text[found.end() :], rest.bits + worth)
            _say(advice, why)
    while found_row := _row(rest.text.lower()):
        at, length = found_row
        rest = _Rest(rest.text[:at] + rest.text[at + length :], rest.bits + 6 + math.log2(length))
        _say(advice, "Rows of the alphabet or the keyboard are easy to guess.")
    return rest


def _row(text: str) -> tuple[int, int] | None:
    """Returns where a row of at least four neighbours begins, forwards or backwards, and how long it is."""
    for at in range(len(text) - 3):
        for row in (*ROWS, *(row[::-1] for row in ROWS)):
            length = 0
            while at + length < len(text) and text[at : at + length + 1] in row:
                length += 1
            if length >= 4:
                return at, length
    return None


def _say(advice: list[str], text: str) -> None:
    if text not in advice:
        advice.append(text)


def _bits_of_form(length: int, sizes: list[int]) -> float:
    """Returns the bits of a password of which each kind of character is there, by inclusion and exclusion."""
    count = 0
    for left_out in range(1 << len(sizes)):
        sign = -1 if left_out.bit_count() % 2 else 1
        count += sign * sum(size for at, size in enumerate(sizes) if not left_out >> at & 1) ** length
    return math.log2(count)


def _strength(bits: float) -> Strength:
    return next(name for most, name in STRENGTHS if bits < most)


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise errors.BadRequest(f"{name}: expected {least} to {most}, got {number}")


@functools.cache
def word_list() -> tuple[str, ...]:
    """Returns the words that phrases are made of: 2048, so that each is worth 11 bits."""
    return tuple(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())


if __name__ == "__main__":
    service.run()
