"""A phone in a house: a program that asks what it is told to, and trusts one certificate alone.

It reads what to ask from its standard input, and prints the answers, as JSON.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

SECONDS = 20.0


def asked(wish: dict[str, Any], context: ssl.SSLContext) -> dict[str, Any]:
    """Asks once; an error takes the place of an answer."""
    url = urlsplit(wish["url"])
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(str(url.hostname), url.port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=SECONDS)
    try:
        body = wish.get("body")
        connection.request(wish.get("method", "GET"), url.path or "/", body, wish.get("headers", {}))
        answer = connection.getresponse()
        read = base64.b64encode(answer.read()).decode()
        return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.getheaders()}, "body": read}
    except OSError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


def main() -> None:
    told = json.load(sys.stdin)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if told["root"]:
        context.load_verify_locations(cadata=base64.b64decode(told["root"]))
    print(json.dumps([asked(wish, context) for wish in told["wishes"]]))


if __name__ == "__main__":
    main()
