"""Finds services of strangers: asks two super nodes who offers a name, and then where those nodes are.

Answers are kept, watched, and renewed before they are old while they are used; that nobody offers a name is kept for
a few seconds. While the backbone is away, what was known goes on being the answer: whether a node is still there its
caller finds out by calling it.

Where there is a second path, it is asked when no super node answers, or none shows a record. What only it shows is
looked up once more in the backbone node by node, so that a withdrawal there outweighs it.

Theory of one name: asked -> fresh (used: watched, renewed ahead) -> old (asked again; the old one if nobody answers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from micro.errors import MicroError, Unavailable
from micro.ports import Clock, Entropy
from micro.service.registry.backbone import FIND, FOUND, KEYS_MAX, NEWS, PRESENCE, PRESENT, SEARCH, WATCH
from micro.service.registry.charting import Charting
from micro.service.registry.commons.seeker import Seeker
from micro.service.registry.commons.value import Wanted
from micro.service.registry.doubts import Doubts
from micro.service.registry.finding import (
    Living,
    Offer,
    genuine_presence,
    genuine_records,
    newest_records,
    ranked,
    split_node,
)
from micro.service.registry.known import FRESH_SECONDS, Known
from micro.service.registry.reach import Reach
from micro.service.registry.record import TERMS_MAX, ServiceRecord, SignedRecord
from micro.service.registry.shardmap import SuperNode, shard_of_name, shard_of_node, shard_of_word
from micro.service.registry.words import words
from micro.trust.identity import nid_of, short

__all__ = ["Finder"]

ASKED: Final = 2
"""So many super nodes are asked for everything: one can keep silent, and none can make anything up."""

ASK_TIMEOUT_SECONDS: Final = 2.0
OFFERS_MAX: Final = 32
"""So many nodes that offer a name are looked for."""

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
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._second = second
        self._known: dict[str, Known] = {}
        self._doubts = Doubts()

    async def find(self, name: str) -> tuple[Offer, ...]:
        """Returns who offers a service and is believed to be there, in the order of node ids; none where nobody does.

        Args:
            name: `service`, or `service@nid` for the service of one node.

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
        """Returns records of services that fit words, those that fit best first.

        Args:
            text: words, in any order and form.
            limit: at most so many.

        Raises:
            Unavailable: no super node answers.
        """
        terms = list(dict.fromkeys(words(text)))[:TERMS_MAX]
        asked = [
            self._ask_all(
                shard_of_word(term),
                "Backbone.Search",
                SEARCH.encode({"words": [term, *(other for other in terms if other != term)], "limit": KEYS_MAX}),
                partial(genuine_records, word=term),
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
        service, key = split_node(name)
        answers: list[list[SignedRecord]] = []
        trouble: Unavailable | None = None
        try:
            answers = await self._ask_name(service, key)
        except Unavailable as error:
            if self._second is None:
                raise
            trouble = error
        if is_aside := self._second is not None and (known.is_aside or not newest_records(answers)):
            answers += await self._ask_aside(service, key, answers, is_silent=trouble is not None)
        if trouble is not None and not any(answers):
            raise trouble
        known.note(answers)
        records = {record.key: record for record in newest_records(answers)[:OFFERS_MAX]}
        offers: dict[bytes, Offer] = {}
        if trouble is None:
            for living in await self.locate(list(records), holders=ASKED if known.is_wrong else 1):
                place = living.record
                offers[place.key] = Offer(records[place.key], place.ticket(), living.ends)
        if self._second is not None and (is_aside or not offers):
            for found in await self._second.whereabouts(key for key in records if key not in offers):
                offers[found.key] = Offer(records[found.key], found.ticket(), found.ends)
        known.offers = tuple(sorted(offers.values(), key=lambda offer: offer.nid))
        known.at, known.is_old, known.is_wrong = self._clock.monotonic(), False, False
        self._watch(name, known)
        return known.offers

    async def _ask_name(self, service: str, key: bytes) -> list[list[SignedRecord]]:
        return await self._ask_all(
            shard_of_name(service),
            "Backbone.Find",
            FIND.encode({"name": service, "limit": OFFERS_MAX, "key": key}),
            partial(genuine_records, name=service, key=key),
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

    # -- asking -----------------------------------------------------------------------------------------------------

    async def _ask_all(
        self,
        shard: int,
        endpoint: str,
        body: bytes,
        believe: Callable[[Sequence[bytes], float], tuple[list[SignedRecord], bool]],
    ) -> list[list[SignedRecord]]:
        """Returns the believed answers of two holders of a shard, of one where only one answers.

        Where these have nothing the others are asked too, those by the map before included: shards may be moving.

        Raises:
            Unavailable: none answers.
        """

        async def ask(member: SuperNode) -> list[SignedRecord]:
            answer = FOUND.decode(await self._call(member, endpoint, body))
            self._charting.heard(answer["map_version"], member.ticket())
            records, honest = believe(answer["records"], self._clock.now())
            if not honest:
                log.warning("%s sent a record that its node never signed; it is asked last now", short(member.nid))
                self._doubts.distrust(member, self._clock.monotonic())
            return records

        return await self._first(self._ordered(shard), ask)

    async def _first(
        self, members: list[SuperNode], ask: Callable[[SuperNode], Awaitable[list[SignedRecord]]]
    ) -> list[list[SignedRecord]]:
        answers: list[list[SignedRecord]] = []
        trouble = "no map of the network is known yet"
        while members and (len(answers) < ASKED or not any(answers)):
            now, members = members[:ASKED], members[ASKED:]
            for answer in await asyncio.gather(*(ask(member) for member in now), return_exceptions=True):
                if isinstance(answer, list):
                    answers.append(answer)
                elif isinstance(answer, MicroError | TimeoutError):
                    trouble = str(answer)
                else:
                    raise answer
        if not answers:
            raise Unavailable(f"no super node that holds this answers now: {trouble}; try again in a moment")
        return answers

    async def _call(self, member: SuperNode, endpoint: str, body: bytes) -> bytes:
        try:
            answer = await self._reach.call(member.ticket(), endpoint, body, timeout_seconds=ASK_TIMEOUT_SECONDS)
        except (MicroError, TimeoutError):
            self._doubts.silent(member, self._clock.monotonic())
            raise
        self._doubts.answered(member)
        return answer

    def _ordered(self, shard: int) -> list[SuperNode]:
        """Returns the holders of a shard as they are asked: by the newest map, from one that chance chooses on.

        Two that follow each other are of different owners, wherever the map has such.
        """
        current = self._charting.atlas.current
        newest = list(current.ring.holders(shard)) if current is not None else []
        turn = self._entropy.random_bytes(1)[0] % len(newest) if newest else 0
        ordered = [*newest[turn:], *newest[:turn]]
        known = {member.key for member in newest}
        ordered += [member for member in self._charting.atlas.holders(shard) if member.key not in known]
        return self._doubts.ordered(ordered, self._clock.monotonic())

    # -- presence ---------------------------------------------------------------------------------------------------

    async def locate(self, keys: list[bytes], holders: int) -> list[Living]:
        """Returns where those of these nodes are that are believed alive.

        So many holders are asked for each; one that has it from before a node moved is believed only by itself.
        """
        found: dict[bytes, Living] = {}
        members = {key: self._ordered(shard_of_node(nid_of(key))) for key in keys}
        for attempt in range(ASKED + 1):
            groups: dict[bytes, tuple[SuperNode, list[bytes]]] = {}
            for key in keys:
                if (attempt < holders or key not in found) and members[key]:
                    member = self._shared(members[key], groups)
                    members[key].remove(member)  # who has been asked is not asked again
                    groups.setdefault(member.key, (member, []))[1].append(key)
            if not groups:
                break
            asked = [self._presences(member, part) for member, part in groups.values()]
            for part in await asyncio.gather(*asked):
                for living in part:
                    known = found.get(living.record.key)
                    if known is None or (known.record.sequence, known.ends) < (living.record.sequence, living.ends):
                        found[living.record.key] = living
        return list(found.values())

    @staticmethod
    def _shared(members: list[SuperNode], groups: dict[bytes, Any]) -> SuperNode:
        """Returns the one of these that is asked for others too, else the first."""
        return next((member for member in members if member.key in groups), members[0])

    async def _presences(self, member: SuperNode, keys: list[bytes]) -> list[Living]:
        try:
            answer = PRESENT.decode(await self._call(member, "Backbone.Presence", PRESENCE.encode({"keys": keys})))
        except (MicroError, TimeoutError) as error:
            log.info("%s does not say where nodes are: %s", short(member.nid), error)
            return []
        self._charting.heard(answer["map_version"], member.ticket())
        wanted = dict.fromkeys(keys)
        now = self._clock.now()
        found = [genuine_presence(living, now, wanted) for living in answer["presences"]]
        return [living for living in found if living is not None]

    # -- watching ---------------------------------------------------------------------------------------------------

    def _watch(self, name: str, known: Known) -> None:
        """Has a name watched while it is among those used last."""
        if known.is_watched or not known.offers or self._known.get(name) is not known:
            return
        if sum(other.is_watched for other in self._known.values()) < WATCHED_MAX:
            known.watching = asyncio.get_running_loop().create_task(self._follow(name, known))

    async def _follow(self, name: str, known: Known) -> None:
        """Hears of changes of a name; any makes the answer old: the next use asks again, and watches again."""
        service, key = split_node(name)
        if self._second is None:
            return await self._hear(name, known)
        stop = self._second.listen(service, lambda signed: known.told(signed, key))
        try:
            await self._hear(name, known)
            if not known.is_old:
                await asyncio.sleep(LISTEN_SECONDS)
        finally:
            stop()

    async def _hear(self, name: str, known: Known) -> None:
        """Hears of changes from one of the holders of a name, and of those of the nodes that it knows itself."""
        service, _ = split_node(name)
        member = next(iter(self._ordered(shard_of_name(service))), None)
        if member is None:
            return
        keys = [offer.record.key for offer in known.offers]
        try:
            wish = WATCH.encode({"names": [service], "keys": keys[:KEYS_MAX]})
            async with await self._reach.open(member.ticket(), "Backbone.Watch", wish) as stream:
                async for body in stream:
                    news = NEWS.decode(body)
                    self._charting.heard(news["map_version"], member.ticket())
                    if news["record"] or news["gone"] or news["missed"] or news["presence"] is not None:
                        known.is_old = True
                        return
        except (MicroError, TimeoutError) as error:
            log.info("%s is not watched any more: %s", name, error)
