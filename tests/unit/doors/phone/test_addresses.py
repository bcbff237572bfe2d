"""Where a phone finds this machine."""

from __future__ import annotations

import socket

import pytest

from micro.doors.phone.addresses import ADDRESSES_MAX, local_name, private_addresses
from micro.trust.authority import is_private


def test_what_is_found_is_private_and_of_this_machine() -> None:
    """A socket can be bound to no other."""
    found = private_addresses()

    assert len(found) <= ADDRESSES_MAX
    for address in found:
        assert is_private(address)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as trial:
            trial.bind((address, 0))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Kitchen", "kitchen.local"),
        ("kitchen.lan", "kitchen.local"),
        ("localhost", ""),
        ("a_b", ""),
        ("", ""),
        ("-x", ""),
    ],
)
def test_a_machine_is_called_as_multicast_dns_calls_it(monkeypatch: pytest.MonkeyPatch, host: str, name: str) -> None:
    """Where its name is one of that."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)

    assert local_name() == name
