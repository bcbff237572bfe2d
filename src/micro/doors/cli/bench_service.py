"""The service that `micro bench` calls where none is named: it gives back what it gets.

Run as a program it registers at the node of the environment, or of the home it is given, until it is told to stop.
"""

from __future__ import annotations

import os
import sys

from micro.node.front import Service

__all__ = ["echo_service"]


def echo_service(name: str) -> Service:
    """Returns the service."""
    service = Service(name, description="Gives back what it gets, for `micro bench`.")

    async def echo(data: bytes) -> bytes:
        """Give back what came."""
        return data

    service.endpoint("Echo.Raw", idempotent=True)(echo)
    return service


if __name__ == "__main__":
    if sys.argv[2:] and sys.argv[2]:
        os.environ["MICRO_HOME"] = sys.argv[2]
    echo_service(sys.argv[1]).run()
