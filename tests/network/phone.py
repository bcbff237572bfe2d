"""A phone: a program that asks what it is told to, and trusts one certificate alone.

It reads what to ask from its standard input, and prints the answers, as JSON. A wish may say where a name is (`at`, as
`address:port`), as a resolver would, and that another name is shown in the handshake (`shown`).
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

SECONDS = 20.0


class Told(http.client.HTTPSConnection):
    """A connection to where a name was said to be."""

    def __init__(self, wish: dict[str, Any], context: ssl.SSLContext) -> None:
        url = urlsplit(wish["url"])
        self._shown, self._at = wish.get("shown", url.hostname), wish.get("at", "")
        super().__init__(str(url.hostname), url.port, timeout=SECONDS, context=context)
        self._told = context

    def connect(self) -> None:
        """Opens it."""
        address, _, port = self._at.rpartition(":")
        place = (address, int(port)) if self._at else (self.host, self.port)
        opened = socket.create_connection(place, SECONDS)
        self.sock = self._told.wrap_socket(opened, server_hostname=self._shown)


def asked(wish: dict[str, Any], context: ssl.SSLContext) -> dict[str, Any]:
    """Asks once; an error takes the place of an answer."""
    url = urlsplit(wish["url"])
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = Told(wish, context)
    else:
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=SECONDS)
    try:
        body = wish.get("body")
        connection.request(wish.get("method", "GET"), url.path or "/", body, wish.get("headers", {}))
        answer = connection.getresponse()
        read = base64.b64encode(answer.read()).decode()
        return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.getheaders()}, "body": read}
    except (OSError, http.client.HTTPException) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


def main() -> None:
    told = json.load(sys.stdin)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if told["root"]:
        context.load_verify_locations(cadata=base64.b64decode(told["root"]))
    context.check_hostname = not any("shown" in wish for wish in told["wishes"])  # it is wrong on purpose
    print(json.dumps([asked(wish, context) for wish in told["wishes"]]))


if __name__ == "__main__":
    main()
