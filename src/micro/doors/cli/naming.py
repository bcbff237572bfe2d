"""How endpoints and fields are spelled on a command line, and which endpoint some words mean.

Pure.

`Say.Hello` may be typed as `say hello`, `hello` where no other struct has that method, `say-hello`, or as it is. Words
are compared lower-case with dashes, so `SayHi`, `say_hi` and `say-hi` are one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from micro.errors import BadRequest

__all__ = ["dashed", "find_endpoint", "methods_of", "near", "spelled", "structs_of"]

OURS = "Debug"
"""The struct that every service has by itself: it never makes a method of the service's own ambiguous."""

NEAR_MAX = 3
LIKENESS_MIN = 0.6

_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def dashed(name: str) -> str:
    """Returns a name as it is typed: `SayHi` and `say_hi` as `say-hi`; dots stay."""
    return _WORD_ENDS.sub("-", name).replace("_", "-").lower()


def _split(endpoint: str) -> tuple[str, str]:
    struct, _, method = endpoint.partition(".")
    return struct, method


def structs_of(endpoints: Iterable[str]) -> list[str]:
    """Returns the structs of a service, as they are typed, in the order of its endpoints."""
    return list(dict.fromkeys(dashed(_split(endpoint)[0]) for endpoint in endpoints))


def methods_of(endpoints: Iterable[str], struct: str) -> dict[str, str]:
    """Returns, for the methods of a struct as they are typed, their endpoints."""
    found = {}
    for endpoint in endpoints:
        owner, method = _split(endpoint)
        if dashed(owner) == dashed(struct):
            found[dashed(method)] = endpoint
    return found


def find_endpoint(endpoints: Sequence[str], words: Sequence[str]) -> tuple[str, int] | None:
    """Returns the endpoint that the first words name and how many words that took, or None where they name none.

    Args:
        endpoints: names as `Struct.Method`.
        words: what was typed after the service.

    Raises:
        BadRequest: the word is a method of several structs.
    """
    if not words:
        return None
    word = dashed(words[0])
    exact = {dashed(endpoint): endpoint for endpoint in endpoints}
    if word in exact:
        return exact[word], 1
    if len(words) > 1 and (found := exact.get(f"{word}.{dashed(words[1])}")):
        return found, 2
    holders = _holders(endpoints, word)
    if len(holders) > 1:
        choices = " or ".join(f"`{dashed(_split(holder)[0])} {word}`" for holder in holders)
        raise BadRequest(f"several structs have a method {word}; say {choices}")
    if holders:
        return holders[0], 1
    joined = {dashed(endpoint).replace(".", "-"): endpoint for endpoint in endpoints}
    return (joined[word], 1) if word in joined else None


def _holders(endpoints: Iterable[str], method: str) -> list[str]:
    """Returns the endpoints with a method of that name; those of every service only where the service has none."""
    every = [endpoint for endpoint in endpoints if dashed(_split(endpoint)[1]) == method]
    return [endpoint for endpoint in every if _split(endpoint)[0] != OURS] or every


def spelled(endpoints: Sequence[str], endpoint: str) -> str:
    """Returns the fewest words that name an endpoint: `hello`, or `say hello` where `hello` is not enough."""
    struct, method = (dashed(part) for part in _split(endpoint))
    return method if _holders(endpoints, method) == [endpoint] else f"{struct} {method}"


def near(word: str, known: Iterable[str]) -> list[str]:
    """Returns the few known words that look most like `word`."""
    from difflib import get_close_matches

    spellings = {dashed(name): name for name in known}
    return [spellings[found] for found in get_close_matches(dashed(word), list(spellings), NEAR_MAX, LIKENESS_MIN)]
