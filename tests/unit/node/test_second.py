"""The engine of the second path is an extra."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from micro.errors import ConfigError
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.remembered import DHT_NODES_MAX, Remembered
from micro.node.second import bootstrap_addresses
from micro.system import SystemDisk


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "opendht", None)
    monkeypatch.delitem(sys.modules, "micro.service.registry.commons.opendht", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'micro-network\[dht\]'"):
        system_ports().open_commons(NodeConfig(dht=True), 0, ())


@pytest.mark.skipif(importlib.util.find_spec("opendht") is None, reason="OpenDHT has no package for this system")
def test_an_address_that_opendht_cannot_speak_is_said() -> None:
    """With the setting that is wrong, not a port that would be as wrong."""
    with pytest.raises(ConfigError, match="network_host is ::1: choose one there"):
        system_ports().open_commons(NodeConfig(dht=True, network_host="::1"), 0, ())


def test_bootstrap_addresses_are_read() -> None:
    """Separated by commas, in their one spelling."""
    assert bootstrap_addresses(" 192.0.2.7:4222, [2001:db8::1]:4222,") == ("192.0.2.7:4222", "[2001:db8::1]:4222")
    assert bootstrap_addresses("") == ()
    with pytest.raises(ConfigError, match="dht_bootstrap"):
        bootstrap_addresses("example:4222")


def test_the_port_and_the_nodes_of_the_commons_are_remembered(tmp_path: Path) -> None:
    """The newest of them, over a restart."""
    first = Remembered(SystemDisk(), tmp_path / "network.json")
    first.dht_port = 4222
    first.dht_nodes = [f"192.0.2.7:{port}" for port in range(1, DHT_NODES_MAX + 3)]
    again = Remembered(SystemDisk(), tmp_path / "network.json")
    assert again.dht_port == 4222
    assert again.dht_nodes == [f"192.0.2.7:{port}" for port in range(3, DHT_NODES_MAX + 3)]
