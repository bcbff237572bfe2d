"""Speaks for a Python file: each of its functions whose parameters have types becomes an endpoint."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from micro.errors import EngineError

__all__ = ["functions_of", "load"]

FUNCTIONS_MAX = 128


def load(folder: Path, path: str) -> ModuleType:
    """Imports a file of a folder, whose neighbours it may import too.

    Raises:
        EngineError: it cannot be imported; the message holds what it raised.
    """
    sys.path.insert(0, str((folder / path).parent))
    name = Path(path).stem
    sys.modules.pop(name, None)  # ours of the same name stay with those who have them
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise EngineError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error


def functions_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the public functions that a module defines itself, in the order of their names."""
    found = [
        (name, function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__ and name != "main"
    ]
    yield from found[:FUNCTIONS_MAX]
