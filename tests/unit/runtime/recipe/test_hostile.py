"""Build files that want more than packages of a registry are refused before anything is fetched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from micro.errors import SourceError
from micro.runtime.recipe.go import GoRecipe
from micro.runtime.recipe.lockfile import check_overrides, components_of, strike_addresses
from micro.runtime.recipe.node import NodeRecipe
from micro.runtime.recipe.plan import Files, Plan
from micro.runtime.recipe.rust import RustRecipe

PLAN = Plan("", "http", ("x",), "")
HASH = "sha512-" + "A" * 86 + "=="


def files(**texts: str) -> Files:
    named = {name.replace("_", ".", 1).replace("package.lock", "package-lock"): text for name, text in texts.items()}
    return Files(named, lambda path: named[path].encode())


def lock(**entry: Any) -> bytes:
    packages = {"": {}, "node_modules/a": {"version": "1.0.0", "integrity": HASH, **entry}}
    return json.dumps({"lockfileVersion": 3, "packages": packages}).encode()


@pytest.mark.parametrize(
    "specifier",
    [
        "git+https://example.org/a.git",
        "git@example.org:a/b",
        "ann/greeter",
        "file:../../secret",
        "/etc",
        "https://example.org/a.tgz",
        "http://169.254.169.254/",
        "link:..",
        "workspace:*",
        "npm:evil@https://example.org",
    ],
)
def test_a_dependency_that_is_no_version_is_refused(specifier: str) -> None:
    """Whatever npm would follow elsewhere."""
    with pytest.raises(SourceError, match="only versions of the registry are fetched"):
        NodeRecipe().asks(PLAN, files(package_json=json.dumps({"dependencies": {"a": specifier}})))
    with pytest.raises(SourceError, match="only versions are followed"):
        check_overrides({"b": {"a": specifier}})


@pytest.mark.parametrize("specifier", ["1.2.3", "^4", "~1.0 || >=2 <3", "latest", "*", "npm:@x/other@^1.0.0", ""])
def test_versions_are_asked_for(specifier: str) -> None:
    """As people write them."""
    assert NodeRecipe().asks(PLAN, files(package_json=json.dumps({"dependencies": {"a": specifier}})))
    check_overrides({"b": {"a": specifier}, "c": "$d"})


@pytest.mark.parametrize(
    "entry",
    [
        {"resolved": "git+ssh://git@example.org/a.git#1"},
        {"resolved": "http://example.org/a.tgz"},
        {"resolved": "file:../a"},
        {"link": True},
        {"integrity": ""},
        {"version": "https://example.org/a.tgz"},
        {"name": "https://example.org/a"},
    ],
)
def test_a_lock_that_leads_elsewhere_is_refused(entry: dict[str, Any]) -> None:
    """Each kind of address, and what has no hash."""
    with pytest.raises(SourceError, match=r"package-lock\.json"):
        strike_addresses(lock(**entry))


def test_addresses_are_struck_out_of_a_lock() -> None:
    """The owner's registry is asked whatever the lock says; the hash stays."""
    struck = strike_addresses(lock(resolved="https://evil.example/a.tgz"))

    assert b"evil" not in struck
    assert [(one.name, one.version, one.hashes["sha512"]) for one in components_of(struck)] == [
        ("a", "1.0.0", "00" * 64)
    ]
    assert strike_addresses(struck) == struck


@pytest.mark.parametrize("data", [b"", b"[", b"[]", b"{}", b'{"packages": []}', b'{"packages": {"node_modules/a": 1}}'])
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    """With a reason."""
    with pytest.raises(SourceError, match=r"package-lock\.json"):
        strike_addresses(data)


@pytest.mark.parametrize(
    "text",
    [
        '[dependencies]\na = {git = "https://example.org/a"}',
        '[dependencies]\n"a" = {"git" = "https://example.org/a"}',
        '[target."cfg(unix)".dependencies.a]\ngit = "x"',
        '[patch.crates-io]\na = {git = "x"}',
        '[dependencies]\na = {version = "1", registry-index = "https://example.org"}',
        '[dependencies]\na = {path = "/etc"}',
    ],
)
def test_a_crate_from_elsewhere_is_refused(text: str) -> None:
    """However it is spelled."""
    with pytest.raises(SourceError, match=r"Cargo\.toml: "):
        RustRecipe().asks(PLAN, files(Cargo_toml=text))


def test_a_crate_from_git_in_a_lock_is_refused() -> None:
    """Even where the manifest hides it."""
    with pytest.raises(SourceError, match=r"Cargo\.lock names a crate from git"):
        RustRecipe().asks(
            PLAN, files(Cargo_toml='[dependencies]\na = "1"', Cargo_lock='source = "git+https://example.org"')
        )


@pytest.mark.parametrize("target", ["/etc", "../other", "../../x v1"])
def test_a_go_module_outside_is_refused(target: str) -> None:
    """A replacement stays inside of the source."""
    with pytest.raises(SourceError, match="outside of this source"):
        GoRecipe().asks(PLAN, files(go_mod=f"module a\nrequire b v1.0.0\nreplace b => {target}\n"))
