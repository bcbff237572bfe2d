"""What real go-micro programs of five generations said to each other is understood in both roles, however it is cut."""

from __future__ import annotations

import json

import pytest

from micro.errors import BadRequest, Fault, InternalError
from micro.mucp.http.acceptor import Acceptor, Called, Closed, Exchange, Item, Opened
from micro.mucp.http.asker import Answered, Asker, Ended, Failed, Said
from micro.mucp.http.head import read_request
from micro.mucp.http.reader import Message, MessageReader
from micro.mucp.http.wrapping import unwrap_request
from tests.unit.mucp.http.captures import NAMES, chunkings, said

GENERATIONS = ("v2", "v3", "v4", "v5", "v6")


def messages(name: str, *, by_client: bool) -> list[Message]:
    """Returns the messages of one side."""
    reader = MessageReader(requests=by_client)
    found = reader.receive(said(name, by_client=by_client))
    assert reader.fault is None
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_client", [True, False], ids=["asks", "answers"])
def test_any_chunking_gives_the_same(name: str, by_client: bool) -> None:
    """Bytes one by one, or cut at any one place, are the same messages."""
    expected = messages(name, by_client=by_client)
    assert expected
    for pieces in chunkings(said(name, by_client=by_client)):
        reader = MessageReader(requests=by_client)
        found = [message for piece in pieces for message in reader.receive(piece)]
        assert (found, reader.fault) == (expected, None)


class Greeter:
    """What the recorded service does, in so far as it answers what was asked."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.acceptor = acceptor
        self.counted: list[str] = []

    def hear(self, data: bytes) -> None:
        for event in self.acceptor.receive(data):
            match event:
                case Called(exchange):
                    self.answer(exchange)
                case Opened(exchange):
                    exchange.owner = exchange.endpoint
                case Item(exchange, body):
                    self.item(exchange, json.loads(body)["name"])
                case Closed():
                    pass
                case other:
                    raise AssertionError(other)

    def answer(self, exchange: Exchange) -> None:
        assert exchange.wrapped is not None
        match exchange.endpoint:
            case "Say.Hello":
                name = json.loads(exchange.wrapped.body)["name"]
                self.acceptor.answer(exchange, json.dumps({"msg": f"Hello {name}"}).encode())
            case "Pb.Hello":
                name = exchange.wrapped.body[2:]
                self.acceptor.answer(exchange, bytes((0x0A, len(name) + 6)) + b"Hello " + name)
            case "Say.Fail":
                self.acceptor.fail(exchange, BadRequest("no name John", id="greeter.Say.Fail"))
            case "Say.Plain":
                self.acceptor.fail(exchange, InternalError("plain error"))
            case other:
                self.acceptor.fail(exchange, InternalError(f"rpc: can't find {other}"))

    def item(self, exchange: Exchange, name: str) -> None:
        if exchange.owner == "Say.Chat" and name != "bye":
            self.acceptor.item(exchange, json.dumps({"msg": f"echo {name}"}).encode())
        elif exchange.owner == "Say.Count":
            for number in range(3):
                self.acceptor.item(exchange, json.dumps({"msg": f"{name} {number}"}).encode())
            self.acceptor.end(exchange)
        else:
            self.acceptor.end(exchange)


def answers_of(name: str) -> list[tuple[bytes, str]]:
    """Returns what the recorded server answered: bodies, and errors as their detail."""
    return [outcome(message) for message in messages(name, by_client=False)]


def outcome(message: Message) -> tuple[bytes, str]:
    headers = {name.lower(): value.decode() for name, value in message.pairs}
    assert message.line == b"200"
    error = headers.get(b"micro-error", "")
    body = (
        message.body
        if headers.get(b"content-type") == "application/protobuf"
        else message.body.replace(b" ", b"").strip()
    )
    return body, error if error in ("", "EOS") else Fault.parse(error).detail


@pytest.mark.parametrize("name", [name for name in NAMES if "Missing" not in name and "Nope" not in name])
def test_our_server_answers_as_theirs(name: str) -> None:
    """A recorded client gets, message by message, what it got from a go-micro server; rapid streams apart."""
    expected = answers_of(name)
    for pieces in list(chunkings(said(name, by_client=True)))[:: 1 if "call" in name else 7]:
        acceptor = Acceptor()
        greeter = Greeter(acceptor)
        output = b""
        for piece in pieces:
            greeter.hear(piece)
            output += acceptor.output()
        reader = MessageReader(requests=False)
        ours = [outcome(message) for message in reader.receive(output)]
        if "count" in name:  # theirs are corrupted
            assert [body for body, _ in ours] == [b'{"msg":"John%d"}' % number for number in range(3)] + [b""]
        else:
            assert ours == expected


@pytest.mark.parametrize("name", NAMES)
def test_no_header_of_a_request_comes_back(name: str) -> None:
    """A go-micro server repeats `Authorization` and all; ours says what it is known by, and nothing else."""
    acceptor = Acceptor()
    Greeter(acceptor).hear(said(name, by_client=True))
    output = acceptor.output()
    assert b"Bearer" not in output
    assert b"X-Test" not in output
    assert b"Timeout" not in output


@pytest.mark.parametrize("generation", GENERATIONS)
def test_our_client_understands_calls(generation: str) -> None:
    """Two recorded answers on one connection are the answers to two calls, whatever numbers they repeat."""
    answers = messages(f"{generation}-call", by_client=False)
    assert len(answers) == 2
    whole = said(f"{generation}-call", by_client=False)
    second = whole.index(b"HTTP/1.1", 8)
    for pieces in chunkings(whole[:second]):
        asker = Asker("127.0.0.1:9911")
        asker.call("greeter", "Say.Hello", b'{"name":"John"}')
        heard = [event for piece in pieces for event in asker.receive(piece)]
        assert heard == [Answered(b'{"msg":"Hello John"}\n')]
        asker.call("greeter", "Say.Hello", b'{"name":"John"}')
        assert asker.receive(whole[second:]) == [Answered(b'{"msg":"Hello John"}\n')]


@pytest.mark.parametrize("name", [name for name in NAMES if "-err-" in name])
def test_our_client_understands_errors(name: str) -> None:
    """A structured error keeps its code and id, a plain one is its text with code 500."""
    asker = Asker("127.0.0.1:9911")
    asker.call("greeter", "Say.Fail", b"{}")
    (failed,) = asker.receive(said(name, by_client=False))
    assert isinstance(failed, Failed)
    if name.endswith("Say.Fail"):
        assert (failed.fault.code, failed.fault.id) == (400, "greeter.Say.Fail")
        assert failed.fault.detail == "no name John"
    else:
        assert failed.fault.code == 500
        assert failed.fault.detail == answers_of(name)[0][1]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_our_client_understands_streams(generation: str) -> None:
    """Messages of a stream come one by one, and its end is told."""
    for pieces in chunkings(said(f"{generation}-stream", by_client=False)):
        asker = Asker("127.0.0.1:9911")
        asker.open("greeter", "Say.Chat", b'{"name":"first"}')
        heard = [event for piece in pieces for event in asker.receive(piece)]
        texts = [json.loads(event.body)["msg"] for event in heard if isinstance(event, Said)]
        assert texts == ["echo John0", "echo John1"]
        assert heard[-1] == Ended()


@pytest.mark.parametrize("name", NAMES)
def test_our_client_asks_as_theirs(name: str) -> None:
    """What our client says for the same requests is, header by header, what the recorded one said.

    But for the end of a stream, after which go-micro's own client closes the connection: ours asks the server to.
    """
    recorded = messages(name, by_client=True)
    first = read_request(recorded[0].pairs)
    asker = Asker(first.host, content_type=first.content_type)
    passed = {**first.passed, "Authorization": first.authorization}
    output = b""
    for message in recorded:
        head = read_request(message.pairs)
        body = unwrap_request(head.content_type, message.body).body
        if not head.stream:
            asker.state = type(asker.state).IDLE  # as if the one before were answered
            milliseconds = head.timeout_milliseconds
            output += asker.call("greeter", head.endpoint, body, timeout_milliseconds=milliseconds, headers=passed)
        elif message is recorded[0]:
            output += asker.open("greeter", head.endpoint, body, headers=passed)
        else:
            output += asker.end() if head.error else asker.item(body)
    ours = MessageReader(requests=True).receive(output)
    theirs = [plain(message) for message in recorded]
    for _, _, pairs, _ in theirs:
        if b"Micro-Error" in pairs:
            pairs[b"Connection"] = b"close"
    assert [plain(message) for message in ours] == theirs


def plain(message: Message) -> tuple[bytes, bytes, dict[bytes, bytes], bytes]:
    framing = (b"Content-Length", b"Transfer-Encoding", b"User-Agent")
    return message.line, message.id, {name: value for name, value in message.pairs if name not in framing}, message.body
