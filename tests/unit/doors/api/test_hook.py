"""What git forges post: taken if it is signed, and nothing else."""

from __future__ import annotations

import hmac
import json

import pytest

from micro.runtime.source.notice import NOTICE_BYTES_MAX, TOPIC
from tests.unit.doors.api.house import HOOK_SECRET, House, Reply, open_house
from tests.unit.doors.api.test_events import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUSH = json.dumps(
    {"ref": "refs/heads/main", "repository": {"clone_url": "https://github.com/ann/greeter.git"}}
).encode()


def signed(body: bytes, secret: str = HOOK_SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()}


async def post(house: House, body: bytes, headers: dict[str, str]) -> Reply:
    return await house.ask("POST", "/hook", body, headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize("proof", [signed(PUSH), {"x-gitlab-token": HOOK_SECRET}], ids=["signed", "shown"])
async def test_what_a_forge_says_is_published(house: House, proof: dict[str, str]) -> None:
    """As it says it, from whichever machine it comes."""
    async with listening(house, f"/api/subscribe/{TOPIC}") as events:
        reply = await post(house, PUSH, {**proof, "x-forwarded-for": "140.82.115.1"})
        _, event = await events.next()

    assert reply.status == 202
    assert event["value"] == json.loads(PUSH)


@pytest.mark.parametrize(
    "proof",
    [
        {},
        signed(PUSH, "another secret of a stranger"),
        signed(PUSH + b" "),
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha1=" + "0" * 40},
        {"x-gitlab-token": "another secret of a stranger"},
        {"x-gitlab-token": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64, "x-gitlab-token": HOOK_SECRET},
    ],
    ids=[
        "nothing",
        "another secret",
        "another body",
        "no digest",
        "another digest",
        "a guess",
        "a blank",
        "a wrong one",
    ],
)
async def test_what_is_not_signed_is_refused(house: House, proof: dict[str, str]) -> None:
    """Whoever knows no secret says nothing here."""
    assert (await post(house, PUSH, proof)).status == 401


async def test_a_token_is_no_proof_here(house: House) -> None:
    """The owner's own token opens other paths; a forge must not be given it."""
    assert (await house.ask("POST", "/hook", PUSH, owner=True)).status == 401


@pytest.mark.parametrize(
    ("body", "status"), [(b"{}", 400), (b"payload=%7B%7D", 400), (b" " * (NOTICE_BYTES_MAX + 1), 413)]
)
async def test_what_says_nothing_is_told_so(house: House, body: bytes, status: int) -> None:
    """Whoever sets the webhook up sees at once what is wrong."""
    assert (await post(house, body, signed(body))).status == status


async def test_only_posts_are_taken(house: House) -> None:
    """As the answer says."""
    reply = await house.get("/hook")

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_without_a_secret_there_is_no_hook() -> None:
    """Where the owner set none nothing is taken, not even what is signed with none."""
    async with open_house(hook_secret="") as closed:
        for proof in (signed(PUSH, ""), {"x-gitlab-token": ""}):
            assert (await post(closed, PUSH, proof)).status == 404
