"""What the door says of its node."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from micro.errors import LinkClosed
from tests.unit.doors.api.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_page_shows_services_and_what_to_try(house: House) -> None:
    """A person sees names, what they do, and a command."""
    reply = await house.get("/")
    text = reply.body.decode()

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "Greets people." in text
    assert f"127.0.0.1:{house.port}/api/greeter/Say.Hello" in text
    assert "<script" not in text


async def test_the_page_may_do_nothing_but_look_as_it_does(house: House) -> None:
    """Its one style is allowed by its hash, and nothing else is."""
    policy = (await house.get("/")).headers["content-security-policy"]

    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[^']+'; frame-ancestors 'none'; .*", policy)


async def test_the_document_is_valid_openapi(house: House) -> None:
    """Programs that read OpenAPI 3.1 can read it."""
    document = (await house.get("/openapi.json")).json

    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


async def test_the_document_describes_every_endpoint(house: House) -> None:
    """Each endpoint is an operation, its request and answer are schemas of it."""
    document = (await house.get("/openapi.json?service=greeter")).json

    operation = document["paths"]["/api/greeter/Say.Hello"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["properties"]["times"]["type"] == "integer"
    assert [name.rpartition("/")[2] for name in document["paths"]][:3] == ["Say.Hello", "Say.Picture", "Say.Length"]


async def test_services_are_listed_and_described(house: House) -> None:
    """As the registry has them."""
    listed = (await house.get("/api")).json["services"]
    described = (await house.get("/api/greeter")).json

    assert {"name": "greeter"} in listed
    assert (described["name"], described["version"]) == ("greeter", "1.2.0")


async def test_an_unknown_service_is_described_as_such(house: House) -> None:
    """With near names."""
    assert "greeter" in (await house.get("/api/gretter")).json["detail"]


async def test_the_process_says_that_it_lives(house: House) -> None:
    """Without asking anybody."""
    assert (await house.get("/healthz")).json == {"status": "ok"}


async def test_the_node_says_whether_it_can_serve(house: House) -> None:
    """503 as soon as one thing it needs is wrong, and which."""
    good = await house.get("/readyz")
    house.broken["storage"] = "the disk is full"
    bad = await house.get("/readyz")

    assert (good.status, good.json["status"]) == (200, "ready")
    assert (bad.status, bad.json["checks"]) == (503, {"storage": "the disk is full"})


async def test_a_mistake_of_ours_looks_like_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a 500 that names the kind of error, and the door goes on."""
    monkeypatch.setattr(house, "broken", None)

    reply = await house.get("/readyz")

    assert (reply.status, reply.json["detail"]) == (500, "TypeError in the door; the node's log tells more")


async def test_figures_are_prometheus_text(house: House) -> None:
    """Of the door, of the process, and of the node."""
    await house.get("/api/greeter/Say.Hello")

    reply = await house.get("/metrics")
    text = reply.body.decode()

    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        r'micro_http_requests_total\{service="greeter",endpoint="Say.Hello",code="200"\} \d+',
        r"micro_http_connections \d+",
        r'micro_queue_events\{queue="q"\} 7',
        r"process_resident_memory_bytes \d+",
    ):
        assert re.search(line, text)


async def test_a_node_that_is_gone_is_unavailable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken link is no bug of the door."""

    class Gone:
        def keys(self) -> Any:
            raise LinkClosed("the node is gone")

    monkeypatch.setattr(house, "broken", Gone())

    assert (await house.get("/readyz")).status == 503


async def test_requests_under_way_are_those_that_are(house: House) -> None:
    """Only the one that asks, after others have ended."""
    await house.get("/healthz")

    assert "micro_http_requests_under_way 1\n" in (await house.get("/metrics")).body.decode()


async def test_figures_are_for_this_machine(house: House) -> None:
    """Whoever comes through a proxy is somewhere else, and needs at least the token; figures he gets none."""
    reply = await house.ask("GET", "/metrics", headers={"x-forwarded-for": "192.0.2.1"}, owner=True)

    assert reply.status == 403


@pytest.mark.parametrize("path", ["/", "/api", "/api/greeter", "/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_pages_are_only_read(house: House, path: str) -> None:
    """405 says how."""
    reply = await house.ask("POST", path, b"{}")

    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_a_head_is_a_page_without_its_body(house: House) -> None:
    """The length is said, the body left out."""
    reply = await house.ask("HEAD", "/healthz")

    assert (reply.status, reply.headers["content-length"], reply.body) == (200, "15", b"")


@pytest.mark.parametrize("path", ["/", "/api/greeter/Say.Hello", "/nothing", "/healthz"])
async def test_no_page_from_elsewhere_reads_an_answer(house: House, path: str) -> None:
    """Every answer says that it is not to be sniffed, framed, kept or embedded."""
    headers = (await house.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


async def test_errors_are_one_kind_of_object(house: House) -> None:
    """Whoever reads one can read all."""
    for path in ("/nothing", "/api/greeter/Nope.Nope", "/api/greeter/Say.Hello?x=1"):
        reply = await house.get(path)
        assert list(json.loads(reply.body)) == ["id", "code", "detail", "status"]
        assert reply.json["code"] == reply.status
