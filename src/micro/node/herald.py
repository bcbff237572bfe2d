"""Tells in the node's own topic what becomes of the generations of its services."""

from __future__ import annotations

import json
import logging
from typing import Any

from micro.errors import Fault
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.service.broker.broker import Broker
from micro.service.identifier import Identifiers

__all__ = ["TOPIC", "Herald"]

TOPIC = "evolution.changed"
"""Where it is told: `{kind, service, generation, revision, weight, detail}`.

`kind` is `refused` for a revision that could not be built or did not answer, else what the generation is now: `canary`,
`ramping`, `active`, `zero` or `ended`.
"""

log = logging.getLogger("micro.node")


class Herald:
    """Publishes as the service `runtime` of this node."""

    def __init__(self, broker: Broker, nid: str, identifiers: Identifiers) -> None:
        self._broker = broker
        self._publisher = f"{nid}/runtime"
        self._identifiers = identifiers

    def announce(self, said: dict[str, Any]) -> None:
        """Publishes what happened; a node whose disk is full goes on without."""
        log.info("%s: generation %d is %s: %s", said["service"], said["generation"], said["kind"], said["detail"])
        body = json.dumps(said).encode()
        headers = {names.CONTENT_TYPE: JSON}
        self._broker.publish(self._publisher, TOPIC, self._identifiers.new(), headers, body, _done)


def _done(fault: Fault | None) -> None:
    if fault is not None:
        log.warning("an event about a generation could not be written: %s", fault)
