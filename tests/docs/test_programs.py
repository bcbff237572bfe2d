"""The reference for programs is whole: every public name of `micro`, every endpoint of the node's own services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import micro
from micro.node.control.assistant import assistant_service
from micro.node.control.auth import auth_service
from micro.node.control.backbone import BackboneService, Role, backbone_service
from micro.node.control.config import config_service
from micro.node.control.copies import CopyEndpoints, add_copies
from micro.node.control.events import events_service
from micro.node.control.network import network_service
from micro.node.control.node import node_service
from micro.node.control.passage import PassageService
from micro.node.control.registry import Registry, registry_service
from micro.node.control.runtime import runtime_service
from micro.node.control.store import store_service
from micro.node.control.voice import voice_service
from micro.node.paths import Paths
from micro.service.service import Service

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
OF_EXCEPTIONS = frozenset(dir(Exception))


def sections(text: str) -> dict[str, str]:
    """Returns heading -> text below it up to the next heading of the second level."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def undocumented(kind: type, text: str) -> Iterator[str]:
    """Yields the public names of a class that stand in no code of its section."""
    code = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", sections(text).get(kind.__name__, "")))))
    for name in dir(kind):
        if not name.startswith("_") and name not in OF_EXCEPTIONS and name not in code:
            yield f"{kind.__name__}.{name}"


def control_services() -> list[Service]:
    """Returns the node's own services, around nothing: what they bind is used only when they are called."""
    nothing: Any = None
    registry = Registry(
        nothing,
        nothing,
        nid="",
        clock=nothing,
        platform=nothing,
        direct=nothing,
        reception=nothing,
        elsewhere=nothing,
        logs=nothing,
        declare=nothing,
        hidden=nothing,
        absent=nothing,
        isolation=nothing,
    )
    backbone = backbone_service(BackboneService(Role(), clock=nothing, entropy=nothing, parcelled=nothing))
    add_copies(backbone, CopyEndpoints(nothing, nothing, nothing, nothing))
    PassageService(nothing, port=0, holder=nothing, clock=nothing).offer(backbone)
    return [
        assistant_service(nothing),
        auth_service(nothing, nothing, nothing),
        config_service(nothing),
        events_service(nothing, nothing, nothing, nothing, known=nothing, replicator=nothing),
        network_service(
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            Paths(
                nothing,
                nothing,
                nid="",
                clock=nothing,
                instance_link=nothing,
                node_link=nothing,
                visited=nothing,
                linked=nothing,
                hidden=nothing,
                look=nothing,
                absent=nothing,
                named=nothing,
            ),
            nothing,
        ),
        backbone,
        node_service(nothing, lambda: None, nothing, nothing),
        registry_service(registry),
        runtime_service(nothing, nothing, nothing),
        store_service(nothing, nothing),
        voice_service(nothing),
    ]


def missing_endpoints(services: list[Service], text: str) -> Iterator[str]:
    """Yields the endpoints, and their fields, that do not stand in their service's section."""
    for service in services:
        below = sections(text).get(service.name, "")
        for endpoint in service.describe()["endpoints"]:
            if endpoint["name"] not in below:
                yield f"{service.name} {endpoint['name']}"
            for field in endpoint["request"].get("properties", {}):
                if f"`{field}" not in below:
                    yield f"{service.name} {endpoint['name']} {field}"


@pytest.mark.parametrize("name", [name for name in micro.__all__ if name != "errors"])
def test_every_public_name_of_the_front_door_is_documented(name: str) -> None:
    """Nobody has to read the source to write a program."""
    assert [] == list(undocumented(getattr(micro, name), (REFERENCE / "python.md").read_text()))


def test_every_endpoint_of_the_node_is_documented() -> None:
    """Nobody has to read the source to talk to a node."""
    assert [] == list(missing_endpoints(control_services(), (REFERENCE / "registry.md").read_text()))


def test_the_services_of_the_node_are_those_looked_at() -> None:
    """A new service of the node is not overlooked; copies and passage are of the backbone, tokens of auth."""
    folder = ROOT / "src" / "micro" / "node" / "control"
    found = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}

    assert found - {"copies", "passage", "tokens"} == {service.name for service in control_services()}


def test_debug_is_documented() -> None:
    """What every service tells about itself stands in the reference."""
    service = Service("example")
    service.with_debug(lambda: 0.0)
    below = sections((REFERENCE / "registry.md").read_text())["Debug"]

    assert [] == [name for name in service.endpoints if f"`{name}`" not in below]


def test_a_missing_name_is_found() -> None:
    """A method, an endpoint and a field that are on no page are found."""
    text = "## Stream\n`await send(item)`\n## network\n`Network.Ticket` `Network.Connect` `Network.Peers` `nid?`\n"
    network = [service for service in control_services() if service.name == "network"]

    assert list(undocumented(micro.Stream, text)) == ["Stream.end"]
    missing = list(missing_endpoints(network, text))
    assert missing[:2] == ["network Network.Connect ticket", "network Network.Disconnect"]
    assert "network Network.Ticket" not in missing
