"""Reads what somebody says has changed: the body of a `source.updated` event.

Pure.

    {"source": "github.com/ann/greeter", "ref": "main"}

The body that GitHub, GitLab, Gitea and Forgejo send for a push is understood as it is. Whoever wrote it may lie: all
that follows is that a source which is watched anyway is looked at sooner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from micro.errors import SourceError
from micro.runtime.source.spec import SourceSpec, parse

__all__ = ["NOTICE_BYTES_MAX", "TOPIC", "Notice", "read_notice"]

TOPIC = "source.updated"
"""The topic of a node on which it hears that a source has changed."""

NOTICE_BYTES_MAX = 1_000_000
"""A longer event is not read."""

BRANCHES, TAGS = "refs/heads/", "refs/tags/"


class _Place(msgspec.Struct):
    clone_url: str = ""
    html_url: str = ""
    git_http_url: str = ""


class _Body(msgspec.Struct):
    source: str = ""
    service: str = ""
    ref: str = ""
    repository: _Place = msgspec.field(default_factory=_Place)
    project: _Place = msgspec.field(default_factory=_Place)


@dataclass(frozen=True)
class Notice:
    """What is said to have changed.

    Attributes:
        location: the repository or folder, "" where a service is named.
        ref: the branch or tag, "" for any.
        service: the service whose source it is, "" where a location is named.
    """

    location: str = ""
    ref: str = ""
    service: str = ""

    @staticmethod
    def of(spec: SourceSpec) -> Notice:
        """Returns what says that a source changed."""
        return Notice(_bare(spec.location), _short(spec.ref))

    def is_about(self, spec: SourceSpec) -> bool:
        """Whether that source may have changed: the same place, and the same ref where both name one."""
        if not self.location or _bare(spec.location) != self.location:
            return False
        return not self.ref or spec.ref in {"", "HEAD"} or _short(spec.ref) == self.ref


def read_notice(body: bytes) -> Notice | None:
    """Returns what an event says, or None where it says nothing that a node understands."""
    if len(body) > NOTICE_BYTES_MAX:
        return None
    try:
        said = msgspec.json.decode(body, type=_Body)
        if said.service:
            return Notice(service=said.service)
        place = said.source or said.repository.clone_url or said.project.git_http_url or said.repository.html_url
        spec = parse(place)
    except (ValueError, RecursionError, SourceError):
        return None
    return replace(Notice.of(spec), ref=_short(said.ref or spec.ref))


def _bare(location: str) -> str:
    """Returns a place without the ending that some write and others leave out."""
    return location.removesuffix("/").removesuffix(".git")


def _short(ref: str) -> str:
    return ref.removeprefix(BRANCHES).removeprefix(TAGS)
