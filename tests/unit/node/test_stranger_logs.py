"""How many logs of strangers are sought at once, and what is said where more are wanted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from micro.errors import Unavailable
from micro.network.visits import Visits
from micro.node.backbone import Backbone
from micro.node.pinned import TOPIC, Pinned
from micro.node.stranger_logs import LINGER_SECONDS, SOUGHT_MAX, StrangerLogs, missed
from micro.service.registry.catalog import Catalog
from micro.system import SystemDisk
from micro.trust.identity import nid_of, short
from tests.contract.town import TownEntropy
from tests.unit.network.clockwork import run
from tests.unit.service.registry.makings import key_of

FAR = nid_of(key_of(1).public)


class Hamlet(Backbone):
    """A node that is in no network at the moment."""

    def __init__(self, folder: Path) -> None:
        self.finder = None
        self.pinned = Pinned(SystemDisk(), folder / "pins.json", Catalog())


class Nobody(Visits):
    """Nobody is visited where nobody is found."""

    def __init__(self) -> None:
        """There is nothing to begin."""


def logs_in(folder: Path) -> StrangerLogs:
    return StrangerLogs(Hamlet(folder), Nobody(), nid="b5uahere", entropy=TownEntropy("logs"), changed=lambda: None)


def test_a_log_that_is_wanted_twice_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the name of its node and by a pin: as many are sought as may be, and nothing is said."""

    async def scenario() -> None:
        logs = logs_in(tmp_path)
        topics = [f"topic-{number}" for number in range(SOUGHT_MAX)]
        for topic in topics[: SOUGHT_MAX // 2]:
            logs._backbone.pinned.add(TOPIC + topic, FAR)
            logs.want(topic)
            logs.want(f"{topic}@{FAR}")
        for topic in topics[SOUGHT_MAX // 2 :]:
            logs.want(f"{topic}@{FAR}")
        assert logs.sought == sorted((topic, FAR) for topic in topics)
        logs.close()

    with caplog.at_level(logging.WARNING, "micro.network"):
        run(scenario())
    assert caplog.records == []


def test_more_than_may_be_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, until there were fewer; what waited is sought when there is room."""

    async def scenario() -> None:
        logs = logs_in(tmp_path)
        names = [f"topic-{number}@{FAR}" for number in range(SOUGHT_MAX + 2)]
        for name in names:
            logs.want(name)
        assert len(logs.sought) == SOUGHT_MAX
        assert ("topic-129", FAR) not in logs.sought
        for name in names[:2]:
            logs.release(name)
        await asyncio.sleep(LINGER_SECONDS + 1)
        assert ("topic-129", FAR) in logs.sought
        assert len(caplog.records) == 1
        logs.want(names[0])
        logs.close()

    with caplog.at_level(logging.WARNING, "micro.network"):
        run(scenario())
    first, again = [record.getMessage() for record in caplog.records]
    assert first == again
    assert "want 129 logs of strangers, and 128 are sought at once" in first
    assert "unpin" in first


@pytest.mark.parametrize("said", ["no answer within 3 s", f"{short(FAR)} cannot be reached: no answer within 3 s"])
def test_that_a_node_is_not_reached_is_said_once(said: str) -> None:
    """Though the error says it too."""
    expected = f"{short(FAR)} cannot be reached, and is tried again: no answer within 3 s"

    assert missed(FAR, Unavailable(said)) == expected
