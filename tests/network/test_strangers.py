"""Services of nodes that were never introduced: found by name, called, and replaced when their node is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from micro.errors import BadRequest, Forbidden, MicroError, NotFound, Unavailable
from micro.mucp.codec import decode_json
from micro.node.node import Node
from micro.node.strangers import PROVIDERS_MAX
from micro.service.once import call_once
from micro.service.registry.finding import Offer
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey
from tests.network.places import StartNode, client_of, run, typed, until
from tests.network.test_backbone import network, shows


async def town(start_node: StartNode, folder: Path, providers: int) -> tuple[list[Node], Node]:
    """Returns nodes that run the greeter, and one that seeks it; all know one super node alone."""
    [super_node] = await network(start_node, 1)
    ticket = super_node.ticket().encode()
    found = [await start_node(network=True, join=ticket) for _ in range(providers)]
    for node in found:
        await run(node, folder)
    seeker = await start_node(network=True, join=ticket)
    assert seeker.backbone is not None

    async def all_offer() -> bool:
        assert seeker.backbone is not None
        seeker.backbone.doubt("greeter")
        return len(await seeker.backbone.offers("greeter")) == providers

    await until(all_offer)
    return found, seeker


async def test_a_stranger_is_called_by_name(start_node: StartNode, greeter_folder: Path) -> None:
    """Calls, streams and bytes, with nothing special done on either side; it knows which node calls."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello", {"name": "Ann"}) == "Hello Ann"
        assert (await client.call("greeter", "Say.Who"))["nid"] == seeker.nid
        async with client.stream("greeter", "Say.Count", {"to": 5}) as numbers:
            assert [number async for number in numbers] == list(range(5))
        assert seeker.peers is not None
        assert seeker.peers.known == {}
        nodes = (await client.call("network", "Network.Nodes"))["nodes"]
        assert (provider.nid, "visit") in [(node["nid"], node["state"]) for node in nodes[1:]]
        hops = (await client.call("network", "Network.Trace", {"service": "greeter"}))["hops"]
        assert [hop["node"] for hop in hops] == [seeker.nid, provider.nid]


async def test_strangers_that_are_linked_are_shown(start_node: StartNode, greeter_folder: Path) -> None:
    """On both sides, each as what it is; who would disconnect one hears what helps instead."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client, client_of(provider) as owner:
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        for asker, other, state in [(client, provider.nid, "visit"), (owner, seeker.nid, "guest")]:
            graph = await asker.call("network", "Network.Graph")
            shown = [(node["nid"], node["state"]) for node in graph["nodes"]]
            assert shown.count((other, state)) == 1
            assert other in [link["to"] for link in graph["links"]]
            assert (await asker.call("network", "Network.Measure", {"nid": other, "count": 1}))["nid"] == other
            with pytest.raises(NotFound, match=f"micro auth create rule .*node:{other}"):
                await asker.call("network", "Network.Disconnect", {"nid": other})
        with pytest.raises(NotFound, match="is no neighbour; `micro network peers`"):
            await client.call("network", "Network.Disconnect", {"nid": "nobody"})


async def test_what_nobody_offers_is_not_found(start_node: StartNode, greeter_folder: Path) -> None:
    """Also in a network."""
    _, seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        with pytest.raises(NotFound):
            await client.call("nobody-has-this", "Say.Hello")


async def test_the_first_use_pins_a_name(start_node: StartNode, greeter_folder: Path) -> None:
    """Looking at it does not; a node that comes later is not taken for it, but by its own name."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    assert seeker.backbone is not None
    async with client_of(seeker) as client:
        assert (await client.call("registry", "Registry.Get", {"name": "greeter"}))["name"] == "greeter"
        assert seeker.backbone.pinned.everything() == {}
        await client.call("greeter", "Say.Hello")
        assert seeker.backbone.pinned.everything() == {"greeter": (provider.nid,)}
        late = await start_node(network=True, join=seeker.ticket().encode())
        await run(late, greeter_folder)

        async def offered() -> bool:
            assert seeker.backbone is not None
            seeker.backbone.doubt(f"greeter@{late.nid}")
            return bool(await seeker.backbone.offers(f"greeter@{late.nid}"))

        await until(offered)
        instances = {await client.call("greeter", "Say.Instance") for _ in range(20)}
        assert len(instances) == 1
        assert await client.call(f"greeter@{late.nid}", "Say.Instance") not in instances
        # now that one is met: its name alone leads to it
        assert {await client.call("greeter", "Say.Instance") for _ in range(20)} == instances


async def test_a_name_is_pinned_to_one_node(start_node: StartNode, greeter_folder: Path) -> None:
    """Of several that offer it, before it is used: nobody else is called under it."""
    [_, chosen], seeker = await town(start_node, greeter_folder, 2)
    assert seeker.backbone is not None
    async with client_of(seeker) as client:
        said = await client.call("network", "Network.Pin", {"name": f"greeter@{chosen.nid}"})
        assert said == {"name": "greeter", "nodes": [chosen.nid]}
        instances = {await client.call("greeter", "Say.Instance") for _ in range(10)}
        assert instances == {await client.call(f"greeter@{chosen.nid}", "Say.Instance")}
        assert seeker.backbone.pinned.everything() == {"greeter": (chosen.nid,)}
        with pytest.raises(BadRequest):
            await client.call("network", "Network.Pin", {"name": f"Not A Name@{chosen.nid}"})


async def test_a_trace_says_of_a_stranger_that_is_away_what_a_call_says(
    start_node: StartNode, greeter_folder: Path
) -> None:
    """That it will be there again, and not that there is none."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        assert (await client.call("network", "Network.Trace", {"service": "greeter"}))["hops"]
        await client.call("greeter", "Say.Hello")
        assert seeker._elsewhere.outside is not None
        seeker._elsewhere.outside.strangers._missed["greeter"] = -1e9  # an outage of long ago counts no more
        await provider.stop()
        with pytest.raises(Unavailable):
            await client.call("greeter", "Say.Hello")
        with pytest.raises(Unavailable):
            await client.call("network", "Network.Trace", {"service": "greeter"})
        since = f"is pinned to {short(provider.nid)}, out of reach for [0-9]{{1,5}} s, .*`micro network unpin greeter`"
        with pytest.raises(Unavailable, match=since):
            seeker.describe("greeter")
        with pytest.raises(NotFound):
            await client.call("network", "Network.Trace", {"service": "nobody-has-this"})


async def test_another_takes_over_where_a_stranger_is_gone(start_node: StartNode, greeter_folder: Path) -> None:
    """What may be called twice succeeds at once at another node; calls go on as long as one is there."""
    providers, seeker = await town(start_node, greeter_folder, 2)
    async with client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        await until(lambda: len(((view := seeker.catalog.lookup("greeter")) and view.nids) or ()) == 2)
        await providers[0].stop()
        for _ in range(5):
            assert await client.call("greeter", "Say.Hello") == "Hello world"
        await providers[1].stop()
        with pytest.raises((NotFound, Unavailable)):
            await client.call("greeter", "Say.Hello")


async def test_a_name_whose_node_is_lost_is_asked_anew(
    start_node: StartNode, greeter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody is looked for under it: the answer that led to the lost one is not believed again."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    assert seeker.backbone is not None
    doubt, offers = seeker.backbone.doubt, seeker.backbone.offers
    said: list[str] = []

    def doubted(name: str) -> None:
        said.append(f"doubt {name}")
        doubt(name)

    async def offered(name: str) -> tuple[Offer, ...]:
        said.append(f"look for {name}")
        return await offers(name)

    async with client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        monkeypatch.setattr(seeker.backbone, "doubt", doubted)
        monkeypatch.setattr(seeker.backbone, "offers", offered)
        await provider.stop()
        await until(lambda: "look for greeter" in said)

    assert said[0] == "doubt greeter"


async def test_a_provider_that_is_gone_is_replaced_while_others_serve(
    start_node: StartNode, greeter_folder: Path
) -> None:
    """In the background, before the last one is gone too; and no more are met than are wanted."""
    providers, seeker = await town(start_node, greeter_folder, PROVIDERS_MAX + 1)

    def met() -> tuple[str, ...]:
        view = seeker.catalog.lookup("greeter")
        return view.nids if view is not None else ()

    async with client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        assert len(met()) == PROVIDERS_MAX
        lost = next(node for node in providers if node.nid in met())
        await lost.stop()
        rest = {node.nid for node in providers if node is not lost}
        await until(lambda: set(met()) == rest, 30)


async def test_a_stranger_is_let_go(
    start_node: StartNode, greeter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody asks for any more leaves the catalog, and is found again when it is wanted."""
    [_], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        await client.call("greeter", "Say.Hello")
        monkeypatch.setattr("micro.node.strangers.UNUSED_SECONDS", 0.0)
        assert seeker._outside is not None
        seeker._outside.strangers.sweep()
        assert seeker.catalog.lookup("greeter") is None

        async def found() -> bool:
            try:
                return bool(await client.call("greeter", "Say.Hello") == "Hello world")
            except MicroError:
                return False

        await until(found)


async def test_a_node_in_no_network_looks_nowhere(start_node: StartNode) -> None:
    """What is not here is not found, at once."""
    node = await start_node(network=True)
    async with client_of(node) as client:
        with pytest.raises(NotFound):
            await client.call("greeter", "Say.Hello")


async def test_whoever_leaves_a_network_is_done_with_strangers(start_node: StartNode, greeter_folder: Path) -> None:
    """In both directions: what a stranger has open at a node that leaves ends, and nobody comes back to it."""
    [stays, leaves], seeker = await town(start_node, greeter_folder, 2)
    assert leaves.peers is not None
    assert seeker.peers is not None
    assert seeker.backbone is not None
    async with client_of(seeker) as client, client_of(leaves) as owner:
        slow = asyncio.ensure_future(client.call(f"greeter@{leaves.nid}", "Say.Slowly", {"seconds": 60}))
        await until(lambda: leaves.peers is not None and leaves.peers.visits.guest(seeker.nid) is not None)
        offer = (await seeker.backbone.offers(f"greeter@{leaves.nid}"))[0]
        await owner.call("network", "Network.Leave")
        with pytest.raises((NotFound, Unavailable)):
            await slow
        link = await seeker.peers.visits.visit(offer.ticket)
        await until(lambda: link.closed is not None)
        with pytest.raises((NotFound, Unavailable)):
            await client.call(f"greeter@{leaves.nid}", "Say.Instance")
        assert leaves.peers.visits.guests == 0

        assert await client.call(f"greeter@{stays.nid}", "Say.Hello") == "Hello world"
        await client.call("network", "Network.Leave")
        assert seeker.catalog.lookup("greeter") is None
        with pytest.raises((NotFound, Unavailable)):
            await client.call(f"greeter@{stays.nid}", "Say.Hello")


async def test_a_person_is_asked_before_a_name_is_used(start_node: StartNode, greeter_folder: Path) -> None:
    """A script is refused with what to do; after the name was pinned, it just works."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    home = str(seeker.home.path)
    code, _, err = await typed(home, "greeter", "hello", "--name", "Ann")
    assert code == 5
    assert provider.nid in err
    assert "micro network pin greeter" in err
    assert (await typed(home, "describe", "greeter"))[0] == 0
    assert (await typed(home, "call", "greeter", "Say.Hello"))[0] == 5
    code, _, err = await typed(home, "network", "trace", "greeter")
    assert (code, "its name is unverified" in err, "micro network pin greeter" in err) == (5, True, True)
    assert seeker.backbone is not None
    assert seeker.backbone.pinned.everything() == {}
    assert (await typed(home, "network", "pin", "greeter"))[:2] == (0, provider.nid)
    assert (await typed(home, "greeter", "hello", "--name", "Ann"))[:2] == (0, "Hello Ann")
    assert provider.nid in (await typed(home, "network", "trace", "greeter"))[1]
    assert (await typed(home, "network", "pin", "nobody-has-this"))[0] == 4


async def test_strangers_are_searched_by_words(start_node: StartNode, greeter_folder: Path) -> None:
    """Where it is asked for; what is in reach comes first and once."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(seeker) as client:
        assert (await client.call("registry", "Registry.Search", {"query": "greets people"}))["services"] == []
        wish = {"query": "greets people", "everywhere": True}
        [found] = (await client.call("registry", "Registry.Search", wish))["services"]
        assert (found["name"], found["where"], found["owner"]) == ("greeter", "strangers", provider.nid)
        await client.call("greeter", "Say.Hello")
        [found] = (await client.call("registry", "Registry.Search", wish))["services"]
        assert (found["name"], found["where"]) == ("greeter", "network")


async def test_a_service_that_is_hidden_is_there_for_no_stranger(start_node: StartNode, greeter_folder: Path) -> None:
    """Not found, not shown, not called, and what was open ends; a neighbour of the owner's choice has it."""
    [provider], seeker = await town(start_node, greeter_folder, 1)
    async with client_of(provider) as owner, client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello") == "Hello world"
        async with client.stream("greeter", "Say.Shout") as words:
            await words.send("a")
            assert await anext(aiter(words)) == "A"
            await owner.call("network", "Network.Offer", {"name": "greeter", "offered": False})
            with pytest.raises(Forbidden, match="a rule changed"):
                await anext(aiter(words))
        await until(lambda: seeker.catalog.lookup("greeter") is None)
        assert seeker.backbone is not None

        async def nothing_offered() -> bool:
            assert seeker.backbone is not None
            seeker.backbone.doubt("greeter")
            return await seeker.backbone.offers("greeter") == ()

        await until(nothing_offered)
        ours = seeker._outside.link(provider.nid) if seeker._outside is not None else None
        link = ours or await seeker.peers.visits.visit(provider.ticket())  # type: ignore[union-attr]
        for service, endpoint, request in (
            ("greeter", "Say.Hello", {}),
            ("greeter", "Debug.Health", {}),
            ("registry", "Registry.Get", {"name": "greeter"}),
            ("registry", "Registry.Route", {"name": "greeter"}),
            ("network", "Network.Trace", {"service": "greeter"}),
        ):
            with pytest.raises((Forbidden, NotFound)):
                await call_once(link, service, endpoint, request)
        listed = decode_json(await call_once(link, "registry", "Registry.List", {}))
        found = decode_json(await call_once(link, "registry", "Registry.Search", {"query": "greet"}))
        assert listed["services"] == found["services"] == []
        assert await owner.call("greeter", "Say.Hello") == "Hello world"

        await owner.call("network", "Network.Connect", {"ticket": seeker.ticket().encode()})
        await until(lambda: seeker.catalog.lookup("greeter"))
        assert await client.call("greeter", "Say.Hello") == "Hello world"


async def test_a_service_says_itself_that_it_is_not_for_strangers(start_node: StartNode, tmp_path: Path) -> None:
    """And is never announced; its node's owner may say otherwise."""
    (folder := tmp_path / "notes").mkdir()
    (folder / "main.py").write_text(
        'from micro import Service\n\nnotes = Service("notes", export=False)\n\n\n'
        '@notes.endpoint("Say.Hello")\nasync def hello() -> str:\n    return "hello"\n\n\nnotes.run()\n'
    )
    [super_node] = await network(start_node, 1)
    node = await start_node(network=True, join=super_node.ticket().encode())
    await run(node, folder, "notes")
    assert node._outside is not None
    assert node._outside.backbone._offers() == {}
    code, out, _ = await typed(str(node.home.path), "network", "offers")
    assert (code, out.split()) == (0, ["notes", "false", "service"])
    assert (await typed(str(node.home.path), "network", "offer", "notes"))[0] == 0
    await until(lambda: shows(super_node, "notes", [node.nid]))
    assert (await typed(str(node.home.path), "network", "hide", "notes"))[0] == 0
    await until(lambda: shows(super_node, "notes", []))


async def test_what_is_typed_of_nobody_is_named(start_node: StartNode) -> None:
    """A service that is not there, a node that nobody has heard of, a name that cannot be."""
    node = await start_node(network=True)
    stranger = nid_of(NodeKey(bytes(range(32))).public)

    async def types(*words: str) -> tuple[int, str]:
        code, _, error = await typed(str(node.home.path), "network", *words)
        return code, error

    code, error = await types("hide", "shy")
    assert (code, "no service called shy runs on this node; the word holds for the first one" in error) == (0, True)
    code, error = await types("offer", "Größe")
    assert (code, "try 'grosse'" in error) == (1, True)
    code, error = await types("trace", f"greeter@{stranger}")
    assert (code, f"{stranger} offers no greeter that this node can find; `micro network nodes`" in error) == (4, True)
    code, error = await types("trace", "x@y")
    assert (code, "no service is called x" in error) == (4, True)
