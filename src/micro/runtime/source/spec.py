"""Reads what a person writes after `micro run`: which code, where, and at which version.

Pure.

The grammar is `URL[//SUBPATH][@REF]`. On the hosts in `FORGES` a repository is two segments, and what follows is the
sub-path; elsewhere `//` or a segment that ends in `.git` says where the repository ends. `@` begins the version unless
it opens a segment (`packages/@scope/x`); in a path that holds another, write `file://` and `%40`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, NoReturn
from urllib.parse import quote, unquote

from micro.errors import SourceError

__all__ = ["FORGES", "SourceSpec", "parse", "service_name"]

FORGES = frozenset({"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"})
"""Hosts on which `host/owner/name` is a repository."""

TEXT_CHARACTERS_MAX = 2000
"""A longer source is a mistake."""

EXAMPLE = (
    "Write for instance github.com/micro/services/helloworld@main, https://example.org/team/code.git//app, or /srv/app."
)

HOST = re.compile(
    r"(?=.{1,253}(:\d{1,5})?$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:\d{1,5})?"
)
ADDRESS = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?")
SEGMENT = re.compile(r"[A-Za-z0-9._~%+=,@-]+")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)")
OTHER_USER = re.compile(r"[^/@]+@[^/:]+:(?!//)")
OVER_SSH = re.compile(r"(?:ssh://)?git@(?P<host>[a-z0-9.-]+)[:/](?P<path>[A-Za-z0-9._~/-]+)")
"""An address that forges hand out for those who may write; what may be read is at the same place over https."""

REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^\.|^-|^/|/$|\.$|\.lock(/|$)")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
WEB_PAGE = frozenset({"tree", "blob", "src", "-", "raw", "commit", "commits"})
"""The segment after the repository in the address of a web page about it."""


@dataclass(frozen=True)
class SourceSpec:
    """Code at a place.

    Attributes:
        kind: `git`, or `directory` for a working tree that runs where it is.
        location: the repository's `https://` address, or a path on this machine.
        subpath: the folder inside it, with single slashes; empty for all of it.
        ref: a branch, a tag, a full commit hash or a full ref name; empty for the repository's own choice.
    """

    kind: Literal["directory", "git"]
    location: str
    subpath: str = ""
    ref: str = ""

    def __str__(self) -> str:
        place = self.location
        forge = place.removeprefix("https://")
        if forge.split("/")[0] in FORGES and len(forge.split("/")) == 3:
            place = f"{forge}/{self.subpath}" if self.subpath else forge
        elif self.subpath:
            place = f"{place}//{self.subpath}"
        if self.location.startswith("/") and re.search(r"[@%]|//", self.location + self.subpath):
            place = "file://" + quote(self.location) + (f"//{quote(self.subpath)}" if self.subpath else "")
        return f"{place}@{self.ref}" if self.ref else place

    @property
    def is_local(self) -> bool:
        """Whether the location is a path on this machine."""
        return not self.location.startswith("https://")

    @property
    def is_commit(self) -> bool:
        """Whether the version is a full commit hash, which never moves."""
        return COMMIT.fullmatch(self.ref) is not None

    @property
    def host(self) -> tuple[str, int]:
        """The host and port of a remote location."""
        authority = self.location.removeprefix("https://").split("/")[0]
        name, port = authority, ""
        if not authority.endswith("]") and ":" in authority:
            name, _, port = authority.rpartition(":")
        return name, int(port or 443)

    @property
    def url(self) -> str:
        """What git is given: forges redirect without the `.git`, and redirects are not followed."""
        if not self.is_local and self.host[0] in FORGES and not self.location.endswith(".git"):
            return f"{self.location}.git"
        return self.location

    @property
    def name(self) -> str:
        """The service's name where nothing else gives one: that of the innermost folder."""
        return service_name((self.subpath or self.location).rstrip("/").rpartition("/")[2].removesuffix(".git"))

    def below(self, folder: str) -> SourceSpec:
        """Returns the same source with a relative path taken from `folder`, as the person who typed it means it."""
        if not self.is_local or self.location.startswith("/"):
            return self
        steps: list[str] = []
        for step in f"{folder}/{self.location}".split("/"):
            if step == "..":
                steps = steps[:-1]
            elif step not in {"", "."}:
                steps.append(step)
        return replace(self, location="/" + "/".join(steps))


def parse(text: str) -> SourceSpec:
    """Reads a source.

    Raises:
        SourceError: it follows no form that is known; the message shows one that would.
    """
    text = text.strip()
    if not text:
        _refuse("a source is missing")
    if len(text) > TEXT_CHARACTERS_MAX:
        _refuse(f"a source has at most {TEXT_CHARACTERS_MAX} characters, this one has {len(text)}")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        _refuse(f"{text!r} holds control characters")
    if text.startswith("file://"):
        rest = text.removeprefix("file://").removeprefix("localhost")
        if not rest.startswith("/"):
            _refuse(f"{text!r} names another machine; a file:// source is a path here, as file:///srv/app")
        spec = _local(rest)
        spec = replace(spec, location=unquote(spec.location), subpath=unquote(spec.subpath))
        if "\0" in spec.location + spec.subpath:
            _refuse(f"{text!r} holds a zero character")
        _check_subpath(spec.subpath, text)
        return spec
    if text.startswith("https://"):
        return _remote(text.removeprefix("https://"), text)
    if SCHEME.match(text) or OTHER_USER.match(text):
        over = OVER_SSH.fullmatch(text)
        same = f"; the same is https://{over['host']}/{over['path']}" if over else ""
        _refuse(f"{text!r} is reached another way than https, and sources come over https only{same}")
    if text.startswith("~"):
        _refuse(f"{text!r} begins with ~, which only a shell understands: write the path out")
    first, slash, _ = text.partition("/")
    if slash and "." in first.strip(".") and not first.startswith("."):
        return _remote(text, text)
    return _local(text)


def service_name(text: str) -> str:
    """Returns the nearest text that may be a service's name: lower-case words joined by dashes."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return words if words[:1].isalpha() else f"service-{words}".strip("-")


def _local(text: str) -> SourceSpec:
    path, ref = _split_ref(text)
    cut = path.find("//", 1)
    location, subpath = (path, "") if cut < 0 else (path[:cut], path[cut:].strip("/"))
    _check_subpath(subpath, text)
    location = location.rstrip("/") or "/"
    return SourceSpec("git" if ref else "directory", location, subpath, ref)


def _remote(rest: str, text: str) -> SourceSpec:
    authority, _, path = rest.partition("/")
    if "@" in authority:
        _refuse(f"{text!r} holds a user or a password: public repositories need none")
    host = _check_host(authority.lower(), text)
    path, ref = _split_ref(path)
    if "?" in path or "#" in path:
        _refuse(f"{text!r} has a query or a fragment: name the repository alone")
    left, marked, subpath = path.partition("//")
    steps = [step for step in left.split("/") if step]
    for step in steps:
        if not SEGMENT.fullmatch(step) or step in {".", ".."} or (step.startswith("-") and step != "-"):
            _refuse(f"{text!r} holds {step!r}, which is no part of a repository's address")
    ends = next((index + 1 for index, step in enumerate(steps) if step.endswith(".git")), 0)
    if not marked and (ends or host in FORGES):
        ends = ends or 2
        subpath = "/".join(steps[ends:])
        steps = steps[:ends]
    if not steps or (host in FORGES and len(steps) < 2):
        _refuse(f"{text!r} names no repository")
    if host in FORGES:
        _check_web_page(host, steps, subpath, text)
        steps[-1] = steps[-1].removesuffix(".git")
    subpath = subpath.strip("/")
    _check_subpath(subpath, text)
    return SourceSpec("git", "https://" + "/".join([host, *steps]), subpath, ref)


def _check_web_page(host: str, steps: list[str], subpath: str, text: str) -> None:
    first, _, rest = subpath.partition("/")
    if first in WEB_PAGE and rest and (first != "src" or rest.startswith(("branch/", "tag/", "commit/"))):
        words = [word for word in rest.split("/") if word not in {*WEB_PAGE, "branch", "tag"}]
        inside = "/".join([host, *steps, *words[1:]])
        _refuse(f"{text!r} is the address of a web page; the source is {inside}@{words[0] if words else 'main'}")


def _check_host(authority: str, text: str) -> str:
    host = authority.removesuffix(":443")
    if ADDRESS.fullmatch(host):
        return host
    last = host.partition(":")[0].rpartition(".")[2]
    if not HOST.fullmatch(host) or not re.search(r"[a-z]", last) or re.fullmatch(r"0x[0-9a-f]*", last):
        _refuse(f"{text!r} names the host {authority!r}, which is no host name")
    return host.removeprefix("www.") if host.removeprefix("www.") in FORGES else host


def _split_ref(path: str) -> tuple[str, str]:
    """Returns what stands before and after the `@` that begins the version."""
    found = re.search(r"(?<=[^/])@", path)
    if not found:
        return path, ""
    ref = path[found.end() :]
    if not ref:
        _refuse(f"{path!r} ends in @: name a branch, a tag or a commit after it")
    if REF_FORBIDDEN.search(ref):
        _refuse(f"{ref!r} is no name of a branch, a tag or a commit")
    return path[: found.start()], ref


def _check_subpath(subpath: str, text: str) -> None:
    for step in subpath.split("/") if subpath else []:
        if step in {"", ".", ".."} or "\\" in step:
            _refuse(f"{text!r} holds the sub-path {subpath!r}, which does not lead down")


def _refuse(reason: str) -> NoReturn:
    raise SourceError(f"{reason}. {EXAMPLE}")
