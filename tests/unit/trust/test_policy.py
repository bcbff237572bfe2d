"""Who may do what: one table, and what the answers say."""

from __future__ import annotations

import pytest

from micro.errors import Fault, LocalProtocolError
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.policy import Caller, is_ruled, may_call, may_publish, may_register, may_spend, may_subscribe

NID = nid_of(NodeKey(bytes(range(32))).public)
OWNER = Caller(NID, owner=True)
LENT = Caller(NID, owner=True, token="laptop")
INSTANCE = Caller(NID, "greeter", supervised=True)
PEER = Caller(NID)
ANONYMOUS = Caller(anonymous=True)
USER = Caller(user=True, account="ann", scopes=("ops",))
CALLERS = (OWNER, INSTANCE, PEER, ANONYMOUS)

# service, endpoint, then the code for owner, instance, peer and anonymous; 0 is yes
CALLS = [
    ("greeter", "Say.Hello", 0, 0, 0, 0),
    ("greeter", "Debug.Health", 0, 0, 0, 0),
    ("greeter", "Debug.Stats", 0, 0, 0, 0),
    ("greeter", "Debug.Log", 0, 403, 403, 401),
    ("greeter", "Debug.Trace", 0, 403, 403, 401),
    ("greeter", "debug.log", 0, 403, 403, 401),
    ("greeter", "Debug.Unheard", 0, 403, 403, 401),
    ("node", "Node.Status", 0, 403, 403, 401),
    ("node", "Node.Stop", 0, 403, 403, 401),
    ("node", "Debug.Health", 0, 0, 0, 0),
    ("runtime", "Runtime.Run", 0, 403, 403, 401),
    ("runtime", "Runtime.Logs", 0, 403, 403, 401),
    ("config", "Config.Get", 0, 0, 403, 401),
    ("backbone", "Backbone.Find", 0, 403, 0, 401),
    ("Backbone", "backbone.home", 0, 403, 0, 401),
    ("config", "Config.Watch", 0, 0, 403, 401),
    ("config", "Config.Set", 0, 403, 403, 401),
    ("Config", "Config.Set", 0, 403, 403, 401),
    ("events", "Events.Complete", 0, 0, 403, 401),
    ("Events", "events.complete", 0, 0, 403, 401),
    ("events", "Events.Replay", 0, 403, 403, 401),
    ("events", "Events.Drop", 0, 403, 403, 401),
    ("node", "Events.Complete", 0, 403, 403, 401),
    ("node", "Config.Get", 0, 403, 403, 401),
    ("network", "Network.Connect", 0, 403, 403, 401),
    ("wallet", "Wallet.Pay", 0, 403, 403, 401),
    ("keys", "Keys.Sign", 0, 403, 403, 401),
    ("auth", "Auth.Token", 0, 0, 0, 0),
    ("auth", "Auth.Inspect", 0, 0, 0, 0),
    ("auth", "Auth.Generate", 0, 403, 403, 401),
    ("auth", "Accounts.List", 0, 403, 403, 401),
    ("auth", "Rules.Create", 0, 403, 403, 401),
    ("node", "Auth.Token", 0, 403, 403, 401),
    ("registry", "Registry.Get", 0, 0, 0, 0),
    ("registry", "Registry.List", 0, 0, 0, 0),
    ("registry", "Registry.Search", 0, 0, 0, 0),
    ("registry", "Registry.Watch", 0, 0, 0, 0),
    ("registry", "Registry.Register", 0, 0, 403, 401),
    ("registry", "Registry.Deregister", 0, 0, 403, 401),
    ("registry", "Registry.Unheard", 0, 403, 403, 401),
    ("store", "Store.Read", 0, 0, 403, 401),
    ("store", "Store.Write", 0, 0, 403, 401),
]


def code(fault: Fault | None) -> int:
    """The code of a refusal, 0 for yes."""
    return 0 if fault is None else fault.code


@pytest.mark.parametrize(
    ("service", "endpoint", "owner", "instance", "peer", "anonymous"), CALLS, ids=lambda value: str(value)
)
def test_who_may_call(service: str, endpoint: str, owner: int, instance: int, peer: int, anonymous: int) -> None:
    """Each row of the table holds."""
    assert [code(may_call(caller, service, endpoint)) for caller in CALLERS] == [owner, instance, peer, anonymous]


@pytest.mark.parametrize(
    ("service", "endpoint", "owner", "instance", "peer", "anonymous"), CALLS, ids=lambda value: str(value)
)
def test_a_user_may_what_a_peer_may(
    service: str, endpoint: str, owner: int, instance: int, peer: int, anonymous: int
) -> None:
    """An account opens none of the node's own services."""
    of_nodes_alone = service.lower() == "backbone"  # a node speaks for itself there, and a user is none
    assert code(may_call(USER, service, endpoint)) == (403 if of_nodes_alone else peer)


def test_a_user_publishes_and_subscribes() -> None:
    """As a service of this node does; the rules may say otherwise."""
    assert may_publish(USER, "orders", exported=False) is None
    assert may_subscribe(USER, "orders", exported=False) is None


@pytest.mark.parametrize(
    ("caller", "kind"),
    [
        (OWNER, "owner"),
        (LENT, "token"),
        (Caller(NID, token="laptop"), "token"),
        (Caller(user=True, account="ann", token="laptop"), "user"),
        (INSTANCE, "service"),
        (USER, "user"),
        (PEER, "peer"),
        (ANONYMOUS, "anonymous"),
    ],
)
def test_each_caller_is_of_one_kind(caller: Caller, kind: str) -> None:
    """The word that travels."""
    assert caller.kind == kind
    assert caller.peer == (kind == "peer")


@pytest.mark.parametrize("service", ["auth", "backbone", "Backbone", "Config", "node", "registry", "store", "wallet"])
def test_rules_do_not_decide_on_the_nodes_own_services(service: str) -> None:
    """However they are spelled; nor on what every service tells everybody."""
    assert not is_ruled(service, "Any.Thing")
    assert not is_ruled("greeter", "debug.Health")
    assert is_ruled("greeter", "Say.Hello")


def test_a_peer_calls_exported_services_only() -> None:
    """A service that is not exported is closed to other nodes and to nobody else."""
    assert [code(may_call(caller, "greeter", "Say.Hello", exported=False)) for caller in CALLERS] == [0, 0, 403, 0]


def test_who_may_register() -> None:
    """The owner registers anything, an instance itself."""
    assert [code(may_register(caller, "greeter")) for caller in CALLERS] == [0, 0, 403, 401]


def test_an_instance_does_not_register_another() -> None:
    """A service cannot take the name of another."""
    assert code(may_register(INSTANCE, "bank")) == 403


def test_who_may_publish() -> None:
    """Everybody who is known; another node where the topic is exported."""
    assert [code(may_publish(caller, "orders", exported=True)) for caller in CALLERS] == [0, 0, 0, 401]
    assert [code(may_publish(caller, "orders", exported=False)) for caller in CALLERS] == [0, 0, 403, 401]


def test_who_may_subscribe() -> None:
    """The owner and his services; another node where the topic is exported."""
    assert [code(may_subscribe(caller, "orders", exported=True)) for caller in CALLERS] == [0, 0, 0, 401]
    assert [code(may_subscribe(caller, "orders", exported=False)) for caller in CALLERS] == [0, 0, 403, 401]


def test_who_may_spend() -> None:
    """Everybody who is known."""
    assert [code(may_spend(caller)) for caller in CALLERS] == [0, 0, 0, 401]


@pytest.mark.parametrize("service", ["node", "store"])
def test_a_refusal_names_what_and_whom(service: str) -> None:
    """The answer says which endpoint refuses and whom it took the caller for."""
    fault = may_call(PEER, service, "Any.Thing")
    assert fault is not None
    assert f"{service} Any.Thing" in fault.detail
    assert str(PEER) in fault.detail


def test_an_unknown_caller_is_told_how_to_become_known() -> None:
    """A 401 says what to send."""
    fault = may_call(ANONYMOUS, "node", "Node.Stop")
    assert fault is not None
    assert "token" in fault.detail


def test_a_caller_without_any_authority_is_a_peer() -> None:
    """Authority is given, never assumed."""
    assert Caller().peer


@pytest.mark.parametrize(
    "facts",
    [
        {"user": True},
        {"user": True, "account": "ann", "anonymous": True},
        {"owner": True, "supervised": True, "service": "greeter"},
        {"owner": True, "anonymous": True},
        {"supervised": True},
    ],
)
def test_contradictory_facts_are_refused(facts: dict[str, object]) -> None:
    """A caller cannot be two things, so no rule has to choose."""
    with pytest.raises(LocalProtocolError):
        Caller(**facts)  # type: ignore[arg-type]
