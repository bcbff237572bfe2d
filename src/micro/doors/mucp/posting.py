"""Brings the node's events to go-micro programs of this machine that subscribe as their HTTP broker does.

Each topic that one of them subscribes to is subscribed to at the node for as long as it says so: once for each that
gets every event, so that none waits for another, and once for each of their queues, as a queue of its own whose events
are kept while nobody is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from micro.doors.mucp.lan import OF_NODE
from micro.doors.mucp.outbound import place_of
from micro.errors import Fault, MicroError
from micro.mucp.http.post import BROADCAST, VIA, target_of, write_post
from micro.mucp.http.reader import MessageReader
from micro.mucp.http.writing import request
from micro.service.broker.broker import check_name
from micro.service.registry.mdns import Found
from micro.service.subscription import Event, Subscription

__all__ = ["Postings"]

LEFT_SECONDS = 30.0
"""A subscriber that does not say any more that it is one is gone."""

SWEEP_SECONDS = 5.0
RETRY_SECONDS = 2.0
POST_SECONDS = 5.0
BARRED_SECONDS = 10.0
"""One that did not take an event is not tried again for so long: it may be one that never answers."""

READ_BYTES = 16_384
GROUPS_MAX = 128
MEMBERS_MAX = 64
QUEUE_PREFIX = "go-micro."
"""A queue of go-micro programs is another than one of that name at the node: each event is for both."""

OK = b"200"

log = logging.getLogger("micro.mucp")


@dataclass
class Group:
    """Those who share the events of a topic: the members of a queue, or one alone.

    Attributes:
        members: where each is asked, and until when it is believed, by its id.
        turn: whose turn it is in a queue.
    """

    topic: str
    queue: str
    members: dict[str, tuple[str, int, float]] = field(default_factory=dict)
    turn: int = 0
    task: asyncio.Task[None] | None = None


class Postings:
    """What go-micro programs subscribe to.

    Args:
        nid: the node; what was posted to it is known by that to its neighbours already.
        subscribe: subscribes at the node to a topic, as a queue or without one, with its owner's rights.
    """

    def __init__(self, nid: str, subscribe: Callable[[str, str | None], Awaitable[Subscription]]) -> None:
        self._nid = nid
        self._subscribe = subscribe
        self._groups: dict[tuple[str, str, str], Group] = {}
        self._barred: dict[str, float] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to forget those who left."""
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """Posts nothing any more."""
        tasks = [self._sweeping, *(group.task for group in self._groups.values())]
        self._groups.clear()
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def heard(self, found: Found, seconds: float = LEFT_SECONDS) -> None:
        """Takes note of a subscriber, for so many seconds; one that is no go-micro program is left alone."""
        topic, metadata = found.metadata.get("topic", ""), found.metadata
        if metadata.get("broker") != "http" or metadata.get("secure") == "true" or OF_NODE in metadata:
            return
        queue = "" if found.version == BROADCAST else found.version
        try:
            check_name("topic", topic)
            check_name("queue", f"{QUEUE_PREFIX}{queue or 'all'}")
        except Fault as fault:
            log.debug("the subscriber %s is not given anything: %s", found.node, fault.detail)
            return
        now = asyncio.get_running_loop().time()
        if now < self._barred.get(found.node, now):
            return
        key = topic, queue, "" if queue else found.node
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= GROUPS_MAX:
                return
            group = self._groups[key] = Group(topic, queue)
            group.task = asyncio.get_running_loop().create_task(self._carry(group))
        if found.node in group.members or len(group.members) < MEMBERS_MAX:
            known = group.members.get(found.node, ("", 0, now))
            group.members[found.node] = found.address, found.port, max(known[2], now + seconds)

    def left(self, found: Found) -> None:
        """Takes note that a subscriber said that it leaves."""
        for group in self._groups.values():
            group.members.pop(found.node, None)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            self._barred = {node: until for node, until in self._barred.items() if until > now}
            for key, group in list(self._groups.items()):
                for node in [node for node, (_, _, until) in group.members.items() if until < now]:
                    del group.members[node]
                if not group.members and group.task is not None:
                    group.task.cancel()
                    del self._groups[key]

    # -- events -----------------------------------------------------------------------------------------------------

    async def _carry(self, group: Group) -> None:
        """Carries a topic's events to a group for as long as somebody is in it."""
        while True:
            try:
                subscription = await self._subscribe(group.topic, QUEUE_PREFIX + group.queue if group.queue else None)
                async with subscription:
                    async for event in subscription:
                        await self._bring(group, event)
            except MicroError as error:
                log.info("events of %s do not reach go-micro programs now: %s", group.topic, error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _bring(self, group: Group, event: Event) -> None:
        if event.headers.get(VIA) == self._nid:
            await event.ack()  # they had it from whoever posted it
            return
        data = write_post(event.topic, event.content_type, event.id, event.headers, event.body)
        members = list(group.members)
        group.turn += 1
        for place in range(len(members)):
            node = members[(group.turn + place) % len(members)]
            if await self._post(group, node, data):
                await event.ack()
                return
        await event.nack(BARRED_SECONDS)

    async def _post(self, group: Group, node: str, data: bytes) -> bool:
        """Posts an event to one of a group, and returns whether it was taken; go-micro says no more than that."""
        host, port, _ = group.members.get(node, ("", 0, 0.0))
        if not port:
            return False
        try:
            async with asyncio.timeout(POST_SECONDS):
                taken = await _posted(host, port, node, data)
        except (OSError, TimeoutError, Fault) as error:
            log.debug("the subscriber %s was not reached: %s", node, error)
            taken = False
        if not taken:
            group.members.pop(node, None)  # it may come again, but is not asked each time
            self._barred[node] = asyncio.get_running_loop().time() + BARRED_SECONDS
        return taken


async def _posted(host: str, port: int, node: str, data: bytes) -> bool:
    said = {"Content-Type": "application/json", "Connection": "close"}
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request(place_of(host, port), said, data, target=target_of(node)))
        answer = MessageReader(requests=False)
        while part := await reader.read(READ_BYTES):
            for message in answer.receive(part):
                return message.line == OK
            if answer.fault is not None:
                raise answer.fault
        return False
    finally:
        writer.close()
