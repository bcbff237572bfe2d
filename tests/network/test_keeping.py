"""What a service keeps: its store, of each caller or shared, and the settings its owner gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import Conflict, Forbidden
from tests.network.places import StartNode, client_of, run

KEEPER = """
from typing import Any
from micro import Context, Service
keeper = Service("keeper", store={scope!r})
@keeper.endpoint("Keep.Set")
async def put(key: str, value: str, context: Context) -> None:
    await context.store.write(key, value.encode())
@keeper.endpoint("Keep.Get")
async def get(key: str, context: Context) -> str | None:
    found = await context.store.read(key)
    return None if found is None else found.decode()
@keeper.endpoint("Keep.Setting")
async def setting(path: str, context: Context) -> dict[str, Any]:
    return {{"value": await context.config.get(path, "unset")}}
@keeper.endpoint("Keep.Steal")
async def steal(context: Context) -> dict[str, Any]:
    return await context.client.call("store", "Store.Read", {{"key": "a", "service": "other"}})
keeper.run()
"""


def source(folder: Path, scope: str) -> Path:
    """Returns a folder with the source of the service `keeper`."""
    folder.mkdir()
    (folder / "main.py").write_text(KEEPER.format(scope=scope))
    return folder


@pytest.mark.parametrize(("scope", "place"), [("caller", "owner"), ("shared", "")])
async def test_a_store_outlives_its_service_and_node(
    start_node: StartNode, tmp_path: Path, scope: str, place: str
) -> None:
    """What was written is there after the node has restarted, in the caller's part or in the shared one."""
    node = await start_node()
    await run(node, source(tmp_path / "keeper", scope))
    async with client_of(node) as client:
        await client.call("keeper", "Keep.Set", {"key": "a", "value": "one"})
    await node.stop()
    again = await start_node(str(node.home.path))
    async with client_of(again) as client:
        request = {"service": "keeper", "scope": place, "key": "a"}
        found = await client.call("store", "Store.Read", request)

        assert found["found"] is True
        listed = await client.call("store", "Store.List", {"service": "keeper", "scope": place})
        assert [item["key"] for item in listed["items"]] == ["a"]


async def test_settings_reach_their_service_and_secrets_stay_secret(start_node: StartNode, tmp_path: Path) -> None:
    """The service reads what its owner set, in plain; the owner sees a mask, and the disk holds no plain secret."""
    node = await start_node()
    await run(node, source(tmp_path / "keeper", "caller"))
    async with client_of(node) as client:
        assert await client.call("keeper", "Keep.Setting", {"path": "mail.host"}) == {"value": "unset"}
        await client.call("config", "Config.Set", {"path": "keeper.mail.host", "value": "example.org"})
        await client.call("config", "Config.Set", {"path": "keeper.mail.word", "value": "hunter2", "secret": True})
        assert await client.call("keeper", "Keep.Setting", {"path": "mail.host"}) == {"value": "example.org"}
        assert await client.call("keeper", "Keep.Setting", {"path": "mail.word"}) == {"value": "hunter2"}
        shown = await client.call("config", "Config.Get", {"path": "keeper"})
        with pytest.raises(Conflict, match="settings below"):
            await client.call("config", "Config.Set", {"path": "keeper.mail", "value": "x"})

    assert shown["value"]["mail"]["host"] == "example.org"
    assert shown["value"]["mail"]["word"] != "hunter2"
    await node.stop()
    assert not any(b"hunter2" in file.read_bytes() for file in node.home.path.glob("node.db*"))


async def test_a_service_cannot_read_anothers_store(start_node: StartNode, tmp_path: Path) -> None:
    """The node knows who asks; naming another service is refused."""
    node = await start_node()
    await run(node, source(tmp_path / "keeper", "caller"))
    async with client_of(node) as client:
        with pytest.raises(Forbidden, match="its own store"):
            await client.call("keeper", "Keep.Steal")
