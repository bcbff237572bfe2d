"""Laws of policy: authority only grows from anonymous to owner, and refusals are 401 or 403."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micro.trust.policy import CONTROL_SERVICES, Caller, may_call, may_publish, may_register, may_subscribe

OWNER = Caller(owner=True)
INSTANCE = Caller(service="greeter", supervised=True)
PEER = Caller()
ANONYMOUS = Caller(anonymous=True)

words = st.text("abcdegilnorstuy-", min_size=1, max_size=8)
services = words | st.sampled_from(sorted(CONTROL_SERVICES | {"registry", "store"}))
structs = st.sampled_from(["Debug", "Registry", "Store", "Config", "Say"]) | words
methods = st.sampled_from(["Health", "Log", "Get", "Register", "Hello"]) | words
endpoints = st.builds("{}.{}".format, structs, methods)


@given(services, endpoints, st.booleans())
def test_the_owner_may_call_everything(service: str, endpoint: str, exported: bool) -> None:
    """Nothing of his own node is closed to him."""
    assert may_call(OWNER, service, endpoint, exported=exported) is None


@given(services, endpoints)
def test_an_instance_may_call_what_a_peer_may(service: str, endpoint: str) -> None:
    """A service is never worse off here than from another node."""
    assert may_call(PEER, service, endpoint) is not None or may_call(INSTANCE, service, endpoint) is None


@given(services, endpoints)
def test_a_peer_may_call_what_an_anonymous_caller_may(service: str, endpoint: str) -> None:
    """To say who one is never takes away a right."""
    assert may_call(ANONYMOUS, service, endpoint) is not None or may_call(PEER, service, endpoint) is None


@given(st.sampled_from([INSTANCE, PEER, ANONYMOUS]), services, endpoints, st.booleans())
def test_refusals_ask_the_unknown_and_forbid_the_known(
    caller: Caller, service: str, endpoint: str, exported: bool
) -> None:
    """401 goes to who did not say who it is, 403 to everybody else."""
    answers = [
        may_call(caller, service, endpoint, exported=exported),
        may_register(caller, service),
        may_publish(caller, service, exported=exported),
        may_subscribe(caller, service, exported=exported),
    ]
    assert {answer.code for answer in answers if answer} <= {401 if caller.anonymous else 403}


@given(st.sampled_from([INSTANCE, PEER, ANONYMOUS]), st.sampled_from(sorted(CONTROL_SERVICES)), endpoints)
def test_control_is_for_the_owner(caller: Caller, service: str, endpoint: str) -> None:
    """No spelling opens a control service, but for what every service tells, and what is a service's own."""
    told = endpoint.lower() in ("debug.health", "debug.stats")
    of_services = {"config": ("config.get", "config.watch"), "events": ("events.complete",)}
    own = caller.supervised and endpoint.lower() in of_services.get(service, ())
    assert (may_call(caller, service, endpoint) is None) == (told or own)
