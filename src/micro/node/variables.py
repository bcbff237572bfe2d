"""Environment variables that are called like those of settings: which mean something, and which were misspelled."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from micro.node.config import PREFIX, setting_names

__all__ = ["GO_MICRO_VARIABLES", "OTHER_VARIABLES", "unknown_variables"]

OTHER_VARIABLES: Final = tuple(
    f"{PREFIX}{name}" for name in ("ADDRESS", "INSTANCE", "PROGRAM", "SERVICE", "SOCKET", "TOKEN")
)
"""What a node tells the instances it starts, and an owner may tell a client; no settings of a node."""

GO_MICRO_VARIABLES: Final = tuple(
    f"{PREFIX}{name}"
    for name in (
        *("AUTH", "BROKER", "CLIENT", "CONFIG", "PROXY", "REGISTRY", "RUNTIME", "SELECTOR", "SERVER", "STORE"),
        *("BROKER_ADDRESS", "REGISTRY_ADDRESS", "SERVER_ADDRESS", "SERVER_ADVERTISE", "STORE_ADDRESS", "TLS_INSECURE"),
        *("CLIENT_POOL_SIZE", "CLIENT_POOL_TTL", "CLIENT_REQUEST_TIMEOUT", "CLIENT_RETRIES", "DEBUG_PROFILE"),
        *("REGISTER_INTERVAL", "REGISTER_TTL", "SERVER_ID", "SERVER_METADATA", "SERVER_NAME", "SERVER_VERSION"),
        *("STORE_DATABASE", "STORE_TABLE", "TRACER", "TRACER_ADDRESS", "TRANSPORT", "TRANSPORT_ADDRESS"),
    )
)
"""What go-micro's own programs heed, which are started from the same shells; none of ours, and no mistake."""


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that are called like ours and mean nothing, each with what was probably meant, or ""."""
    known = [*(f"{PREFIX}{name.upper()}" for name in setting_names()), *OTHER_VARIABLES]
    called_like_ours = {name for name in environment if name.startswith(PREFIX)}
    unknown = sorted(called_like_ours.difference(known, GO_MICRO_VARIABLES))
    endings = [name.removeprefix(PREFIX) for name in known]
    near = {name: get_close_matches(name.removeprefix(PREFIX), endings, 1) for name in unknown}
    return {name: f"{PREFIX}{found[0]}" if found else "" for name, found in near.items()}
