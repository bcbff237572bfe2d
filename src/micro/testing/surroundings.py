"""Keeps a world and what is around it apart."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from micro.service import debug
from micro.trust import keys

__all__ = ["quiet_surroundings"]

VERIFIED_KEPT = 16_384
"""So many signatures of a world are remembered."""


@contextmanager
def quiet_surroundings() -> Iterator[None]:
    """Keeps what is outside of a world from touching it, and the other way round.

    The collector of cycles runs when it likes, and what it finds may still have something to say: it waits. Services
    that are made add handlers to loggers: these go with the world. What this process uses is nothing that a world has.
    All nodes of a world are one process here: a signature that one of them has verified is not worked out anew for the
    next, since its bytes and their answer are the same.
    """
    measured, debug.used = debug.used, lambda resident: (0, 0, 0.0)
    verify, keys.verify = keys.verify, lru_cache(VERIFIED_KEPT)(keys.verify)
    before = {id(handler) for _, handler in _handlers()}
    collects = gc.isenabled()
    gc.collect(1)  # the world before this one, if there was one and nobody holds it
    gc.disable()
    try:
        yield
    finally:
        debug.used, keys.verify = measured, verify
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
