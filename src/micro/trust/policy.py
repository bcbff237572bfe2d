"""Who may do what: pure answers from what is known about a caller.

Pure.

Each question returns None for yes, or the fault to answer with: 401 where the caller should say who it is, 403 where
it is known and may not. Whatever is not allowed here is refused; what is allowed and `is_ruled` is left to the rules of
`micro.trust.rules`, which can only refuse more.

| who | how it comes | may |
| --- | --- | --- |
| owner | `run/node.sock` with his own uid, or the token | everything; by an API token what that covers |
| instance | a service, on its own socket | call, stream, publish, subscribe; register itself; its own store, config |
| user | with a token of its account | call services, publish, subscribe, read the registry |
| peer | another node, over an authenticated link | call services open to it, use exported topics, read the registry |
| anonymous | loopback without credentials | call services that cost nothing, read the registry |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from micro.errors import Fault, Forbidden, LocalProtocolError, Unauthorized
from micro.trust.identity import short

__all__ = [
    "CONTROL_SERVICES",
    "Caller",
    "Kind",
    "is_ruled",
    "may_call",
    "may_publish",
    "may_register",
    "may_spend",
    "may_subscribe",
]

Kind = Literal["owner", "token", "service", "user", "peer", "anonymous"]

CONTROL_SERVICES: Final = frozenset(
    {
        *("auth", "config", "events", "keys", "network", "node", "runtime", "wallet"),
        *("go-micro-auth", "go-micro-config", "go-micro-events", "go-micro-store"),
    }
)
"""Services of the node that answer its owner only, but for the endpoints of the tables below."""

AUTH_OPEN: Final = frozenset({"auth.token", "auth.inspect"})
"""Endpoints of `auth` that answer everybody: what is shown to them, a secret or a token, is the proof."""

GO_MICRO_OPEN: Final = frozenset({"go-micro-broker", "go-micro-client", "go-micro-registry"})
"""Services for programs of go-micro, which ask the node on with the caller's own rights, or judge him themselves."""

REGISTRY_READ: Final = frozenset(
    {"registry.get", "registry.list", "registry.route", "registry.search", "registry.watch"}
)
"""Endpoints of the registry that answer everybody; a peer sees what is open to it."""

REGISTRY_OWN: Final = frozenset({"registry.register", "registry.deregister"})
"""Endpoints of the registry by which a service speaks for itself."""

CONFIG_OWN: Final = frozenset({"config.get", "config.watch"})
"""Endpoints of `config` by which a service reads what its owner gave it; `config` itself shows it nothing else."""

EVENTS_OWN: Final = frozenset({"events.complete"})
"""Endpoints of `events` by which a service says what its functions made of their events."""

NETWORK_OPEN: Final = frozenset({"network.ping", "network.trace"})
"""Endpoints of `network` that answer other nodes and our services too: how long the way is to what they may call."""

RUNTIME_OPEN: Final = frozenset({"runtime.attest"})
"""Endpoints of `runtime` that answer other nodes: what came of a build, for whoever knows what went into it."""

DEBUG_OPEN: Final = frozenset({"debug.health", "debug.stats"})
"""What every service tells everybody about itself; the rest of `Debug` is for the owner."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What a node knows about whoever speaks on a link; all of it proved, nothing claimed.

    Attributes:
        nid: the node it speaks from; "" where it is anonymous.
        service: the service it is, "" where it is none (a person, a program, a node).
        owner: it has the authority of the owner of this node. To the node that is also who shows an API token of his,
            as far as the token covers; a service sees such a caller as `lent`, and never as the owner.
        supervised: it is a service that this node runs, on the socket it was given.
        user: it showed a token of an account of this node.
        anonymous: it came over loopback and did not say who it is.
        account: the account it has here, "" where it has none; of a service or a peer that has one, its own id.
        scopes: what that account holds.
        tier: its standing by reputation, 0 for a newcomer.
        paid: this exchange was paid for.
        token: the API token that it showed, by its name, "" where it showed none: what that does not cover is refused.

    Raises:
        LocalProtocolError: two of owner, supervised, user and anonymous, a supervised caller without a service, or a
            user without an account.
    """

    nid: str = ""
    service: str = ""
    owner: bool = False
    supervised: bool = False
    anonymous: bool = False
    tier: int = 0
    paid: bool = False
    user: bool = False
    account: str = ""
    scopes: tuple[str, ...] = ()
    token: str = ""

    def __post_init__(self) -> None:
        if self.owner + self.supervised + self.anonymous + self.user > 1:
            raise LocalProtocolError("a caller is one of owner, supervised, user and anonymous, never two")
        if self.user and not self.account:
            raise LocalProtocolError("a user is an account, and has its id")
        if self.supervised and not self.service:
            raise LocalProtocolError("a supervised caller is a service, and has its name")

    @property
    def unlimited(self) -> bool:
        """It is the owner himself: neither a rule nor the scopes of an API token say what it may."""
        return self.owner and not self.token

    @property
    def lent(self) -> bool:
        """It acts for the owner by an API token: with his data, and within scopes that the node has judged already."""
        return bool(self.token) and not self.user

    @property
    def peer(self) -> bool:
        """It speaks from another node, or with no more authority than one."""
        return not (self.owner or self.lent or self.supervised or self.anonymous or self.user)

    @property
    def kind(self) -> Kind:
        """Which of the six it is, as `Micro-Caller` spells it."""
        if self.lent:
            return "token"
        if self.owner:
            return "owner"
        if self.supervised:
            return "service"
        if self.user:
            return "user"
        return "anonymous" if self.anonymous else "peer"

    def __str__(self) -> str:
        if self.token:
            return f"the API token {self.token}"
        if self.owner:
            return "the owner"
        if self.supervised:
            return f"the service {self.service}"
        if self.user:
            return f"the account {self.account}"
        return "an anonymous caller" if self.anonymous else f"the node {short(self.nid)}"


def is_ruled(service: str, endpoint: str) -> bool:
    """Says whether the owner's rules decide on an endpoint too; on the node's own services and `Debug` they do not."""
    service = service.lower()
    fixed = service in CONTROL_SERVICES or service in ("backbone", "registry", "store", *GO_MICRO_OPEN)
    return not (fixed or endpoint.lower().startswith("debug."))


def may_call(caller: Caller, service: str, endpoint: str, *, exported: bool = True) -> Fault | None:
    """Says whether a caller may call, or open a stream to, an endpoint.

    Args:
        caller: who asks.
        service: the service's name.
        endpoint: `Struct.Method`.
        exported: whether the service is open to this node, if the caller is one.
    """
    if caller.owner or caller.lent:
        return None
    if caller.peer and not exported:
        return Forbidden(f"{service} is not open to {caller}; ask its owner to offer it")
    name = f"{service} {endpoint}"
    service, method = service.lower(), endpoint.lower()  # no spelling slips past a rule
    if method.startswith("debug."):
        allowed = method in DEBUG_OPEN
    elif service == "auth" and method in AUTH_OPEN:
        return None
    elif service in CONTROL_SERVICES:
        own = caller.supervised and service == "config" and method in CONFIG_OWN
        own = own or (caller.supervised and service == "events" and method in EVENTS_OWN)
        own = own or (service == "runtime" and method in RUNTIME_OPEN and caller.peer)
        allowed = own or (service == "network" and method in NETWORK_OPEN and not caller.anonymous)
    elif service == "registry":
        allowed = method in REGISTRY_READ or (caller.supervised and method in REGISTRY_OWN)
    elif service in GO_MICRO_OPEN:
        if caller.peer:
            return Forbidden(f"{name} is for programs that use this node; {caller} asks as nodes do")
        return None
    elif service == "backbone":  # a node speaks for itself there, and is charged for what it says
        allowed = caller.peer
    elif service == "store":
        if caller.peer:
            return Forbidden(f"{name} keeps data of this node's own services; {caller} may not use it")
        allowed = caller.supervised
    else:
        return None
    return None if allowed else _owner_only(caller, name)


def may_register(caller: Caller, service: str) -> Fault | None:
    """Says whether a caller may register or deregister a service of this name on its own link."""
    if caller.owner or (caller.supervised and caller.service == service):
        return None
    if caller.supervised:
        return Forbidden(f"{caller} may register itself, and not {service}; give it that name when it is run")
    return _owner_only(caller, f"registering {service}")


def may_publish(caller: Caller, topic: str, *, exported: bool) -> Fault | None:
    """Says whether a caller may publish events on a topic of this node; `exported` is whether it is open to others."""
    return _topic(caller, topic, "publishing on", exported=exported)


def may_subscribe(caller: Caller, topic: str, *, exported: bool) -> Fault | None:
    """Says whether a caller may receive the events of a topic; `exported` is whether it is open to other nodes."""
    return _topic(caller, topic, "subscribing to", exported=exported)


def _topic(caller: Caller, topic: str, doing: str, *, exported: bool) -> Fault | None:
    if caller.anonymous:
        return _unknown(f"{doing} {topic}")
    if caller.peer and not exported:
        return Forbidden(f"{doing} {topic} is not open to {caller}; ask the topic's owner to export it")
    return None


def may_spend(caller: Caller) -> Fault | None:
    """Says whether a caller may cause a payment at all; how much is its budget's business."""
    if caller.anonymous:
        return _unknown("a call with a price")
    return None


def _owner_only(caller: Caller, name: str) -> Fault:
    if caller.anonymous:
        return _unknown(name)
    return Forbidden(f"{name} answers this node's owner only, and this is {caller}; use the owner's socket or token")


def _unknown(name: str) -> Fault:
    return Unauthorized(f"{name} needs to know who asks; use the node's socket, or send the token kept in its home")
