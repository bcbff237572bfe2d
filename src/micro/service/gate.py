"""The gate: what the router and the desk of events ask before they take anything from a caller."""

from __future__ import annotations

from typing import Protocol

from micro.errors import Fault
from micro.trust.policy import Caller

__all__ = ["Gate"]


class Gate(Protocol):
    """Knows callers, and says what they may.

    Attributes:
        number: raised whenever an answer may have changed.
    """

    number: int

    def known(self, caller: Caller) -> Caller:
        """Returns the caller with the account that it has here now.

        Raises:
            Unauthorized: it is a user whose account is gone or disabled.
        """

    def may_call(self, caller: Caller, service: str, endpoint: str) -> Fault | None:
        """Returns None where a known caller may call or open an endpoint, else the fault to answer with."""

    def may_meet(self, caller: Caller, service: str) -> Fault | None:
        """Returns None where a known caller may use a service that strangers offer, else the fault to answer with."""

    def may_publish(self, caller: Caller, topic: str) -> Fault | None:
        """Returns None where a known caller may publish on a topic, else the fault to answer with."""

    def may_subscribe(self, caller: Caller, topic: str) -> Fault | None:
        """Returns None where a known caller may receive a topic's events, else the fault to answer with."""

    def may_hear(self, nid: str, topic: str) -> bool:
        """Says whether subscribers here are given the events that another node keeps of a topic."""
