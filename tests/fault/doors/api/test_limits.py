"""Clients that are slow, many, greedy or gone: each meets its bound, and the others notice nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from micro.doors.api.limits import Limits
from tests.fault.doors.api.guarded import Answer, Guarded, guarded, read_answers

SOON = Limits(
    header_seconds=0.3,
    body_idle_seconds=0.3,
    body_grace_seconds=0.2,
    body_bytes_per_second_min=100_000,
    request_seconds=1.0,
    idle_seconds=0.3,
    stall_seconds=0.3,
    linger_seconds=0.3,
    sweep_seconds=0.02,
    connections_max=12,
    connections_local_max=8,
    small_body_bytes_max=1000,
    bodies_bytes_max=1_000_000,
    chunks_max=100,
)
DRIP_SECONDS = 0.02
FEW = 4


@pytest.fixture(scope="module")
def running() -> Iterator[Guarded]:
    with guarded(SOON) as door:
        yield door


@pytest.fixture
def door(running: Guarded) -> Guarded:
    running.seen.clear()
    return running


def head(door: Guarded, line: str = "POST /a", *headers: str) -> bytes:
    lines = (f"{line} HTTP/1.1", f"Host: 127.0.0.1:{door.port}", *headers, "", "")
    return "\r\n".join(lines).encode()


def drip(door: Guarded, begin: bytes, drops: Iterator[bytes]) -> Answer:
    """Sends `begin` and then a drop now and then, for as long as the door listens."""
    with door.connect() as wire:
        wire.sendall(begin)
        wire.settimeout(DRIP_SECONDS)
        for _ in range(2000):
            try:
                if wire.recv(1, socket.MSG_PEEK) is not None:
                    break
            except TimeoutError:
                wire.sendall(next(drops))
            except OSError:
                break
        wire.settimeout(5)
        return read_answers(wire)


def test_a_head_that_never_ends_is_given_up(door: Guarded) -> None:
    """One header after the other does not keep a connection open."""
    begin = head(door).removesuffix(b"\r\n")

    answer = drip(door, begin, (b"X%d: a\r\n" % number for number in count()))

    assert (answer.fault["code"], door.seen) == (408, [])


def test_a_connection_that_says_nothing_is_closed(door: Guarded) -> None:
    """Whoever connects begins to speak soon; there is nothing to answer."""
    with door.connect() as wire:
        assert wire.recv(1) == b""


def test_a_connection_is_not_kept_for_ever_after_an_answer(door: Guarded) -> None:
    """Between two requests there is a bound too."""
    with door.connect() as wire:
        wire.sendall(head(door, "GET /a"))

        answer = read_answers(wire)

    assert (answer.statuses, answer.ended) == ([200], True)


def test_a_body_that_stops_is_given_up() -> None:
    """A body of which nothing comes any more ends the request before any service saw it."""
    with guarded(Limits(body_idle_seconds=0.2, sweep_seconds=0.02)) as door, door.connect() as wire:
        wire.sendall(head(door, "POST /a", "Content-Length: 100000") + b"a" * 50_000)

        answer = read_answers(wire)

    assert (answer.fault["code"], door.seen) == (408, [])
    assert answer.fault["detail"].startswith("body: nothing came")


def test_a_body_that_drips_is_given_up(door: Guarded) -> None:
    """A byte now and then is not enough."""
    answer = drip(door, head(door, "POST /a", "Content-Length: 100000"), iter(lambda: b"a", b""))

    assert (answer.fault["code"], "bytes a second" in answer.fault["detail"], door.seen) == (408, True, [])


def test_chunks_that_drip_are_given_up(door: Guarded) -> None:
    """The same holds for a body in chunks."""
    answer = drip(door, head(door, "POST /a", "Transfer-Encoding: chunked"), iter(lambda: b"1\r\na\r\n", b""))

    assert (answer.fault["code"], door.seen) == (408, [])


def test_a_request_that_takes_too_long_is_given_up(door: Guarded) -> None:
    """However fast it comes, a request is whole after a while."""
    answer = drip(door, head(door, "POST /a", "Content-Length: 4000000"), iter(lambda: b"a" * 8000, b""))

    assert (answer.fault["code"], answer.fault["detail"][:8]) == (408, "request:")


def test_chunks_are_bounded_in_number(door: Guarded) -> None:
    """Many small chunks cost more than they bring."""
    answer = door.tell(head(door, "POST /a", "Transfer-Encoding: chunked") + b"1\r\na\r\n" * 200)

    assert (answer.statuses, door.seen) == ([413], [])


def test_bodies_are_bounded_together(door: Guarded) -> None:
    """What all requests hold is bounded; a small one still finds room."""
    with door.connect() as first, door.connect() as second:
        first.sendall(head(door, "POST /a", "Content-Length: 900000") + b"a" * 800_000)
        wait_for(lambda: door.places.bodies_bytes == 800_000)
        second.sendall(head(door, "POST /b", "Content-Length: 900000") + b"a" * 800_000)
        door.tell(head(door, "POST /c", "Connection: close", "Content-Length: 5") + b"hello")

        assert read_answers(second).fault["code"] == 503
        assert door.seen == [("POST", "/c", b"hello")]


def test_room_for_bodies_is_given_back(door: Guarded) -> None:
    """After answers, refusals and lost connections nothing is booked any more."""
    for _ in range(FEW):
        door.tell(head(door, "POST /a", "Connection: close", "Content-Length: 900000") + b"a" * 900_000)
        door.tell(head(door, "POST /a", "Content-Length: 900000") + b"a" * 500_000)

    wait_for(lambda: door.places.bodies_bytes == 0)


def test_a_machine_has_so_many_connections_and_no_more(door: Guarded) -> None:
    """One more is told so, and closing some makes room."""
    wait_for(lambda: len(door.places) == 0)
    wires = [door.connect() for _ in range(SOON.connections_local_max)]
    for wire in wires:
        wire.sendall(b"G")
    wait_for(lambda: len(door.places) == len(wires))
    assert door.tell(head(door, "GET /a")).fault["code"] == 429

    for wire in wires:
        wire.close()

    wait_for(lambda: len(door.places) == 0)
    assert door.tell(head(door, "GET /a", "Connection: close")).statuses == [200]


def test_a_client_that_does_not_read_is_left(door: Guarded) -> None:
    """An answer that nobody reads does not stay in memory."""
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", door.port))
        wire.sendall(head(door, "GET /large"))
        wait_for(lambda: door.seen == [("GET", "/large", b"")])

        wait_for(lambda: len(door.places) == 0)


def test_a_refused_client_that_goes_on_sending_sees_the_answer(door: Guarded) -> None:
    """What it still sends is dropped, so that the refusal is not taken from it."""
    with door.connect() as wire:
        wire.sendall(head(door, "POST /a", "Content-Length: 1", "Content-Length: 1") + b"a" * 100_000)

        assert read_answers(wire).fault["code"] == 400
        wire.sendall(b"a" * 1000)
        time.sleep(DRIP_SECONDS)
        wire.sendall(b"a" * 1000)  # a connection that was reset would say so


def test_a_refused_client_does_not_linger_for_ever(door: Guarded) -> None:
    """Its connection ends even if it never ends its side."""
    with door.connect() as wire:
        wire.sendall(head(door, "POST /a", "Content-Length: 1", "Content-Length: 1"))
        assert read_answers(wire).fault["code"] == 400

        wait_for(lambda: len(door.places) == 0)


def test_what_is_sent_ahead_waits_in_bounded_memory() -> None:
    """A client that sends many requests before the first is answered is not read any more until it is."""
    with guarded() as door, door.connect() as wire:
        wire.sendall(head(door, "GET /wait"))
        wait_for(lambda: len(door.seen) == 1)
        ahead = head(door, "GET /a", f"X: {'a' * 4000}") * 3000
        sent = 0
        wire.settimeout(0.5)
        try:
            while sent < len(ahead):
                sent += wire.send(ahead[sent : sent + 65_536])
        except TimeoutError:
            pass  # it is held back
        held = max(len(guest._data) for guest in door.places._guests)
        door.go.set()
        wire.settimeout(5)
        thread = threading.Thread(target=wire.sendall, args=(ahead[sent:] + head(door, "GET /b", "Connection: close"),))
        thread.start()
        answer = read_answers(wire)
        thread.join()

    assert (sent < len(ahead), held < 600_000) == (True, True)
    assert answer.statuses == [200] * 3002


def test_a_client_that_leaves_in_the_middle_is_forgotten(door: Guarded) -> None:
    """Half a head, half a body, half a chunk: nothing is left of them."""
    for part in (b"POST /a HT", head(door), head(door, "POST /a", "Content-Length: 9") + b"a"):
        with door.connect() as wire:
            wire.sendall(part)

    wait_for(lambda: len(door.places) == 0)


def test_who_waits_for_100_continue_gets_it(door: Guarded) -> None:
    """The body is asked for once the head is good, and only then."""
    with door.connect() as wire:
        wire.sendall(head(door, "POST /a", "Expect: 100-continue", "Connection: close", "Content-Length: 5"))
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"hello")

        assert read_answers(wire).statuses == [200]


def test_who_waits_in_vain_sends_no_body(door: Guarded) -> None:
    """A body that would be too large is refused before it is sent."""
    answer = door.tell(head(door, "POST /a", "Expect: 100-continue", "Content-Length: 50000000"))

    assert answer.statuses == [413]


def test_more_names_can_be_allowed() -> None:
    """A configured name is good on any port, or on the one it names."""
    with guarded(names=("node.example", "other.example:99")) as door:
        for host, status in (
            ("node.example", 200),
            ("NODE.example:1234", 200),
            ("other.example:99", 200),
            ("other.example:98", 403),
            ("third.example", 403),
        ):
            data = f"GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            assert (host, door.tell(data).statuses) == (host, [status])


def test_the_door_closes_while_somebody_drips() -> None:
    """Connections that are not done do not hold up the end."""
    with guarded() as door:
        wires = [door.connect() for _ in range(FEW)]
        wires[0].sendall(b"GET /a HT")
        wires[1].sendall(head(door, "POST /a", "Content-Length: 9") + b"a")
        wait_for(lambda: len(door.places) == FEW)

    for wire in wires:
        assert wire.recv(1) == b""
        wire.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds, for as long as a slow machine may need."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came to hold")
