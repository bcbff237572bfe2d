"""Paths, and what they may mean."""

from __future__ import annotations

import pytest

from micro.doors.api.path import Wanted, api_path, root_path


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("greeter/Say.Hello", "Say.Hello"),
        ("greeter/say/hello", "Say.Hello"),
        ("greeter/Say/Hello", "Say.Hello"),
        ("greeter/say-it/very-loud", "SayIt.VeryLoud"),
        ("greeter/hello", "Greeter.Hello"),
        ("word-count/count-all", "WordCount.CountAll"),
        ("greeter@1.2/hello", "Greeter.Hello"),
        ("greeter#2/hello", "Greeter.Hello"),
        ("greeter#2/Say.Hello", "Say.Hello"),
    ],
)
def test_our_paths_name_service_and_endpoint(path: str, wanted: str) -> None:
    """`/api/SERVICE/ENDPOINT` in each of its spellings."""
    segments = path.split("/")

    assert api_path(segments) == (Wanted(segments[0], wanted),)


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("foo", [("foo", "Foo.Call")]),
        ("foo/bar", [("foo", "Foo.Bar")]),
        ("foo/bar/baz", [("foo", "Bar.Baz")]),
        ("foo/Bar.Baz", [("foo", "Bar.Baz")]),
        ("foo/bar/baz/cat", [("foo.bar", "Baz.Cat"), ("foo-bar", "Baz.Cat")]),
        ("v1/foo", [("v1", "V1.Foo")]),
        ("v1/foo/bar", [("v1.foo", "Foo.Bar"), ("foo@1", "Foo.Bar")]),
        ("v1/foo/bar/baz", [("v1.foo", "Bar.Baz"), ("foo@1", "Bar.Baz")]),
        ("v12/foo/Bar.Baz", [("v12.foo", "Bar.Baz"), ("foo@12", "Bar.Baz")]),
        ("foo-bar/do-it", [("foo-bar", "FooBar.DoIt")]),
        ("vfoo/bar", [("vfoo", "Vfoo.Bar")]),
    ],
)
def test_other_paths_follow_go_micro(path: str, readings: list[tuple[str, str]]) -> None:
    """The gateway's rules as they were, with a version where names have no dots."""
    assert [(wanted.service, wanted.endpoint) for wanted in root_path(path.split("/"))] == readings


@pytest.mark.parametrize("path", ["", "a/../b", "a/b/c/d/e/f", "-a/b", "a/b_c", "a//b", "ä/b", "a/b/.", "a/b.c.d"])
def test_what_is_no_name_means_nothing(path: str) -> None:
    """No reading comes of a malformed path."""
    assert (root_path(path.split("/")), api_path(path.split("/"))) == ((), ())
