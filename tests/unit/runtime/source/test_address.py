"""Which addresses belong to the open internet."""

from __future__ import annotations

import pytest

from micro.runtime.source.address import address_fault, is_address


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_internet(address: str) -> None:
    """Public addresses pass, also in the notations of networks that translate."""
    assert address_fault(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
        *("203.0.113.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "[::1]", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:7f00:1::1", "3fff::1", "5f00::1", "100::1"),
        *("", "example.org", "1.2.3", "0x7f.0.0.1"),
    ],
)
def test_this_machine_and_its_network(address: str) -> None:
    """Everything else is refused, however it is wrapped."""
    assert address_fault(address)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("8.8.8.8", True), ("[2001:db8:0::1]", True), ("010.0.0.1", False), ("example.org", False), ("2130706433", False)],
)
def test_an_address_is_told_from_a_name(host: str, expected: bool) -> None:
    """What two programs might read differently is looked up like a name."""
    assert is_address(host) is expected
