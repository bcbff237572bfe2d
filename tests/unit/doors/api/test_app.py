"""The web app behind the door: its files, and who is signed in."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from micro.trust.policy import Caller
from tests.unit.doors.api.house import House, Reply, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "export const answer = 42;\n" * 100


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Opens a house whose app is built."""
    folder: Path = tmp_path_factory.mktemp("built")
    (folder / "index.html").write_text("<!doctype html><title>Micro</title>")
    (folder / "index-Dmj75BDy.js").write_text(SCRIPT)
    (folder / "sw.js").write_text("// worker")
    async with open_house(files=folder) as house:
        yield house


async def signed_in(house: House) -> dict[str, str]:
    """Returns the headers of a page that the owner signed in to."""
    code = (await house.post("/-/session/code", owner=True)).json["code"]
    opened = await house.post("/-/session", {"code": code})
    return {"cookie": opened.headers["set-cookie"].split(";")[0], "micro_session": opened.json["key"]}


async def test_the_page_runs_nothing_but_the_apps_own(app: House) -> None:
    """No script within it, none from elsewhere, and nobody may frame it."""
    reply = await app.get("/")
    policy = reply.headers["content-security-policy"]

    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["cache-control"] == "no-cache"


async def test_a_file_comes_squeezed_and_stays(app: House) -> None:
    """Its name changes with its content."""
    reply = await app.get("/assets/index-Dmj75BDy.js", accept_encoding="gzip, br")

    assert gzip.decompress(reply.body).decode() == SCRIPT
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in reply.headers["cache-control"]


async def test_a_file_that_is_known_is_not_sent_again(app: House) -> None:
    """304, with nothing in it."""
    tag = (await app.get("/assets/sw.js")).headers["etag"]
    reply = await app.get("/assets/sw.js", if_none_match=tag)

    assert (reply.status, reply.body) == (304, b"")


async def test_the_worker_may_keep_the_whole_app(app: House) -> None:
    """And ask the node, as its own policy lets it."""
    headers = (await app.get("/assets/sw.js")).headers

    assert headers["service-worker-allowed"] == "/"
    assert headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/", "/assets/..%2f..%2fkey", "/assets/%2e%2e/key"])
async def test_there_is_no_other_file(app: House, path: str) -> None:
    """Whatever the path looks like."""
    assert (await app.get(path)).status == 404


async def test_without_the_app_a_page_says_how_to_build_it(house: House) -> None:
    """Nothing else is missing."""
    reply = await house.get("/")

    assert "make ui" in reply.body.decode()


async def test_only_the_owner_gets_a_code(app: House) -> None:
    """Nobody else on this machine does."""
    assert (await app.post("/-/session/code")).status == 403


async def test_a_session_is_the_owners(app: House) -> None:
    """Both halves together, as `Caller` and as the page is told."""
    headers = await signed_in(app)

    assert (await app.get("/-/session", **headers)).json == {"owner": True}
    assert (await app.post("/api/greeter/Say.Who", {}, **headers)).json == {"result": str(Caller(owner=True))}


@pytest.mark.parametrize("path", ["/-/session/end", "/-/session/end/all"])
async def test_what_is_open_ends_with_its_session(app: House, path: str) -> None:
    """At once, and says why; what another session opened goes on unless every session ends."""
    headers, other = await signed_in(app), await signed_in(app)
    watch = {**headers, "accept": "application/x-ndjson"}
    open_ones = [asyncio.create_task(app.get("/api/greeter/Say.Quiet", **each)) for each in (watch, {**watch, **other})]
    async with asyncio.timeout(10):
        for _ in range(500):
            if len(app.door._asking._open) == 2:
                break
            await asyncio.sleep(0.01)
        assert (await app.post(path, **headers)).status == 200
        fault = json.loads((await open_ones[0]).body.splitlines()[-1])["fault"]
        assert (fault["code"], "session has ended" in fault["detail"]) == (401, True)
        assert open_ones[1].done() is False or path.endswith("all")
        await app.post("/-/session/end", **other)
        assert b"session has ended" in (await open_ones[1]).body


async def test_a_cookie_alone_is_nobody(app: House) -> None:
    """Another server on this machine is shown it; a form from elsewhere would send it."""
    headers = await signed_in(app)

    assert (await app.get("/-/session", cookie=headers["cookie"])).json == {"owner": False}
    assert (await app.post("/api/greeter/Say.Who", {}, cookie=headers["cookie"])).json == {
        "result": str(Caller(anonymous=True))
    }


@pytest.mark.parametrize("cookie", ["", "micro-session=x", "a=b; c", ";" * 300, "micro-session-1=x"])
async def test_a_key_alone_is_refused(app: House, cookie: str) -> None:
    """401, with what to do."""
    headers = await signed_in(app)
    reply: Reply = await app.get("/-/session", micro_session=headers["micro_session"], cookie=cookie)

    assert (reply.status, "micro web" in reply.json["detail"]) == (401, True)


async def test_the_cookie_is_for_this_door_alone(app: House) -> None:
    """No script reads it, no page from elsewhere sends it, and its name tells ports apart."""
    code = (await app.post("/-/session/code", owner=True)).json["code"]
    cookie = (await app.post("/-/session", {"code": code})).headers["set-cookie"]

    assert cookie.startswith(f"micro-session-{app.port}=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="))


async def test_signing_out_ends_a_session(app: House) -> None:
    """And clears the cookie."""
    headers = await signed_in(app)
    reply = await app.post("/-/session/end", **headers)

    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert (await app.get("/-/session", **headers)).status == 401


async def test_signing_out_everywhere_ends_all(app: House) -> None:
    """Those of other browsers too."""
    one, other = await signed_in(app), await signed_in(app)
    await app.post("/-/session/end/all", **one)

    assert (await app.get("/-/session", **other)).status == 401


async def test_the_owner_sees_where_he_is_signed_in(app: House) -> None:
    """Which of them asks, and no secret; nobody else sees it."""
    one, other = await signed_in(app), await signed_in(app)
    reply = await app.get("/-/session/all", **one)
    mine = [each for each in reply.json["sessions"] if each["here"]]

    assert (len(mine), {"id", "browser", "opened", "seen", "expires", "here"}) == (1, set(mine[0]))
    assert not any(secret.encode() in reply.body for headers in (one, other) for secret in headers.values())
    assert (await app.get("/-/session/all")).status == 403


async def test_the_owner_signs_another_browser_out(app: House) -> None:
    """By what it is called; nobody else does."""
    one, other = await signed_in(app), await signed_in(app)
    id = next(each["id"] for each in (await app.get("/-/session/all", **other)).json["sessions"] if each["here"])

    assert (await app.post(f"/-/session/end/{id}")).status == 403
    assert (await app.post(f"/-/session/end/{id}", **one)).status == 200
    assert (await app.get("/-/session", **other)).status == 401
    assert (await app.get("/-/session", **one)).json == {"owner": True}
    assert (await app.post(f"/-/session/end/{id}", **one)).status == 404


async def test_a_browser_on_another_machine_gets_the_app_and_nothing_else(app: House) -> None:
    """It has to come from somewhere before anybody can sign in."""
    far = {"x_forwarded_for": "192.168.1.9"}
    code = (await app.post("/-/session/code", owner=True)).json["code"]

    assert [(await app.get(path, **far)).status for path in ("/", "/assets/sw.js")] == [200, 200]
    assert [(await app.get(path, **far)).status for path in ("/api", "/metrics", "/-/session/all")] == [401] * 3
    assert (await app.post("/api/greeter/Say.Hello", {}, **far)).status == 401
    assert (await app.post("/-/session", {"code": code}, **far)).status == 200


async def test_without_the_app_another_machine_sees_nothing(house: House) -> None:
    """The plain page lists services."""
    assert (await house.get("/", x_forwarded_for="192.168.1.9")).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"code": 1}', b"[" * 5000, b'{"code": "' + b"x" * 2000 + b'"}'])
async def test_a_malformed_login_is_refused(app: House, body: bytes) -> None:
    """400, and nothing is opened."""
    assert (await app.ask("POST", "/-/session", body)).status == 400


async def test_a_page_from_elsewhere_opens_no_session(app: House) -> None:
    """Even one that found a code."""
    code = (await app.post("/-/session/code", owner=True)).json["code"]

    assert (await app.post("/-/session", {"code": code}, origin="http://elsewhere.example")).status == 403
    assert (await app.post("/-/session", {"code": code}, origin=f"http://127.0.0.1:{app.port}")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/assets/sw.js", 405),
        ("PUT", "/-/session", 405),
        ("POST", "/-/session/x", 404),
        ("GET", "/-/other", 404),
        ("POST", "/-/session/end/all/x", 404),
    ],
)
async def test_nothing_else_is_there(app: House, method: str, path: str, status: int) -> None:
    """Every other method or path is refused."""
    assert (await app.ask(method, path)).status == status


async def test_a_call_is_noted_with_what_was_asked(house: House) -> None:
    """For the node's record; one that failed with its fault."""
    await house.post("/api/greeter/Say.Hello", {"name": "Ann"})
    await house.post("/api/greeter/Say.Fail", {"code": 409})
    await house.get("/api/greeter/Say.Count?to=2")
    hello, fail, count = house.noted[-3:]

    assert (hello.target.endpoint, hello.said.body, hello.fault) == ("Say.Hello", b'{"name": "Ann"}', None)
    assert hello.answer_bytes == len(b'{"result":"Hello Ann"}')
    assert fail.fault is not None
    assert (fail.fault.code, count.fault) == (409, None)
