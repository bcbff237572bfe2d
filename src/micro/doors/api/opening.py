"""Opens the HTTP door of a node: what the door asks, answered from the node's parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from micro.doors.api.call import Noted
from micro.doors.api.door import ApiDoor, Sample
from micro.doors.web.files import BUILT, Files
from micro.doors.web.sessions import Sessions
from micro.errors import Fault, NotFound
from micro.trust.policy import Caller

if TYPE_CHECKING:
    from micro.node.node import Node

__all__ = ["describe_or_none", "note_in", "open_api"]

SESSIONS = "web-sessions.json"
"""What is kept in the node's home of browsers in which its owner signed in."""


async def open_api(node: Node) -> ApiDoor | None:
    """Opens the door as the node's settings say, and tells the node its address; None where there is to be none.

    Raises:
        EngineError: the host cannot be listened on.
    """
    config = node.config
    if not config.api:
        return None
    door = ApiDoor(
        client_for=node.client,
        make_link=node.reception.guest_link,
        describe=lambda name: describe_or_none(node, name),
        list_services=lambda: [view.summary() for view in node.catalog.list()],
        ready=node.ready,
        metrics=lambda: _samples(node),
        token=node.token,
        user=lambda token: node.gate.visit(token).caller,
        seconds_left=lambda token: node.gate.visit(token).expires - node.ports.clock.now(),
        may=lambda caller, service, endpoint: _may(node, caller, service, endpoint),
        unverified=node.unverified,
        confirm=node.confirm,
        entropy=node.ports.entropy,
        note=lambda noted: note_in(node, noted),
        sessions=_sessions(node),
        files=Files(BUILT),
        hook_secret=config.hook_secret,
        hosts=tuple(host.strip() for host in config.api_hosts.split(",") if host.strip()),
    )
    port = await door.start(config.api_host, config.api_port)
    host = f"[{config.api_host}]" if ":" in config.api_host else config.api_host
    node.attach(door, "api", f"http://{host}:{port}")
    return door


def _sessions(node: Node) -> Sessions:
    path, disk = node.home.path / SESSIONS, node.ports.disk
    return Sessions(
        draw=node.ports.entropy.random_bytes,
        now=node.ports.clock.now,
        load=lambda: disk.read(path),
        save=lambda data: disk.write(path, data),
    )


def note_in(node: Node, noted: Noted) -> None:
    """Has the node remember a call."""
    fault = noted.fault
    node.record.add(
        node.ports.clock.now() - noted.seconds,
        noted.seconds,
        door=noted.door,
        caller=noted.caller,
        service=noted.target.service,
        endpoint=noted.target.endpoint,
        code=0 if fault is None else fault.code,
        detail="" if fault is None else fault.detail,
        content_type=noted.said.content_type,
        request=noted.said.body,
        answer_bytes=noted.answer_bytes,
        secrets=noted.target.parameters if noted.target.has_secrets else None,
    )


def describe_or_none(node: Node, name: str) -> dict[str, Any] | None:
    """Returns the description of a service of a node, None where it has none of that name; raises `Unavailable`."""
    try:
        return node.describe(name)
    except NotFound:
        return None


def _may(node: Node, caller: Caller, service: str, endpoint: str) -> bool:
    try:
        return node.gate.may_call(node.gate.known(caller), service, endpoint) is None
    except Fault:
        return False


def _samples(node: Node) -> Iterator[Sample]:
    for topic in node.broker.topics():
        for queue in topic.queues:
            labels = {"topic": topic.topic, "queue": queue.queue}
            yield Sample(
                "micro_queue_waiting_events", queue.waiting, labels, meaning="Events a queue has not handed out."
            )
            yield Sample(
                "micro_queue_in_flight_events", queue.in_flight, labels, meaning="Events not acknowledged yet."
            )
    for name, value in node.broker.stats().items():
        yield Sample(
            f"micro_broker_{name}_total", value, kind="counter", meaning="What the broker did since its start."
        )
    for figure in node.figures.all():
        labels = {"service": figure.service, "instance": figure.instance, "endpoint": figure.endpoint}
        yield Sample("micro_service_requests_total", figure.requests, labels, "counter", "Exchanges a service began.")
        yield Sample("micro_service_errors_total", figure.errors, labels, "counter", "Exchanges that failed there.")
        told = "Exchanges refused there by a fault of their caller's."
        yield Sample("micro_service_rejected_total", figure.rejected, labels, "counter", told)
    status = node.status()
    yield Sample("micro_services", status["services_in_reach"], meaning="Services in reach of this node.")
    yield Sample("micro_neighbours", status["peers"], meaning="Neighbours with a link.")
