"""Finds what strangers offer: asks two super nodes who has a record of a name, and where those nodes are.

Answers are kept, watched, and renewed before they are old while they are used; that nobody offers a name is kept for
a few seconds. Whoever holds the name tells at once of the nodes that it holds too; of the others their holders are
asked. Of changes of a name one of its holders tells, of each node one of the holders of that (`lookout`). While the
backbone is away, what was known goes on being the answer: whether a node is still there its caller finds out by
calling it.

Where there is a second path, it is asked when no super node answers, or none shows a record. What only it shows is
looked up once more in the backbone node by node, so that a withdrawal there outweighs it.

Theory of one name: asked -> fresh (used: watched, renewed ahead) -> old (asked again; the old one if nobody answers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from micro.errors import MicroError, Unavailable
from micro.ports import Clock, Entropy
from micro.service.registry.asker import ASKED, LOOKUP, Asker
from micro.service.registry.backbone import FIND, KEYS_MAX, SEARCH
from micro.service.registry.charting import Charting
from micro.service.registry.commons.seeker import Seeker
from micro.service.registry.commons.value import Wanted
from micro.service.registry.finding import (
    Living,
    Offer,
    chosen_records,
    genuine_records,
    newest_records,
    ranked,
    split_node,
)
from micro.service.registry.known import FRESH_SECONDS, Known
from micro.service.registry.locating import OFFERS_MAX, Locating
from micro.service.registry.lookout import Lookout
from micro.service.registry.reach import Reach
from micro.service.registry.record import TERMS_MAX, ServiceRecord, SignedRecord
from micro.service.registry.shardmap import shard_of_name, shard_of_word
from micro.service.registry.words import words

__all__ = ["Finder"]

AHEAD_SECONDS: Final = 20.0
"""An answer older than this that is used is renewed while it still serves."""

NOTHING_SECONDS: Final = 5.0
"""That nobody offers a name is believed so long."""

NAMES_MAX: Final = 4096
"""So many names are kept; the one longest unused gives way."""

WATCHED_MAX: Final = 128
"""So many names are watched."""


SEARCH_WORDS_MAX: Final = 3
"""The shards of so many words are asked in one search."""

SEARCHED_MAX: Final = 64
"""Of the nodes whose records fit best so many are looked for; shown are those that are there, and no others."""

CHECKED_MAX: Final = 16
"""So many nodes whose records only the second path shows are looked up in the backbone; more are not believed."""

LISTEN_SECONDS: Final = 30.0
"""So long the second path alone is listened to where no super node tells of changes."""

log = logging.getLogger("micro.backbone")


class Finder:
    """Asks the backbone of one network.

    Args:
        charting: its maps.
        reach: how super nodes are reached.
        clock, entropy: time, and the choice among super nodes.
        second: the second path, None where there is none.
    """

    def __init__(
        self, charting: Charting, reach: Reach, *, clock: Clock, entropy: Entropy, second: Seeker | None = None
    ) -> None:
        self._charting = charting
        self._clock = clock
        self._second = second
        self._known: dict[str, Known] = {}
        self._asker = Asker(charting, reach, clock, entropy)
        self._lookout = Lookout(charting, reach, self._asker.ordered)

    async def find(self, name: str) -> tuple[Offer, ...]:
        """Returns who offers a service and is believed to be there, in the order of node ids; none where nobody does.

        Args:
            name: `service`, or `service@nid` for the service of one node; in place of the service any mark of records.

        Raises:
            BadRequest: it is no such name.
            Unavailable: no super node answers, and nothing is known from before.
        """
        split_node(name)
        now = self._clock.monotonic()
        known = self._known.pop(name, None) or Known(is_old=True)
        self._known[name] = known  # the end of the row: it was used just now
        self._make_room()
        if (age := known.age(now)) < (FRESH_SECONDS if known.offers else NOTHING_SECONDS):
            if known.offers and age >= AHEAD_SECONDS:
                self._ask_soon(name, known)
            return self._timely(known)
        try:
            return await asyncio.shield(self._ask_soon(name, known))
        except (MicroError, TimeoutError) as error:
            if known.offers:
                log.info("the backbone does not answer; %s is what it was before: %s", name, error)
                return self._timely(known)
            raise

    async def search(self, text: str, limit: int = 20) -> list[ServiceRecord]:
        """Returns records of services that fit words, of nodes that are believed alive; those that fit best first.

        Args:
            text: words, in any order and form.
            limit: at most so many.

        Raises:
            Unavailable: no super node answers.
        """
        terms = list(dict.fromkeys(words(text)))[:TERMS_MAX]
        asked = [
            self._asker.records(
                shard_of_word(term),
                "Backbone.Search",
                SEARCH.encode({"words": [term, *(other for other in terms if other != term)], "limit": KEYS_MAX}),
                partial(genuine_records, word=term, checked={}),
            )
            for term in terms[:SEARCH_WORDS_MAX]
        ]
        try:
            answers = [answer for found in await asyncio.gather(*asked) for answer in found]
        except Unavailable:
            if self._second is None:
                raise
            aside = (self._second.records(Wanted(word=term)) for term in terms[:SEARCH_WORDS_MAX])
            answers = list(await asyncio.gather(*aside))
            return ranked(newest_records(answers), terms)[: max(0, limit)]
        found = ranked(newest_records(answers), terms)
        keys = list(dict.fromkeys(record.key for record in found))[:SEARCHED_MAX]
        there = {living.record.key for living in await self.locate(keys, 1)}
        return [record for record in found if record.key in there][: max(0, limit)]

    async def changed(self, name: str, seconds: float) -> None:
        """Waits until the answer of `find` may be another one, at most so long; the name is watched meanwhile.

        It is watched also while nobody offers it, and while too much is watched already the time is waited out.
        """
        known = self._known.get(name)
        if known is not None and known.is_old:
            return
        if known is not None:
            known.is_followed = True
            self._watch(name, known)
        if known is None or known.watching is None or known.watching.done():
            await asyncio.sleep(seconds)
            return
        done, _ = await asyncio.wait([known.watching], timeout=seconds)
        if done:
            known.is_old = True  # where the watch was lost, something may have been missed

    def forget(self, name: str) -> None:
        """Takes note that an answer was wrong: the name is asked for anew when it is wanted."""
        known = self._known.get(name)
        if known is not None:
            known.is_old = known.is_wrong = True

    def believed(self) -> Iterator[tuple[str, Offer]]:
        """Yields every offer that is kept, with the name that was asked for."""
        for name, known in self._known.items():
            for offer in known.offers:
                yield name, offer

    def close(self) -> None:
        """Stops asking and watching."""
        for known in self._known.values():
            known.end()
        self._known.clear()

    # -- names ------------------------------------------------------------------------------------------------------

    def _ask_soon(self, name: str, known: Known) -> asyncio.Task[tuple[Offer, ...]]:
        """Asks for a name, once for all who want it at the same time."""
        if known.asking is None or known.asking.done():
            known.asking = asyncio.get_running_loop().create_task(self._ask(name, known))
            known.asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return known.asking

    async def _ask(self, name: str, known: Known) -> tuple[Offer, ...]:
        locating = self._asker.locating(ASKED if known.is_wrong else 1)
        try:
            return await self._ask_with(locating, name, known)
        finally:
            locating.stop()

    async def _ask_with(self, locating: Locating, name: str, known: Known) -> tuple[Offer, ...]:
        service, key = split_node(name)
        answers: list[list[SignedRecord]] = []
        trouble: Unavailable | None = None
        try:
            answers = await self._ask_name(service, key, lambda answer, there: locating.told(_keys_of(answer), there))
        except Unavailable as error:
            if self._second is None:
                raise
            trouble = error
        if is_aside := self._second is not None and (known.is_aside or not newest_records(answers)):
            answers += await self._ask_aside(service, key, answers, is_silent=trouble is not None)
        if trouble is not None and not any(answers):
            raise trouble
        known.note(answers)
        records = {record.key: record for record in chosen_records(answers, OFFERS_MAX)}
        offers: dict[bytes, Offer] = {}
        if trouble is None:
            locating.begin(list(records))
            for place, living in (await locating.found()).items():
                if place in records:
                    offers[place] = Offer(records[place], living.record.ticket(), living.ends)
        if self._second is not None and (is_aside or not offers):
            for found in await self._second.whereabouts(key for key in records if key not in offers):
                offers[found.key] = Offer(records[found.key], found.ticket(), found.ends)
        known.offers = tuple(sorted(offers.values(), key=lambda offer: offer.nid))
        known.at, known.is_old, known.is_wrong = self._clock.monotonic(), False, False
        self._watch(name, known)
        return known.offers

    async def _ask_name(
        self,
        service: str,
        key: bytes,
        told: Callable[[list[SignedRecord], Sequence[Mapping[str, Any]]], None] = lambda answer, there: None,
    ) -> list[list[SignedRecord]]:
        return await self._asker.records(
            shard_of_name(service),
            LOOKUP,
            FIND.encode({"name": service, "limit": OFFERS_MAX, "key": key}),
            partial(genuine_records, name=service, key=key, checked={}),
            told,
        )

    async def _ask_aside(
        self, service: str, key: bytes, answers: list[list[SignedRecord]], *, is_silent: bool
    ) -> list[list[SignedRecord]]:
        """Returns what the second path shows of a name, and what the backbone says to that where it says anything."""
        assert self._second is not None
        try:
            found = await self._second.records(Wanted(service, key=key))
        except MicroError as error:
            log.info("the second path does not answer: %s", error)
            return []
        if is_silent:
            return [found]
        shown = {signed.record.key for answer in answers for signed in answer}
        fresh = [signed for signed in found if signed.record.key not in shown][:CHECKED_MAX]
        checks = await asyncio.gather(*(self._check(service, signed.record.key) for signed in fresh))
        return [fresh, *(answer for check in checks for answer in check)]

    async def _check(self, service: str, key: bytes) -> list[list[SignedRecord]]:
        try:
            return await self._ask_name(service, key)
        except Unavailable:
            return []

    def _timely(self, known: Known) -> tuple[Offer, ...]:
        now = self._clock.now()
        return tuple(offer for offer in known.offers if offer.record.expires > now)

    def _make_room(self) -> None:
        while len(self._known) > NAMES_MAX:
            self._known.pop(next(iter(self._known))).end()

    async def locate(self, keys: Sequence[bytes], holders: int) -> list[Living]:
        """Returns where those of these nodes are that are believed alive, asking so many super nodes for each."""
        locating = self._asker.locating(holders)
        try:
            for start in range(0, len(keys), OFFERS_MAX):
                locating.begin(keys[start : start + OFFERS_MAX])
            return list((await locating.found()).values())
        finally:
            locating.stop()

    # -- watching ---------------------------------------------------------------------------------------------------

    def _watch(self, name: str, known: Known) -> None:
        """Has a name watched while it is among those used last."""
        is_used = known.is_followed or known.offers
        keys = frozenset(offer.record.key for offer in known.offers)
        if (known.is_watched and keys <= known.watched) or not is_used or self._known.get(name) is not known:
            return
        if known.is_watched or sum(other.is_watched for other in self._known.values()) < WATCHED_MAX:
            if known.watching is not None:
                known.watching.cancel()
            known.watched = keys
            known.watching = asyncio.get_running_loop().create_task(self._follow(name, known))

    async def _follow(self, name: str, known: Known) -> None:
        """Hears of changes of a name; any makes the answer old: the next use asks again, and watches again."""
        service, key = split_node(name)
        if self._second is None:
            return await self._lookout.hear(name, known)
        stop = self._second.listen(service, lambda signed: known.told(signed, key))
        try:
            await self._lookout.hear(name, known)
            if not known.is_old:
                await asyncio.sleep(LISTEN_SECONDS)
        finally:
            stop()


def _keys_of(answer: Sequence[SignedRecord]) -> list[bytes]:
    return [signed.record.key for signed in answer if not signed.record.withdrawn]
