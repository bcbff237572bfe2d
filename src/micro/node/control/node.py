"""The service `node`: what this node is, and stopping it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micro.node.record import Record
from micro.service.broker.broker import Broker
from micro.service.service import Service

__all__ = ["node_service"]


class NodeControl:
    """The endpoints."""

    def __init__(
        self, status: Callable[[], dict[str, Any]], stop: Callable[[], None], broker: Broker, record: Record
    ) -> None:
        self._record = record
        self._status = status
        self._stop = stop
        self._broker = broker

    async def status(self) -> dict[str, Any]:
        """Returns this node's id, version, addresses and figures."""
        return self._status()

    async def stop(self) -> dict[str, Any]:
        """Stops the node; its services end with it and start with it again."""
        self._stop()
        return {"stopping": True}

    async def topics(self) -> dict[str, Any]:
        """Lists the topics kept here, with their queues and what waits in each."""
        found = []
        for topic in self._broker.topics():
            queues = [
                {
                    "queue": q.queue,
                    "members": q.members,
                    "waiting": q.waiting,
                    "in_flight": q.in_flight,
                    "delayed": q.delayed,
                }
                for q in topic.queues
            ]
            found.append(
                {
                    "topic": topic.topic,
                    "messages": topic.messages,
                    "bytes": topic.bytes,
                    "subscribers": topic.subscribers,
                    "queues": queues,
                }
            )
        return {"topics": found}

    async def calls(self, limit: int = 200, since: int = 0) -> dict[str, Any]:
        """Lists the last calls that came in through a door of this node, newest first, with what was asked.

        Args:
            limit: how many at most.
            since: those after this number alone.
        """
        return {"calls": [call.to_dict() for call in self._record.last(limit, since=since)]}


def node_service(
    status: Callable[[], dict[str, Any]], stop: Callable[[], None], broker: Broker, record: Record
) -> Service:
    """Returns the service."""
    endpoints = NodeControl(status, stop, broker, record)
    service = Service("node", description="This node itself.", platform=True)
    service.add("Node.Status", endpoints.status, idempotent=True)
    service.add("Node.Stop", endpoints.stop)
    service.add("Node.Topics", endpoints.topics, idempotent=True)
    service.add("Node.Calls", endpoints.calls, idempotent=True)
    return service
