"""What the door says of its node: who is here, how it is, what it counts."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from micro.doors.api.access import is_local
from micro.doors.api.directory import Directory
from micro.doors.api.metrics import CONTENT_TYPE, Figures, Sample, exposition
from micro.doors.api.page import POLICY, SERVICES_MAX, home_page
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.errors import Forbidden
from micro.mucp.codec import encode_json
from micro.system import resident_bytes

__all__ = ["Pages", "check_reading", "url_of"]

METHODS = ("GET", "HEAD")
DESCRIPTORS = Path("/proc/self/fd")


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
        check_reading(request)
        services = self._directory.list_services()
        names = [str(service["name"]) for service in services[:SERVICES_MAX]]
        found = [description for name in names if (description := self._directory.describe(name)) is not None]
        text = home_page(services, found, url_of(request))
        return Answer(200, text.encode(), "text/html; charset=utf-8", {"content-security-policy": POLICY})

    async def services(self, request: Request) -> Answer:
        """The list of services."""
        check_reading(request)
        return Answer(200, encode_json({"services": list(self._directory.list_services())}))

    async def service(self, request: Request) -> Answer:
        """One service's description; of a stranger's too, which is looked at before its name is confirmed."""
        check_reading(request)
        await self._directory.look(request.segments[1])
        return Answer(200, encode_json(self._directory.described(request.segments[1])))

    async def health(self, request: Request) -> Answer:
        """Says that the process answers."""
        check_reading(request)
        return Answer(200, b'{"status":"ok"}')

    async def ready(self, request: Request) -> Answer:
        """Says whether the node has what it needs to serve."""
        check_reading(request)
        checks = dict(self._ready())
        good = all(word == "ok" for word in checks.values())
        body = encode_json({"status": "ready" if good else "not ready", "checks": checks})
        return Answer(200 if good else 503, body)

    async def metrics(self, request: Request) -> Answer:
        """Figures in Prometheus' form, for programs on this machine."""
        check_reading(request)
        if not is_local(request):
            raise Forbidden("figures are for this machine only; run the collector here", id="api")
        samples = [*self._figures.samples(), *_process(), self._open_connections(), *self._metrics()]
        return Answer(200, exposition(samples).encode(), CONTENT_TYPE)

    def _open_connections(self) -> Sample:
        return Sample("micro_http_connections", self._connections(), meaning="Connections of HTTP clients.")


def check_reading(request: Request) -> None:
    """Refuses whoever does more than read.

    Raises:
        Refused: 405.
    """
    if request.method not in METHODS:
        allow = ", ".join(METHODS)
        raise Refused(405, f"method: this path is read by {allow}", headers={"allow": allow})


def url_of(request: Request) -> str:
    """Returns where the door is, as whoever asks calls it."""
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
