"""Where other agents come in: the card of this one, and JSON-RPC to its assistant (A2A 1.0, and 0.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from micro.doors.a2a.card import agent_card
from micro.doors.a2a.spelling import METHODS, Heard, Spelling, Unsupported, Verb, read_message
from micro.doors.a2a.task import TERMINAL, Task
from micro.doors.a2a.tasks import Tasks
from micro.doors.api.call import Asking, ClientFor
from micro.doors.api.content import Said
from micro.doors.api.directory import Directory
from micro.doors.api.pages import check_reading, url_of
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.doors.api.streams import Events
from micro.doors.api.target import Target
from micro.errors import BadRequest, Fault, NotFound
from micro.mucp.codec import JSON, decode_json, encode_json
from micro.trust.policy import Caller
from micro.version import VERSION

__all__ = ["AgentDoor"]

SERVICE, SAY = "assistant", "Assistant.Say"
SKILLS_MAX: Final = 200
VERSIONS: Final = ("1.0", "0.3")

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMETERS, INTERNAL = -32700, -32600, -32601, -32602, -32603
TASK_NOT_FOUND, NOT_CANCELABLE, CONTENT_NOT_SUPPORTED, VERSION_NOT_SUPPORTED = -32001, -32002, -32005, -32009

_REASONS: Final = {
    TASK_NOT_FOUND: "TASK_NOT_FOUND",
    NOT_CANCELABLE: "TASK_NOT_CANCELABLE",
    CONTENT_NOT_SUPPORTED: "CONTENT_TYPE_NOT_SUPPORTED",
    VERSION_NOT_SUPPORTED: "VERSION_NOT_SUPPORTED",
}


class _Wrong(Exception):
    """What JSON-RPC calls an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class AgentDoor:
    """The rooms.

    Args:
        asking: tells who asks, and ends what is open with the door.
        directory: which services there are.
        client_for: returns a client with a caller's rights.
        new_id: returns a name that nobody guesses.
    """

    def __init__(self, asking: Asking, directory: Directory, client_for: ClientFor, new_id: Callable[[], str]) -> None:
        self._asking = asking
        self._directory = directory
        self._client_for = client_for
        self._new_id = new_id
        self._tasks = Tasks()

    async def card(self, request: Request) -> Answer:
        """The card."""
        check_reading(request)
        self._check_assistant()
        names = [str(service["name"]) for service in self._directory.list_services()[:SKILLS_MAX]]
        found = [description for name in names if (description := self._directory.describe(name)) is not None]
        return Answer(200, encode_json(agent_card(found, version=VERSION, url=url_of(request))))

    def _check_assistant(self) -> None:
        if self._directory.describe(SERVICE) is None:
            raise NotFound("this node has no assistant, so it is no agent; /api lists its services", id="api")

    async def rpc(self, request: Request) -> Answer | None:
        """A request of JSON-RPC."""
        if request.method != "POST":
            raise Refused(405, "method: agents are spoken to by POST", headers={"allow": "POST"})
        self._check_assistant()
        caller = self._asking.caller(request)
        id: object = None
        try:
            id, method, parameters = _call(await request.body())
            _check_version(request)
            if method not in METHODS:
                raise _Wrong(METHOD_NOT_FOUND, f"no method is called {method[:80]}; there are {', '.join(METHODS)}")
            spelling, verb = METHODS[method]
            request.stop_with_client()
            if verb == "stream":
                await self._streamed(request, caller, id, spelling, parameters)
                return None
            return _answer(id, {"result": await self._asked(request, caller, verb, spelling, parameters)})
        except _Wrong as wrong:
            return _answer(id, {"error": _error(wrong.code, str(wrong))})
        except Fault as fault:
            return _answer(id, {"error": _error(_code_of(fault), fault.detail, fault)})

    async def _asked(
        self, request: Request, caller: Caller, verb: Verb, spelling: Spelling, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        if verb == "get":
            return spelling.task(self._task(caller, parameters))
        if verb == "cancel":
            return spelling.task(await self._canceled(request, caller, self._task(caller, parameters)))
        heard = read_message(parameters)
        task = self._begun(caller, heard)
        async with aclosing(self._turn(request, caller, task, heard.said)) as turn:
            async for event in turn:
                task.hear(event)
        return spelling.sent(task)

    async def _streamed(
        self, request: Request, caller: Caller, id: object, spelling: Spelling, parameters: Mapping[str, Any]
    ) -> None:
        heard = read_message(parameters)
        task = self._begun(caller, heard)
        sink = Events(request, raw=False)

        async def tell(result: dict[str, Any]) -> None:
            await sink.event("", encode_json({"jsonrpc": "2.0", "id": id, "result": result}))

        given = False
        async with aclosing(self._turn(request, caller, task, heard.said)) as turn:
            try:
                async for event in turn:
                    parts = task.hear(event)
                    if not request.started:
                        await sink.open()
                        await tell(spelling.sent(task))
                    if parts:
                        await tell(spelling.artifact_update(task, parts, is_first=not given))
                        given = True
                await tell(spelling.status_update(task))
            except Fault as fault:
                if not request.started:
                    raise
                error = {"jsonrpc": "2.0", "id": id, "error": _error(_code_of(fault), fault.detail, fault)}
                await sink.event("", encode_json(error))
            finally:
                sink.stop()
        await request.more(b"", last=True)

    def _begun(self, caller: Caller, heard: Heard) -> Task:
        """Returns the task that goes on, or a new one."""
        now = asyncio.get_running_loop().time()
        if heard.task:
            task = self._tasks.get(caller, heard.task, now)
            if task.state in TERMINAL:
                raise _Wrong(INVALID_PARAMETERS, f"the task {task.id} is {task.state}; leave taskId out for a new one")
            if heard.context not in ("", task.context):
                raise _Wrong(INVALID_PARAMETERS, f"the task {task.id} belongs to another context")
        else:
            task = Task(self._new_id(), heard.context)
            self._tasks.add(caller, task, now)
        task.begin_turn()
        return task

    async def _turn(
        self, request: Request, caller: Caller, task: Task, said: Mapping[str, Any]
    ) -> AsyncGenerator[Mapping[str, Any]]:
        """Yields the events of a turn of the assistant; one that does not come to its end has failed."""
        body = encode_json({**said, **({"conversation": task.context} if task.context else {})})
        try:
            with self._asking.noting(caller, Target(SERVICE, SAY, stream=True), Said(JSON, body), door="a2a"):
                stream = await self._client_for(caller).stream_raw(SERVICE, SAY, body)
                async with stream:
                    with self._asking.ending(stream, request):
                        await stream.end()
                        async for event in stream.messages():
                            yield decode_json(event)
        finally:
            if task.state == "working":
                task.state = "failed"
            self._tasks.settle(caller)

    def _task(self, caller: Caller, parameters: Mapping[str, Any]) -> Task:
        id = parameters.get("id")
        if not isinstance(id, str):
            raise _Wrong(INVALID_PARAMETERS, "id: the name of a task is expected")
        return self._tasks.get(caller, id, asyncio.get_running_loop().time())

    async def _canceled(self, request: Request, caller: Caller, task: Task) -> Task:
        if task.state in TERMINAL:
            raise _Wrong(NOT_CANCELABLE, f"the task {task.id} is {task.state}")
        task.begin_turn()
        async with aclosing(self._turn(request, caller, task, {"text": "cancel", "language": "en"})) as turn:
            async for event in turn:
                task.hear(event)
        task.state = "canceled"
        return task


def _call(body: bytes) -> tuple[object, str, Mapping[str, Any]]:
    try:
        found = decode_json(body)
    except (ValueError, Fault) as error:
        raise _Wrong(PARSE_ERROR, "this is no JSON") from error
    if not isinstance(found, Mapping) or not isinstance(found.get("method"), str):
        raise _Wrong(INVALID_REQUEST, "one request of JSON-RPC 2.0 is expected, with a method")
    parameters = found.get("params", {})
    if not isinstance(parameters, Mapping):
        raise _Wrong(INVALID_PARAMETERS, "params: an object is expected")
    return found.get("id"), found["method"], parameters


def _check_version(request: Request) -> None:
    wanted = request.header("a2a-version")
    if wanted and ".".join(wanted.split(".")[:2]) not in VERSIONS:
        raise _Wrong(VERSION_NOT_SUPPORTED, f"A2A-Version: {', '.join(VERSIONS)} are spoken here, not {wanted[:20]}")


def _code_of(fault: Fault) -> int:
    if isinstance(fault, Unsupported):
        return CONTENT_NOT_SUPPORTED
    if isinstance(fault, BadRequest):
        return INVALID_PARAMETERS
    return TASK_NOT_FOUND if isinstance(fault, NotFound) else INTERNAL


def _error(code: int, text: str, fault: Fault | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code, "message": text}
    if code in _REASONS:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        found["data"] = [{"@type": kind, "reason": _REASONS[code], "domain": "a2a-protocol.org"}]
    elif fault is not None:
        found["data"] = [fault.to_dict()]
    return found


def _answer(id: object, said: dict[str, Any]) -> Answer:
    return Answer(200, encode_json({"jsonrpc": "2.0", "id": id, **said}))
