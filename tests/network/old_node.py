"""The command `micro` of a program that speaks the first version of the protocol only: `python old_node.py …`.

It offers nothing newer in its HELLO, and takes nothing newer for granted; each link that is greeted so is told on the
standard error, so that a test knows that it was.
"""

from __future__ import annotations

import sys
from typing import Any

from micro.doors.cli.main import main
from micro.mucp import hearing

hearing.VERSIONS = (1,)  # type: ignore[assignment]
greet = hearing.Hearing._on_hello


def told(self: hearing.Hearing, *frame: Any) -> None:
    greet(self, *frame)
    assert self.peer is not None
    print(f"a link in version {self.version} with one that speaks {self.peer.versions}", file=sys.stderr, flush=True)


hearing.Hearing._on_hello = told  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
