"""A log in memory that carries out the broker machine's actions, and members that remember what they were given."""

from __future__ import annotations

from micro.service.broker.actions import Bury, Deliver, Missed, Mourn, Read, Reread
from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.broker.inbox import Inbox
from micro.service.broker.topic import Place, Topic
from micro.service.broker.topics import Topics

SMALL = Limits(
    kept_messages=40,
    attempts=3,
    in_flight=4,
    unfinished=8,
    buffered_messages=3,
    buffered_bytes=4_000,
    acknowledge_seconds=10.0,
    away_seconds=100.0,
    members=6,
    queues=3,
)


class Person:
    """A member: has credit or not, and holds what it has not answered."""

    def __init__(self, queue: str | None) -> None:
        self.queue = queue
        self.credit = 10
        self.held: list[int] = []
        self.got: list[int] = []
        self.missed = 0
        self.place: Place | None = None


class World:
    """One topic, its log, and what each queue has really finished."""

    def __init__(self, limits: Limits = SMALL) -> None:
        self.limits = limits
        self.now = 0.0
        self.log: dict[int, StoredEvent] = {}
        self.known: set[tuple[str, str]] = set()
        self.last = 0
        self.first = 1
        self.people: list[Person] = []
        self.saved: dict[str, tuple[Cursor, frozenset[int]]] = {}
        self.done: dict[str, set[int]] = {}
        self.dead: dict[str, list[tuple[int, int]]] = {}
        self.newest: dict[str, int] = {}
        self.mourned = 0
        self.start()

    def start(self) -> None:
        """The node starts: only the log and the saved cursors are there."""
        self.topics = Topics(self.limits)
        self.topics.tick(self.now)
        self.topic = Topic("t", first=self.first, last=self.last, size=0)
        self.topics.restore(self.topic, {queue: cursor for queue, (cursor, _) in self.saved.items()})
        self.people = []
        self.done = {queue: set(done) for queue, (_, done) in self.saved.items()}
        self.newest = {queue: cursor.handed_out for queue, (cursor, _) in self.saved.items()}

    @property
    def inboxes(self) -> dict[str, Inbox]:
        return self.topic.inboxes

    def publish(self, publisher: str, id: str, size: int = 10) -> None:
        self.topics.check(self.topic)
        if (publisher, id) in self.known:
            return
        self.known.add((publisher, id))
        self.last += 1
        event = StoredEvent(id, "t", publisher, {}, b"x" * size, 0.0)
        self.log[self.last] = event
        self.topics.committed(self.topic, [(self.last, event)], size)
        self.act()

    def subscribe(self, queue: str | None) -> Person:
        person = Person(queue)
        person.place = self.topics.subscribe(self.topic, queue, person)
        self.people.append(person)
        if queue is not None and queue not in self.newest:
            self.newest[queue] = self.first - 1
            self.done[queue] = set()
        self.act()
        return person

    def replay(self, queue: str, sequence: int) -> None:
        """Has a queue begin again: all that it had finished from there on, it has not."""
        first = max(sequence, self.first)
        inbox = self.topic.inboxes.get(queue)
        if inbox is None:
            if len(self.topic.inboxes) == self.limits.queues:
                return
            first = min(first, self.last + 1)
            self.newest[queue], self.done[queue] = first - 1, set(range(1, first))
            again = self.last + 1 - first
        else:
            again = 0
            if first <= inbox.handed_out:
                before = self.done[queue]
                self.done[queue] = {known for known in before if known < first}
                again = len(before) - len(self.done[queue])
                self.newest[queue] = first - 1
        assert self.topics.rewind(self.topic, queue, first)[1] == again, "as many come again as were finished"
        self.act()

    def leave(self, person: Person) -> None:
        assert person.place is not None
        self.people.remove(person)
        self.topics.leave(person.place)
        self.act()

    def acknowledge(self, person: Person, sequence: int) -> None:
        assert person.place is not None
        assert person.queue is not None
        if sequence in person.held:
            person.held.remove(sequence)
        if self.topics.acknowledge(person.place, sequence):
            self.done[person.queue].add(sequence)
        self.act()

    def negative(self, person: Person, sequence: int, delay: float) -> None:
        assert person.place is not None
        person.held.remove(sequence)
        self.topics.negative(person.place, sequence, delay, "no")
        self.act()

    def resume(self, person: Person, credit: int) -> None:
        assert person.place is not None
        person.credit = credit
        self.topics.resume(person.place)
        self.act()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.topics.tick(self.now)
        self.act()

    def save(self) -> None:
        for inbox in list(self.topics.changed()):
            inbox.is_changed = False
            self.saved[inbox.queue] = (inbox.cursor(), frozenset(self.done[inbox.queue]))

    def trim(self) -> None:
        drop = self.topics.drop(self.topic, 0.0)
        end = max(self.first, min(self.last - drop.messages + 1, drop.needed))
        for sequence in range(self.first, end):
            del self.log[sequence]
        self.first = end
        self.topics.trimmed(self.topic, end, 0)
        self.act()

    def act(self) -> None:
        """Does all there is to do."""
        for action in self.topics.actions():
            if isinstance(action, Deliver):
                self._deliver(action)
            elif isinstance(action, Missed):
                assert isinstance(action.handle, Person)
                action.handle.missed += action.count
            elif isinstance(action, Read):
                wanted = range(max(action.after + 1, self.first), self.last + 1)
                action.inbox.load([(sequence, self.log[sequence]) for sequence in wanted][: action.count])
            elif isinstance(action, Reread):
                self._reread(action)
            elif isinstance(action, Bury):
                self._bury(action)
            else:
                assert isinstance(action, Mourn)
                self.mourned += action.count

    def _deliver(self, action: Deliver) -> None:
        person = action.handle
        assert isinstance(person, Person)
        assert person in self.people, "only those present are given anything"
        if person.credit == 0:
            self.topics.refuse(action)
            return
        person.credit -= 1
        person.got.append(action.sequence)
        if person.queue is None:
            return
        person.held.append(action.sequence)
        assert action.sequence not in self.done[person.queue], "what was acknowledged never comes again"
        assert action.event.attempt <= self.limits.attempts, "no more attempts than allowed"
        if action.event.attempt == 1:
            assert action.sequence > self.newest[person.queue], "first deliveries come in order"
            self.newest[person.queue] = action.sequence

    def _reread(self, action: Reread) -> None:
        wanted = action.sequences[:2]  # as if the bytes were spent after two
        found = [(sequence, self.log[sequence]) for sequence in wanted if sequence in self.log]
        action.inbox.recall(action.sequences, found, reached=wanted[-1])

    def _bury(self, action: Bury) -> None:
        self.dead.setdefault(action.inbox.queue, []).append((action.entry.sequence, action.entry.attempts))
        self.done[action.inbox.queue].add(action.entry.sequence)
        action.inbox.buried(action.entry.sequence, now=self.now)
