"""Addresses and networks are reckoned with as Python's `ipaddress` does it, and what is none is refused."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import BadRequest

Call = Callable[..., Any]


@pytest.mark.parametrize(
    ("address", "kind", "reach"),
    [
        ("8.8.8.8", "global", True),
        ("10.1.2.3", "private", False),
        ("172.31.255.255", "private", False),
        ("172.32.0.0", "global", True),
        ("100.64.0.1", "shared by carriers", False),
        ("127.0.0.1", "loopback", False),
        ("169.254.1.1", "link-local", False),
        ("224.0.0.1", "multicast", True),
        ("255.255.255.255", "broadcast", False),
        ("0.0.0.0", "unspecified", False),
        ("203.0.113.9", "documentation", False),
        ("2606:4700::1111", "global", True),
        ("::1", "loopback", False),
        ("fe80::1", "link-local", False),
        ("fd00::1", "private", False),
        ("ff02::1", "multicast", True),
        ("2001:db8::1", "documentation", False),
        ("64:ff9b::808:808", "translated to version 4", True),
    ],
)
def test_an_address_is_classified(call: Call, address: str, kind: str, reach: bool) -> None:
    """By the registries of IANA."""
    found = call("Ip.Parse", address=address)
    assert (found["kind"], found["global"]) == (kind, reach)
    assert found.get("block") is None or ipaddress.ip_address(address) in ipaddress.ip_network(found["block"])


def test_an_address_has_many_forms(call: Call) -> None:
    """Short and long, as a number, and for reverse look-ups."""
    chance = random.Random(7)
    for one in [
        ipaddress.IPv4Address(chance.getrandbits(32)),
        *(ipaddress.IPv6Address(chance.getrandbits(128) >> n) for n in (0, 40, 90)),
    ]:
        found = call("Ip.Parse", address=one.exploded)
        assert (found["address"], found["version"], found["number"]) == (str(one), one.version, str(int(one)))
        assert found["reverse"] == one.reverse_pointer
        assert one.version == 4 or found["expanded"] == one.exploded


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "2002:0a00:0001::1", "64:ff9b::10.0.0.1"])
def test_an_address_inside_another_is_found(call: Call, address: str) -> None:
    """Mapped, 6to4 and translated: a private address does not become global by it."""
    inner = call("Ip.Parse", address=address)["embedded"]
    assert (inner["address"], inner["kind"], inner["global"]) == ("10.0.0.1", "private", False)


def test_a_network_is_reckoned_with(call: Call) -> None:
    """As Python does it, for any prefix."""
    chance = random.Random(11)
    for bits, prefix in ((32, 0), (32, 20), (32, 31), (32, 32), (128, 0), (128, 57), (128, 128)):
        host = (ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address)(chance.getrandbits(bits))
        network = ipaddress.ip_network(f"{host}/{prefix}", strict=False)
        found = call("Ip.Subnet", network=f"{host}/{prefix}")
        assert (found["first"], found["last"]) == (str(network[0]), str(network[-1]))
        assert (found["addresses"], found["mask"]) == (str(network.num_addresses), str(network.netmask))
        assert found["written"] == str(host)


def test_the_ends_of_a_network_are_kept_where_they_are(call: Call) -> None:
    """For the network and for all of it; not in one of two addresses, nor in version 6."""
    found = call("Ip.Subnet", network="192.168.1.7/255.255.255.0")
    assert (found["prefix"], found["wildcard"]) == (24, "0.0.0.255")
    assert (found["first_usable"], found["last_usable"]) == ("192.168.1.1", "192.168.1.254")
    assert call("Ip.Subnet", network="10.0.0.0/31")["first_usable"] == "10.0.0.0"
    assert call("Ip.Subnet", network="fd00::/64")["first_usable"] == "fd00::"
    assert call("Ip.Subnet", network="10.0.0.0/7")["kind"] == "mixed"


@pytest.mark.parametrize(
    ("network", "address", "contains", "overlaps"),
    [
        ("10.0.0.0/8", "10.255.255.255", True, True),
        ("10.0.0.0/8", "11.0.0.0", False, False),
        ("10.0.0.0/8", "10.1.0.0/16", True, True),
        ("10.1.0.0/16", "10.0.0.0/8", False, True),
        ("::/0", "10.0.0.1", False, False),
        ("2001:db8::/32", "2001:db8:ffff::1", True, True),
    ],
)
def test_what_is_in_a_network_is_known(call: Call, network: str, address: str, contains: bool, overlaps: bool) -> None:
    """An address, or a network."""
    assert call("Ip.Contains", network=network, address=address) == {"contains": contains, "overlaps": overlaps}


def test_a_network_is_split(call: Call) -> None:
    """All parts, or the first of more than anybody could list."""
    found = call("Ip.Split", network="10.0.0.0/24", prefix=26)
    assert found["subnets"] == [str(one) for one in ipaddress.ip_network("10.0.0.0/24").subnets(new_prefix=26)]
    many = call("Ip.Split", network="::/0", prefix=128, limit=2)
    assert many == {"subnets": ["::/128", "::1/128"], "count": str(2**128)}
    assert call("Ip.Split", network="10.0.0.1/32", prefix=32)["subnets"] == ["10.0.0.1/32"]
    assert len(call("Ip.Split", network="10.0.0.0/8", prefix=32, limit=1024)["subnets"]) == 1024


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("10.0.0.1", "10.0.0.10"),
        ("0.0.0.1", "255.255.255.254"),
        ("0.0.0.0", "255.255.255.255"),
        ("255.255.255.255", "255.255.255.255"),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
    ],
)
def test_a_range_becomes_the_fewest_networks(call: Call, first: str, last: str) -> None:
    """As Python does it."""
    ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
    expected = [str(one) for one in ipaddress.summarize_address_range(*ends)]  # type: ignore[type-var]
    assert call("Ip.Range", first=first, last=last)["networks"] == expected


@pytest.mark.parametrize(
    ("endpoint", "fields", "message"),
    [
        ("Ip.Parse", {"address": "300.1.1.1"}, "address: expected an address"),
        ("Ip.Parse", {"address": "010.0.0.1"}, "address: expected an address"),
        ("Ip.Parse", {"address": "1.2.3"}, "address: expected an address"),
        ("Ip.Parse", {"address": "fe80::1%eth0"}, "address: expected an address"),
        ("Ip.Parse", {"address": ":::"}, "address: expected an address"),
        ("Ip.Parse", {"address": '"}\r\n<x>'}, "address: expected an address"),
        ("Ip.Parse", {"address": "1" * 300}, "more than 255 bytes"),
        ("Ip.Parse", {"address": "1.1.1.1\x00"}, "zero byte"),
        ("Ip.Parse", {"address": ""}, "address: expected an address"),
        ("Ip.Parse", {}, "address"),
        ("Ip.Subnet", {"network": "10.0.0.0/33"}, "network: expected a network"),
        ("Ip.Subnet", {"network": "10.0.0.0/-1"}, "network: expected a network"),
        ("Ip.Subnet", {"network": "10.0.0.0/"}, "network: expected a network"),
        ("Ip.Subnet", {"network": "10.0.0.0/255.0.255.0"}, "network: expected a network"),
        ("Ip.Subnet", {"network": "::/129"}, "network: expected a network"),
        ("Ip.Subnet", {"network": "::/" + "9" * 200}, "network: expected a network"),
        ("Ip.Split", {"network": "10.0.0.0/24", "prefix": 23}, "prefix: expected 24 to 32"),
        ("Ip.Split", {"network": "10.0.0.0/24", "prefix": 26, "limit": 1025}, "limit: expected 1 to 1024"),
        ("Ip.Split", {"network": "10.0.0.0/24", "prefix": 10**12}, "prefix: expected 24 to 32"),
        ("Ip.Range", {"first": "10.0.0.2", "last": "10.0.0.1"}, "not before the first"),
        ("Ip.Range", {"first": "10.0.0.2", "last": "::"}, "of the same version"),
    ],
)
def test_what_is_wrong_is_named(call: Call, endpoint: str, fields: dict[str, Any], message: str) -> None:
    """With what was expected."""
    with pytest.raises(BadRequest, match=message):
        call(endpoint, **fields)
