"""The URL of a server that speaks as OpenAI's does, as a setting names it: where it is, and which model.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from micro.errors import ConfigError

__all__ = ["read_compatible"]


def read_compatible(setting: str, text: str, options: Collection[str]) -> tuple[str, dict[str, str]]:
    """Returns where the server is, up to and with `/v1`, and the options behind the `?`.

    Raises:
        ConfigError: it is no such URL, or has other options.
    """
    wanted = "http://HOST:PORT/v1?model=NAME"
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise ConfigError(f"{setting}: expected a URL such as {wanted}: {error}") from error
    given = dict(parse_qsl(url.query))
    if url.scheme not in ("http", "https") or not url.hostname or not given.keys() <= set(options):
        raise ConfigError(f"{setting}: expected a URL such as {wanted}, got {text[:200]!r}")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}", given
