"""What the catalog knows of one service at one moment, frozen.

Pure.

Versions, nodes and endpoints of all instances are merged. Where two descriptions define the same endpoint, ours wins
over a stranger's and the newer version over the older, so nobody elsewhere can change what a service here says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from micro.service.registry.description import Description, EndpointSummary
from micro.service.registry.instance import Instance, matches, newest_first

__all__ = ["View", "precedence"]


def precedence(instance: Instance) -> tuple[object, ...]:
    """Returns the sort key of instances in a view: ours first, then newer versions, then by nid and id."""
    return (not instance.local, newest_first(instance.version), instance.nid, instance.id)


class View:
    """One service: built once after a change and then shared by all callers; nobody writes to it.

    Attributes:
        name: the service.
        instances: all instances, ours first, then newer versions first.
        versions: the versions that run, newest first.
        nids: the nodes it runs on, ours first.
        endpoints: the merged endpoints.
        description: the description that speaks for the service.
    """

    __slots__ = (
        "_described",
        "_descriptions",
        "_providing",
        "description",
        "endpoints",
        "instances",
        "name",
        "nids",
        "versions",
    )

    def __init__(self, name: str, described: Sequence[tuple[Instance, Description]]) -> None:
        ordered = sorted(described, key=lambda pair: precedence(pair[0]))
        self.name = name
        self.instances = tuple(instance for instance, _ in ordered)
        self._described = tuple(description for _, description in ordered)
        self.versions = tuple(sorted({instance.version for instance in self.instances}, key=newest_first))
        self.nids = tuple(dict.fromkeys(instance.nid for instance in self.instances))
        self._descriptions = tuple({description.hash: description for description in self._described}.values())
        self.description = self._descriptions[0]
        self.endpoints = _merged(self._descriptions)
        self._providing: dict[str, tuple[Instance, ...]] = {}

    @property
    def where(self) -> Literal["local", "network", "both"]:
        """Whether it runs on this node, on others, or both."""
        if not self.instances[0].local:
            return "network"
        return "local" if self.instances[-1].local else "both"

    @property
    def owner(self) -> str:
        """The node whose claim to the name counts here: ours, else the first."""
        return self.nids[0]

    def endpoint(self, name: str) -> EndpointSummary | None:
        """Returns what a caller must know of an endpoint, or None where no description has it."""
        return self.endpoints.get(name)

    def providing(self, endpoint: str) -> tuple[Instance, ...]:
        """Returns the instances whose description has `endpoint`; all of them where none has it.

        While two versions run side by side, a call goes only to those that can answer it.
        """
        if len(self._descriptions) == 1 or endpoint not in self.endpoints:
            return self.instances
        found = self._providing.get(endpoint)
        if found is None:
            hashes = {d.hash for d in self._descriptions if any(e.name == endpoint for e in d.endpoints)}
            pairs = zip(self.instances, self._described, strict=True)
            found = tuple(instance for instance, description in pairs if description.hash in hashes)
            self._providing[endpoint] = found
        return found

    @property
    def subscribes(self) -> bool:
        """Whether it takes events from any topic."""
        return any(b'"topics":[{' in description.body for description in self._descriptions)

    def of_version(self, wanted: str) -> tuple[Instance, ...]:
        """Returns the instances of a version as asked for: itself or below it, all for ""."""
        return tuple(instance for instance in self.instances if matches(instance.version, wanted))

    def description_of(self, instance: Instance) -> Description | None:
        """Returns the description of one of the instances."""
        for known, description in zip(self.instances, self._described, strict=True):
            if known.key == instance.key:
                return description
        return None

    def summary(self) -> dict[str, Any]:
        """Returns the service's line in a list."""
        return {
            "name": self.name,
            "version": self.description.version,
            "description": self.description.summary,
            "endpoints": len(self.endpoints),
            "nodes": len(self.nids),
            "owner": self.owner,
            "where": self.where,
        }

    def describe(self) -> dict[str, Any]:
        """Returns the description object with merged endpoints, topics and functions, without `nodes`."""
        found = self.description.decode()
        found = {"name": self.name, "version": "", "description": "", "metadata": {}, "topics": [], **found}
        found["owner"] = self.owner
        others = [description.decode() for description in self._descriptions[1:]]
        endpoints = {endpoint["name"]: endpoint for endpoint in found.get("endpoints", [])}
        topics = {(topic["topic"], topic.get("queue")): topic for topic in found["topics"]}
        functions = {function["name"]: function for function in found.get("functions", [])}
        for other in others:
            for endpoint in other.get("endpoints", []):
                endpoints.setdefault(endpoint["name"], endpoint)
            for function in other.get("functions", []):
                functions.setdefault(function["name"], function)
            for topic in other.get("topics", []):
                topics.setdefault((topic["topic"], topic.get("queue")), topic)
        found["endpoints"] = [endpoints[name] for name in self.endpoints]
        found["topics"] = list(topics.values())
        if functions:
            found["functions"] = list(functions.values())
        return found


def _merged(descriptions: Sequence[Description]) -> dict[str, EndpointSummary]:
    if len(descriptions) == 1:
        return {endpoint.name: endpoint for endpoint in descriptions[0].endpoints}
    merged: dict[str, EndpointSummary] = {}
    for description in descriptions:
        for endpoint in description.endpoints:
            merged.setdefault(endpoint.name, endpoint)
    return merged
