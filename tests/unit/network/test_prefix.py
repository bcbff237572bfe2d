"""What is counted together."""

from __future__ import annotations

import pytest

from micro.errors import ConfigError
from micro.network.prefix import NETWORKS_MAX, Prefixes, is_relayed, read_networks


@pytest.mark.parametrize(
    ("peername", "prefix"),
    [
        ("203.0.113.7:4040", "203.0.113.0/24"),
        ("[2001:db8:1:2::3]:4040", "2001:db8:1::/48"),
        ("[::ffff:203.0.113.7]:4040", "203.0.113.0/24"),
        ("10.1.2.3:4040", "10.1.2.0/24"),
        ("127.0.0.1:4040", ""),
        ("[::1]:4040", ""),
        ("memory", ""),
    ],
)
def test_a_prefix_is_24_bits_or_48(peername: str, prefix: str) -> None:
    """Loopback is none."""
    assert Prefixes().of(peername) == prefix


def test_all_behind_one_relay_are_one_place() -> None:
    """Their own addresses are not seen."""
    ann, bob = (Prefixes().of(f"http://203.0.113.7:3340 {name}") for name in ("ann", "bob"))
    assert ann == bob
    assert is_relayed(ann)
    assert not is_relayed(Prefixes().of("203.0.113.7:3340"))


def test_networks_that_the_owner_trusts_are_not_counted() -> None:
    """And their surroundings are."""
    prefixes = Prefixes(read_networks("10.0.0.0/8, fd00::/8"))
    assert prefixes.of("10.1.2.3:4040") == prefixes.of("[fd00::1]:4040") == ""
    assert prefixes.of("11.1.2.3:4040") == "11.1.2.0/24"


@pytest.mark.parametrize("text", ["everybody", "10.0.0.1/8", ",".join(["10.0.0.0/8"] * (NETWORKS_MAX + 1))])
def test_what_is_no_list_of_networks_is_refused(text: str) -> None:
    """With a word about what is expected."""
    with pytest.raises(ConfigError):
        read_networks(text)
