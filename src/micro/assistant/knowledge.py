"""What the assistant knows of the services in reach, learned on first use and again where they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from micro.assistant.evidence import Engine
from micro.assistant.offers import Offer, offers_of
from micro.assistant.ranking import NOTHING_LEARNED, Candidate, Ranking, rank, search
from micro.assistant.sentence import Sentence

T = TypeVar("T")

__all__ = ["Described", "Knowledge", "Services"]

log = logging.getLogger("micro.assistant")

OFFERS_MAX: Final = 20_000
"""So many endpoints are known by meaning; those of this node come first."""


class Described(Protocol):
    """A service as the registry knows it, see `micro.service.registry.description.Description`."""

    @property
    def name(self) -> str:
        """The service."""

    @property
    def hash(self) -> str:
        """The name of the description's content."""

    def decode(self) -> dict[str, Any]:
        """Returns the description."""


class Services(Protocol):
    """The services in reach."""

    @property
    def number(self) -> int:
        """Changes whenever they do."""

    def descriptions(self) -> Iterable[Described]:
        """Returns what each says of itself, those of this node first."""


class Knowledge:
    """The endpoints in reach, and engines that compare sentences with them.

    Args:
        services: what is in reach.
        engines: makes the engines, when something is said, or about to be, for the first time.
    """

    def __init__(self, services: Services, engines: Callable[[], Sequence[Engine]]) -> None:
        self._services = services
        self._make_engines = engines
        self._engines: Sequence[Engine] = ()
        self._by_hash: dict[str, list[Offer]] = {}
        self._offers: list[Offer] = []
        self._taught: list[Offer] = []
        """Those that the engines know, in the order in which they learned them."""
        self._by_name: dict[str, Offer] = {}
        self._number: int | None = None
        self._hashes: tuple[str, ...] | None = None
        self._lock = asyncio.Lock()

    async def prepare(self) -> None:
        """Loads the engines and takes in what is in reach, which is soon done where it was done before."""
        async with self._lock:
            await self._learn()

    async def rank(
        self, sentence: Sentence, *, learned: Mapping[str, float] = NOTHING_LEARNED, hidden: Container[str] = ()
    ) -> Ranking:
        """Returns what a sentence may mean, of what is in reach now; the work is done in a thread."""
        async with self._lock:
            await self._learn()
            offers, engines = self._taught, self._engines
            return await _in_thread(lambda: rank(sentence, offers, engines, learned=learned, hidden=hidden))

    async def search(self, sentence: Sentence, *, hidden: Container[str] = ()) -> tuple[Candidate, ...]:
        """Returns the endpoints that a wish is near to, the best first; the work is done in a thread."""
        async with self._lock:
            await self._learn()
            offers, engines = self._taught, self._engines
            return await _in_thread(lambda: search(sentence, offers, engines, hidden=hidden))

    async def offer(self, name: str) -> Offer | None:
        """Returns the endpoint of a name, `SERVICE ENDPOINT`, or None where it is not in reach (any more)."""
        self._take_in()
        return self._by_name.get(name)

    async def offers(self) -> Sequence[Offer]:
        """Returns all endpoints in reach, also while the engines are loaded, which takes seconds."""
        self._take_in()
        return self._offers

    def _known(self, found: Described) -> list[Offer]:
        return self._by_hash[found.hash] if found.hash in self._by_hash else _read(found)

    def _take_in(self) -> None:
        """Takes in what has changed; what is known by its hash is not read again."""
        number = self._services.number
        if number != self._number:
            described = list(self._services.descriptions())
            self._by_hash = {found.hash: self._known(found) for found in described}
            offers = [offer for found in described for offer in self._by_hash[found.hash]]
            self._offers = offers[:OFFERS_MAX]
            self._by_name = {offer.name: offer for offer in offers}
            self._number = number

    async def _learn(self) -> None:
        """Has the engines learn what has changed."""
        self._take_in()
        hashes = tuple(self._by_hash)
        if hashes != self._hashes:
            if not self._engines:
                self._engines = self._make_engines()
            engines, offers = self._engines, list(self._offers)
            await _in_thread(lambda: _teach(engines, offers))
            self._hashes, self._taught = hashes, offers


async def _in_thread(work: Callable[[], T]) -> T:
    """Does work in a thread, and returns no sooner than the thread is done.

    A thread cannot be cancelled, and engines are for one thread at a time: whoever holds the lock for it, and is
    cancelled, holds it until the thread has ended.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # nobody asks for it any more
        raise cancelled
    return task.result()


def _read(described: Described) -> list[Offer]:
    """Returns the endpoints of a service; none where it cannot be read, for one must not hide all others."""
    try:
        return offers_of(described.decode())
    except Exception:
        log.warning("the assistant cannot read the description of %s; it does without", described.name, exc_info=True)
        return []


def _teach(engines: Sequence[Engine], offers: Sequence[Offer]) -> None:
    for engine in engines:
        engine.learn(offers)
