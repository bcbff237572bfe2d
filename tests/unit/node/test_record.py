"""The record of calls."""

from __future__ import annotations

from micro.mucp.codec import BYTES, JSON
from micro.node.record import BODIES_BYTES_MAX, BODY_BYTES_MAX, CALLS_MAX, Record
from micro.trust.policy import Caller

ANYBODY = Caller(anonymous=True)


def added(record: Record, service: str = "greeter", *, request: bytes = b"{}", content_type: str = JSON) -> None:
    endpoint = "Say.Hello"
    record.add(
        1.0,
        0.5,
        door="http",
        caller=ANYBODY,
        service=service,
        endpoint=endpoint,
        content_type=content_type,
        request=request,
    )


def test_the_newest_call_comes_first() -> None:
    """With what was asked, by whom, and how it went."""
    record = Record()
    added(record)
    record.add(
        2.0, 0.1, door="http", caller=ANYBODY, service="a", endpoint="B.C", code=404, detail="none", content_type=JSON
    )
    newest, oldest = (call.to_dict() for call in record.last(10))

    assert (newest["number"], newest["code"], newest["detail"], newest["request"]) == (2, 404, "none", {})
    assert (oldest["service"], oldest["caller"], oldest["request"]) == ("greeter", "an anonymous caller", {})


def test_calls_after_a_number() -> None:
    """Whoever asks again is told what is new."""
    record = Record()
    for _ in range(5):
        added(record)

    assert [call.number for call in record.last(10, since=3)] == [5, 4]
    assert [call.number for call in record.last(2)] == [5, 4]
    assert [] == list(record.last(-1))


def test_calls_are_bounded() -> None:
    """The oldest goes first."""
    record = Record()
    for _ in range(CALLS_MAX + 7):
        added(record)

    numbers = [call.number for call in record.last(CALLS_MAX * 2)]
    assert (len(numbers), numbers[0], numbers[-1]) == (CALLS_MAX, CALLS_MAX + 7, 8)


def test_bodies_are_bounded() -> None:
    """Long ones are not kept, and all together are not too many bytes."""
    record = Record()
    added(record, request=bytes(BODY_BYTES_MAX + 1), content_type=BYTES)
    for _ in range(CALLS_MAX):
        added(record, request=bytes(BODY_BYTES_MAX), content_type=BYTES)
    calls = list(record.last(CALLS_MAX))

    assert sum(len(call.request or b"") for call in calls) <= BODIES_BYTES_MAX
    assert len(calls) == BODIES_BYTES_MAX // BODY_BYTES_MAX


def test_what_the_owner_asks_his_node_is_not_recorded() -> None:
    """It would be the record looking at itself, and holds secrets."""
    record = Record()
    for service in ("node", "auth", "registry", "store", "config"):
        added(record, service)

    assert [] == list(record.last(10))


def test_what_only_claims_to_be_json_is_not_shown() -> None:
    """The call is, all the same."""
    record = Record()
    added(record, request=b"{nonsense")

    assert "request" not in next(iter(record.last(1))).to_dict()


def test_what_people_say_is_not_kept() -> None:
    """A sentence to the assistant, and what is filled in there, may hold anything; that it was said is kept."""
    record = Record()
    added(record, "assistant", request=b'{"text":"my password is hunter2"}')
    call = next(iter(record.last(1)))

    assert (call.request, call.service, call.request_bytes) == (None, "assistant", 33)


def test_secrets_are_not_kept() -> None:
    """What a schema calls a secret is masked; where nobody can tell where it is, nothing is kept."""
    secrets = {"properties": {"name": {"type": "string"}, "word": {"type": "string", "format": "password"}}}
    record = Record()
    for request, content_type in ((b'{"name":"ann","word":"hunter2"}', JSON), (b"{hunter2", JSON), (b"hunter2", BYTES)):
        record.add(
            1.0,
            0.5,
            door="http",
            caller=ANYBODY,
            service="vault",
            endpoint="Vault.Open",
            content_type=content_type,
            request=request,
            secrets=secrets,
        )
    kept = [call.request for call in record.last(3)]

    assert kept == [None, None, b'{"name":"ann","word":"********"}']


def test_what_a_page_asks_by_itself_is_not_noted() -> None:
    """While somebody speaks or types: what comes of it is."""
    record = Record()
    asked = (("voice", "Voice.Hear"), ("Voice", "voice.status"), ("assistant", "Assistant.Search"))
    for service, endpoint in (*asked, ("assistant", "Assistant.Prepare")):
        record.add(1.0, 0.5, door="http", caller=ANYBODY, service=service, endpoint=endpoint)
    record.add(1.0, 0.5, door="http", caller=ANYBODY, service="assistant", endpoint="Assistant.Say")

    assert [call.endpoint for call in record.last(10)] == ["Assistant.Say"]
