"""What a subscriber was handed of other nodes' logs, while these move from a node to a copy and back."""

from __future__ import annotations

import pytest

from micro.service.broker.broker import StoredEvent
from micro.service.broker.directory import LogPlace
from micro.service.handed import HANDED_MAX, REMOTE_FIRST, SETTLED_SECONDS, Handed

NODE, KEEPER = "b5uanode", "b5uakeeper"


class Place:
    """An upstream: where events are from, and what is told there."""

    def __init__(self, nid: str, origin: str = NODE) -> None:
        self.place = LogPlace(origin, nid)
        self.done: list[int] = []
        self.back: list[tuple[int, int]] = []

    def drain(self) -> None:
        pass

    def acknowledge(self, sequence: int) -> None:
        self.done.append(sequence)

    def negative(self, sequence: int, delay_milliseconds: int) -> None:
        self.back.append((sequence, delay_milliseconds))


class Scene:
    """A subscriber, the copy of a log and the log itself; `now` is the time."""

    def __init__(self) -> None:
        self.handed = Handed()
        self.copy, self.log = Place(KEEPER), Place(NODE)
        self.now = 0.0

    def comes(self, place: Place, id: str, sequence: int, attempt: int = 1) -> int:
        """Returns the number under which an event is handed over, 0 where it is not."""
        event = StoredEvent(id, "orders", f"{NODE}/shop", {}, b"", 0.0, attempt=attempt)
        if self.handed.knows(place, sequence, event, self.now):
            return 0
        number = self.handed.next
        assert number is not None
        self.handed.hand(place, sequence, event)
        return number

    def leave(self, place: Place) -> None:
        self.handed.leave(place)

    def acknowledge(self, number: int) -> None:
        self.handed.acknowledge(number, self.now)


def test_what_it_still_has_is_of_the_new_place() -> None:
    """What becomes of it is told there, under the number that it has there."""
    scene = Scene()
    first, second = scene.comes(scene.copy, "a", 1), scene.comes(scene.copy, "b", 2)
    assert (first, second) == (REMOTE_FIRST, REMOTE_FIRST + 1)
    scene.leave(scene.copy)
    assert scene.comes(scene.log, "a", 71, attempt=2) == scene.comes(scene.log, "b", 72, attempt=2) == 0
    scene.acknowledge(first)
    scene.handed.negative(second, 500)
    assert (scene.log.done, scene.log.back) == ([71], [(72, 500)])
    assert scene.copy.done == scene.copy.back == []


def test_what_it_acknowledged_too_late_is_acknowledged_at_the_new_place() -> None:
    """Before the copy was left, which may not have counted it any more, and after that."""
    scene = Scene()
    first, second = scene.comes(scene.copy, "a", 1), scene.comes(scene.copy, "b", 2)
    scene.acknowledge(first)
    scene.leave(scene.copy)
    scene.acknowledge(second)
    assert scene.copy.done == [1]
    assert scene.comes(scene.log, "a", 1, attempt=2) == scene.comes(scene.log, "b", 2, attempt=2) == 0
    assert scene.log.done == [1, 2]


def test_what_it_gave_back_comes_again() -> None:
    """Before its place was left or after, it was wanted again."""
    scene = Scene()
    first, second = scene.comes(scene.copy, "a", 1), scene.comes(scene.copy, "b", 2)
    scene.handed.negative(first, 0)
    scene.leave(scene.copy)
    scene.handed.negative(second, 0)
    assert scene.comes(scene.log, "a", 1, attempt=2)
    assert scene.comes(scene.log, "b", 2, attempt=2)


def test_a_first_attempt_is_handed_over() -> None:
    """The queue was sent back; whoever did that wants it once more."""
    scene = Scene()
    kept, done = scene.comes(scene.copy, "a", 1), scene.comes(scene.copy, "b", 2)
    scene.acknowledge(done)
    scene.leave(scene.copy)
    assert scene.comes(scene.log, "a", 1) not in (0, kept)
    assert scene.comes(scene.log, "b", 2) not in (0, done)


def test_another_attempt_at_a_place_that_is_there_is_handed_over() -> None:
    """It took too long for that place, which may not be told of the first any more."""
    scene = Scene()
    first = scene.comes(scene.log, "a", 1)
    assert scene.comes(scene.log, "a", 1, attempt=2) not in (0, first)


@pytest.mark.parametrize("id", ["a", "b"])
def test_another_event_is_handed_over(id: str) -> None:
    """It has another id; or it is of another node's log, and has the same."""
    scene = Scene()
    scene.comes(scene.copy, "a", 1)
    scene.leave(scene.copy)
    other = Place(KEEPER, "b5uaother") if id == "a" else scene.log
    assert scene.comes(other, id, 1, attempt=2)


def test_what_it_acknowledged_is_not_remembered_for_ever() -> None:
    """A log whose node comes back later hands out what it has to."""
    scene = Scene()
    scene.acknowledge(scene.comes(scene.copy, "a", 1))
    scene.now = SETTLED_SECONDS
    assert scene.comes(scene.log, "a", 1, attempt=2)


def test_what_follows_from_a_lost_place_comes_again() -> None:
    """A function's outputs are not published where the event's place cannot be told; so the event is nobody's."""
    scene = Scene()
    number = scene.comes(scene.copy, "a", 1)
    assert scene.handed.holds(number)
    scene.leave(scene.copy)
    assert not scene.handed.holds(number)
    assert scene.comes(scene.log, "a", 1, attempt=2)


def test_it_has_no_more_than_it_may() -> None:
    """Events that wait are bounded, those of a place that is left included, and so are those that are remembered."""
    scene = Scene()
    for number in range(HANDED_MAX):
        scene.comes(scene.copy, str(number), number + 1)
    assert scene.handed.next is None
    scene.leave(scene.copy)
    assert scene.comes(scene.log, "7", 8, attempt=2) == 0
    for number in range(HANDED_MAX):
        scene.acknowledge(REMOTE_FIRST + number)
    assert scene.handed.next == REMOTE_FIRST + HANDED_MAX
    for sequence in (9_998, 9_999):
        scene.acknowledge(scene.comes(scene.copy, str(sequence), sequence))
    assert scene.comes(scene.log, "0", 1, attempt=2)
    assert scene.comes(scene.log, "1", 2, attempt=2) == 0
    assert not scene.handed._parted
