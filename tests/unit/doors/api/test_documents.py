"""What programs read before they use a node, through a real door."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.unit.doors.api.house import House
from tests.unit.doors.api.specification import check_asyncapi

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_node_and_each_service_have_a_valid_openapi_document(house: House) -> None:
    """That of a service has its own title and version, and nobody else's endpoints."""
    whole, one = await house.get("/openapi.json"), await house.get("/services/greeter/openapi.json")
    for reply in (whole, one):
        OpenAPIV31SpecValidator(reply.json).validate()
    assert one.json["info"]["title"] == "greeter"
    assert one.json["info"]["version"] == "1.2.0"
    assert {path.split("/")[2] for path in one.json["paths"]} == {"greeter"}
    assert len(whole.json["paths"]) > len(one.json["paths"])
    assert (await house.get("/openapi.json?service=greeter")).json["paths"] == one.json["paths"]


async def test_a_service_that_nobody_knows_has_no_document(house: House) -> None:
    """Near names are told."""
    reply = await house.get("/services/gretter/openapi.json")
    assert (reply.status, "greeter" in reply.json["detail"]) == (404, True)


async def test_topics_are_told_as_asyncapi(house: House) -> None:
    """Of all services, or of one."""
    for path in ("/asyncapi.json", "/asyncapi.json?service=greeter"):
        reply = await house.get(path)
        check_asyncapi(reply.json)
        assert reply.json["servers"]["node"]["host"] == f"127.0.0.1:{house.port}"


async def test_a_model_finds_a_page_of_plain_text(house: House) -> None:
    """Which no browser takes for anything else."""
    reply = await house.get("/llms.txt")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert b"`Say.Hello` Greet someone by name." in reply.body


@pytest.mark.parametrize("path", ["/openapi.json", "/services/greeter/openapi.json", "/asyncapi.json", "/llms.txt"])
async def test_they_are_only_read(house: House, path: str) -> None:
    """Whoever posts there is mistaken."""
    assert (await house.post(path, {})).status == 405
