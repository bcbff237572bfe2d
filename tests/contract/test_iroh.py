"""What iroh promises a node: proved ends, nothing open that was not asked for, and strangers kept within limits."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import iroh
import pytest

from micro.errors import BadRequest, ConfigError, EngineError, HandshakeFailed, LinkClosed, Unavailable
from micro.network.prefix import Prefixes
from micro.network.transport import iroh as iroh_module
from micro.network.transport import iroh_transfer
from micro.network.transport.admission import Admission, Limits, Verdict
from micro.network.transport.iroh import ALPN, IrohEndpoint
from micro.network.transport.iroh_pipe import READ_BYTES_MAX, READ_BYTES_MIN
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from tests.contract.pipes import Recorder
from tests.waiting import until

TIMEOUT_SECONDS = 30.0
OURS, THEIRS, NOBODY = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32

Bind = Callable[..., Awaitable[IrohEndpoint]]


@pytest.fixture
async def bind() -> AsyncIterator[Bind]:
    """Binds endpoints on loopback and closes them in the end."""
    endpoints: list[IrohEndpoint] = []
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def make(seed: bytes, **settings: object) -> IrohEndpoint:
        endpoints.append(await IrohEndpoint.bind(seed, **{"bind_host": "127.0.0.1", **settings}))  # type: ignore[arg-type]
        return endpoints[-1]

    yield make
    for endpoint in endpoints:
        await endpoint.close()
    gc.collect(1)  # tasks that failed unseen tell when they are let go
    assert reported == []


@pytest.fixture
async def stranger() -> AsyncIterator[iroh.Endpoint]:
    """A plain endpoint of iroh's that keeps none of our rules."""
    options = iroh.EndpointOptions(
        preset=iroh.preset_minimal(), relay_mode=iroh.RelayMode.disabled(), bind_addr="127.0.0.1:0", alpns=[b"other/1"]
    )
    endpoint = await iroh.Endpoint.bind(options)
    yield endpoint
    await endpoint.close()


def listening(endpoint: IrohEndpoint) -> list[Recorder]:
    """Lets others in; returns the list that their ends come into."""
    accepted: list[Recorder] = []

    def accept(pipe: iroh_module.IrohPipe) -> None:
        accepted.append(Recorder())
        pipe.start(accepted[-1])

    endpoint.listen(accept)
    return accepted


async def dialled(endpoint: IrohEndpoint, other: IrohEndpoint) -> Recorder:
    """Opens a pipe and says something."""
    pipe = await endpoint.dial(other.nid, other.addresses(), None, timeout_seconds=TIMEOUT_SECONDS)
    recorder = Recorder()
    pipe.start(recorder)
    pipe.write(b"!")
    return recorder


async def refusal(endpoint: IrohEndpoint, other: IrohEndpoint) -> Exception | None:
    """How a connection ends that is closed after its handshake: the news may come before its stream, or after."""
    try:
        end = await dialled(endpoint, other)
    except Unavailable as error:
        return error
    await end.until_happened("lost")
    return end.error


def address_of(endpoint: IrohEndpoint) -> iroh.EndpointAddr:
    """Where a stranger finds an endpoint."""
    return iroh.EndpointAddr(iroh.EndpointId.from_bytes(NodeKey(THEIRS).public), None, list(endpoint.addresses()))


async def test_the_seed_is_the_identity(bind: Bind) -> None:
    """The nid of an endpoint is that of its node's key."""
    assert (await bind(OURS)).nid == nid_of(NodeKey(OURS).public)


async def test_both_ends_know_who_is_there(bind: Bind) -> None:
    """Each pipe names the node that proved its key."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    assert left.pipe.get_extra_info("nid") == theirs.nid
    assert accepted[0].pipe.get_extra_info("nid") == ours.nid


async def test_both_ends_know_from_where(bind: Bind) -> None:
    """Each pipe names the address of the other, for people."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    assert left.pipe.get_extra_info("peername") == f"127.0.0.1:{theirs.port}"
    assert accepted[0].pipe.get_extra_info("peername") == f"127.0.0.1:{ours.port}"


async def test_another_node_at_the_address_is_noticed(bind: Bind) -> None:
    """Whoever answers must prove the key that was dialled."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    listening(theirs)
    with pytest.raises(HandshakeFailed, match="somebody else"):
        await ours.dial(nid_of(NodeKey(NOBODY).public), theirs.addresses(), None, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_node_that_does_not_listen_is_not_entered(bind: Bind) -> None:
    """Before `listen` nobody gets in."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    with pytest.raises((HandshakeFailed, Unavailable)):
        await ours.dial(theirs.nid, theirs.addresses(), None, timeout_seconds=0.5)


async def test_another_protocol_is_turned_away(bind: Bind, stranger: iroh.Endpoint) -> None:
    """Only MUCP is spoken here."""
    theirs = await bind(THEIRS)
    listening(theirs)
    with pytest.raises(iroh.IrohError) as refusal:
        await stranger.connect(address_of(theirs), b"other/1")
    assert "known protocol" in refusal.value.message()


async def test_a_program_that_does_not_speak_mucp_is_named_so(bind: Bind, stranger: iroh.Endpoint) -> None:
    """The error says which protocol was wanted."""
    ours = await bind(OURS)
    knock = asyncio.ensure_future(stranger.accept_next())

    async def answer() -> None:
        incoming = await knock
        assert incoming is not None
        with pytest.raises(iroh.IrohError):
            await (await incoming.accept()).connect()

    answering = asyncio.ensure_future(answer())
    with pytest.raises(HandshakeFailed, match="micro/mucp/1"):
        await ours.dial(
            nid_of(stranger.id().to_bytes()), stranger.addr().direct_addresses(), None, timeout_seconds=TIMEOUT_SECONDS
        )
    await answering


async def test_a_dial_has_its_own_timeout(bind: Bind) -> None:
    """Nobody there is known after the time that was given, not after that of QUIC."""
    ours = await bind(OURS)
    with pytest.raises(Unavailable, match=r"within 0\.05 s"):
        await ours.dial(nid_of(NodeKey(NOBODY).public), ["127.0.0.1:9"], None, timeout_seconds=0.05)


async def test_a_node_does_not_dial_itself(bind: Bind) -> None:
    """Its own ticket is recognised."""
    ours = await bind(OURS)
    with pytest.raises(BadRequest, match="own ticket"):
        await ours.dial(ours.nid, ours.addresses(), None, timeout_seconds=TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    ("nid", "addresses", "relay"),
    [
        ("nobody", [], None),
        (nid_of(NodeKey(NOBODY).public), ["example.org:1"], None),
        (nid_of(NodeKey(NOBODY).public), [], "relay.example.org"),
    ],
    ids=["nid", "address", "relay"],
)
async def test_a_wrong_form_is_refused(bind: Bind, nid: str, addresses: list[str], relay: str | None) -> None:
    """Nothing malformed reaches the engine."""
    ours = await bind(OURS)
    with pytest.raises(BadRequest):
        await ours.dial(nid, addresses, relay, timeout_seconds=TIMEOUT_SECONDS)


@pytest.mark.parametrize("settings", [{"seed": b"short"}, {"bind_host": "localhost"}, {"relays": ["nowhere"]}])
async def test_a_wrong_setting_is_named(settings: dict[str, object]) -> None:
    """The error says what is expected."""
    with pytest.raises(ConfigError, match=r"seed|bind_host|relay"):
        await IrohEndpoint.bind(**{"seed": OURS, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_node_on_loopback_opens_nothing_else(bind: Bind, host: str) -> None:
    """iroh by itself would open the other family of IP to everybody."""
    ours = await bind(OURS, bind_host=host)
    hosts = {address.rpartition(":")[0] for address in ours._open().bound_sockets()}
    assert hosts == {"127.0.0.1", "[::1]"}


async def test_the_port_is_the_one_that_was_asked_for(bind: Bind) -> None:
    """A node comes back at the place where its neighbours know it."""
    first = await bind(OURS)
    port = first.port
    assert {address.rpartition(":")[2] for address in first._open().bound_sockets()} == {str(port)}  # of both families
    await first.close()
    assert (await bind(OURS, port=port)).port == port


async def test_a_closed_endpoint_says_so(bind: Bind) -> None:
    """Whoever dials after the end is told why it does not work."""
    ours = await bind(OURS)
    await ours.close()
    with pytest.raises(LinkClosed):
        await ours.dial(nid_of(NodeKey(NOBODY).public), [], None, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_port_is_free_though_somebody_holds_a_pipe(bind: Bind) -> None:
    """What is left of a closed node does not keep its port."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    await ours.close()
    assert (await bind(OURS, port=ours.port)).port == ours.port
    assert left.pipe.is_closing()


async def test_a_port_in_use_is_named(bind: Bind) -> None:
    """The error says which port, and what to do."""
    first = await bind(OURS)
    with pytest.raises(EngineError, match=rf"port {first.port} of .* another port"):
        await bind(THEIRS, port=first.port)


async def test_a_node_for_everybody_names_dialable_addresses(bind: Bind) -> None:
    """What a ticket is made of has the real port, and is never the unspecified address."""
    ours = await bind(OURS, bind_host="0.0.0.0")
    assert ours.addresses()
    assert all(not address.startswith(("0.0.0.0", "[::]")) for address in ours.addresses())


async def test_a_node_has_so_many_connections_from_one_other(bind: Bind) -> None:
    """The next one is told why it is closed, those before stay."""
    ours, theirs = await bind(OURS), await bind(THEIRS, limits=Limits(connections_per_node_max=2))
    accepted = listening(theirs)
    ends = [await dialled(ours, theirs) for _ in range(2)]
    await until(lambda: len(accepted) == 2)
    assert "connections enough" in str(await refusal(ours, theirs))
    assert [end.happened for end in (*ends, *accepted)] == [["made"]] * 2 + [["made", "data"]] * 2


async def test_a_full_node_refuses_before_the_handshake(bind: Bind) -> None:
    """The error says that it refuses."""
    ours, theirs = await bind(OURS), await bind(THEIRS, limits=Limits(connections_max=0))
    listening(theirs)
    with pytest.raises(Unavailable, match="refused"):
        await ours.dial(theirs.nid, theirs.addresses(), None, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_node_under_load_asks_for_proof_of_the_address(bind: Bind) -> None:
    """A true address gets in all the same."""
    ours, theirs = await bind(OURS), await bind(THEIRS, limits=Limits(handshakes_unproved_max=0))
    accepted = listening(theirs)
    await dialled(ours, theirs)
    await until(lambda: accepted)


async def test_the_address_is_proved_before_the_handshake(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked for proof knocks once more, with it."""
    ours, theirs = await bind(OURS), await bind(THEIRS, limits=Limits(handshakes_unproved_max=0))
    knock, proofs = Admission.knock, list[bool]()

    def note(self: Admission, origin: str, prefix: str = "", *, proved: bool) -> Verdict:
        proofs.append(proved)
        return knock(self, origin, prefix, proved=proved)

    monkeypatch.setattr(Admission, "knock", note)
    accepted = listening(theirs)
    await dialled(ours, theirs)
    await until(lambda: accepted)

    assert proofs == [False, True]


class OnePlace(Prefixes):
    """Takes loopback for a place, which a node does not."""

    def of(self, peername: str) -> str:
        return "198.51.0.0/16"


async def test_one_place_has_so_many_connections(bind: Bind) -> None:
    """Whatever keys come from there, and the link says which place it is."""
    first, second = await bind(OURS), await bind(b"\x07" * 32)
    theirs = await bind(THEIRS, prefixes=OnePlace(), limits=Limits(connections_per_prefix_max=1))
    accepted = listening(theirs)
    await dialled(first, theirs)
    await until(lambda: accepted)

    assert accepted[0].pipe.get_extra_info("prefix") == "198.51.0.0/16"
    with pytest.raises(Unavailable, match="refused"):
        await second.dial(theirs.nid, theirs.addresses(), None, timeout_seconds=TIMEOUT_SECONDS)


async def test_a_connection_that_ended_makes_room(bind: Bind) -> None:
    """Nothing is counted when everybody is gone."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    left.pipe.close()
    await until(lambda: not theirs._admission.connections)
    assert (theirs._admission.handshakes, theirs._admission.nodes, theirs._pipes) == ({}, {}, set())


async def test_a_connection_that_says_nothing_is_closed(
    bind: Bind, stranger: iroh.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence does not keep a place."""
    theirs = await bind(THEIRS)
    accepted = listening(theirs)
    monkeypatch.setattr(iroh_module, "HANDSHAKE_SECONDS_MAX", 0.5)
    connection = await stranger.connect(address_of(theirs), ALPN)
    assert "nothing was said" in await connection.closed()
    assert (accepted, theirs._admission.connections) == ([], {})


@pytest.mark.parametrize("way", ["open_bi", "open_uni"])
async def test_a_second_stream_costs_the_link(bind: Bind, stranger: iroh.Endpoint, way: str) -> None:
    """What came on other streams would pile up unread."""
    theirs = await bind(THEIRS)
    accepted = listening(theirs)
    connection = await stranger.connect(address_of(theirs), ALPN)
    first = (await connection.open_bi()).send()
    await first.write_all(b"!")
    await until(lambda: accepted)
    second = await getattr(connection, way)()
    await (second.send() if way == "open_bi" else second).write_all(b"!")
    await accepted[0].until_happened("lost")
    assert isinstance(accepted[0].error, LinkClosed)


async def test_a_lost_connection_is_noticed_while_reading_is_paused(bind: Bind) -> None:
    """The end does not hide behind a pause."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    accepted[0].pipe.pause_reading()
    left.pipe.abort()
    await accepted[0].until_happened("lost")
    assert isinstance(accepted[0].error, LinkClosed)


async def test_the_reason_of_a_loss_is_for_people(bind: Bind) -> None:
    """The error says what the far end did, in words."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    left.pipe.abort()
    await accepted[0].until_happened("lost")
    assert str(accepted[0].error) == "the far end ended the connection: aborted"


async def test_closing_the_endpoint_ends_its_pipes(bind: Bind) -> None:
    """Both ends hear of it."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    await theirs.close()
    await left.until_happened("lost")
    await accepted[0].until_happened("lost")


async def test_closing_the_endpoint_delivers_what_pipes_in_closing_have(bind: Bind) -> None:
    """A farewell that was written is heard, though the node goes."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    left.pipe.write(bytes(3_000_000))
    left.pipe.close()
    await ours.close()
    await until(lambda: accepted and "lost" in accepted[0].happened)
    assert len(accepted[0].data) == 3_000_001


async def test_closing_twice_is_no_error(bind: Bind) -> None:
    """A node that fails while it stops stops again."""
    ours = await bind(OURS)
    await ours.close()
    await ours.close()


async def test_closing_leaves_no_handshake_running(bind: Bind, stranger: iroh.Endpoint) -> None:
    """A stranger who says nothing does not outlive the endpoint."""
    before = asyncio.all_tasks()
    theirs = await bind(THEIRS)
    listening(theirs)
    connection = await stranger.connect(address_of(theirs), ALPN)
    await until(lambda: theirs._admission.connections)
    await theirs.close()
    assert asyncio.all_tasks() == before
    assert await connection.closed()


async def test_closing_waits_for_what_takes_a_moment_to_end(bind: Bind) -> None:
    """Whatever it was doing when it was told to end."""
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.3)
            ended.set()

    ours = await bind(OURS)
    ours._keep(slow())
    await asyncio.sleep(0)
    await ours.close()
    assert ended.is_set()


async def test_nothing_is_left_running(bind: Bind) -> None:
    """An aborted pipe leaves no task behind."""
    before = asyncio.all_tasks()
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    left = await dialled(ours, theirs)
    await until(lambda: accepted)
    left.pipe.abort()
    await accepted[0].until_happened("lost")
    await ours.close()
    await theirs.close()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


MOVING = """
import asyncio, sys
from micro.network.transport.iroh import IrohEndpoint
from tests.contract.pipes import Recorder

async def main(nid, address):
    endpoint = await IrohEndpoint.bind(bytes([2]) * 32, bind_host="127.0.0.1")
    endpoint.listen(lambda pipe: pipe.start(Recorder()))
    if address:
        pipe = await endpoint.dial(nid, [address], None, timeout_seconds=30)
        pipe.start(Recorder())
        pipe.write(b"!")
    print(endpoint.port, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_node_that_was_killed_is_reached_where_it_is_now(bind: Bind) -> None:
    """Though its old connection is open: iroh would go on sending to where that one leads."""
    ours = await bind(OURS)
    accepted = listening(ours)

    async def start(address: str) -> tuple[asyncio.subprocess.Process, str]:
        command = (sys.executable, "-c", MOVING, ours.nid, address)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        return process, f"127.0.0.1:{int(await process.stdout.readline())}"

    old, before = await start(ours.addresses()[0])
    await until(lambda: accepted)
    old.kill()
    await old.wait()
    new, after = await start("")
    try:
        assert after != before
        pipe = await ours.dial(nid_of(NodeKey(THEIRS).public), [after], None, timeout_seconds=5)
        pipe.abort()
        await accepted[0].until_happened("lost")
    finally:
        new.kill()
        await new.wait()


async def test_a_false_address_costs_no_connection_that_lives(bind: Bind) -> None:
    """Whoever says that a node is somewhere else has not cut it off."""
    ours, theirs = await bind(OURS), await bind(THEIRS)
    accepted = listening(theirs)
    first = await dialled(ours, theirs)
    await until(lambda: accepted)
    pipe = await ours.dial(theirs.nid, ["127.0.0.1:9"], None, timeout_seconds=TIMEOUT_SECONDS)
    assert not first.pipe.is_closing()
    pipe.abort()


SHRINKING_READS = (READ_BYTES_MAX // READ_BYTES_MIN).bit_length()
"""After so many small reads the buffer is small again."""


async def test_a_pipe_reads_as_much_as_comes(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the next bytes of a silent pipe is small, also after it carried much at once."""
    asked: list[int] = []
    begin = iroh_transfer._Read.begin

    def noted(read: iroh_transfer._Read, given: int) -> bool:
        asked.append(given)
        return begin(read, given)

    endpoint, other = await bind(OURS), await bind(THEIRS)
    ends = listening(endpoint)
    far = await dialled(other, endpoint)
    await until(lambda: bool(ends), TIMEOUT_SECONDS)
    monkeypatch.setattr(iroh_transfer._Read, "begin", noted)
    far.pipe.write(bytes(1_000_000))
    await until(lambda: len(ends[0].data) > 1_000_000, TIMEOUT_SECONDS)
    most = max(asked)
    for number in range(SHRINKING_READS):
        far.pipe.write(b"%d" % number)
        await until(lambda number=number: ends[0].data.endswith(b"%d" % number), TIMEOUT_SECONDS)

    assert (most, asked[-1]) == (READ_BYTES_MAX, READ_BYTES_MIN)
