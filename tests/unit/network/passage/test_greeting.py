"""Who is meant by the first words of a TLS connection, and what is refused."""

from __future__ import annotations

import pytest

from micro.network.passage.greeting import (
    EXTENSIONS_MAX,
    GREETING_BYTES_MAX,
    RECORDS_MAX,
    Greeting,
    NoGreeting,
    alert,
)
from tests.unit.network.passage.hellos import body_of, extension, hello_of_openssl, message, named, records

NAME = "b5uazx6zabcd.nodes.example"
GOOD = named(NAME.encode())
TEN_YEARS_OLD = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"


def heard(data: bytes) -> str | None:
    """Reads at once."""
    return Greeting().hear(data)


def refused(data: bytes) -> NoGreeting:
    """Returns why it is refused."""
    with pytest.raises(NoGreeting) as caught:
        heard(data)
    return caught.value


def test_what_openssl_says_is_read_with_all_that_came() -> None:
    """In one piece, and byte by byte; nothing is known before the last byte."""
    said = hello_of_openssl(NAME.upper())
    slow = Greeting()

    assert heard(said) == NAME
    assert [slow.hear(said[at : at + 1]) for at in range(len(said) - 1)] == [None] * (len(said) - 1)
    assert slow.hear(said[-1:]) == NAME
    assert slow.received == said


def test_what_follows_in_its_own_records_is_kept_for_whoever_is_meant() -> None:
    """A client may send data ahead."""
    said = hello_of_openssl(NAME)
    greeting = Greeting()

    assert greeting.hear(said + records(b"early", kind=23)) == NAME
    assert greeting.received == said + records(b"early", kind=23)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_message_may_come_in_several_records(size: int) -> None:
    """But not in any number of them."""
    whole = message(body_of(GOOD))
    count = -(-len(whole) // size)

    if count <= RECORDS_MAX:
        assert heard(records(whole, size)) == NAME
    else:
        assert "records" in str(refused(records(whole, size)))


@pytest.mark.parametrize(
    ("said", "description"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", None, id="HTTP"),
        pytest.param(b"\x16\x02", None, id="SSL 2"),
        pytest.param(b"\x80\x2e\x01\x03\x01", None, id="SSL 2 hello"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x28", None, id="an alert"),
        pytest.param(b"\x16\x03\x01\x00\x00", 50, id="an empty record"),
        pytest.param(b"\x16\x03\x01\x40\x01", 50, id="a record too long"),
        pytest.param(records(message(b"", kind=2)), 10, id="a ServerHello"),
        pytest.param(b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 47, id="a message of 16 MiB"),
        pytest.param(records(b"\x01") + records(b"x", kind=23), 10, id="data within the message"),
        pytest.param(records(message(body_of(GOOD)) + b"\x00"), 10, id="a byte behind the message"),
        pytest.param(records(message(body_of(GOOD) + b"\x00")), 50, id="a byte behind the extensions"),
        pytest.param(TEN_YEARS_OLD, 50, id="cut short"),
        pytest.param(records(message(b"\x02" + body_of(GOOD)[1:])), 47, id="of an old version"),
        pytest.param(records(message(body_of(GOOD, session=bytes(33)))), 50, id="a session too long"),
        pytest.param(records(message(body_of(GOOD, ciphers=b"\x13"))), 50, id="half a cipher"),
        pytest.param(records(message(body_of(GOOD, ciphers=b""))), 50, id="no cipher"),
        pytest.param(records(message(body_of(None))), 112, id="no extensions"),
        pytest.param(records(message(body_of(b""))), 112, id="empty extensions"),
        pytest.param(records(message(body_of(extension(10, b"x")))), 112, id="no name"),
        pytest.param(records(message(body_of(GOOD + GOOD))), 47, id="the extension twice"),
        pytest.param(records(message(body_of(named(NAME.encode(), b"bank.example")))), 47, id="two names"),
        pytest.param(records(message(body_of(named(NAME.encode(), kind=1)))), 47, id="a name of another kind"),
        pytest.param(records(message(body_of(named(b"")))), 50, id="an empty name"),
        pytest.param(records(message(body_of(named()))), 50, id="an empty list of names"),
        pytest.param(records(message(body_of(extension(0, b"")))), 50, id="an empty extension"),
        pytest.param(records(message(body_of(extension(0, GOOD[4:] + b"x")))), 47, id="a byte behind the names"),
        *(
            pytest.param(records(message(body_of(named(name)))), 112, id=ascii(name))
            for name in (
                *(b"localhost", b"127.0.0.1", b"1.2.3.4", b"a..b", b".a.b", b"a.b.", b"a_b.c", b"a b.c", b"-a.b"),
                *(b"a-.b", b"\xc3\xa9.example", b"a\x00.b", b"*.example", b"a.b:443", b"a" * 64 + b".b", b"a." * 127),
            )
        ),
    ],
)
def test_nothing_else_is_a_greeting(said: bytes, description: int | None) -> None:
    """It is refused with what TLS calls the reason; whoever speaks no TLS gets none."""
    assert refused(said).alert == description


def test_there_is_an_end_to_what_is_heard() -> None:
    """Of one message, of extensions, and of what comes in all."""
    longest = body_of(GOOD + extension(9, bytes(GREETING_BYTES_MAX - len(body_of(GOOD)) - 4)))
    many = b"".join(extension(kind, b"") for kind in range(1, EXTENSIONS_MAX + 1))

    assert heard(records(message(longest))) == NAME
    assert "at most" in str(refused(records(message(longest + b"x"))))
    assert "extensions" in str(refused(records(message(body_of(many + GOOD)))))
    assert "before he is answered" in str(refused(records(message(body_of(GOOD))) + bytes(40_000)))


def test_an_alert_is_one_that_openssl_would_send() -> None:
    """Fatal, in the version that every client reads."""
    assert alert(112).hex() == "15030300020270"
