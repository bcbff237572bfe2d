"""`Sandbox` that confines nothing: the guest runs as its owner does, only with limits; an owner has to insist on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from micro.ports import NOTHING
from micro.runtime.sandbox.sandbox import Policy, Wrapped

__all__ = ["Unconfined"]


class Unconfined:
    """Leaves a command as it is."""

    name = "none"
    confines = False
    hands_sockets = False

    def wrap(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], policy: Policy, *, counted: bool
    ) -> Wrapped:
        private = {} if policy.private is None else {"HOME": str(policy.private), "TMPDIR": str(policy.private)}
        return Wrapped(tuple(command), {**environment, **private}, NOTHING, proxies=0)
