"""A node's words go into a commons and are found there by another one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from micro.errors import Timeout
from micro.service.registry.announcement import Announcement, Place
from micro.service.registry.atlas import Atlas
from micro.service.registry.charting import Charting
from micro.service.registry.commons import poster, seeker
from micro.service.registry.commons.commons import (
    LIFETIME_SECONDS,
    PUTS_MAX,
    TAGS,
    VALUES_MAX,
    Found,
    place_of,
    tag_of,
)
from micro.service.registry.commons.memory import MemoryCommons, Square
from micro.service.registry.commons.poster import NAMES_MAX, WORDS_MAX, Poster
from micro.service.registry.commons.seeker import Seeker
from micro.service.registry.commons.value import _VALUE, Wanted, value_of_records
from micro.service.registry.commons.whereabouts import Whereabouts, sign_whereabouts
from micro.service.registry.description import check_description
from micro.service.registry.record import Kind, SignedRecord, mark_of_log
from micro.trust.identity import nid_of
from tests.contract.town import TownClock, TownEntropy
from tests.unit.network.clockwork import run
from tests.unit.service.registry.makings import NOW, key_of, map_of, signed_of, withdrawn_of

ANN, KEEPER = key_of(1), key_of(3)
NETWORK = nid_of(KEEPER.public)


class Household:
    """One node with what it says, on a square."""

    def __init__(self, square: Square, *, is_super: bool = False) -> None:
        self.numbers = itertools.count(1)
        self.place = Place(("192.0.2.7:4040",))
        self.announcement = Announcement(ANN, lambda: next(self.numbers), TownEntropy("ann").random_bytes)
        atlas = Atlas(NETWORK)
        atlas.take(map_of(KEEPER, [1, 2]).sealed)
        charting = Charting(atlas, None, on_change=lambda _: None)  # type: ignore[arg-type]
        self.commons = MemoryCommons(square)
        self.poster = Poster(
            self.commons,
            ANN,
            self.announcement,
            charting,
            clock=TownClock(),
            sequence=lambda: next(self.numbers),
            place=lambda: self.place,
            is_super=lambda: is_super,
        )

    def serve(self, *names: str, logs: tuple[str, ...] = ()) -> None:
        said = {name: check_description({"name": name, "version": "1", "endpoints": []}) for name in names}
        self.announcement.offer(said, TownClock().now(), topics=map(mark_of_log, logs))


def looking(square: Square) -> Seeker:
    return Seeker(MemoryCommons(square), NETWORK, TownClock())


async def names(found: Seeker, name: str = "greeter") -> list[tuple[str, bool]]:
    return [(signed.record.name, signed.record.withdrawn) for signed in await found.records(Wanted(name))]


def test_what_a_node_says_is_found() -> None:
    """By its name, its words and its id; what it offers no longer is a withdrawal, and so is all when it leaves."""

    async def play() -> None:
        square = Square()
        ann, found = Household(square), looking(square)
        ann.serve("greeter", "other")
        ann.poster.start()
        await asyncio.sleep(poster.LOOK_SECONDS)
        assert await names(found) == [("greeter", False)]
        assert len(await found.records(Wanted(word="greeter"))) == 1
        assert [where.addresses for where in await found.whereabouts([ANN.public])] == [ann.place.addresses]
        assert (await found.supers()).tickets == []

        ann.serve("other")
        ann.place = Place(("192.0.2.8:4040",))
        await asyncio.sleep(2 * poster.LOOK_SECONDS)
        assert await names(found) == [("greeter", True)]
        assert [where.addresses for where in await found.whereabouts([ANN.public])] == [ann.place.addresses]

        await asyncio.sleep(LIFETIME_SECONDS + 1)
        assert await names(found) == []
        before = await looking(square).records(Wanted("other"))
        heard: list[SignedRecord] = []
        found.listen("other", heard.append)
        await ann.poster.leave()
        assert [signed.record.withdrawn for signed in heard] == [False, True]
        assert square.values == {}  # nothing is renewed any more
        late = MemoryCommons(square)
        await late.put(place_of(NETWORK, "name", "other"), value_of_records(before))
        assert await names(found, "other") == []  # what somebody puts back is older than what was heard

    run(play())


def test_the_log_of_a_node_is_found() -> None:
    """Under its mark and not under the service of that name; also after it was closed, as a withdrawal."""

    async def play() -> None:
        square = Square()
        ann, found = Household(square), looking(square)
        ann.serve("orders", logs=("orders",))
        ann.poster.start()
        await asyncio.sleep(poster.LOOK_SECONDS)
        for name, kind in (("orders", Kind.SERVICE), ("log:orders", Kind.LOG)):
            assert [signed.record.kind for signed in await found.records(Wanted(name))] == [kind]
        ann.serve("orders")
        await asyncio.sleep(2 * poster.LOOK_SECONDS)
        assert await names(found, "log:orders") == [("orders", True)]
        assert await names(found, "orders") == [("orders", False)]

    run(play())


def test_a_super_node_shows_its_map() -> None:
    """With where it is; whoever has the id of the network alone needs no more."""

    async def play() -> None:
        square = Square()
        Household(square, is_super=True).poster.start()
        await asyncio.sleep(poster.LOOK_SECONDS)
        supers = await looking(square).supers()
        assert supers.maps == [map_of(KEEPER, [1, 2]).sealed]
        assert [ticket.nid for ticket in supers.tickets] == [nid_of(ANN.public)]
        assert supers.version == 1
        assert (await Seeker(MemoryCommons(square), nid_of(ANN.public), TownClock()).supers()).maps == []

    run(play())


def test_whereabouts_stay_young() -> None:
    """They are signed anew long before nobody believes them."""

    async def play() -> None:
        square = Square()
        ann, found = Household(square), looking(square)
        ann.poster.start()
        for _ in range(5):
            await asyncio.sleep(3000)
            assert len(await found.whereabouts([ANN.public])) == 1

    run(play())


def test_what_a_node_puts_is_bounded() -> None:
    """However many services it has."""

    async def play() -> None:
        square = Square()
        ann = Household(square)
        ann.serve(*(f"service-{number}" for number in range(150)))
        ann.poster.start()
        await asyncio.sleep(poster.LOOK_SECONDS)
        assert ann.poster.count <= NAMES_MAX + WORDS_MAX + 2 < PUTS_MAX
        assert ann.poster.count >= NAMES_MAX + WORDS_MAX

    run(play())


def test_a_value_that_nobody_took_is_offered_again() -> None:
    """Until somebody does."""

    async def play() -> None:
        square = Square()
        ann = Household(square)
        put, refused = ann.commons.put, [0]

        async def refuse(place: bytes, value: bytes, *, tag: str = "") -> bool:
            refused[0] += 1
            return refused[0] > 2 and await put(place, value, tag=tag)

        ann.commons.put = refuse  # type: ignore[method-assign]
        ann.poster.start()
        await asyncio.sleep(3 * poster.AGAIN_SECONDS)
        assert len(await looking(square).whereabouts([ANN.public])) == 1
        assert refused[0] == 3

    run(play())


def test_a_commons_that_does_not_answer_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look ends with an error; whereabouts are none then."""

    async def forever(self: MemoryCommons, place: bytes, **sought: object) -> Found:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(MemoryCommons, "find", forever)

    async def play() -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Timeout):
            await looking(Square()).records(Wanted("greeter"))
        assert await looking(Square()).whereabouts([ANN.public]) == []
        assert asyncio.get_running_loop().time() - began == pytest.approx(2 * seeker.FIND_SECONDS)

    run(play())


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sequences of so many records."""
    monkeypatch.setattr(seeker, "SEEN_MAX", 3)

    async def play() -> None:
        square = Square()
        found = looking(square)
        for number in range(5):
            await MemoryCommons(square).put(
                place_of(NETWORK, "name", "greeter"), value_of_records([signed_of(key_of(number))])
            )
        assert len(await found.records(Wanted("greeter"))) == 5
        assert len(found._seen) == 3

    run(play())


@pytest.mark.parametrize("kind", ["noise", "forgeries", "stuffed"])
def test_junk_hides_nothing(kind: str) -> None:
    """Noise is passed over, and where what looks genuine floods a place its parts are asked for one by one."""

    async def play() -> None:
        square = Square()
        ann = Household(square, is_super=True)
        ann.serve("greeter")
        mine = tag_of(ANN.public)
        places = [
            place_of(NETWORK, kind, name)
            for kind, name in (("name", "greeter"), ("word", "greeter"), ("super", ""), ("node", nid_of(ANN.public)))
        ]
        for number in range(10 * VALUES_MAX if kind == "noise" else 2 * VALUES_MAX):
            forged = bytearray(signed_of(key_of(number + 10)).sealed)
            forged[-1] ^= 1
            value = f"junk {number}".encode()
            if kind == "forgeries":
                value = _VALUE.encode({"records": [bytes(forged)]})
            elif kind == "stuffed":
                value = _VALUE.encode({"records": [bytes(forged)], "whereabouts": _forged_whereabouts(number)})
            for place in places[: 3 if kind == "stuffed" else 4]:
                await MemoryCommons(square).put(place, value, tag=next(tag for tag in TAGS if tag != mine))
        ann.poster.start()
        await asyncio.sleep(poster.LOOK_SECONDS)
        found = looking(square)
        assert await names(found) == [("greeter", False)]
        assert len(await found.records(Wanted(word="greeter"))) == 1
        assert len(await found.records(Wanted("greeter", key=ANN.public))) == 1
        assert len((await found.supers()).tickets) == 1
        assert len(await found.whereabouts([ANN.public])) == 1

    run(play())


def _forged_whereabouts(number: int) -> bytes:
    """Whereabouts of a super node that look genuine until somebody checks their signature."""
    said = Whereabouts(KEEPER.public, key_of(number + 10).public, 1, NOW, ("192.0.2.9:1",), "", 1, bytes(32))
    forged = bytearray(sign_whereabouts(key_of(number + 10), said).sealed)
    forged[-1] ^= 1
    return bytes(forged)


def test_junk_is_not_told_to_a_listener() -> None:
    """Only records of the name that somebody signed."""

    async def play() -> None:
        square = Square()
        heard: list[SignedRecord] = []
        stop: Callable[[], None] = looking(square).listen("greeter", heard.append)
        place, good = place_of(NETWORK, "name", "greeter"), withdrawn_of(ANN, expires=NOW + 86_400)
        for value in (b"junk", value_of_records([signed_of(ANN, "other")]), value_of_records([good])):
            await MemoryCommons(square).put(place, value)
        stop()
        await MemoryCommons(square).put(place, value_of_records([signed_of(key_of(2))]))
        assert heard == [good]

    run(play())
