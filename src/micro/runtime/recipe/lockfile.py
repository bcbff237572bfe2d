"""Reads a `package-lock.json`, and believes none of its addresses.

Pure.

An entry is a version with a hash (`integrity`, as W3C's Subresource Integrity spells it) from the owner's registry.
Git repositories, folders, links and addresses without a hash are refused: a lock is a stranger's text.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from micro.errors import SourceError
from micro.runtime.recipe.plan import Component

__all__ = ["SPECIFIER", "check_overrides", "components_of", "strike_addresses"]

LOCK_BYTES_MAX = 30_000_000
PACKAGES_MAX = 10_000
DEPTH_MAX = 20
WHERE = "package-lock.json"
SPECIFIER = re.compile(r"(npm:(@[\w.-]+/)?[\w.-]+@)?[\w.^~<>=*|+ -]*")
"""A range of versions or a tag of the registry, of this package or of another one (`npm:`); no address is one."""

OVERRIDE = re.compile(rf"\$[@\w./-]+|{SPECIFIER.pattern}")
VERSION = re.compile(r"[\w.+-]+")
NAME = re.compile(r"(@[\w.~-]+/)?[\w.~-]+")


def strike_addresses(data: bytes) -> bytes:
    """Returns the lock without the addresses of its archives, in a canonical form.

    Raises:
        SourceError: it cannot be read, or takes something from elsewhere than a registry.
    """
    lock, packages = _read(data)
    for place, entry in packages.items():
        if not isinstance(entry, dict):
            raise SourceError(f"{WHERE}: {place[:80]!r} is no object")
        if place and (entry.get("link") or not place.startswith("node_modules/")):
            raise SourceError(f"{WHERE}: {place[:80]!r} is a folder of its own: workspaces are not fetched")
        named = [entry.get("version", "0"), *([entry["name"]] if place and "name" in entry else [])]
        if not VERSION.fullmatch(str(named[0])) or not all(NAME.fullmatch(str(one)) for one in named[1:]):
            raise SourceError(f"{WHERE}: {place[:80]!r} is {str(named)[:80]}, which is no version of the registry")
        address = str(entry.pop("resolved", "https:"))
        if not address.startswith("https:") or (place and not entry.get("integrity") and not entry.get("inBundle")):
            raise SourceError(f"{WHERE}: {place[:80]!r} is no version of the registry with a hash")
    return json.dumps(lock, sort_keys=True, indent=1).encode()


def check_overrides(overrides: Any, depth: int = 0) -> None:
    """Raises `SourceError` where overrides of a `package.json` name anything but versions."""
    if isinstance(overrides, dict) and depth < DEPTH_MAX:
        for value in overrides.values():
            check_overrides(value, depth + 1)
    elif overrides is not None and (not isinstance(overrides, str) or not OVERRIDE.fullmatch(overrides)):
        raise SourceError(f"package.json: `overrides` says {str(overrides)[:80]!r}: only versions are followed")


def components_of(data: bytes, *, development: bool = True) -> tuple[Component, ...]:
    """Returns the packages that a lock names; those that only its authors need where `development` says so."""
    _, packages = _read(data)
    return tuple(
        Component("npm", place.rpartition("node_modules/")[2], str(entry.get("version", "")), _hashes(entry))
        for place, entry in sorted(packages.items())
        if place and (development or not entry.get("dev"))
    )


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        lock = json.loads(data) if len(data) <= LOCK_BYTES_MAX else None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{WHERE} is no JSON: {error}") from error
    if not isinstance(lock, dict) or len(lock.get("packages") or {}) > PACKAGES_MAX:
        raise SourceError(f"{WHERE} is no lock of at most {PACKAGES_MAX} packages")
    packages = lock.get("packages")
    if not isinstance(packages, dict):
        raise SourceError(f"{WHERE} is of an old form: run `npm install --package-lock-only`, and commit the new one")
    lock.pop("dependencies", None)  # what versions before 7 read, with addresses of its own
    return lock, packages


def _hashes(entry: dict[str, Any]) -> dict[str, str]:
    algorithm, dash, digest = str(entry.get("integrity", "")).split(" ")[0].partition("-")
    try:
        return {algorithm: base64.b64decode(digest, validate=True).hex()} if dash else {}
    except (binascii.Error, ValueError):
        return {}
