"""A link to another node: what a stranger sends over it is counted, and read no faster than he may send."""

from __future__ import annotations

from micro.network.link import Link

__all__ = ["NodeLink"]


class NodeLink(Link):
    """One side of a link to another node; `facts.meter` is None for a node that may send what it likes.

    A rest is as long as the last read was too much, a fraction of a second: longer silence would be taken for death.
    """

    _resting = False

    def data_received(self, data: bytes) -> None:
        """Takes bytes, and then rests where they were more than the node may send."""
        meter = self.facts.meter
        if meter is not None:
            seconds = meter.heard(len(data))
            if seconds and not self._resting and self._pipe is not None:
                self._resting = True
                self._pipe.pause_reading()
                self._loop.call_later(seconds, self._go_on)
        Link.data_received(self, data)

    def _go_on(self) -> None:
        self._resting = False
        if self._pipe is not None and self.closed is None:
            self._pipe.resume_reading()
