"""Silence and deadlines, tick by tick, without any clock."""

from __future__ import annotations

import pytest

from micro.mucp.limits import LOCAL, NETWORK, NUMBER_MAX, Liveness
from micro.network.vigil import CALL_TIMEOUT_SECONDS, HANDSHAKE_SECONDS, Deadlines, Vigil


def verdicts(vigil: Vigil, ticks: int, *, first: int = 1, busy: bool = True, heard: tuple[int, ...] = ()) -> list[str]:
    """Returns what the vigil says at each of its ticks, counted from the beginning."""
    return [
        vigil.look(tick * vigil.interval, heard=tick in heard, greeted=True, busy=busy)[0]
        for tick in range(first, first + ticks)
    ]


def test_a_silent_peer_is_asked_once_and_then_dead() -> None:
    """At ticks of 100 ms: asked at the first, dead at the fifth."""
    assert verdicts(Vigil(NETWORK, 0.0), 5) == ["ask", "wait", "wait", "wait", "end"]


@pytest.mark.parametrize("spoke", [1, 2, 3, 4])
def test_a_word_at_any_time_begins_anew(spoke: int) -> None:
    """Whoever says anything before the end is asked again, and not dead."""
    found = verdicts(Vigil(NETWORK, 0.0), spoke + 5, heard=(spoke,))

    assert found[spoke - 1 :] == ["wait", "ask", "wait", "wait", "wait", "end"]


def test_silence_without_a_question_means_nothing() -> None:
    """After a long idle time a peer has as long for its first answer as ever."""
    vigil = Vigil(NETWORK, 0.0)

    assert set(verdicts(vigil, 25, busy=False)) == {"wait"}
    assert verdicts(vigil, 5, first=26) == ["ask", "wait", "wait", "wait", "end"]


@pytest.mark.parametrize("liveness", [NETWORK, LOCAL, Liveness(1.0, 3.0, 5.0, 9.0)])
@pytest.mark.parametrize("busy", [True, False])
def test_the_times_are_kept(liveness: Liveness, *, busy: bool) -> None:
    """Asked by its time and dead by its time, never more than two ticks early."""
    vigil = Vigil(liveness, 0.0)
    found = verdicts(vigil, 10_000, busy=busy)
    ask = (found.index("ask") + 1) * vigil.interval
    dead = (found.index("end") + 1) * vigil.interval
    times = (
        (liveness.ping_seconds, liveness.dead_seconds)
        if busy
        else (liveness.idle_ping_seconds, liveness.idle_dead_seconds)
    )

    assert times[0] - 2 * vigil.interval <= ask <= times[0] + 1e-6
    assert times[1] - 2 * vigil.interval <= dead <= times[1] + 1e-6


def test_a_late_tick_is_ours() -> None:
    """A tick that comes much too late says nothing about the peer."""
    vigil = Vigil(NETWORK, 0.0)
    verdicts(vigil, 4)

    assert vigil.look(100.0, heard=False, greeted=True, busy=True)[0] == "wait"
    assert vigil.look(100.1, heard=False, greeted=True, busy=True)[0] == "ask"


def test_a_hello_has_its_time() -> None:
    """Before the HELLO nobody is asked; after five seconds it is over, whatever else came."""
    vigil = Vigil(NETWORK, 0.0)
    ticks = int(HANDSHAKE_SECONDS / vigil.interval)
    found = [
        vigil.look(tick * vigil.interval, heard=True, greeted=False, busy=False)[0] for tick in range(1, ticks + 3)
    ]

    assert set(found[: ticks - 1]) == {"wait"}
    assert found[-1] == "end"


def test_calls_are_late_after_their_time() -> None:
    """A mark tells which calls were open when it was made."""
    deadlines = Deadlines()

    assert deadlines.late([1, 3], 5, 0.0) == []
    assert deadlines.late([1, 3, 5, 7], 9, CALL_TIMEOUT_SECONDS - 0.1) == []
    assert deadlines.late([1, 3, 5, 7], 9, CALL_TIMEOUT_SECONDS) == [1, 3]
    assert deadlines.late([5, 7, 9], 11, 2 * CALL_TIMEOUT_SECONDS) == [5, 7]


def test_exempt_calls_are_left_alone() -> None:
    """A call with a deadline of its own is not late, until it is forgotten."""
    deadlines = Deadlines()
    deadlines.exempt(1)
    deadlines.late([1, 3], 5, 0.0)

    assert deadlines.late([1, 3], 5, CALL_TIMEOUT_SECONDS) == [3]
    deadlines.forget(1)
    assert deadlines.late([1], 5, 2 * CALL_TIMEOUT_SECONDS) == [1]


def test_no_calls_no_marks() -> None:
    """After a time without calls, young ones are young."""
    deadlines = Deadlines()
    deadlines.late([1], 3, 0.0)
    deadlines.clear()

    assert deadlines.late([1], 3, CALL_TIMEOUT_SECONDS) == []


def test_numbers_begin_again() -> None:
    """Around the last number, what was opened before a mark is late and what came after is not."""
    deadlines = Deadlines()
    deadlines.late([NUMBER_MAX - 2], NUMBER_MAX, 0.0)
    deadlines.late([NUMBER_MAX - 2, NUMBER_MAX, 1], 3, 1.0)

    assert deadlines.late([NUMBER_MAX - 2, NUMBER_MAX, 1, 3], 5, CALL_TIMEOUT_SECONDS) == [NUMBER_MAX - 2]
    assert deadlines.late([NUMBER_MAX, 1, 3], 5, CALL_TIMEOUT_SECONDS + 1) == [NUMBER_MAX, 1]
