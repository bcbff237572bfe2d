"""The API tokens of a node: who shows one, what it covers, and when it was used last."""

from __future__ import annotations

import asyncio
from typing import Final

from micro.errors import Fault, Forbidden, Unauthorized
from micro.ports import Clock
from micro.store.auth import AuthStore
from micro.trust.api_token import ApiToken, digest_of, is_api_token
from micro.trust.policy import Caller
from micro.trust.rules import Type

__all__ = ["ApiTokens"]

USED_SECONDS: Final = 60.0
"""How much later than a token's first use its last may be, on disk; every use a write would be one fsync a call."""


class ApiTokens:
    """Says who shows a token and what it covers.

    Args:
        store: where they are kept, open.
        clock: for their ends.
    """

    def __init__(self, store: AuthStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_digest: dict[bytes, ApiToken] = {}
        self._used: dict[str, float] = {}
        self.look_again()

    def look_again(self) -> None:
        """Takes note of what the store has now."""
        self._by_digest = {token.digest: token for token in self._store.tokens.values()}

    def holder(self, shown: str) -> ApiToken:
        """Returns the token that was shown, and takes note of its use.

        Raises:
            Unauthorized: there is none such, or it has expired, or whose it is may show none.
        """
        found = self._by_digest.get(digest_of(shown)) if is_api_token(shown) else None
        if found is None or not found.is_spelled(shown):
            raise Unauthorized(
                "the API token is not taken: this node has none such; make one: `micro auth create token`"
            )
        self._check(found)
        self._used[found.name] = self._clock.now()
        return found

    def check(self, caller: Caller) -> None:
        """Checks that the token which a caller showed is still good.

        Raises:
            Unauthorized: it is not.
        """
        found = self._store.tokens.get(caller.token)
        if found is None:
            raise Unauthorized(f"{caller} was deleted; make another one: `micro auth create token`")
        self._check(found)

    def _check(self, token: ApiToken) -> None:
        if token.has_expired(self._clock.now()):
            raise Unauthorized(f"the API token {token.name} has expired; make another one: `micro auth create token`")
        if not token.account:
            return
        account = self._store.accounts.get(token.account)
        if account is None or account.disabled or account.generation != token.generation:
            raise Unauthorized(
                f"the API token {token.name} is not taken: {token.account} is gone, or was disabled or given another "
                "secret after it was made"
            )

    def refusal(self, caller: Caller, type_: Type, name: str, endpoint: str) -> Fault | None:
        """Returns None where a caller showed no token or one that covers this, else the fault to answer with."""
        if not caller.token:
            return None
        found = self._store.tokens.get(caller.token)
        if found is not None and found.covers(type_, name, endpoint):
            return None
        what = f"{name} {endpoint}" if type_ == "service" else f"{endpoint.lower()} on {name}"
        scope = f"{name}:{endpoint}" if type_ == "service" else f"topic:{name}:{endpoint}"
        return Forbidden(
            f"{caller} does not cover {what}; make one that does: `micro auth create token --scope {scope}`"
        )

    def used(self, name: str) -> float:
        """Returns when a token was used last, in seconds since 1970; 0 for never."""
        return self._used.get(name) or self._store.used.get(name, 0.0)

    async def keep_used(self, *, closing: bool = False) -> None:
        """Writes when tokens were used last, where the disk knows an older moment; all of them at the end."""
        late = 0.0 if closing else USED_SECONDS
        kept = self._store.used
        new = {name: moment for name, moment in self._used.items() if name in kept and moment - kept[name] > late}
        if new:
            await asyncio.shield(self._store.keep_used(new))
        self._used = {name: moment for name, moment in self._used.items() if name in kept}
