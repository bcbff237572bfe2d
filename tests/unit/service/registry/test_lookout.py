"""What tells a finder that an answer it keeps may be another one by now."""

from __future__ import annotations

import asyncio

import pytest

from micro.service.registry import lookout
from micro.service.registry.charting import Charting
from micro.service.registry.known import Known
from micro.service.registry.lookout import Lookout
from tests.unit.service.registry.test_asker import BEFORE, Answers, asker_of, atlas_of


def test_an_answer_that_nobody_watches_is_soon_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was to tell of changes may be gone together with the node that is in the answer."""
    monkeypatch.setattr(lookout, "UNHEARD_SECONDS", 0.01)
    atlas, known = atlas_of(BEFORE), Known(is_old=False)
    reach = Answers({})
    watching = Lookout(Charting(atlas, reach, on_change=lambda before: None), reach, asker_of(atlas, {}).ordered)

    asyncio.run(asyncio.wait_for(watching.hear("greeter", known), 30))

    assert known.is_old
