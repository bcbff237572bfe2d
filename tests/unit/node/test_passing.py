"""The settings of a passage."""

from __future__ import annotations

import pytest

from micro.errors import ConfigError
from micro.network.passage.server import PassageServer
from micro.node.config import NodeConfig
from micro.node.passing import Passing, read_domain
from micro.system import SystemClock, SystemEntropy


def passing(**settings: object) -> Passing:
    """Returns what a node with these settings passes on."""
    config = NodeConfig(**settings)  # type: ignore[arg-type]
    return Passing(config, PassageServer, entropy=SystemEntropy(), clock=SystemClock(), holder=lambda: None)


@pytest.mark.parametrize(
    ("text", "domain", "port"),
    [
        ("nodes.example.org", "nodes.example.org", 443),
        (" Nodes.Example:8443 ", "nodes.example", 8443),
        ("a-b.x1.example:1", "a-b.x1.example", 1),
    ],
)
def test_a_domain_may_have_a_port(text: str, domain: str, port: int) -> None:
    """Without one browsers use that of HTTPS."""
    assert read_domain(text) == (domain, port)


@pytest.mark.parametrize(
    "text",
    [
        *("example", "example.", ".example.org", "192.0.2.1", "192.0.2.1:443", "a b.example", "https://a.example"),
        *("a.example:0", "a.example:65536", "a.example:", "*.a.example", "a_b.example", "é.example", "a." * 105 + "b"),
    ],
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    """With the name of the setting."""
    with pytest.raises(ConfigError, match="passage_domain"):
        read_domain(text)


def test_a_node_without_a_domain_passes_nothing_on() -> None:
    """Which is every node, unless its owner wants it."""
    assert passing().status() == {}
    assert passing(super_node=True).status() == {}


def test_only_a_super_node_passes_on() -> None:
    """No other node has others at home."""
    with pytest.raises(ConfigError, match="super_node"):
        passing(passage_domain="nodes.example")
    found = passing(passage_domain="nodes.example", super_node=True).status()
    assert found["domain"] == "nodes.example"
    assert found["connections"] == 0
