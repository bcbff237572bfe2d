"""The client in JavaScript, in a page that the node served: a link over a WebSocket."""

from __future__ import annotations

from pathlib import Path

from tests.browser.running import Open, Running

CLIENT = (Path(__file__).parents[2] / "sdk" / "js" / "micro.js").read_text().replace("export ", "")

TALK = """
const link = await connect(`ws://${location.host}/mucp`, { token })
const said = { called: await link.call('greeter', 'Say.Hello', { name: 'Ann' }) }
said.each = []
for await (const message of link.stream('greeter', 'Say.Each', { count: 2 })) said.each.push(message.result)
const notes = await link.subscribe('notes', { queue: 'page' })
await link.publish('notes', { n: 1 })
for await (const event of notes) { event.ack(); said.heard = event.value; break }
try { await link.call('nobody', 'Say.Hello') } catch (fault) { said.missing = [fault.code, fault.refused] }
link.close()
return said
"""


def test_a_page_of_the_node_has_a_link(visit: Open, node: Running) -> None:
    """It calls, streams, publishes, subscribes, and hears faults."""
    page = visit(owner=False)
    token = (node.home / "token").read_text().strip()

    said = page.evaluate(f"async token => {{ {CLIENT}\n{TALK} }}", token)

    assert len(said.pop("each")) == 2
    assert said == {"called": {"result": "Hello Ann"}, "heard": {"n": 1}, "missing": [404, True]}


def test_a_page_without_a_token_is_anonymous(visit: Open) -> None:
    """It calls what anybody may, and cannot publish."""
    page = visit(owner=False)

    said = page.evaluate(
        f"""async () => {{ {CLIENT}
        const link = await connect(`ws://${{location.host}}/mucp`)
        const called = await link.call('greeter', 'Say.Hello', {{ name: 'Bo' }})
        return [called.result, await link.publish('notes', {{}}).catch(fault => fault.code)] }}"""
    )

    assert said == ["Hello Bo", 401]


def test_a_page_from_elsewhere_gets_no_link(visit: Open, node: Running) -> None:
    """Whatever it knows: the browser says where it is from, and the door refuses."""
    page = visit(owner=False)
    token = (node.home / "token").read_text().strip()
    elsewhere = page.context.new_page()
    elsewhere.goto("data:text/html,<title>elsewhere</title>")

    code = elsewhere.evaluate(
        f"""async ([address, token]) => {{ {CLIENT}
        return connect(address, {{ token }}).then(() => 'open', fault => fault.code) }}""",
        [node.address.replace("http", "ws") + "/mucp", token],
    )

    assert code == 503
