"""What an owner allows a service beyond its own: a guest has nothing of the machine but what is named here.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from micro.errors import SourceError

__all__ = ["GRANTS", "NETWORK", "check_grants", "check_needs"]

NETWORK = "network"

GRANTS: Mapping[str, str] = {NETWORK: "the machine's network"}
"""What there is to be allowed, and what that is."""


def check_grants(names: Collection[str]) -> frozenset[str]:
    """Returns what is allowed.

    Raises:
        SourceError: one of the names means nothing.
    """
    for name in names:
        if name not in GRANTS:
            raise SourceError(f"{name!r} cannot be allowed: there is {', '.join(GRANTS)}")
    return frozenset(names)


def check_needs(needs: frozenset[str], allowed: frozenset[str], source: str) -> None:
    """Does nothing where a service is allowed what it needs.

    Raises:
        SourceError: it is not; the message says how its owner allows it.
    """
    missing = sorted(needs - allowed)
    if missing:
        means = " and ".join(GRANTS[name] for name in missing)
        options = " ".join(f"--allow {name}" for name in missing)
        raise SourceError(f"it says that it needs {means}: if you trust it with that, micro run {source} {options}")
