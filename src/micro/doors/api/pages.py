"""What the door says of its node: who is here, how it is, what it counts."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from micro.doors.api.access import is_local
from micro.doors.api.directory import Directory
from micro.doors.api.fields import request_of
from micro.doors.api.form import read_urlencoded
from micro.doors.api.metrics import CONTENT_TYPE, Figures, Sample, exposition
from micro.doors.api.openapi import openapi
from micro.doors.api.page import POLICY, SERVICES_MAX, home_page
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.errors import Forbidden
from micro.mucp.codec import encode_json
from micro.system import resident_bytes
from micro.version import VERSION

__all__ = ["Pages"]

METHODS = ("GET", "HEAD")
DOCUMENTED_MAX = 500
"""So many services are in the document at once; `?service=NAME` asks for one."""

DESCRIPTORS = Path("/proc/self/fd")

_ONE_SERVICE = {"properties": {"service": {"type": "string"}}, "additionalProperties": False}


class Pages:
    """The door's own paths.

    Args:
        directory: which services there are.
        figures: what the door counts.
        ready: returns, for each thing the node needs, "ok" or what is wrong.
        metrics: returns further figures of the node.
        connections: returns how many connections there are.
    """

    def __init__(
        self,
        directory: Directory,
        figures: Figures,
        *,
        ready: Callable[[], Mapping[str, str]],
        metrics: Callable[[], Iterable[Sample]],
        connections: Callable[[], int],
    ) -> None:
        self._directory = directory
        self._figures = figures
        self._ready = ready
        self._metrics = metrics
        self._connections = connections

    async def home(self, request: Request) -> Answer:
        """The page for people."""
        _only_reading(request)
        services = self._directory.list_services()
        names = [str(service["name"]) for service in services[:SERVICES_MAX]]
        found = [description for name in names if (description := self._directory.describe(name)) is not None]
        text = home_page(services, found, _url(request))
        return Answer(200, text.encode(), "text/html; charset=utf-8", {"content-security-policy": POLICY})

    async def services(self, request: Request) -> Answer:
        """The list of services."""
        _only_reading(request)
        return Answer(200, encode_json({"services": list(self._directory.list_services())}))

    async def service(self, request: Request) -> Answer:
        """One service's description."""
        _only_reading(request)
        return Answer(200, encode_json(self._described(request.segments[1])))

    def _described(self, name: str) -> Mapping[str, Any]:
        found = self._directory.describe(name)
        if found is None:
            raise self._directory.unknown(name)
        return found

    async def openapi(self, request: Request) -> Answer:
        """The OpenAPI document."""
        _only_reading(request)
        wanted = request_of(read_urlencoded(request.query), _ONE_SERVICE).get("service")
        if wanted is not None:
            found = [self._described(wanted)]
        else:
            names = [str(service["name"]) for service in self._directory.list_services()[:DOCUMENTED_MAX]]
            found = [description for name in names if (description := self._directory.describe(name)) is not None]
        return Answer(200, encode_json(openapi(found, version=VERSION, url=_url(request))))

    async def health(self, request: Request) -> Answer:
        """Says that the process answers."""
        _only_reading(request)
        return Answer(200, b'{"status":"ok"}')

    async def ready(self, request: Request) -> Answer:
        """Says whether the node has what it needs to serve."""
        _only_reading(request)
        checks = dict(self._ready())
        good = all(word == "ok" for word in checks.values())
        body = encode_json({"status": "ready" if good else "not ready", "checks": checks})
        return Answer(200 if good else 503, body)

    async def metrics(self, request: Request) -> Answer:
        """Figures in Prometheus' form, for programs on this machine."""
        _only_reading(request)
        if not is_local(request):
            raise Forbidden("figures are for this machine only; run the collector here", id="api")
        samples = [*self._figures.samples(), *_process(), self._open_connections(), *self._metrics()]
        return Answer(200, exposition(samples).encode(), CONTENT_TYPE)

    def _open_connections(self) -> Sample:
        return Sample("micro_http_connections", self._connections(), meaning="Connections of HTTP clients.")


def _only_reading(request: Request) -> None:
    if request.method not in METHODS:
        allow = ", ".join(METHODS)
        raise Refused(405, f"method: this path is read by {allow}", headers={"allow": allow})


def _url(request: Request) -> str:
    return f"http://{request.header('host') or 'localhost'}"


def _process() -> Iterable[Sample]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield Sample(
        "process_cpu_seconds_total",
        round(usage.ru_utime + usage.ru_stime, 3),
        kind="counter",
        meaning="Time on processors.",
    )
    if sys.platform == "linux":
        yield Sample("process_resident_memory_bytes", resident_bytes(), meaning="Memory in use.")
        yield Sample("process_open_fds", sum(1 for _ in DESCRIPTORS.iterdir()), meaning="Open file descriptors.")
