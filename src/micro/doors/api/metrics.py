"""Figures for whoever watches the node: rate, errors and durations of each endpoint, in Prometheus' text form.

Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CONTENT_TYPE", "PAIRS_MAX", "Figures", "Sample", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PAIRS_MAX = 200
"""So many endpoints have figures of their own; the rest share those of `other`."""

OTHER = ("other", "other")
BOUNDS_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure.

    Attributes:
        name: as Prometheus wants it: words joined by underscores, the unit last, `_total` behind a count.
        value: the figure.
        labels: what tells it from others of its name.
        kind: a counter only rises.
        meaning: one sentence.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["counter", "gauge", "histogram"] = "gauge"
    meaning: str = ""


class _Pair:
    """The figures of one endpoint."""

    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS_SECONDS) + 1)


class Figures:
    """What the door counts."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self.under_way = 0

    def record(self, service: str, endpoint: str, code: int, seconds: float) -> None:
        """Counts a request that was answered with `code` after `seconds`."""
        key = (service, endpoint)
        pair = self._pairs.get(key)
        if pair is None:
            if len(self._pairs) >= PAIRS_MAX:
                key = OTHER
            pair = self._pairs.setdefault(key, _Pair())
        pair.codes[code] = pair.codes.get(code, 0) + 1
        pair.seconds += seconds
        pair.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1

    def samples(self) -> Iterable[Sample]:
        """Yields the figures, those of one name together."""
        yield Sample("micro_http_requests_under_way", self.under_way, meaning="Requests that are being answered.")
        for labels, pair in self._labelled():
            for code, count in sorted(pair.codes.items()):
                yield Sample(
                    "micro_http_requests_total",
                    count,
                    {**labels, "code": str(code)},
                    "counter",
                    "Requests answered, by status.",
                )
        name, meaning = "micro_http_request_seconds", "How long answers took."
        for labels, pair in self._labelled():
            total = 0
            for bound, count in zip((*BOUNDS_SECONDS, float("inf")), pair.buckets, strict=True):
                total += count
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield Sample(f"{name}_bucket", total, {**labels, "le": edge}, "histogram", meaning)
            yield Sample(f"{name}_sum", round(pair.seconds, 6), labels, "histogram", meaning)
            yield Sample(f"{name}_count", total, labels, "histogram", meaning)

    def _labelled(self) -> Iterable[tuple[dict[str, str], _Pair]]:
        for (service, endpoint), pair in self._pairs.items():
            yield {"service": service, "endpoint": endpoint}, pair


def exposition(samples: Iterable[Sample]) -> str:
    """Returns figures in Prometheus' text form, version 0.0.4."""
    lines: list[str] = []
    announced: set[str] = set()
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        families.setdefault(_family(sample), []).append(sample)
    for family, members in families.items():
        if members[0].meaning and family not in announced:
            lines.append(f"# HELP {family} {_escaped(members[0].meaning)}")
        lines.append(f"# TYPE {family} {members[0].kind}")
        announced.add(family)
        lines += [_line(sample) for sample in members]
    return "\n".join((*lines, ""))


def _family(sample: Sample) -> str:
    if sample.kind != "histogram":
        return sample.name
    for ending in ("_bucket", "_sum", "_count"):
        if sample.name.endswith(ending):
            return sample.name.removesuffix(ending)
    return sample.name


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    value = int(sample.value) if float(sample.value).is_integer() else sample.value
    return f"{sample.name}{{{labels}}} {value}" if labels else f"{sample.name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
