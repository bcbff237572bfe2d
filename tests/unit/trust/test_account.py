"""Accounts: what they are called, what they hold, and secrets that are kept by nobody."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.trust.account import SCOPES_MAX, Account, check_secret, is_secret, seal_secret
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

NID = nid_of(NodeKey(bytes(range(32))).public)
SALT = bytes(16)


@pytest.mark.parametrize(
    ("id", "kind"),
    [("ann", "user"), ("ann@example.org", "user"), ("a", "user"), ("7", "user"), ("note-s", "service"), (NID, "node")],
)
def test_what_an_account_is_called(id: str, kind: str) -> None:
    """As what it is the account of."""
    assert Account(id, kind).id == id  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        ("", "user"),
        ("Ann", "user"),
        ("a b", "user"),
        ("a:b", "user"),
        (".ann", "user"),
        ("x" * 65, "user"),
        ("owner", "user"),
        ("anonymous", "user"),
        ("public", "user"),
        ("Notes", "service"),
        ("a.b", "service"),
        ("ann", "node"),
        (NID[:-1], "node"),
        ("ann", "robot"),
    ],
)
def test_what_no_account_is_called(id: str, kind: str) -> None:
    """Nothing that could mean another, or break a header."""
    with pytest.raises(BadRequest):
        Account(id, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "scope", ["", "*", "node:x", f"node:{NID}", "account:bob", "service:*", "Ops", "a b", "public", "x" * 65]
)
def test_scopes_that_only_the_node_gives(scope: str) -> None:
    """No account can be given what would make it somebody else."""
    with pytest.raises(BadRequest):
        Account("ann", scopes=(scope,))


def test_an_account_holds_so_many_scopes() -> None:
    """A decision looks each of them up."""
    assert len(Account("ann", scopes=tuple(f"s{n}" for n in range(SCOPES_MAX))).scopes) == SCOPES_MAX
    with pytest.raises(BadRequest):
        Account("ann", scopes=tuple(f"s{n}" for n in range(SCOPES_MAX + 1)))


def test_a_secret_is_known_again_and_not_kept() -> None:
    """Only the one that was sealed, and it is not in what is kept."""
    sealed = seal_secret("correct horse battery", SALT)
    assert is_secret(sealed, "correct horse battery")
    assert not is_secret(sealed, "correct horse batterz")
    assert not is_secret(sealed[:-1], "correct horse battery")
    assert b"horse" not in sealed


def test_an_account_without_a_secret_has_none() -> None:
    """Not even the empty one."""
    assert not is_secret(b"", "")


def test_the_same_secret_is_kept_differently() -> None:
    """Each salt makes another hash."""
    assert seal_secret("correct horse battery", SALT)[16:] != seal_secret("correct horse battery", b"x" * 16)[16:]


@pytest.mark.parametrize("secret", ["", "x" * 11, "x" * 257])
def test_secrets_that_are_refused(secret: str) -> None:
    """Too short to be safe, too long to be one."""
    with pytest.raises(BadRequest):
        check_secret(secret)
