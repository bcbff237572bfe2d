"""The service `go.micro.auth`: accounts, tokens and rules of the node, as go-micro asks for them, for its owner.

A token is the node's own: it is shown to the node again, and read by nobody else. Source of the messages:
`auth/service/proto/auth.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from micro.doors.gomicro.messages import Empty
from micro.errors import BadRequest
from micro.service.client import Client
from micro.service.context import Context
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["NAME", "auth_service"]

NAME = "go-micro-auth"
GRANTED, DENIED = 1, 2
ClientFor = Callable[[Caller], Client]


@dataclass
class Account:
    """An account.

    Attributes:
        id, type: its name, and `user`, `service` or `node`.
        roles: nothing: go-micro left the number behind.
        metadata: nothing: the node keeps none.
        scopes: what rules can grant it things by.
        issuer: the node.
        secret: of a user that was made now.
    """

    id: str = ""
    type: str = ""
    roles: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    issuer: str = ""
    secret: str = ""


@dataclass
class Wanted:
    """An account that is to be made.

    Attributes:
        id: its name.
        roles: nothing: go-micro left the number behind.
        metadata: is not kept.
        scopes: what rules can grant it things by.
        secret: of a user, 12 characters or more; without it one is made.
        type: `user`, `service` or `node`; "" for a user.
        provider: must be the node itself: "".
    """

    id: str = ""
    roles: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    secret: str = ""
    type: str = ""
    provider: str = ""


@dataclass
class AccountAnswer:
    """An account that was asked for.

    Attributes:
        account: the account.
    """

    account: Account | None = None


@dataclass
class Accounts:
    """All accounts.

    Attributes:
        accounts: by id.
    """

    accounts: list[Account] = field(default_factory=list)


@dataclass
class Token:
    """Tokens.

    Attributes:
        access_token: shown in order to call.
        refresh_token: shown for another token.
        created, expiry: from when to when the access token is good, in seconds since 1970.
    """

    access_token: str = ""
    refresh_token: str = ""
    created: int = 0
    expiry: int = 0


@dataclass
class TokenAnswer:
    """Tokens that were asked for.

    Attributes:
        token: the tokens.
    """

    token: Token | None = None


@dataclass
class Resource:
    """What a rule is about.

    Attributes:
        name, type, endpoint: as the node's rules have them; "" is `*`.
    """

    name: str = ""
    type: str = ""
    endpoint: str = ""


@dataclass
class Rule:
    """A rule.

    Attributes:
        id: its name.
        scope: whom it is about; "" for everybody, `*` for whoever has an account.
        resource: what it is about.
        access: 1 grants, 2 denies.
        priority: of the rules that fit the highest decides.
    """

    id: str = ""
    scope: str = ""
    resource: Resource | None = None
    access: int = 0
    priority: int = 0


@dataclass
class Rules:
    """All rules.

    Attributes:
        rules: in the order in which they decide.
    """

    rules: list[Rule] = field(default_factory=list)


class AuthControl:
    """The endpoints."""

    def __init__(self, client_for: ClientFor) -> None:
        self._client_for = client_for

    async def _ask(self, context: Context, endpoint: str, wish: dict[str, Any]) -> Any:
        return await self._client_for(context.caller).call("auth", endpoint, wish)

    async def generate(self, wanted: Wanted, context: Context) -> AccountAnswer:
        """Makes an account.

        Args:
            wanted: which one.
        """
        if wanted.provider:
            raise BadRequest(f"provider: accounts are made by this node alone, not by {wanted.provider[:40]!r}")
        wish = {"id": wanted.id, "type": wanted.type or "user", "scopes": wanted.scopes, "secret": wanted.secret}
        return AccountAnswer(_account(await self._ask(context, "Auth.Generate", wish)))

    async def inspect(self, context: Context, token: str = "") -> AccountAnswer:
        """Says whose a token is.

        Args:
            token: of this node.
        """
        return AccountAnswer(_account(await self._ask(context, "Auth.Inspect", {"token": token})))

    async def token(
        self, context: Context, id: str = "", secret: str = "", refresh_token: str = "", token_expiry: int = 0
    ) -> TokenAnswer:
        """Gives out tokens.

        Args:
            id, secret: of an account; the owner needs no secret.
            refresh_token: instead of both.
            token_expiry: how long the access token is to live, in seconds; 0 for as long as the node says.
        """
        lasts = {"token_expiry": token_expiry} if token_expiry else {}
        wish = {"id": id, "secret": secret, "refresh_token": refresh_token, **lasts}
        found = await self._ask(context, "Auth.Token", wish)
        return TokenAnswer(Token(found["access_token"], found["refresh_token"], found["created"], found["expiry"]))

    async def list_accounts(self, context: Context) -> Accounts:
        """Lists the accounts."""
        found = await self._ask(context, "Accounts.List", {})
        return Accounts([_account(each) for each in found["accounts"]])

    async def create_rule(self, context: Context, rule: Rule | None = None) -> Empty:
        """Makes a rule.

        Args:
            rule: the rule.
        """
        if rule is None or rule.resource is None:
            raise BadRequest("rule: one with a resource is expected")
        if rule.access not in (GRANTED, DENIED):
            raise BadRequest(f"rule.access: {GRANTED} grants and {DENIED} denies, got {rule.access}")
        about = rule.resource
        resource = {"type": about.type or "*", "name": about.name or "*", "endpoint": about.endpoint or "*"}
        access = "granted" if rule.access == GRANTED else "denied"
        wish = {"id": rule.id, "scope": rule.scope, "resource": resource, "access": access, "priority": rule.priority}
        await self._ask(context, "Rules.Create", wish)
        return Empty()

    async def delete_rule(self, context: Context, id: str = "") -> Empty:
        """Removes a rule.

        Args:
            id: its name.
        """
        await self._ask(context, "Rules.Delete", {"id": id})
        return Empty()

    async def list_rules(self, context: Context) -> Rules:
        """Lists the rules in the order in which they decide."""
        found = await self._ask(context, "Rules.List", {})
        return Rules([_rule(each) for each in found["rules"]])


def _account(found: dict[str, Any]) -> Account:
    scopes, issuer = list(found["scopes"]), found["issuer"]
    return Account(found["id"], found["type"], [], {}, scopes, issuer, found.get("secret", ""))


def _rule(found: dict[str, Any]) -> Rule:
    about = found["resource"]
    resource = Resource(about["name"], about["type"], about["endpoint"])
    access = GRANTED if found["access"] == "granted" else DENIED
    return Rule(found["id"], found["scope"], resource, access, found["priority"])


def auth_service(client_for: ClientFor) -> Service:
    """Returns the service; `client_for` gives a client with a caller's rights."""
    endpoints = AuthControl(client_for)
    service = Service(NAME, description="The node's accounts and rules, for go-micro's auth over RPC.", platform=True)
    service.add("Auth.Generate", endpoints.generate)
    service.add("Auth.Inspect", endpoints.inspect, idempotent=True)
    service.add("Auth.Token", endpoints.token)
    service.add("Accounts.List", endpoints.list_accounts, idempotent=True)
    service.add("Rules.Create", endpoints.create_rule)
    service.add("Rules.Delete", endpoints.delete_rule)
    service.add("Rules.List", endpoints.list_rules, idempotent=True)
    return service
