"""Calls over HTTP, from a real socket to a real service."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.doors.api.house import PNG, SVG, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO_ANN = {"result": "Hello Ann"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/greeter/Say.Hello",
        "/api/greeter/say/hello",
        "/api/greeter/Say/Hello",
        "/api/greeter/say.hello",
        "/api/greeter/Say%2EHello",
        "/greeter/say/hello",
        "/greeter/Say.Hello",
        "/v1/greeter/say/hello",
        "/greeter@1/say/hello",
    ],
)
async def test_an_endpoint_is_called_by_any_of_its_paths(house: House, path: str) -> None:
    """Ours, and those of go-micro's gateways."""
    assert (await house.post(path, {"name": "Ann"})).json == HELLO_ANN


async def test_an_endpoint_is_called_by_a_link(house: House) -> None:
    """GET takes its parameters from the query, as the schema says."""
    reply = await house.get("/api/greeter/Say.Hello?name=Ann&times=2&loud=yes&tags=a&tags=b")

    assert reply.json == {"result": "HELLO ANN, HELLO ANN #A #B"}


async def test_an_endpoint_is_called_by_a_form(house: House) -> None:
    """What `curl -d` sends works, be it fields or JSON."""
    for body in (b"name=Ann", b'{"name": "Ann"}'):
        reply = await house.ask(
            "POST", "/api/greeter/Say.Hello", body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert reply.json == HELLO_ANN


async def test_a_file_is_sent_as_it_is(house: House) -> None:
    """An endpoint that takes bytes takes them from a body of any type."""
    reply = await house.ask("POST", "/api/greeter/Say.Length", b"\xff" * 70_000, headers={"content-type": "image/png"})

    assert reply.json == {"result": 70_000}


async def test_an_answer_in_bytes_is_bytes(house: House) -> None:
    """Without any reading of what they are."""
    reply = await house.ask("POST", "/api/greeter/Say.Echo", b"\0\1\2")

    assert (reply.headers["content-type"], reply.body) == ("application/octet-stream", b"\0\1\2")


@pytest.mark.parametrize(("kind", "content_type", "body"), [("png", "image/png", PNG), ("svg", "image/svg+xml", SVG)])
async def test_an_image_is_shown_but_runs_nothing(house: House, kind: str, content_type: str, body: bytes) -> None:
    """A browser sees an image, in a sandbox, and guesses nothing else."""
    reply = await house.get(f"/api/greeter/Say.Picture?kind={kind}")

    assert (reply.headers["content-type"], reply.body) == (content_type, body)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]


async def test_go_micro_s_rpc_path_names_everything_in_its_body(house: House) -> None:
    """As JSON, with the request as a text of JSON, with `method`, or as a form."""
    for value in (
        {"service": "greeter", "endpoint": "Say.Hello", "request": {"name": "Ann"}},
        {"service": "greeter", "method": "Say.Hello", "request": '{"name": "Ann"}', "address": "evil:1"},
    ):
        assert (await house.post("/rpc", value)).json == HELLO_ANN
    form = b"service=greeter&endpoint=Say.Hello&request=%7B%22name%22%3A%22Ann%22%7D"
    reply = await house.ask("POST", "/rpc", form, headers={"content-type": "application/x-www-form-urlencoded"})
    assert reply.json == HELLO_ANN


@pytest.mark.parametrize("body", [b"", b"{}", b'{"service": "greeter"}', b'{"service": 3}', b"[]", b"{"])
async def test_an_rpc_that_names_nothing_is_refused(house: House, body: bytes) -> None:
    """The detail shows what is expected."""
    assert (await house.ask("POST", "/rpc", body)).status == 400


@pytest.mark.parametrize(
    ("path", "code", "detail"),
    [
        ("/api/gretter/Say.Hello", 404, "no service is called gretter; did you mean greeter?"),
        ("/api/greeter/Say.Hullo", 404, "greeter has no endpoint Say.Hullo; it has Say.Hello"),
        ("/api/greeter/Say.Hello?nam=Ann", 400, "nam: there is no such field; there is name"),
        ("/api/greeter/Say.Hello?times=x", 400, "times: expected a whole number, got x"),
        ("/api/greeter/a/b/c/d", 404, "no such path"),
        ("/favicon.ico", 404, "no service is called favicon.ico"),
        ("/api/node/Node.Status", 401, "node Node.Status needs to know who asks"),
        ("/api/greeter/Debug.Log", 401, "greeter Debug.Log needs to know who asks"),
    ],
)
async def test_a_call_that_cannot_be_is_told_why(house: House, path: str, code: int, detail: str) -> None:
    """The error object of MUCP, with its status, says what to do next."""
    reply = await house.get(path)

    assert (reply.status, reply.json["code"]) == (code, code)
    assert reply.json["detail"].startswith(detail)


async def test_every_service_tells_how_it_is(house: House) -> None:
    """`Debug.Health` needs no description and no token."""
    assert (await house.get("/api/greeter/Debug.Health")).json["status"] == "ok"


async def test_a_fault_of_a_service_travels_with_its_status(house: House) -> None:
    """Code, detail and where it arose."""
    reply = await house.post("/api/greeter/Say.Fail", {"code": 409})

    assert reply.status == 409
    assert reply.json == {
        "id": "greeter.Say.Fail",
        "code": 409,
        "detail": "it is there already",
        "status": "Conflict",
    }


async def test_an_unavailable_service_says_when_to_try_again(house: House) -> None:
    """503 comes with Retry-After."""
    reply = await house.post("/api/greeter/Say.Fail", {"code": 503})

    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


async def test_a_method_that_is_none_is_told_the_right_ones(house: House) -> None:
    """405 comes with Allow."""
    reply = await house.ask("DELETE", "/api/greeter/Say.Hello")

    assert (reply.status, reply.headers["allow"], reply.json["status"]) == (405, "POST, GET", "Method Not Allowed")


@pytest.mark.parametrize("path", ["/api/greeter/Say.Who", "/greeter/say/who", "/api/greeter/Say.Sum?x=1"])
async def test_a_link_does_nothing_that_may_not_be_repeated(house: House, path: str) -> None:
    """GET of an endpoint, or stream, that is not declared idempotent calls nothing and says what to do."""
    reply = await house.get(path)

    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert "is asked by POST; GET may be repeated, and this endpoint is not declared idempotent" in reply.json["detail"]
    assert (await house.ask("OPTIONS", path)).headers["allow"] == "POST, OPTIONS"
    assert (await house.get("/api/greeter/Say.Hello")).status == 200


async def test_a_type_that_nobody_speaks_is_told_the_right_ones(house: House) -> None:
    """415 names what is spoken."""
    reply = await house.ask("POST", "/api/greeter/Say.Hello", b"name=Ann", headers={"content-type": "text/plain"})

    assert (reply.status, "application/json" in reply.json["detail"]) == (415, True)


async def test_a_caller_s_patience_travels(house: House) -> None:
    """`Timeout` in seconds becomes the deadline, and passing it is a 408."""
    reply = await house.post("/api/greeter/Say.Slow", {}, timeout="0.05")

    assert reply.status == 408


async def test_headers_travel_that_say_nothing_about_who_calls(house: House) -> None:
    """A trace goes on, a claimed identity does not."""
    await house.post(
        "/api/greeter/Say.Headers", {}, traceparent="00-1-2-01", micro_caller="owner", micro_from_service="bank"
    )

    seen = house.seen.headers
    assert seen["Traceparent"] == "00-1-2-01"
    assert "bank" not in seen.values()


@pytest.mark.parametrize(("owner", "who"), [(True, "the owner"), (False, "an anonymous caller")])
async def test_a_service_sees_who_calls(house: House, owner: bool, who: str) -> None:
    """With the node's token it is the owner, without it nobody."""
    assert (await house.post("/api/greeter/Say.Who", {}, owner=owner)).json == {"result": who}


async def test_a_client_that_goes_away_takes_its_call_with_it(house: House) -> None:
    """Nobody works for nobody."""
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET /api/greeter/Say.Slow HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode())
    async with asyncio.timeout(10):
        await house.seen.started.wait()
        writer.close()
        await house.seen.cancelled.wait()


async def test_a_browser_that_fetches_ahead_calls_nothing(house: House) -> None:
    """A link in the address bar is no click yet."""
    reply = await house.get("/api/greeter/Say.Hello?name=Ann", sec_purpose="prefetch;prerender")

    assert (reply.status, house.seen.names) == (403, [])


async def test_calls_of_one_connection_are_answered_in_order(house: House) -> None:
    """Requests sent ahead reach the service once each."""
    names = [f"n{number}" for number in range(50)]
    head = f"HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
    data = "".join(f"GET /api/greeter/Say.Hello?name={name} {head}\r\n" for name in names[:-1])
    data += f"GET /api/greeter/Say.Hello?name={names[-1]} {head}Connection: close\r\n\r\n"

    answer = await house.raw(data.encode())

    assert house.seen.names == names
    assert answer.count(b"HTTP/1.1 200") == len(names)


async def test_a_drawing_keeps_its_styles(house: House) -> None:
    """They are part of the image, and can do nothing else."""
    policy = (await house.get("/api/greeter/Say.Picture?kind=svg")).headers["content-security-policy"]

    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def test_a_stream_is_not_asked_by_rpc(house: House) -> None:
    """Its path is told instead."""
    reply = await house.post("/rpc", {"service": "greeter", "endpoint": "Say.Ticks"})

    assert (reply.status, "/api/greeter/Say.Ticks" in reply.json["detail"]) == (400, True)


async def test_a_fault_keeps_the_place_where_it_arose(house: House) -> None:
    """What has a place is not given another."""
    assert (await house.get("/api/gretter/Say.Hello")).json["id"] == "gretter"
