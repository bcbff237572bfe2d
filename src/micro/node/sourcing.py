"""What a node does about sources: it says by its settings where code may come from, and hears that some has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from micro.errors import ConfigError
from micro.node.config import NodeConfig
from micro.ports import Clock
from micro.runtime.runtime import SourceRules
from micro.runtime.source.notice import Notice, read_notice
from micro.runtime.source.pace import HintRate, Pace
from micro.service.broker.broker import Member, StoredEvent

__all__ = ["Notices", "source_rules"]

SECRET_CHARACTERS_MIN = 16

NOTICES_MAX = 600
"""So many events on the topic are read within a minute; more of them are passed over, for sources are looked at anyway.

How often a source is looked at because of them is another matter, and far less: see `micro.runtime.source.pace`."""


def source_rules(config: NodeConfig) -> SourceRules:
    """Returns what the settings say of sources.

    Raises:
        ConfigError: the least time between looks is more than the most, or the secret for forges can be guessed.
    """
    least, most = config.source_look_seconds_min, config.source_look_seconds_max
    if least > most:
        raise ConfigError(
            f"source_look_seconds_min is {least:g} and source_look_seconds_max {most:g}: make it the less"
        )
    if 0 < len(config.hook_secret) < SECRET_CHARACTERS_MIN:
        raise ConfigError(
            f"hook_secret has less than {SECRET_CHARACTERS_MIN} characters: choose one that nobody guesses"
        )
    return SourceRules(
        allow_private=config.allow_private_sources,
        authorities=Path(config.source_authorities).expanduser().resolve() if config.source_authorities else None,
        evolve=config.evolve,
        trial=config.trial,
        pace=Pace(least, most),
    )


class Notices(Member):
    """Whoever listens to the topic `source.updated` of this node, and to that of no other.

    Args:
        hint: has a source looked at sooner.
    """

    def __init__(self, hint: Callable[[Notice], int], clock: Clock) -> None:
        self._hint = hint
        self._clock = clock
        self._rate = HintRate(NOTICES_MAX)

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        """Takes an event, whoever published it; what it says is advice."""
        now = self._clock.monotonic()
        if self._rate.free(now) <= now:
            self._rate.take(now)
            notice = read_notice(event.body)
            if notice is not None:
                self._hint(notice)
        return True

    def dropped(self, count: int) -> None:
        """Never happens to a member that takes everything, and would do no harm."""
