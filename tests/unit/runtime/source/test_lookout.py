"""Sources that are watched, on a clock that only passes when nobody has anything to do."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from micro.errors import SourceError
from micro.runtime.source.lookout import LOOKS_MAX, SAVE_SECONDS, Lookout
from micro.runtime.source.notice import Notice
from micro.runtime.source.pace import HINTED_LOOKS_MAX, HINTED_LOOKS_TOTAL_MAX, JITTER_SHARE, Pace
from micro.runtime.source.sightings import Sightings
from micro.runtime.source.source import Revision
from micro.runtime.source.spec import SourceSpec, parse
from micro.testing.disk import MemoryDisk
from micro.testing.ground import WorldClock, WorldEntropy
from micro.testing.loop import VirtualLoop

HOUR = 3600.0
GREETER = parse("github.com/ann/greeter@main")
KEPT = Path("/node/sources.json")


@dataclass
class Scene:
    """A lookout, what its sources say, and what it did."""

    disk: MemoryDisk
    revision: str = "1"
    trouble: str = ""
    answer_seconds: float = 0.1
    looks: list[tuple[float, str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    open: int = 0
    open_max: int = 0

    def lookout(self, pace: Pace | None = None) -> Lookout:
        loop = asyncio.get_running_loop()
        sightings = Sightings(self.disk, KEPT)
        return Lookout(
            self.newest,
            lambda spec, revision: self.seen.append(revision.id),
            sightings,
            clock=WorldClock(loop),
            entropy=WorldEntropy("lookout"),
            pace=pace or Pace(),
        )

    async def newest(self, spec: SourceSpec) -> Revision:
        """What the source says after a while is what it was when it was asked."""
        revision, trouble = self.revision, self.trouble
        self.looks.append((asyncio.get_running_loop().time(), str(spec)))
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        await asyncio.sleep(self.answer_seconds)
        self.open -= 1
        if trouble:
            raise SourceError(trouble)
        return Revision(revision, "refs/heads/main")

    def times(self) -> list[float]:
        return [time for time, _ in self.looks]


def play(act: Callable[[Scene], Awaitable[None]], scene: Scene | None = None) -> Scene:
    scene = scene or Scene(MemoryDisk(random.Random(1)))
    VirtualLoop().run_until_complete(act(scene))
    return scene


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def test_a_source_is_looked_at_at_once_and_then_every_minute() -> None:
    """Never twice within one, and what it says is handed on each time."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(300)
        await lookout.close()

    scene = play(act)
    assert scene.times()[0] == 0
    assert len(scene.looks) == len(scene.seen) >= 4
    assert all(60 <= gap <= 60.2 * (1 + JITTER_SHARE) for gap in gaps(scene.times()))


def test_a_quiet_source_costs_a_look_an_hour() -> None:
    """After a quiet day there is hardly anything to pay."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(24 * HOUR)
        scene.looks.clear()
        await asyncio.sleep(24 * HOUR)
        await lookout.close()

    assert 19 <= len(play(act).looks) <= 24


def test_services_of_one_repository_are_one_question() -> None:
    """Folders of a monorepo at one branch are looked at together, another branch by itself."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([parse(f"github.com/ann/mono/{name}@main") for name in "abc"] + [parse("github.com/ann/mono@v1")])
        await asyncio.sleep(1)
        await lookout.close()

    assert sorted(source for _, source in play(act).looks) == ["github.com/ann/mono@main", "github.com/ann/mono@v1"]


def test_what_is_no_longer_watched_is_left_alone() -> None:
    """Not even an answer that was under way is handed on."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(0.05)
        lookout.watch([])
        await asyncio.sleep(HOUR)
        assert lookout.state(GREETER) is None
        await lookout.close()

    scene = play(act)
    assert (len(scene.looks), scene.seen) == (1, [])


def test_a_source_that_fails_is_told_and_tried_again() -> None:
    """Its trouble is shown until it answers, and what was known stays known."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(1)
        scene.trouble = "cannot find the host"
        await asyncio.sleep(80)
        look = lookout.state(GREETER)
        assert look is not None
        assert (look.sighting.revision, look.sighting.trouble) == ("1", "cannot find the host")
        scene.trouble = ""
        await asyncio.sleep(HOUR)
        look = lookout.state(GREETER)
        assert look is not None
        assert not look.sighting.trouble
        await lookout.close()

    play(act)


def test_only_so_many_at_once() -> None:
    """A thousand sources that take their time have their turns, all of them."""

    async def act(scene: Scene) -> None:
        scene.answer_seconds = 1.0
        lookout = scene.lookout()
        lookout.watch([parse(f"github.com/ann/{number}@main") for number in range(1000)])
        await asyncio.sleep(251)
        await lookout.close()

    scene = play(act)
    assert scene.open_max == LOOKS_MAX
    assert len({source for _, source in scene.looks}) == 1000


def test_a_hint_is_followed_at_once() -> None:
    """Who says that a source changed is believed enough to look."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(10)
        assert lookout.hint(Notice.of(GREETER)) == 1
        await asyncio.sleep(1)
        await lookout.close()

    assert play(act).times() == [0, 10]


def test_a_hint_about_another_source_is_not_followed() -> None:
    """Nothing is looked at that nobody watches."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(10)
        assert lookout.hint(Notice.of(parse("github.com/ann/other@main"))) == 0
        await asyncio.sleep(1)
        await lookout.close()

    assert len(play(act).looks) == 1


def test_a_hint_while_it_is_looked_at_leads_to_another_look() -> None:
    """The answer under way may be from before the change."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(0.05)
        scene.revision = "2"
        lookout.hint(Notice.of(GREETER))
        await asyncio.sleep(1)
        await lookout.close()

    assert play(act).seen == ["1", "2"]


def test_a_flood_of_hints_changes_little() -> None:
    """Whoever publishes without end makes a node look so many times a minute and no more."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        for _ in range(6_000):
            lookout.hint(Notice.of(GREETER))
            await asyncio.sleep(0.1)
        await lookout.close()

    times = play(act).times()
    assert max(len([time for time in times if start <= time < start + 60]) for start in times) <= HINTED_LOOKS_MAX + 1


def test_a_flood_about_everything_changes_little() -> None:
    """The same for all sources together, but for the few that had to wait for their turn."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout(Pace(HOUR, HOUR))
        sources = [parse(f"github.com/ann/{number}@main") for number in range(200)]
        lookout.watch(sources)
        await asyncio.sleep(60)
        scene.looks.clear()
        for turn in range(1_000):
            for source in sources[turn % 10 :: 10]:
                lookout.hint(Notice.of(source))
            await asyncio.sleep(0.6)
        await lookout.close()

    times = play(act).times()
    most = max(len([time for time in times if start <= time < start + 60]) for start in times)
    assert HINTED_LOOKS_MAX < most <= HINTED_LOOKS_TOTAL_MAX + LOOKS_MAX


def test_a_node_that_starts_again_does_not_look_at_everything() -> None:
    """When a source was looked at, and since when it is quiet, outlives the node."""

    async def first(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(8 * HOUR)
        await lookout.close()

    async def second(scene: Scene) -> None:
        await asyncio.sleep(8 * HOUR + 60)
        lookout = scene.lookout()
        lookout.watch([GREETER])
        look = lookout.state(GREETER)
        assert look is not None
        assert look.sighting.revision == "1"
        await asyncio.sleep(50 * 60)
        await lookout.close()

    scene = play(first)
    scene.looks.clear()
    play(second, scene)
    assert len(scene.looks) <= 1


def test_what_was_seen_is_kept_though_nobody_closes() -> None:
    """A node that is killed has lost a minute's looks at most."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(SAVE_SECONDS + 1)
        assert [*Sightings(scene.disk, KEPT).read()] == [str(GREETER)]
        await lookout.close()

    play(act)


def test_what_was_seen_is_kept_at_the_end() -> None:
    """A node that stops loses nothing."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(1)
        await lookout.close()
        assert [*Sightings(scene.disk, KEPT).read()] == [str(GREETER)]

    play(act)


def test_a_path_that_is_no_text_ends_nothing() -> None:
    """What cannot be written down as it is, is written down somehow, and looks go on."""

    async def act(scene: Scene) -> None:
        lookout = scene.lookout()
        lookout.watch([parse("/srv/gr\udcfc\udcdf@main"), GREETER])
        await asyncio.sleep(300)
        await lookout.close()
        assert len(Sightings(scene.disk, KEPT).read()) == 2

    assert len(play(act).looks) >= 8


def test_a_memory_that_is_none_is_ignored() -> None:
    """Whatever the file holds, the node starts."""

    async def act(scene: Scene) -> None:
        scene.disk.write(KEPT, b'{"x": 1}')
        lookout = scene.lookout()
        lookout.watch([GREETER])
        await asyncio.sleep(1)
        await lookout.close()

    assert len(play(act).looks) == 1
