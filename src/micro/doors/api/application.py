"""The application behind the guard: which path is whose, and what becomes of an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from micro.doors.api.agents import AgentDoor
from micro.doors.api.app import AppDoor
from micro.doors.api.call import Asking
from micro.doors.api.content import passed_on
from micro.doors.api.directory import Directory
from micro.doors.api.documents import Documents
from micro.doors.api.events import EventDoor
from micro.doors.api.hook import HookDoor
from micro.doors.api.links import LinkDoor
from micro.doors.api.machines import MachineDoor
from micro.doors.api.metrics import Figures
from micro.doors.api.pages import Pages
from micro.doors.api.path import Wanted, api_path, root_path
from micro.doors.api.refusal import ID, Refused
from micro.doors.api.remote import read_remote
from micro.doors.api.request import Answer, Receive, Request, Scope, Send, answer_of
from micro.doors.api.sockets import WebSocket, carry
from micro.doors.api.target import Target
from micro.errors import BadRequest, Fault, InternalError, MicroError, NotFound, Unavailable
from micro.service.registry.instance import bare_name

__all__ = ["Application"]

Outcome = Answer | Fault | None
Room = Callable[[Request], Awaitable[Outcome]]

CLIENT_CLOSED = 499
OPEN_PATHS = ("/healthz", "/readyz", "/hook")
"""What anybody may ask who can reach the door: there is no secret in it, or its own proof is in the request."""

LINK = "mucp"
"""Where a link is had over a WebSocket."""

CARD = (".well-known", "agent-card.json")

DOOR = "(door)"
"""Under which name figures count what belongs to no endpoint."""

log = logging.getLogger("micro.api")


class Application:
    """An ASGI application.

    Args:
        directory: what there is.
        asking: calls and streams.
        events: publishing and subscribing.
        hook: what git forges post.
        links: links over WebSockets.
        machines: what programs say in protocols of their own.
        documents: what they read before.
        agents: what other agents say.
        pages: what the door says of itself.
        app: the web app.
        figures: what is counted.

    Attributes:
        own: what answers `/-/NAME`, where no service is, and what is below it.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        asking: Asking,
        events: EventDoor,
        hook: HookDoor,
        links: LinkDoor,
        machines: MachineDoor,
        documents: Documents,
        agents: AgentDoor,
        pages: Pages,
        app: AppDoor,
        figures: Figures,
    ) -> None:
        self._directory = directory
        self._asking = asking
        self._events = events
        self._links = links
        self._figures = figures
        self._rooms: Mapping[str, Room] = {
            "": pages.home,
            "api": pages.services,
            "healthz": pages.health,
            "hook": hook.push,
            "mcp": machines.mcp,
            LINK: _linked,
            "readyz": pages.ready,
            "metrics": pages.metrics,
            "a2a": agents.rpc,
            "asyncapi.json": documents.asyncapi,
            "llms.txt": documents.llms,
            "openapi.json": documents.openapi,
            "rpc": self._remote,
        }
        self._pages, self._app = pages, app
        self.own: dict[str, Room] = {"session": app.session}
        self._documents = documents
        self._agents = agents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive, send)
        loop = asyncio.get_running_loop()
        began = loop.time()
        counted: list[Target] = []
        self._figures.under_way += 1
        status = CLIENT_CLOSED
        try:
            status = await self._finish(request, await self._tried(request, counted))
        except asyncio.CancelledError:
            pass  # the client is gone, and so is whoever could be told
        finally:
            self._figures.under_way -= 1
            self._count(counted, status, loop.time() - began)

    async def _tried(self, request: Request, counted: list[Target]) -> Outcome | Refused:
        try:
            return await self._route(request, counted)
        except OSError:  # uvicorn's word for a client that has left
            return None
        except MicroError as error:
            return _refusal_of(error, counted)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path[:200])
            return _broken(error)

    async def _finish(self, request: Request, outcome: Outcome | Refused) -> int:
        """Sends what is not sent yet, and returns the status to count."""
        if outcome is None:
            return 200
        answer = outcome if isinstance(outcome, Answer) else answer_of(outcome)
        if not request.started:
            await request.answer(answer)
        return answer.status

    def _count(self, counted: list[Target], status: int, seconds: float) -> None:
        if counted:
            target = counted[0]
            self._figures.record(bare_name(target.service), target.endpoint, status, seconds)
        else:
            self._figures.record(DOOR, DOOR, status, seconds)

    async def _route(self, request: Request, counted: list[Target]) -> Outcome:
        if request.path in OPEN_PATHS:
            return await self._rooms[request.path[1:]](request)
        if request.segments[:2] == ("-", "session") and len(request.segments) == 2 and request.method == "POST":
            return await self._app.session(request)  # the code in its body is its proof
        given = self._app.given(request)
        if given is not None:
            return given  # the app is nobody's secret, and whoever shall sign in needs it first
        caller = self._asking.caller(request)
        target = self._directory.recall(request.path)
        if target is None:
            room = self._room(request)
            if room is not None:
                return await room(request)
            target = await self._find(request)
        if request.method == "OPTIONS":
            return Answer(204, b"", headers={"allow": ", ".join((*target.methods, "OPTIONS"))})
        counted.append(target)
        return await self._asking.answer(request, target, caller)

    def _room(self, request: Request) -> Room | None:
        """Returns what answers a path of the door itself, or None."""
        segments = request.segments
        if len(segments) <= 1:
            return self._rooms.get(segments[0] if segments else "")
        if segments == CARD:
            return self._agents.card
        if segments[0] == "-":  # no service is called so
            return self.own.get(segments[1])
        if segments[0] == "services" and len(segments) == 3 and segments[2] == "openapi.json":
            return self._documents.service_openapi
        if segments[0] != "api":
            return None
        if segments[1] in ("publish", "subscribe"):
            acknowledges = segments[1] == "subscribe" and request.method == "POST"
            _check_topic_is_last(segments, 1 if acknowledges else 0)
            return self._events.publish if segments[1] == "publish" else self._events.subscribe
        return self._pages.service if len(segments) == 2 else None

    async def _find(self, request: Request) -> Target:
        """Returns what a path is for; only a path of ours has anybody look in the network for a name."""
        segments = request.segments
        if not segments:
            raise NotFound("no such path; a WebSocket is opened at /api/SERVICE/ENDPOINT", id=ID)
        is_ours = segments[0] == "api"
        readings = api_path(segments[1:]) if is_ours else root_path(segments)
        found = await self._met(readings, is_ours=is_ours)
        self._directory.remember(request.path, found)
        return found

    async def _met(self, readings: Sequence[Wanted], *, is_ours: bool = True) -> Target:
        if is_ours and readings:
            await self._directory.met(readings[0].service)
        found = self._directory.find(readings)
        if not is_ours:
            await self._directory.met(found.service)
        return found

    async def _remote(self, request: Request) -> Outcome:
        """Answers go-micro's `POST /rpc`, which names service and endpoint in its body."""
        if request.method != "POST":
            raise Refused(405, "method: /rpc is asked by POST", headers={"allow": "POST"})
        remote = read_remote(request.header("content-type"), await request.body())
        target = await self._met((remote.wanted,))
        if target.stream:
            raise BadRequest(f"{target.id} is a stream: open /api/{target.service}/{target.endpoint}", id="api")
        caller, said = self._asking.caller(request), remote.said(target)
        client = self._asking.client(caller, target)
        with self._asking.noting(caller, target, said) as course:
            answer = await self._asking.call(request, target, client, said)
            course.answer_bytes = len(answer.body)
            return answer

    # -- WebSockets -------------------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        request = socket.request
        fault: Fault | None = None
        counted: list[Target] = []
        try:
            if request.segments == (LINK,):
                await self._links.carry(socket)
            elif request.segments[:2] == ("api", "subscribe"):
                _check_topic_is_last(request.segments)
                client = self._events.client(socket.request)
                await socket.accept()
                fault = await self._events.carry(socket, client)
            else:
                caller = self._asking.caller(request)
                target = self._directory.recall(request.path) or await self._find(request)
                counted.append(target)
                if not target.stream:
                    raise BadRequest(f"{target.id} is a call, not a stream; POST to this path", id=target.id)
                client = self._asking.client(caller, target)
                await socket.accept()
                fault = await carry(socket, target, client, caller, self._asking, passed_on(request.headers))
        except OSError:  # uvicorn's word for a client that has left
            pass
        except MicroError as error:
            refusal = _refusal_of(error, counted)
            fault = refusal.fault if isinstance(refusal, Refused) else refusal
            await (socket.close(fault) if socket.accepted else socket.refuse(refusal))
        except Exception as error:
            log.exception("WebSocket %s failed", request.path[:200])
            fault = _broken(error)
            await (socket.close(fault) if socket.accepted else socket.refuse(fault))
        self._count(counted, 101 if fault is None else fault.code, loop.time() - began)


async def _linked(request: Request) -> Outcome:
    raise BadRequest(f"/{LINK} is where a link is had over a WebSocket: open one; /api/ is for single calls", id=ID)


def _refusal_of(error: MicroError, counted: Sequence[Target]) -> Fault | Refused:
    """Returns what is told of an error that was raised on purpose."""
    if isinstance(error, Fault):
        error.id = error.id or (counted[0].id if counted else ID)
        return error
    return error if isinstance(error, Refused) else Unavailable(f"the node cannot be reached: {error}", id=ID)


def _broken(error: Exception) -> Fault:
    return InternalError(f"{type(error).__name__} in the door; the node's log tells more", id=ID)


def _check_topic_is_last(segments: Sequence[str], more: int = 0) -> None:
    """Refuses a path with more than `more` parts behind its topic: nobody means the first part of `orders/new`."""
    if len(segments) > 3 + more:
        way = f"/api/{segments[1]}/TOPIC"
        raise NotFound(f"no such path; {way} ends with its topic, which has a slash only as %2F", id=ID)
