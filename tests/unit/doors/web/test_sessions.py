"""Sessions of browsers."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from micro.doors.web.sessions import (
    CODE_SECONDS,
    CODES_MAX,
    SEEN_SECONDS,
    SESSION_SECONDS,
    SESSIONS_MAX,
    Proof,
    Sessions,
)
from micro.errors import NotFound, Unauthorized


class Time:
    """A clock that is set."""

    now = 1000.0


class Drawer:
    """What was saved."""

    data: bytes | None = None


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def sessions(time: Time, drawer: Drawer) -> Sessions:
    return opened(time, drawer)


def opened(time: Time, drawer: Drawer, first: int = 0) -> Sessions:
    numbers = itertools.count(first)
    return Sessions(
        draw=lambda count: next(numbers).to_bytes(count),
        now=lambda: time.now,
        load=lambda: drawer.data,
        save=lambda data: setattr(drawer, "data", data),
    )


def test_a_code_opens_one_session(sessions: Sessions) -> None:
    """Whoever comes second with it gets none."""
    code = sessions.offer()
    sessions.check(sessions.open(code))

    with pytest.raises(Unauthorized, match="used already"):
        sessions.open(code)


def test_a_code_waits_for_a_while_only(sessions: Sessions, time: Time) -> None:
    """Afterwards it opens nothing."""
    code = sessions.offer()
    time.now += CODE_SECONDS

    with pytest.raises(Unauthorized):
        sessions.open(code)


def test_codes_are_bounded(sessions: Sessions) -> None:
    """The oldest gives way."""
    codes = [sessions.offer() for _ in range(CODES_MAX + 1)]

    sessions.open(codes[-1])
    sessions.open(codes[1])
    with pytest.raises(Unauthorized):
        sessions.open(codes[0])


def test_neither_half_is_enough(sessions: Sessions) -> None:
    """Nor are halves of two sessions."""
    one, other = sessions.open(sessions.offer()), sessions.open(sessions.offer())

    for proof in (Proof(one.cookie, ""), Proof("", one.key), Proof(one.cookie, other.key), Proof("", "")):
        with pytest.raises(Unauthorized, match="micro web"):
            sessions.check(proof)


def test_a_session_ends_by_itself(sessions: Sessions, time: Time) -> None:
    """After its time."""
    proof = sessions.open(sessions.offer())
    time.now += SESSION_SECONDS

    with pytest.raises(Unauthorized):
        sessions.check(proof)


def test_ending_one_leaves_the_others(sessions: Sessions) -> None:
    """Each browser signs out for itself."""
    one, other = sessions.open(sessions.offer()), sessions.open(sessions.offer())

    sessions.end(one)

    sessions.check(other)
    with pytest.raises(Unauthorized):
        sessions.check(one)


def test_all_end_at_once(sessions: Sessions) -> None:
    """And no code that was given out opens another."""
    proof, code = sessions.open(sessions.offer()), sessions.offer()

    sessions.end_all()

    with pytest.raises(Unauthorized):
        sessions.check(proof)
    with pytest.raises(Unauthorized):
        sessions.open(code)


def test_sessions_outlive_the_node(sessions: Sessions, time: Time, drawer: Drawer) -> None:
    """What is kept of them tells nobody a secret."""
    proof = sessions.open(sessions.offer())

    opened(time, drawer).check(proof)
    assert drawer.data is not None
    assert proof.cookie.encode() not in drawer.data
    assert proof.key.encode() not in drawer.data


def test_sessions_are_bounded(sessions: Sessions) -> None:
    """The oldest gives way."""
    first = sessions.open(sessions.offer())
    for _ in range(SESSIONS_MAX):
        last = sessions.open(sessions.offer())

    sessions.check(last)
    with pytest.raises(Unauthorized):
        sessions.check(first)


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b'[{"cookie": 1}]', b"[" * 100_000, b"\xff"])
def test_a_spoilt_file_has_everybody_sign_in_again(time: Time, drawer: Drawer, data: bytes) -> None:
    """And the node goes on."""
    drawer.data = data
    sessions = opened(time, drawer)

    sessions.check(sessions.open(sessions.offer()))


def test_whoever_watches_a_session_is_told_once_that_it_ended(sessions: Sessions, time: Time) -> None:
    """By its own end, or by the end of all; not for another one, and not when he waits no more."""
    told: list[str] = []
    mine, other = sessions.open(sessions.offer()), sessions.open(sessions.offer())
    time.now += 100
    seconds, _ = sessions.watch(mine, lambda: told.append("mine"))
    sessions.watch(other, lambda: told.append("other"))
    _, forget = sessions.watch(other, lambda: told.append("forgotten"))
    forget()
    sessions.end(mine)
    assert (seconds, told) == (SESSION_SECONDS - 100, ["mine"])
    sessions.end_all()
    assert told == ["mine", "other"]
    with pytest.raises(Unauthorized):
        sessions.watch(mine, lambda: None)


def test_sessions_are_listed_by_their_use(sessions: Sessions, time: Time) -> None:
    """With when they were opened and used, and in which kind of browser."""
    phone = sessions.open(sessions.offer(), "Chrome, Android")
    time.now += SEEN_SECONDS
    sessions.open(sessions.offer(), "Firefox, Linux")
    time.now += SEEN_SECONDS
    sessions.check(phone)

    first, second = sessions.all()
    assert (first.browser, first.opened, first.seen) == ("Chrome, Android", 1000.0, 1000.0 + 2 * SEEN_SECONDS)
    assert (second.browser, second.seen) == ("Firefox, Linux", 1000.0 + SEEN_SECONDS)
    assert sessions.id_of(phone) == first.id != second.id
    assert sessions.id_of(Proof("", "")) == ""


def test_a_session_is_ended_by_its_name(sessions: Sessions) -> None:
    """What is open by it is told, all others go on, and nobody's end is an error that says so."""
    told: list[str] = []
    mine, phone = sessions.open(sessions.offer()), sessions.open(sessions.offer())
    sessions.watch(mine, lambda: told.append("mine"))
    sessions.watch(phone, lambda: told.append("phone"))

    sessions.end_called(sessions.id_of(phone))

    assert told == ["phone"]
    sessions.check(mine)
    with pytest.raises(Unauthorized):
        sessions.check(phone)
    with pytest.raises(NotFound):
        sessions.end_called("0" * 16)


def test_being_seen_ends_nothing_that_is_open(sessions: Sessions, time: Time, drawer: Drawer) -> None:
    """It is noted for whoever looks later, and not more often than needed."""
    told: list[str] = []
    proof = sessions.open(sessions.offer())
    sessions.watch(proof, lambda: told.append("ended"))
    before = drawer.data
    time.now += SEEN_SECONDS - 1
    sessions.check(proof)
    assert drawer.data == before

    time.now += 1
    sessions.check(proof)

    assert told == []
    assert opened(time, drawer).all()[0].seen == time.now


def test_a_full_disk_keeps_nobody_out(time: Time) -> None:
    """When a session was seen is not worth refusing its owner."""
    broken: list[bool] = []

    def save(data: bytes) -> None:
        if broken:
            raise OSError(28, "No space left on device")

    numbers = itertools.count()
    sessions = Sessions(draw=lambda count: next(numbers).to_bytes(count), now=lambda: time.now, save=save)
    proof = sessions.open(sessions.offer())
    broken.append(True)
    time.now += SEEN_SECONDS

    sessions.check(proof)


def test_sessions_of_an_older_node_go_on(time: Time, drawer: Drawer, sessions: Sessions) -> None:
    """Which noted neither when they were opened nor where."""
    proof = sessions.open(sessions.offer())
    assert drawer.data is not None
    kept = msgspec.json.decode(drawer.data)
    drawer.data = msgspec.json.encode([{name: each[name] for name in ("cookie", "key", "expires")} for each in kept])

    again = opened(time, drawer)
    again.check(proof)

    assert (again.all()[0].opened, again.all()[0].seen) == (0.0, time.now)
