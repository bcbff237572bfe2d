"""A head that was read before is known again, and means what a parser would have made of it."""

from __future__ import annotations

import pytest

from micro.mucp.http.acceptor import Acceptor, Broken, Called
from micro.mucp.http.familiar import KNOWN_BYTES_MAX, KNOWN_MAX, Familiar
from micro.mucp.message import Form
from tests.unit.mucp.http.test_acceptor import called, post, written


def knows(familiar: Familiar, data: bytes) -> bool:
    """Returns whether a request need not be read."""
    known = familiar.find(data, 0)
    return known is not None and known.match(data, 0) is not None


def heard(*requests: bytes) -> Familiar:
    """Returns what is known once these were read, each on a connection of its own."""
    familiar = Familiar()
    for data in requests:
        Acceptor(familiar=familiar).receive(data)
    return familiar


def test_it_is_known_again_with_another_id_and_body() -> None:
    """The id and the body are those of the request that came, and the answer is the one that it gets by reading."""
    familiar = heard(post(b'{"a":1}', Micro_Id="7"))
    second = post(b'{"a":2}', Micro_Id="8a")
    assert knows(familiar, second)
    told = []
    for acceptor in (Acceptor(), Acceptor(familiar=familiar)):
        exchange = called(acceptor, second).exchange
        acceptor.answer(exchange, b'{"b":3}')
        told.append((exchange.id, exchange.endpoint, exchange.wrapped, exchange.body_bytes, acceptor.output()))
    assert told[0] == told[1]
    assert told[0][0] == "8a"


def test_several_in_one_read_are_known_again() -> None:
    """What stands behind them is read as ever, and a message that is not whole waits for its rest."""
    one = post(b"{}", Micro_Id="1")
    acceptor = Acceptor(familiar=heard(one))
    other = post(b"{}", Micro_Id="2", X_Test="1")
    events = acceptor.receive(one + one + other + one[:-1])
    assert [event.exchange.id for event in events if isinstance(event, Called)] == ["1", "1", "2"]
    assert called(acceptor, one[-1:]).exchange.id == "1"
    assert called(acceptor, one).exchange.wrapped is not None


def test_one_that_is_refused_is_not_known_by_the_one_before_it() -> None:
    """What is learnt of a request is what it meant itself."""
    good, bad = post(Micro_Id="1"), post(Micro_Id="2", Micro_Endpoint="Say")
    familiar = heard(good)
    Acceptor(familiar=familiar).receive(good + bad)
    assert not knows(familiar, bad)


def test_an_event_is_known_again() -> None:
    """It is one, and is answered like one."""
    data = post(b"{}", Micro_Id="7", Micro_Topic="news", Micro_Service="", Micro_Endpoint="")
    familiar = heard(data)
    assert knows(familiar, data)
    acceptor = Acceptor(familiar=familiar)
    exchange = called(acceptor, data).exchange
    assert (exchange.head.form, exchange.head.topic) == (Form.PUBLISH, "news")
    acceptor.answer(exchange, b"")
    assert written(acceptor) == [({"Content-Length": "0", "Content-Type": "application/json", "Micro-Id": "7"}, b"")]


HTTP_1_0 = post(Connection="keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
CHUNKED = post(b"", Transfer_Encoding="chunked").replace(b"Content-Length: 0\r\n", b"")
UNKNOWN = {
    "a stream": post(Micro_Stream="1"),
    "the end of a connection": post(Connection="close"),
    "another version": HTTP_1_0,
    "chunks": CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    "no chunk": CHUNKED + b"0\r\n\r\n",
    "an expectation": post(Expect="100-continue"),
    "another target": post(target="/?id=1"),
    "a wrapping": post(b'{"params":[{}],"id":1,"method":"A.B"}', Content_Type="application/json-rpc"),
    "no content type": post(Content_Type=""),
    "no service": post(Micro_Service=""),
    "a name that is none": post(Micro_Endpoint="Say"),
    "a header twice": post(X_Test="1").replace(b"X-Test: 1", b"Timeout: 1\r\nTimeout: 1"),
    "a blank before it": b"\r\n" + post(),
    "a long head": post(X_Test="a" * KNOWN_BYTES_MAX),
    "an id of more than letters and digits": post(Micro_Id="a b"),
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_read_each_time(data: bytes) -> None:
    """All that depends on more than the head, or is not of the one plain kind."""
    assert not knows(heard(data, data), data)


def test_an_id_that_is_none_is_refused_where_its_head_is_known() -> None:
    """The value is left out when heads are compared, and looked at all the same."""
    familiar = heard(post(Micro_Id="7"))
    for wrong in (b"\x01", b"", b"\xff", b"1\r\nMicro-Id: 2", b"1\r\nContent-Length: 9", b"1" * 5_000):
        data = post(Micro_Id="7").replace(b"Micro-Id: 7", b"Micro-Id: " + wrong)
        first, second = (Acceptor(familiar=each).receive(data) for each in (Familiar(), familiar))
        assert [type(event) for event in first] == [type(event) for event in second]
        assert not wrong or isinstance(first[0], Broken)


def test_what_begins_within_a_message_is_no_head() -> None:
    """A body that looks like a request is a body."""
    data = post(Micro_Id="7")
    acceptor = Acceptor(familiar=heard(data))
    outer = post(data, Micro_Id="8")
    assert acceptor.receive(outer[: -len(data)]) == []
    exchange = called(acceptor, outer[-len(data) :]).exchange
    assert exchange.wrapped is not None
    assert exchange.wrapped.body == data


def test_so_many_are_known() -> None:
    """A flood of heads does not fill memory."""
    familiar = heard(*(post(X_Test=str(number)) for number in range(KNOWN_MAX + 1)))
    assert not knows(familiar, post(X_Test="0"))
    assert knows(familiar, post(X_Test=str(KNOWN_MAX)))
