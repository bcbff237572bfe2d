"""The endpoints `Tokens.…` of the service `auth`: API tokens, made, listed and deleted by their owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from micro.errors import BadRequest, NotFound
from micro.node.gatekeeper import Gatekeeper
from micro.ports import Clock, Entropy
from micro.trust.api_token import TOKEN_BYTES, ApiToken, digest_of, read_scopes, spell_token

__all__ = ["Tokens"]

EXPIRY_SECONDS: Final = 90 * 86_400
"""How long a token is good for where nobody says: whoever forgets one should not have lent it for ever."""

EXPIRY_SECONDS_MAX: Final = 10 * 366 * 86_400


class Tokens:
    """The endpoints."""

    def __init__(self, gate: Gatekeeper, clock: Clock, entropy: Entropy) -> None:
        self._gate = gate
        self._clock = clock
        self._entropy = entropy

    async def create(
        self, name: str, scopes: Sequence[str] = (), expiry_seconds: int = EXPIRY_SECONDS, account: str = ""
    ) -> dict[str, Any]:
        """Makes an API token. It is told here and never again.

        Args:
            name: what it is called, such as the program that gets it.
            scopes: what it covers: `greeter`, `greeter:Say.Hello`, `topic:orders`; nothing for every service.
            expiry_seconds: how long it is good for; 0 for ever.
            account: the account whose it is; empty for the owner's own.
        """
        if not 0 <= expiry_seconds <= EXPIRY_SECONDS_MAX:
            raise BadRequest(f"expiry_seconds {expiry_seconds}: 0 for ever, or up to {EXPIRY_SECONDS_MAX} is expected")
        now = self._clock.now()
        told = spell_token(self._entropy.random_bytes(TOKEN_BYTES))
        token = ApiToken(
            name,
            digest_of(told),
            read_scopes(scopes),
            account,
            self._generation(account) if account else 0,
            now,
            now + expiry_seconds if expiry_seconds else 0.0,
        )
        await self._gate.add_token(token)
        return {**self._shown(token), "token": told}

    def _generation(self, id: str) -> int:
        account = self._gate.account(id)
        if account is None:
            raise NotFound(f"there is no account called {id[:80]}; `micro auth list accounts` shows all there are")
        if account.kind != "user" or account.disabled:
            raise BadRequest(f"account: {id} is disabled, or no user; it gets no token")
        return account.generation

    async def list(self) -> dict[str, Any]:
        """Lists the API tokens: what each covers, and when it was used last."""
        return {"tokens": [self._shown(token) for token in self._gate.tokens]}

    async def delete(self, name: str) -> dict[str, Any]:
        """Deletes an API token; what is open by it ends at once.

        Args:
            name: what it is called.
        """
        await self._gate.delete_token(name)
        return {"name": name}

    def _shown(self, token: ApiToken) -> dict[str, Any]:
        return {
            "name": token.name,
            "scopes": [str(scope) for scope in token.scopes],
            "account": token.account,
            "created": token.created,
            "expires": token.expires,
            "expired": token.has_expired(self._clock.now()),
            "used": self._gate.api_tokens.used(token.name),
        }
