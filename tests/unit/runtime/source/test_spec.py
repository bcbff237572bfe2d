"""What a person writes after `micro run`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import SourceError
from micro.runtime.source.spec import SourceSpec, parse, service_name

GITHUB = "https://github.com/micro/services"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("github.com/micro/services", SourceSpec("git", GITHUB)),
        ("github.com/micro/services/helloworld", SourceSpec("git", GITHUB, "helloworld")),
        ("github.com/micro/services/a/b@v1", SourceSpec("git", GITHUB, "a/b", "v1")),
        ("github.com/micro/services@feature/x", SourceSpec("git", GITHUB, "", "feature/x")),
        ("https://github.com/micro/services.git", SourceSpec("git", GITHUB)),
        ("https://www.GitHub.com/micro/services/", SourceSpec("git", GITHUB)),
        ("github.com/micro/services.git/a@v1", SourceSpec("git", GITHUB, "a", "v1")),
        ("github.com/micro/services//a", SourceSpec("git", GITHUB, "a")),
        ("github.com/micro/services/packages/@scope/x@v1", SourceSpec("git", GITHUB, "packages/@scope/x", "v1")),
        ("gitlab.com/g/sub/project//app", SourceSpec("git", "https://gitlab.com/g/sub/project", "app")),
        ("codeberg.org/a/b/c", SourceSpec("git", "https://codeberg.org/a/b", "c")),
        ("bitbucket.org/a/b/c", SourceSpec("git", "https://bitbucket.org/a/b", "c")),
        ("git.example.org/team/code", SourceSpec("git", "https://git.example.org/team/code")),
        ("https://example.org/team/code.git/app", SourceSpec("git", "https://example.org/team/code.git", "app")),
        ("https://example.org:8443/code//app@v1", SourceSpec("git", "https://example.org:8443/code", "app", "v1")),
        ("https://example.org:443/code", SourceSpec("git", "https://example.org/code")),
        ("https://127.0.0.1:8443/code", SourceSpec("git", "https://127.0.0.1:8443/code")),
        ("https://[::1]:8443/code", SourceSpec("git", "https://[::1]:8443/code")),
        ("/srv/ann/app", SourceSpec("directory", "/srv/ann/app")),
        ("/srv/ann/app/", SourceSpec("directory", "/srv/ann/app")),
        ("/srv/ann/app//sub", SourceSpec("directory", "/srv/ann/app", "sub")),
        ("/srv/ann/app@main", SourceSpec("git", "/srv/ann/app", "", "main")),
        ("/srv/ann/app//sub@main", SourceSpec("git", "/srv/ann/app", "sub", "main")),
        ("file:///srv/ann/app", SourceSpec("directory", "/srv/ann/app")),
        ("file:///srv/ann/a%40b", SourceSpec("directory", "/srv/ann/a@b")),
        ("file:///srv/ann/app@main", SourceSpec("git", "/srv/ann/app", "", "main")),
        (".", SourceSpec("directory", ".")),
        ("./app", SourceSpec("directory", "./app")),
        ("../my.app/x", SourceSpec("directory", "../my.app/x")),
        ("services/hello", SourceSpec("directory", "services/hello")),
        ("hello.d", SourceSpec("directory", "hello.d")),
    ],
)
def test_the_grammar(text: str, spec: SourceSpec) -> None:
    """Every form that is documented is read as it says."""
    assert parse(text) == spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a source is missing"),
        ("x" * 3000, "at most 2000 characters"),
        ("/tmp/\x00", "control characters"),
        ("/tmp\n/x", "control characters"),
        ("http://example.org/x", "another way than https"),
        ("ssh://git@example.org/x", "the same is https://example.org/x"),
        ("git@github.com:micro/services", "the same is https://github.com/micro/services"),
        ("ext::sh -c touch% /tmp/x", "another way than https"),
        ("ftp://example.org/x", "another way than https"),
        ("https://ann:secret@github.com/micro/services", "a user or a password"),
        ("ann@github.com/micro/services", "a user or a password"),
        ("github.com/micro", "names no repository"),
        ("https://example.org", "names no repository"),
        ("https://example.org/a?b=c", "a query or a fragment"),
        ("https://example.org/a#b", "a query or a fragment"),
        ("https://example.org/a/../b", "no part of a repository's address"),
        ("https://example.org/a b", "no part of a repository's address"),
        ("https://2130706433/x", "no host name"),
        ("https://0x7f000001/x", "no host name"),
        ("https://127.1/x", "no host name"),
        ("https://exa_mple.org/x", "no host name"),
        ("https://-evil.org/x", "no host name"),
        ("https://example.org\\@evil.org/x", "a user or a password"),
        ("github.com/a/b/../../c", "no part of|does not lead down"),
        ("/srv//a/../b", "does not lead down"),
        ("file:///a//%2e%2e", "does not lead down"),
        ("file:///a%00b", "zero character"),
        ("github.com/a/b@", "ends in @"),
        ("github.com/a/b@-x", "no name of a branch"),
        ("github.com/a/b@a..b", "no name of a branch"),
        ("github.com/a/b@a b", "no name of a branch"),
        ("github.com/a/b@main^{tree}", "no name of a branch"),
        ("github.com/a/b@x.lock", "no name of a branch"),
        ("github.com/a/b@refs/../x", "no name of a branch"),
        ("~/app", "only a shell understands"),
        ("file://other/x", "names another machine"),
        ("https://github.com/a/b/tree/main/c", r"the source is github\.com/a/b/c@main"),
        ("https://github.com/a/b/blob/v1/c/main.py", r"the source is github\.com/a/b/c/main\.py@v1"),
        ("https://gitlab.com/a/b/-/tree/main/c", r"the source is gitlab\.com/a/b/c@main"),
        ("https://codeberg.org/a/b/src/branch/main/c", r"the source is codeberg\.org/a/b/c@main"),
    ],
)
def test_what_is_no_source(text: str, reason: str) -> None:
    """Each mistake is named in its own words, and an example follows."""
    with pytest.raises(SourceError, match=f"({reason})") as caught:
        parse(text)
    assert "github.com/micro/services/helloworld@main" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "github.com/micro/services/hello@main",
        "https://gitlab.com/a/b/c//d@v1",
        "https://example.org:8443/a//b@v1",
        "/srv/ann/app//sub@main",
        "file:///srv/a%40b//c%25@v1",
        "./app",
    ],
)
def test_it_can_be_written_down_again(text: str) -> None:
    """What a source prints is read as the same source."""
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text is worse than a refusal, and what is accepted survives being written down."""
    try:
        spec = parse(text)
    except SourceError:
        return
    assert parse(str(spec)) == spec
    assert not spec.url.startswith("-") or spec.is_local
    assert ".." not in spec.subpath.split("/")


@given(st.text(alphabet="ab./@:~-%\\ ", max_size=40))
def test_any_path_like_text_is_read_or_refused(text: str) -> None:
    """The same for texts that look like sources."""
    test_any_text_is_read_or_refused.hypothesis.inner_test(text)  # type: ignore[attr-defined]


def test_forges_are_asked_for_the_name_they_do_not_redirect() -> None:
    """Redirects are not followed, so the address ends in .git where forges want it."""
    assert parse("github.com/micro/services/a@v1").url == "https://github.com/micro/services.git"
    assert parse("https://example.org/code").url == "https://example.org/code"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("./app", "/srv/ann/app"),
        (".", "/srv/ann"),
        ("../bob/./x", "/srv/bob/x"),
        ("../../../../x", "/x"),
        ("/etc", "/etc"),
    ],
)
def test_a_relative_path_is_taken_from_a_folder(text: str, place: str) -> None:
    """The command line means its own folder, the node another."""
    assert parse(text).below("/srv/ann").location == place


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("github.com/micro/services/hello_world@main", "hello-world"),
        ("github.com/ann/Greeter.git", "greeter"),
        ("/srv/ann/2048", "service-2048"),
        ("/", "service"),
    ],
)
def test_the_folder_gives_a_name(text: str, name: str) -> None:
    """Where nothing else does, the innermost folder names the service."""
    assert parse(text).name == name


@given(st.text(max_size=40))
def test_a_made_name_is_a_name(text: str) -> None:
    """Whatever a folder is called, a service may be called what comes of it."""
    made = service_name(text)
    assert made[0].isascii()
    assert made.replace("-", "").isalnum()
    assert "--" not in made


def test_a_commit_is_told_from_a_branch() -> None:
    """Only a full hash is one."""
    assert parse("github.com/a/b@" + "a" * 40).is_commit
    assert not parse("github.com/a/b@" + "a" * 39).is_commit


def test_host_and_port() -> None:
    """What is looked up is what git will connect to."""
    assert parse("https://example.org:8443/x").host == ("example.org", 8443)
    assert parse("https://[2001:db8::1]/x").host == ("[2001:db8::1]", 443)
