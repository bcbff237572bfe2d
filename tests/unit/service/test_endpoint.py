"""An endpoint of a method: read once, called on its own object."""

from __future__ import annotations

from micro.service.context import Context
from micro.service.endpoint import Endpoint
from micro.service.typed import Stream


class Door:
    """Something of which there are many."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def knock(self, times: int = 1) -> str:
        """Knocks."""
        return f"{self.name} {times}"


def endpoint(door: Door, *, idempotent: bool = False) -> Endpoint:
    return Endpoint("Door.Knock", door.knock, context=Context, stream=Stream, idempotent=idempotent)


def answer(found: Endpoint, body: bytes) -> bytes:
    codec = found.codec("application/json")
    try:
        codec.invoke(body).send(None)
    except StopIteration as stop:
        return codec.encode(stop.value)
    raise AssertionError("it does not wait")


def test_each_object_answers_for_itself() -> None:
    """Two objects of one class have endpoints that look alike and call their own object."""
    front, back = endpoint(Door("front")), endpoint(Door("back"))

    assert front.describe() == back.describe()
    assert [answer(front, b'{"times": 2}'), answer(back, b"{}")] == [b'{"result":"front 2"}', b'{"result":"back 1"}']


def test_what_is_declared_beside_the_function_is_not_shared() -> None:
    """The method is read once; whether it is idempotent is each endpoint's own affair."""
    assert [endpoint(Door("a"), idempotent=flag).describe()["idempotent"] for flag in (True, False)] == [True, False]
