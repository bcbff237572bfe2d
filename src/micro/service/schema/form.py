"""How a function is to be called: at once, awaited, or iterated, and whether it ever waits.

Pure.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
from collections.abc import Callable
from enum import Enum
from types import CodeType
from typing import Any

__all__ = ["Form", "form_of", "suspends"]


class Form(Enum):
    """What calling a function gives."""

    FUNCTION = "function"
    """The result; it may block, so it belongs into a thread."""

    COROUTINE = "coroutine"
    """An awaitable of the result."""

    GENERATOR = "generator"
    """An iterator of results; each step may block."""

    ASYNC_GENERATOR = "async generator"
    """An asynchronous iterator of results."""


_VERSIONS_KNOWN = ((3, 11), (3, 14))
"""The first and last Python whose bytecode has been looked at."""

_WAITS = frozenset(
    {
        "ASYNC_GEN_WRAP",
        "BEFORE_ASYNC_WITH",
        "END_ASYNC_FOR",
        "END_SEND",
        "GET_AITER",
        "GET_ANEXT",
        "GET_AWAITABLE",
        "GET_YIELD_FROM_ITER",
        "SEND",
        "YIELD_VALUE",
    }
)
"""Whatever can hand control back to the loop: await, async for, async with, and what they are made of."""


_LAYERS_MAX = 32
"""Deeper piles of decorators are not looked through."""


def form_of(function: Callable[..., Any]) -> Form:
    """Returns what calling `function` gives; a plain wrapper counts as what it wraps."""
    layers = [function]
    while len(layers) < _LAYERS_MAX:
        inner = getattr(layers[-1], "__wrapped__", None)
        if inner is None:
            break
        layers.append(inner)
    for layer in layers:
        form = _form(layer)
        if form is not Form.FUNCTION:
            return form
    return Form.FUNCTION


def _form(function: Callable[..., Any]) -> Form:
    target = _called(function)
    if inspect.isasyncgenfunction(target):
        return Form.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(target):
        return Form.COROUTINE
    if inspect.isgeneratorfunction(target):
        return Form.GENERATOR
    return Form.FUNCTION


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what really runs: the function inside partials, the `__call__` of an object."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(function, "__call__", function)  # noqa: B004 - the method itself is wanted, not whether there is one


def suspends(function: Callable[..., Any]) -> bool:
    """Returns whether an `async def` may ever hand control back to the loop before it ends.

    Where the answer is False its coroutine ends at the first `send(None)`, so it can run at once without a task.
    Whatever is not certain (other bytecode, compiled functions, wrappers) is True.
    """
    if not _VERSIONS_KNOWN[0] <= sys.version_info[:2] <= _VERSIONS_KNOWN[1]:
        return True
    code = getattr(_called(function), "__code__", None)
    if not isinstance(code, CodeType) or not code.co_flags & inspect.CO_COROUTINE:
        return True
    return any(instruction.opname in _WAITS for instruction in dis.get_instructions(code))
