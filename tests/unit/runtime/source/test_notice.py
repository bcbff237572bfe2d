"""What an event on `source.updated` says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.runtime.source.notice import NOTICE_BYTES_MAX, Notice, read_notice
from micro.runtime.source.spec import parse

GREETER = "https://github.com/ann/greeter"

GITHUB = {
    "ref": "refs/heads/main",
    "before": "0" * 40,
    "repository": {"id": 1, "full_name": "ann/greeter", "html_url": GREETER, "clone_url": f"{GREETER}.git"},
    "commits": [{"id": "1" * 40, "message": "Be polite"}],
}
GITLAB = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "project": {"git_http_url": f"{GREETER}.git", "web_url": GREETER},
    "repository": {"name": "greeter", "git_http_url": f"{GREETER}.git"},
}


@pytest.mark.parametrize(
    ("said", "notice"),
    [
        ({"source": "github.com/ann/greeter"}, Notice(GREETER)),
        ({"source": "github.com/ann/greeter@main"}, Notice(GREETER, "main")),
        ({"source": "github.com/ann/greeter", "ref": "refs/tags/v1"}, Notice(GREETER, "v1")),
        ({"source": "https://git.example.org/code.git"}, Notice("https://git.example.org/code")),
        ({"source": "/srv/ann/app.git@main"}, Notice("/srv/ann/app", "main")),
        ({"service": "greeter"}, Notice(service="greeter")),
        (GITHUB, Notice(GREETER, "main")),
        (GITLAB, Notice(GREETER, "main")),
    ],
)
def test_what_is_understood(said: object, notice: Notice) -> None:
    """Our own form, and what forges send for a push."""
    assert read_notice(json.dumps(said).encode()) == notice


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"source": 1}', b'{"source": "http://x/y"}', b"[" * 100_000, b"\xff"]
)
def test_what_says_nothing(body: bytes) -> None:
    """Whatever else an event holds is no error: somebody wrote something."""
    assert read_notice(body) is None


def test_what_is_too_long_is_not_read() -> None:
    """A body beyond the limit costs nothing."""
    body = json.dumps({"service": "greeter", "commits": "x" * NOTICE_BYTES_MAX}).encode()

    assert read_notice(body) is None


@given(st.binary(max_size=200) | st.dictionaries(st.text(), st.text()).map(lambda said: json.dumps(said).encode()))
def test_anything_is_read_or_ignored(body: bytes) -> None:
    """No event is worse than one that says nothing."""
    notice = read_notice(body)

    assert notice is None or notice.location or notice.service


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("github.com/ann/greeter@main", True),
        ("github.com/ann/greeter/sub/folder@main", True),
        ("github.com/ann/greeter.git@refs/heads/main", True),
        ("github.com/ann/greeter", True),
        ("github.com/ann/greeter@dev", False),
        ("github.com/ann/other@main", False),
    ],
)
def test_what_it_is_about(source: str, expected: bool) -> None:
    """The same repository, whatever the folder; another branch is not meant, and the repository's own choice may be."""
    assert Notice(GREETER, "main").is_about(parse(source)) is expected


def test_a_branch_that_is_not_named_may_be_any() -> None:
    """Who names the repository alone means all of it, and who names a service no repository."""
    assert Notice(GREETER).is_about(parse("github.com/ann/greeter@dev"))
    assert not Notice(service="greeter").is_about(parse("github.com/ann/greeter@dev"))
