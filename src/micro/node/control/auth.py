"""The service `auth`: accounts, their tokens, and the rules by which callers are judged."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from micro.errors import BadRequest, Forbidden, NotFound, TooManyRequests, Unauthorized
from micro.node.control.tokens import Tokens
from micro.node.gatekeeper import Gatekeeper
from micro.ports import Clock, Entropy
from micro.service.context import Context
from micro.service.service import Service
from micro.trust.account import SALT_BYTES, Account, Kind, check_secret, is_secret, seal_secret
from micro.trust.attempts import Attempts
from micro.trust.identity import is_nid
from micro.trust.policy import Caller
from micro.trust.rules import Resource, Rule, check_reach
from micro.trust.token import ACCESS_SECONDS, REFRESH_SECONDS, check_lifetime

__all__ = ["auth_service"]

SECRET_BYTES = 24
GENERATION_BYTES = 6
"""A generation is drawn, not counted: an account that is made anew does not take the tokens of the old one."""

CHECKING_MAX = 2
"""So many secrets are hashed at once, each on a thread with 16 MiB."""

WAITING_MAX = 32
"""So many may wait for that; more are sent away."""


class Accounts:
    """The endpoints `Auth.…` and `Accounts.…`."""

    def __init__(self, gate: Gatekeeper, clock: Clock, entropy: Entropy) -> None:
        self._gate = gate
        self._clock = clock
        self._entropy = entropy
        self._attempts = Attempts()
        self._room = asyncio.Semaphore(CHECKING_MAX)
        self._waiting = 0

    async def generate(
        self, id: str, type: Kind = "user", scopes: Sequence[str] = (), secret: str = ""
    ) -> dict[str, Any]:
        """Makes an account. The secret of a user is told here and never again.

        Args:
            id: its name; of a service's account the service's, of a node's the nid.
            type: what proves it: a secret, the service's own door, or the node's key.
            scopes: what rules can grant it things by.
            secret: of a user, 12 characters or more; without it one is made.
        """
        if secret and type != "user":
            raise BadRequest(f"secret: the account of a {type} has none; a {type} proves itself")
        now = self._clock.now()
        account = Account(id, type, tuple(dict.fromkeys(scopes)), b"", self._generation(), created=now)
        if type != "user":
            await self._gate.add_account(account)
            return self._shown(account)
        account, told = await self._with_secret(account, secret)
        await self._gate.add_account(account)
        return {**self._shown(account), "secret": told}

    async def token(
        self,
        context: Context,
        id: str = "",
        secret: str = "",
        refresh_token: str = "",
        token_expiry: int = ACCESS_SECONDS,
    ) -> dict[str, Any]:
        """Gives out tokens for a secret, or for a refresh token. The owner needs neither.

        Args:
            id: the account, with its secret.
            secret: the account's secret.
            refresh_token: instead of both, what an earlier answer held.
            token_expiry: how long the access token is to live, in seconds; a day at most.
        """
        check_lifetime(token_expiry)
        refresh = ""
        if refresh_token:
            account, claims = self._gate.holder(refresh_token)
            if claims.use != "refresh":
                raise Unauthorized("refresh_token: this is an access token; show the refresh token, or the secret")
            refresh, last = refresh_token, claims.expires
        else:
            account = self._enabled(id) if context.caller.unlimited and not secret else await self._proved(id, secret)
            last = int(self._clock.now()) + REFRESH_SECONDS
        now = int(self._clock.now())
        seconds = min(token_expiry, last - now)
        return {
            "access_token": self._gate.issue(account, "access", seconds),
            "refresh_token": refresh or self._gate.issue(account, "refresh"),
            "created": now,
            "expiry": now + seconds,
        }

    async def inspect(self, token: str) -> dict[str, Any]:
        """Says whose a token is, and how long it is good for.

        Args:
            token: an access or refresh token of this node.
        """
        account, claims = self._gate.holder(token)
        return {**self._shown(account), "use": claims.use, "expiry": claims.expires}

    async def list(self) -> dict[str, Any]:
        """Lists the accounts."""
        return {"accounts": [self._shown(account) for account in self._gate.accounts]}

    async def delete(self, id: str) -> dict[str, Any]:
        """Removes an account; its tokens and links end at once.

        Args:
            id: its name.
        """
        await self._gate.delete_account(id)
        return {"id": id}

    async def change_secret(self, id: str, new_secret: str = "") -> dict[str, Any]:
        """Gives a user another secret; the tokens it has end at once.

        Args:
            id: the user.
            new_secret: 12 characters or more; without it one is made.
        """
        account, told = await self._with_secret(self._owned(id), new_secret)
        await self._gate.change_account(replace(account, generation=self._generation()))
        return {"id": id, "secret": told}

    async def update(
        self, id: str, scopes: Sequence[str] | None = None, disabled: bool | None = None
    ) -> dict[str, Any]:
        """Changes what an account holds, or whether it counts.

        Args:
            id: its name.
            scopes: all that it holds from now on.
            disabled: whether it counts for nothing.
        """
        account = self._existing(id)
        if scopes is not None:
            account = replace(account, scopes=tuple(dict.fromkeys(scopes)))
        if disabled is not None:
            account = replace(account, disabled=disabled)
            if disabled:  # the tokens that it has do not come back with it
                account = replace(account, generation=self._generation())
        await self._gate.change_account(account)
        return self._shown(account)

    # -- secrets ----------------------------------------------------------------------------------------------------

    async def _with_secret(self, account: Account, secret: str) -> tuple[Account, str]:
        if secret:
            check_secret(secret)
        told = secret or "ms_" + base64.urlsafe_b64encode(self._entropy.random_bytes(SECRET_BYTES)).decode("ascii")
        salt = self._entropy.random_bytes(SALT_BYTES)
        return replace(account, sealed=await asyncio.to_thread(seal_secret, told, salt)), told

    async def _proved(self, id: str, secret: str) -> Account:
        """Returns the user whose secret this is; a name that is none takes as long, and is answered the same."""
        account = self._gate.account(id)
        key = id if account is not None else ""
        if not self._attempts.take(key, self._clock.monotonic()):
            raise TooManyRequests("too many wrong secrets for this account; wait ten seconds before the next try")
        if self._waiting >= WAITING_MAX:
            raise TooManyRequests("too many secrets are being checked; try again in a moment")
        self._waiting += 1
        try:
            async with self._room:
                matches = await asyncio.to_thread(is_secret, account.sealed if account is not None else b"", secret)
        finally:
            self._waiting -= 1
        account = self._gate.account(id)  # it may have changed meanwhile
        if not matches or account is None or account.kind != "user" or account.disabled:
            raise Unauthorized("no such account with this secret; check both, or ask this node's owner")
        self._attempts.give_back(key)
        return account

    def _owned(self, id: str) -> Account:
        account = self._existing(id)
        if account.kind != "user":
            raise BadRequest(f"{id} is the account of a {account.kind}, which proves itself and has no secret or token")
        return account

    def _enabled(self, id: str) -> Account:
        account = self._owned(id)
        if account.disabled:
            raise Forbidden(f"{id} is disabled and gets no token; `micro auth update account {id} --enable` first")
        return account

    def _existing(self, id: str) -> Account:
        account = self._gate.account(id)
        if account is None:
            raise NotFound(f"there is no account called {id[:80]}; `micro auth list accounts` shows all there are")
        return account

    def _generation(self) -> int:
        return int.from_bytes(self._entropy.random_bytes(GENERATION_BYTES))

    def _shown(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "type": account.kind,
            "scopes": list(account.scopes),
            "issuer": self._gate.nid,
            "disabled": account.disabled,
            "created": account.created,
        }


@dataclass(frozen=True)
class ResourceFields:
    """What a rule is about.

    Attributes:
        type: `service`, `topic`, or `*` for both.
        name: of services or topics; a word, `*`, or a beginning such as `orders.*`.
        endpoint: `Struct.Method` of a service, `Publish` or `Subscribe` of a topic; or as `name`.
    """

    type: str = "*"
    name: str = "*"
    endpoint: str = "*"


class Rules:
    """The endpoints `Rules.…`."""

    def __init__(self, gate: Gatekeeper) -> None:
        self._gate = gate

    async def create(
        self,
        id: str,
        resource: ResourceFields,
        scope: str = "",
        access: Literal["granted", "denied"] = "granted",
        priority: int = 1,
    ) -> dict[str, Any]:
        """Makes a rule; it counts from the next exchange on.

        Args:
            id: its name.
            resource: what it is about.
            scope: whom it is about; empty for everybody, `*` for whoever has an account.
            access: what it says.
            priority: of the rules that fit the highest decides.
        """
        rule = Rule(id, scope, Resource(resource.type, resource.name, resource.endpoint), access, priority)
        check_reach(rule.resource)
        await self._gate.add_rule(rule)
        return _shown(rule)

    async def delete(self, id: str) -> dict[str, Any]:
        """Removes a rule; that counts from the next exchange on.

        Args:
            id: its name.
        """
        await self._gate.delete_rule(id)
        return {"id": id}

    async def list(self) -> dict[str, Any]:
        """Lists the rules in the order in which they decide."""
        return {"rules": [_shown(rule) for rule in self._gate.rules]}

    async def check(self, caller: str, resource: ResourceFields) -> dict[str, Any]:
        """Says what somebody may do, and what decides it.

        Args:
            caller: `owner`, `anonymous`, `node:NID`, `service:NAME`, or the id of an account.
            resource: what it is about, without wildcards.
        """
        if resource.type not in ("service", "topic"):
            raise BadRequest(f"resource.type: service or topic is expected, not {resource.type[:20]!r}")
        if resource.type == "topic" and resource.endpoint.lower() not in ("publish", "subscribe"):
            raise BadRequest(f"resource.endpoint: with a topic one may Publish or Subscribe, not {resource.endpoint!r}")
        found = Resource(resource.type, resource.name, resource.endpoint)
        check_reach(found)
        return self._gate.explain(self._caller(caller), found)

    def _caller(self, text: str) -> Caller:
        if text == "owner":
            return Caller(owner=True)
        if text == "anonymous":
            return Caller(anonymous=True)
        account = self._gate.account(text.removeprefix("account:"))
        kind, _, name = text.partition(":")
        if account is not None:
            kind, name = account.kind, account.id
        if kind == "user":
            return Caller(user=True, account=name)
        if kind == "service" and name:
            return Caller(service=name, supervised=True)
        if kind == "node" and is_nid(name):
            return Caller(nid=name)
        raise NotFound(f"{text[:80]!r} is nobody: owner, anonymous, node:NID, service:NAME or an account is expected")


def _shown(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "scope": rule.scope,
        "access": rule.access,
        "resource": dict(rule.resource._asdict()),
        "priority": rule.priority,
    }


def auth_service(gate: Gatekeeper, clock: Clock, entropy: Entropy) -> Service:
    """Returns the service."""
    accounts, rules, tokens = Accounts(gate, clock, entropy), Rules(gate), Tokens(gate, clock, entropy)
    service = Service("auth", description="Accounts, tokens, and the rules for callers.", platform=True)
    service.add("Auth.Generate", accounts.generate)
    service.add("Auth.Token", accounts.token)
    service.add("Auth.Inspect", accounts.inspect, idempotent=True)
    service.add("Accounts.List", accounts.list, idempotent=True)
    service.add("Accounts.Delete", accounts.delete)
    service.add("Accounts.ChangeSecret", accounts.change_secret)
    service.add("Accounts.Update", accounts.update, idempotent=True)
    service.add("Rules.Create", rules.create)
    service.add("Rules.Delete", rules.delete)
    service.add("Rules.List", rules.list, idempotent=True)
    service.add("Rules.Check", rules.check, idempotent=True)
    service.add("Tokens.Create", tokens.create)
    service.add("Tokens.List", tokens.list, idempotent=True)
    service.add("Tokens.Delete", tokens.delete)
    return service
