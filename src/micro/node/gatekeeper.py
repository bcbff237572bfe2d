"""The gatekeeper: the fixed policy, the owner's rules and his accounts, asked as one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from micro.errors import Fault, Forbidden, Unauthorized
from micro.node.api_tokens import ApiTokens
from micro.ports import Clock
from micro.service.copies.messages import READERS_MAX
from micro.service.registry.unverified import refusal as unverified_name
from micro.store.auth import AuthStore
from micro.trust.account import Account
from micro.trust.api_token import API_TOKEN, ApiToken
from micro.trust.identity import is_nid, nid_of
from micro.trust.keys import NodeKey
from micro.trust.policy import Caller, is_ruled, may_call, may_publish, may_subscribe
from micro.trust.rules import Resource, Rule, RuleTable, held_by, refusal
from micro.trust.token import REFRESH_SECONDS, Claims, Use, issue_token, read_token

__all__ = ["Ended", "Gatekeeper", "Visit"]

TOKENS_KEPT_MAX = 1_024
"""Tokens whose signature was checked; a check takes some 100 us."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who showed a token.

    Attributes:
        caller: the user; by an API token perhaps the owner.
        expires: until when the token is good, in seconds since 1970; infinity where it has no end.
    """

    caller: Caller
    expires: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose links count no longer, and why.

    Attributes:
        account: a user that is another now, or gone; "" for none.
        token: an API token that was deleted, by its name; "" for none.
    """

    account: str = ""
    token: str = ""

    def covers(self, caller: Caller) -> bool:
        """Says whether a caller came by it."""
        if self.token:
            return caller.token == self.token
        return caller.user and caller.account == self.account

    @property
    def fault(self) -> Fault:
        """What is said to such a caller."""
        if self.token:
            return Forbidden(f"the API token {self.token} was deleted; show another one")
        return Forbidden(f"a rule changed: the account {self.account} is another, or none, by now; show a new token")


class Gatekeeper:
    """Says what callers may, and keeps the accounts and rules it says it by.

    Args:
        store: where they are, open.
        key: the node's key, which signs tokens.
        clock: for their lifetime.
    """

    def __init__(self, store: AuthStore, key: NodeKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._table = RuleTable(store.rules)
        self._tokens: dict[str, Claims] = {}
        self.api_tokens = ApiTokens(store, clock)
        self.nid = nid_of(key.public)
        self.number = 0
        self.exported: Callable[[str], bool] = lambda topic: False
        """Says whether a topic is open to other nodes."""
        self.hidden: Callable[[], frozenset[str]] = frozenset
        """Returns the services that are not offered to strangers."""
        self.unverified: Callable[[str], Sequence[str]] = lambda service: ()
        """Returns the strangers that offer a name which nobody vouches for yet."""
        self.is_wanted: Callable[[str], bool] = lambda nid: False
        """Says whether a node is a neighbour that the owner asked for."""
        self.on_change: Callable[[Ended | None], None] = lambda ended: None
        """Told after each change; with whose tokens or links may no longer count, if there are any."""

    # -- deciding ---------------------------------------------------------------------------------------------------

    def known(self, caller: Caller) -> Caller:
        """Returns the caller with the account that it has here now.

        Raises:
            Unauthorized: it is a user whose account is gone or disabled, or showed an API token that is good no more.
        """
        if caller.token:
            self.api_tokens.check(caller)
        if caller.user:
            return replace(caller, scopes=self._user(caller.account).scopes)
        if caller.owner or caller.anonymous:
            return caller
        account = self._store.accounts.get(caller.service if caller.supervised else caller.nid)
        kind = "service" if caller.supervised else "node"
        if account is None or account.kind != kind or account.disabled:
            return caller
        return replace(caller, account=account.id, scopes=account.scopes)

    def may_call(self, caller: Caller, service: str, endpoint: str) -> Fault | None:
        """Returns None where a known caller may call or open an endpoint, else the fault to answer with."""
        refused = self.api_tokens.refusal(caller, "service", service, endpoint)
        refused = refused or may_call(caller, service, endpoint, exported=service not in self.hidden_from(caller))
        if refused is not None or not is_ruled(service, endpoint):
            return refused
        if self._table.decide(caller, "service", service, endpoint).granted:
            return None
        return refusal(caller, "service", service, endpoint, self.nid)

    def may_meet(self, caller: Caller, service: str) -> Fault | None:
        """Returns None where a known caller may use a service that strangers offer, else the fault to answer with.

        His own programs and services take a name as it is, and pin it; what a person uses asks him before.
        """
        if caller.unlimited or caller.supervised:
            return None
        nodes = self.unverified(service)
        return unverified_name(service, nodes) if nodes else None

    def hidden_from(self, caller: Caller) -> frozenset[str]:
        """Returns the services that a caller neither sees nor may use: for a stranger those that are not offered."""
        return self.hidden() if caller.peer and not self.is_wanted(caller.nid) else frozenset()

    def may_publish(self, caller: Caller, topic: str) -> Fault | None:
        """Returns None where a known caller may publish on a topic, else the fault to answer with."""
        return may_publish(caller, topic, exported=self.exported(topic)) or self._topic(caller, topic, "Publish")

    def may_subscribe(self, caller: Caller, topic: str) -> Fault | None:
        """Returns None where a known caller may receive a topic's events, else the fault to answer with."""
        return may_subscribe(caller, topic, exported=self.exported(topic)) or self._topic(caller, topic, "Subscribe")

    def may_hear(self, nid: str, topic: str) -> bool:
        """Says whether subscribers here are given another node's events: those whom it may publish to here, by rule."""
        return self._topic(self.known(Caller(nid=nid)), topic, "Publish") is None

    def may_follow(self, nid: str, topic: str) -> bool:
        """Says whether a neighbour may subscribe to a topic here, so that it is worth telling it of the topic."""
        return self.may_subscribe(self.known(Caller(nid=nid)), topic) is None

    def readers(self, topic: str) -> tuple[bool, list[str]]:
        """Returns whether the rules let nodes subscribe to a topic, and the nodes of which the contrary holds.

        Where too many would have to be named only so many are let in, and all others are not.
        """
        everybody = self._topic(Caller(), topic, "Subscribe") is None
        named = {rule.scope.removeprefix("node:") for rule in self._table.rules if rule.scope.startswith("node:")}
        named |= {account.id for account in self._store.accounts.values() if account.kind == "node"}
        nids = [nid for nid in sorted(named) if is_nid(nid)]
        let_in = [nid for nid in nids if self._topic(self.known(Caller(nid=nid)), topic, "Subscribe") is None]
        others = [nid for nid in nids if nid not in set(let_in)] if everybody else let_in
        return (everybody, others) if len(others) <= READERS_MAX else (False, let_in[:READERS_MAX])

    def _topic(self, caller: Caller, topic: str, verb: str) -> Fault | None:
        refused = self.api_tokens.refusal(caller, "topic", topic, verb)
        if refused is not None:
            return refused
        if self._table.decide(caller, "topic", topic, verb).granted:
            return None
        return refusal(caller, "topic", topic, verb, self.nid)

    def explain(self, caller: Caller, resource: Resource) -> dict[str, Any]:
        """Returns what the answer to a caller is, and by what: `owner`, `policy`, `rule`, or `no rule`."""
        caller = self.known(caller)
        type_, name, endpoint = resource
        if type_ == "service":
            fixed = may_call(caller, name, endpoint, exported=name not in self.hidden_from(caller))
            ruled = is_ruled(name, endpoint)
        else:
            asked = may_subscribe if endpoint.lower() == "subscribe" else may_publish
            fixed = asked(caller, name, exported=self.exported(name))
            ruled = True
        said = {"caller": str(caller), "scopes": [scope or "public" for scope in held_by(caller)]}
        if caller.owner:
            return {"allowed": True, "by": "owner", "rule": "", **said}
        if fixed is not None or not ruled:
            return {"allowed": fixed is None, "by": "policy", "rule": "", **said}
        decision = self._table.decide(caller, "service" if type_ == "service" else "topic", name, endpoint)
        by, rule = ("rule", decision.rule.id) if decision.rule is not None else ("no rule", "")
        return {"allowed": decision.granted, "by": by, "rule": rule, **said}

    # -- tokens -----------------------------------------------------------------------------------------------------

    def issue(self, account: Account, use: Use, seconds: int = REFRESH_SECONDS) -> str:
        """Returns a new token for an account."""
        now = int(self._clock.now())
        return issue_token(self._key, Claims(self.nid, account.id, account.generation, use, now, now + seconds))

    def holder(self, token: str) -> tuple[Account, Claims]:
        """Returns whose a token is, and what it says.

        Raises:
            Unauthorized: it is none or too old, or its account is gone, or was disabled or given another secret since.
        """
        now = self._clock.now()
        claims = self._tokens.get(token)
        if claims is None or now >= claims.expires:
            claims = read_token(token, self.nid, now)
            if len(self._tokens) >= TOKENS_KEPT_MAX:
                self._tokens.clear()
            self._tokens[token] = claims
        account = self._user(claims.account)
        if account.generation != claims.generation:
            raise Unauthorized(  # a generation tells that it is another one, not what began it
                f"the token is not taken: {account.id} was disabled, given another secret or made anew after it was "
                f"issued; get a new one with `micro auth token {account.id}`, or from Auth.Token"
            )
        return account, claims

    def visit(self, token: str) -> Visit:
        """Returns who shows a token in order to call.

        Raises:
            Unauthorized: see `holder`; or it is good for getting another token alone.
        """
        if token.startswith(API_TOKEN):
            return self._lent(self.api_tokens.holder(token))
        account, claims = self.holder(token)
        if claims.use != "access":
            raise Unauthorized("a refresh token gets another token from Auth.Token, and nothing else")
        return Visit(Caller(user=True, account=account.id), claims.expires)

    @staticmethod
    def _lent(token: ApiToken) -> Visit:
        expires = token.expires or math.inf
        if token.account:
            return Visit(Caller(user=True, account=token.account, token=token.name), expires)
        return Visit(Caller(owner=True, token=token.name), expires)

    def _user(self, id: str) -> Account:
        account = self._store.accounts.get(id)
        if account is None or account.kind != "user" or account.disabled:
            raise Unauthorized("this account is gone or disabled; ask this node's owner")
        return account

    # -- what is kept -----------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> list[Account]:
        """All accounts, by id."""
        return sorted(self._store.accounts.values(), key=lambda account: account.id)

    def account(self, id: str) -> Account | None:
        """Returns an account, if there is one of that id."""
        return self._store.accounts.get(id)

    @property
    def tokens(self) -> list[ApiToken]:
        """All API tokens, by name."""
        return sorted(self._store.tokens.values(), key=lambda token: token.name)

    @property
    def rules(self) -> list[Rule]:
        """All rules in the order in which they decide."""
        return list(self._table.rules)

    async def add_account(self, account: Account) -> None:
        """Adds an account; raises what `AuthStore.add_account` does."""
        await self._store.add_account(account)
        self._changed()

    async def change_account(self, account: Account) -> None:
        """Changes an account; links and tokens that it no longer covers end. Raises what the store does."""
        before = self._store.accounts.get(account.id)
        await self._store.change_account(account)
        ended = before is None or before.generation != account.generation or account.disabled
        self._changed(Ended(account.id) if ended else None)

    async def delete_account(self, id: str) -> None:
        """Removes an account, and ends its links and tokens. Raises what the store does."""
        await self._store.delete_account(id)
        self._changed(Ended(id))

    async def add_rule(self, rule: Rule) -> None:
        """Adds a rule; raises what `AuthStore.add_rule` does."""
        await self._store.add_rule(rule)
        self._changed()

    async def delete_rule(self, id: str) -> None:
        """Removes a rule; raises what the store does."""
        await self._store.delete_rule(id)
        self._changed()

    async def add_token(self, token: ApiToken) -> None:
        """Adds an API token; raises what the store does."""
        await self._store.add_token(token)
        self._changed()

    async def delete_token(self, name: str) -> None:
        """Removes an API token, and ends what is open by it. Raises what the store does."""
        await self._store.delete_token(name)
        self._changed(Ended(token=name))

    def exports_changed(self) -> None:
        """Takes note that other topics or services are open to other nodes than before."""
        self._changed()

    async def close(self) -> None:
        """Keeps what is not kept yet, and closes the store."""
        await self.api_tokens.keep_used(closing=True)
        await self._store.close()

    def _changed(self, ended: Ended | None = None) -> None:
        self._table = RuleTable(self._store.rules)
        self.api_tokens.look_again()
        self.number += 1
        self.on_change(ended)
