"""What programs read about a node before they use it: OpenAPI, AsyncAPI, and a page for language models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from micro.doors.api.asyncapi import asyncapi
from micro.doors.api.directory import Directory
from micro.doors.api.fields import request_of
from micro.doors.api.form import read_urlencoded
from micro.doors.api.llms import llms_text
from micro.doors.api.openapi import openapi
from micro.doors.api.pages import check_reading, url_of
from micro.doors.api.request import Answer, Request
from micro.mucp.codec import encode_json
from micro.version import VERSION

__all__ = ["Documents"]

DOCUMENTED_MAX: Final = 500
"""So many services are in a document at once; `?service=NAME` asks for one."""

_ONE_SERVICE = {"properties": {"service": {"type": "string"}}, "additionalProperties": False}


class Documents:
    """The rooms.

    Args:
        directory: which services there are.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def openapi(self, request: Request) -> Answer:
        """The OpenAPI document of all services, or of the one that the query names."""
        found = self._wanted(request)
        return Answer(200, encode_json(openapi(found, version=VERSION, url=url_of(request))))

    async def service_openapi(self, request: Request) -> Answer:
        """The OpenAPI document of one service: of `/services/NAME/openapi.json`."""
        check_reading(request)
        await self._directory.look(request.segments[1])
        found = self._directory.described(request.segments[1])
        version, text = str(found.get("version") or VERSION), str(found.get("description", ""))
        return Answer(
            200,
            encode_json(openapi([found], version=version, url=url_of(request), title=str(found["name"]), text=text)),
        )

    async def asyncapi(self, request: Request) -> Answer:
        """The AsyncAPI document of all topics, or of those of the service that the query names."""
        found = self._wanted(request)
        host = request.header("host") or "localhost"
        return Answer(200, encode_json(asyncapi(found, version=VERSION, host=host)))

    async def llms(self, request: Request) -> Answer:
        """The page for language models."""
        check_reading(request)
        services = self._directory.list_services()
        return Answer(200, llms_text(services, self._all(), url_of(request)).encode(), "text/plain; charset=utf-8")

    def _wanted(self, request: Request) -> Iterator[Mapping[str, Any]] | list[Mapping[str, Any]]:
        check_reading(request)
        wanted = request_of(read_urlencoded(request.query), _ONE_SERVICE).get("service")
        return self._all() if wanted is None else [self._directory.described(wanted)]

    def _all(self) -> Iterator[Mapping[str, Any]]:
        for service in self._directory.list_services()[:DOCUMENTED_MAX]:
            found = self._directory.describe(str(service["name"]))
            if found is not None:
                yield found
