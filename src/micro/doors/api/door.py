"""The HTTP door of a node: the guard, uvicorn, and the application behind them, wired."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping

from micro.doors.api.access import Doorkeeper
from micro.doors.api.agents import AgentDoor
from micro.doors.api.app import AppDoor
from micro.doors.api.application import Application
from micro.doors.api.call import Asking, ClientFor, Note
from micro.doors.api.directory import Describe, Directory, ListServices, Unverified, nobody
from micro.doors.api.documents import Documents
from micro.doors.api.events import EventDoor
from micro.doors.api.hook import HookDoor
from micro.doors.api.limits import Limits
from micro.doors.api.links import LinkDoor, MakeLink
from micro.doors.api.listener import Listener
from micro.doors.api.machines import Knowing, MachineDoor
from micro.doors.api.metrics import Figures, Sample
from micro.doors.api.pages import Pages
from micro.doors.web.files import Files
from micro.doors.web.sessions import Sessions
from micro.ports import Entropy
from micro.trust.policy import Caller

__all__ = ["ApiDoor", "Limits", "Sample"]

NAME_BYTES = 16
TOLD_SECONDS = 1.0
"""How long clients of streams have to read that the door closes."""


class ApiDoor:
    """Serves a node's services over HTTP.

    Args:
        client_for: returns a client with a caller's rights; called for every request.
        make_link: makes the node's side of a link over a WebSocket.
        describe: returns a service's description by its name, or None.
        list_services: returns a summary of each service, `name` among its fields.
        ready: returns, for each thing the node needs to serve, "ok" or what is wrong.
        metrics: returns figures of the node beside those of the door.
        token: the secret that makes a request the owner's.
        user: returns the user who shows another token; raises `Unauthorized` where it is none.
        seconds_left: returns for how long such a token is good.
        may: says whether a caller may use an endpoint of a service.
        unverified: returns the strangers that offer a name which nobody vouches for yet.
        confirm: takes such a name for what it means now.
        entropy: for names that nobody guesses.
        hook_secret: what git forges sign with what they post; with "" nothing is taken from them.
        note: told of each call that has ended.
        sessions: of browsers.
        files: of the web app; a folder without any leaves a plain page.
        hosts: more names under which the door may be asked, as `name` or `name:port`.
        limits: how much a client may take of it.

    Attributes:
        application: what answers, also at another listener.
        doorkeeper: tells who asks.
        sessions: of browsers.
    """

    def __init__(
        self,
        *,
        client_for: ClientFor,
        make_link: MakeLink,
        describe: Describe,
        list_services: ListServices,
        ready: Callable[[], Mapping[str, str]],
        metrics: Callable[[], Iterable[Sample]],
        token: str,
        user: Callable[[str], Caller],
        seconds_left: Callable[[str], float] = lambda token: math.inf,
        may: Callable[[Caller, str, str], bool] = lambda caller, service, endpoint: True,
        unverified: Unverified = nobody,
        confirm: Callable[[str], Awaitable[object]] = nobody,
        entropy: Entropy,
        hook_secret: str = "",
        note: Note = lambda noted: None,
        sessions: Sessions,
        files: Files,
        hosts: tuple[str, ...] = (),
        limits: Limits | None = None,
    ) -> None:
        self.doorkeeper = doorkeeper = Doorkeeper(token, user, seconds_left, sessions=sessions)
        self.sessions = sessions
        directory, figures = Directory(describe, list_services, unverified), Figures()
        self._hosts = hosts
        self._asking = Asking(doorkeeper, client_for, note)
        self._machines = MachineDoor(self._asking, Knowing(client_for, may, unverified, confirm))

        def new_id() -> str:
            return entropy.random_bytes(NAME_BYTES).hex()

        self._links = LinkDoor(doorkeeper, make_link)
        events = EventDoor(
            known=doorkeeper.known,
            client_for=client_for,
            asking=self._asking,
            new_id=new_id,
        )
        pages = Pages(
            directory, figures, ready=ready, metrics=metrics, connections=lambda: len(self._listener.rules.places)
        )
        self.application = Application(
            directory=directory,
            asking=self._asking,
            events=events,
            hook=HookDoor(hook_secret, client_for),
            links=self._links,
            machines=self._machines,
            documents=Documents(directory),
            agents=AgentDoor(self._asking, directory, client_for, new_id),
            pages=pages,
            app=AppDoor(files, sessions, doorkeeper),
            figures=figures,
        )
        self._listener = Listener(self.application, limits or Limits())

    async def start(self, host: str, port: int) -> int:
        """Listens on `port`, or on any free one where that is taken or 0, and returns which.

        Raises:
            EngineError: the host cannot be listened on.
        """
        return await self._listener.start(host, port, self._hosts)

    async def stop(self) -> None:
        """Ends streams with a fault that says so, lets calls under way finish for a while, and closes."""
        await self._asking.stop(TOLD_SECONDS)
        await self._links.stop(TOLD_SECONDS)
        await self._machines.stop()
        await self._listener.stop()
