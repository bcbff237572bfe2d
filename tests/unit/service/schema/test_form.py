"""How functions are to be called."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from micro.service.schema.form import Form, form_of, suspends


def plain() -> int:
    return 1


async def inline() -> int:
    return 1


async def loops() -> int:
    return sum([number + 1 for number in range(3)])


async def awaits() -> None:
    await asyncio.sleep(0)


async def iterates() -> None:
    async for _ in numbers():
        pass


async def comprehends() -> list[int]:
    return [number async for number in numbers()]


async def enters() -> None:
    async with contextlib.AsyncExitStack():
        pass


async def numbers() -> AsyncIterator[int]:
    yield 1


def steps() -> Iterator[int]:
    yield 1


class Callee:
    async def __call__(self) -> int:
        return 1


@functools.wraps(awaits)
def wrapped() -> Any:
    return awaits()


@pytest.mark.parametrize(
    ("function", "form"),
    [
        (plain, Form.FUNCTION),
        (inline, Form.COROUTINE),
        (numbers, Form.ASYNC_GENERATOR),
        (steps, Form.GENERATOR),
        (functools.partial(inline), Form.COROUTINE),
        (Callee(), Form.COROUTINE),
        (wrapped, Form.COROUTINE),
        (len, Form.FUNCTION),
    ],
)
def test_the_form_is_seen(function: Callable[..., Any], form: Form) -> None:
    """Through partials, callable objects and plain wrappers."""
    assert form_of(function) is form


@pytest.mark.parametrize("function", [inline, loops, functools.partial(inline), Callee()])
def test_a_coroutine_that_never_waits_is_known(function: Callable[..., Any]) -> None:
    """There is nothing in its code that could hand control back."""
    assert not suspends(function)


@pytest.mark.parametrize("function", [inline, loops, Callee()])
def test_what_never_waits_ends_at_once(function: Callable[..., Any]) -> None:
    """The promise that a server relies on: the first step is the last."""
    with pytest.raises(StopIteration):
        function().send(None)


@pytest.mark.parametrize("function", [awaits, iterates, comprehends, enters, wrapped, plain, len])
def test_whatever_might_wait_is_said_to(function: Callable[..., Any]) -> None:
    """Awaiting, iterating, entering, and everything whose code is not certain."""
    assert suspends(function)
