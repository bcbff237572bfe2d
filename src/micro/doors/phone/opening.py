"""Opens the door for phones of a node, if it was open before; what it is made of is loaded when it is needed first."""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING

from micro.doors.api.door import ApiDoor
from micro.doors.api.request import Answer, Request
from micro.errors import ConfigError

if TYPE_CHECKING:
    from micro.doors.phone.desk import PhoneDesk
    from micro.doors.phone.door import PhoneDoor
    from micro.doors.phone.outside import OutsideDoor
    from micro.node.node import Node

__all__ = ["open_phone"]

NID_CHARACTERS = 8
"""So much of a node's id tells the nodes of a house apart."""


class Phones:
    """The door for phones of a node, and its desk, from their first use on."""

    def __init__(self, node: Node, api: ApiDoor) -> None:
        self._node = node
        self._api = api
        self._found: tuple[PhoneDoor, OutsideDoor, PhoneDesk] | None = None

    def load(self) -> tuple[PhoneDoor, OutsideDoor, PhoneDesk]:
        """Returns the doors in the house and outside of it, and their desk.

        Raises:
            ConfigError: the setting `phone_host` is no private address.
        """
        if self._found is not None:
            return self._found
        from micro.doors.phone.desk import PhoneDesk
        from micro.doors.phone.door import PhoneDoor, Wanted
        from micro.doors.phone.drawer import Drawer
        from micro.doors.phone.outside import OutsideDoor
        from micro.doors.phone.outside_desk import OutsideDesk
        from micro.doors.phone.showing import Showing
        from micro.trust.authority import is_private

        config, ports, home = self._node.config, self._node.ports, self._node.home.path
        if config.phone_host and not is_private(config.phone_host):
            raise ConfigError(
                f"phone_host {config.phone_host!r}: a private address such as 192.168.1.5 is expected; nothing vouches "
                "for others"
            )
        drawer = Drawer(home, ports.disk, ports.clock, ports.entropy, f"Micro node {self._node.nid[:NID_CHARACTERS]}")
        host = str(ipaddress.ip_address(config.phone_host)) if config.phone_host else ""  # as browsers spell it
        wanted = Wanted(config.phone, host, config.phone_port, config.phone_page_port)
        door = PhoneDoor(self._api.application, drawer, ports.clock, wanted, told=partial(self._tell, "phone"))
        showing = Showing(ports.clock, config.phone_page_port)
        backbone = self._node.backbone
        outside = OutsideDoor(
            self._node.nid,
            self._api.application,
            drawer,
            showing,
            clock=ports.clock,
            entropy=ports.entropy,
            passages=backbone.passages if backbone is not None else None,
            allowed=config.phone and config.phone_outside,
            told=partial(self._tell, "phone_outside"),
        )
        sessions = self._api.sessions
        desk = PhoneDesk(door, self._api.doorkeeper, sessions, OutsideDesk(outside, showing, sessions))
        self._found = door, outside, desk
        return self._found

    def _tell(self, name: str, url: str) -> None:
        """Has the node's status say where phones are let in."""
        addresses = self._node.condition.addresses
        addresses.pop(name, None)
        if url:
            addresses[name] = url

    async def answer(self, request: Request) -> Answer:
        """Answers at the desk."""
        return await self.load()[2].answer(request)

    async def stop(self) -> None:
        """Closes with the node."""
        if self._found is not None:
            await self._found[1].stop()
            await self._found[0].stop()


async def open_phone(node: Node, api: ApiDoor | None) -> Phones | None:
    """Opens it beside the HTTP door, whose application it serves; None where there is none.

    Raises:
        ConfigError: the setting `phone_host` is no private address.
    """
    if api is None:
        return None
    phones = Phones(node, api)
    api.application.own["phone"] = phones.answer
    node.attach(phones, "", "")
    kept = [node.ports.disk.read(node.home.path / name) for name in ("phone.json", "phone-outside.json")]
    if node.config.phone_host or any(each is not None for each in kept):
        door, outside, _ = phones.load()
        await door.start()
        await outside.start()
    return phones
