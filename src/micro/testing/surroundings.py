"""Keeps a world and what is around it apart."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from micro.service import debug

__all__ = ["quiet_surroundings"]


@contextmanager
def quiet_surroundings() -> Iterator[None]:
    """Keeps what is outside of a world from touching it, and the other way round.

    The collector of cycles runs when it likes, and what it finds may still have something to say: it waits. Services
    that are made add handlers to loggers: these go with the world. What this process uses is nothing that a world has.
    """
    measured, debug.used = debug.used, lambda resident: (0, 0, 0.0)
    before = {id(handler) for _, handler in _handlers()}
    collects = gc.isenabled()
    gc.collect(1)  # the world before this one, if there was one and nobody holds it
    gc.disable()
    try:
        yield
    finally:
        debug.used = measured
        if collects:
            gc.enable()
        for logger, handler in list(_handlers()):
            if id(handler) not in before:
                logger.removeHandler(handler)


def _handlers() -> Iterator[tuple[logging.Logger, logging.Handler]]:
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            for handler in logger.handlers:
                yield logger, handler
