"""Where git forges say that somebody pushed: `POST /hook`, signed with a secret that the owner gave them.

A forge can show no token of ours, but it signs what it sends (GitHub, Gitea, Forgejo: `X-Hub-Signature-256`, an HMAC of
the body) or sends the secret itself (GitLab: `X-Gitlab-Token`). What it says is published on `source.updated`, where it
is advice: see `micro.runtime.source.notice`.
"""

from __future__ import annotations

import hmac

from micro.doors.api.access import OWNER
from micro.doors.api.call import ClientFor
from micro.doors.api.refusal import Refused
from micro.doors.api.request import Answer, Request
from micro.errors import BadRequest, NotFound, TooLarge, Unauthorized
from micro.mucp.codec import JSON, encode_json
from micro.runtime.source.notice import NOTICE_BYTES_MAX, TOPIC, read_notice

__all__ = ["HookDoor"]

SIGNATURE, SCHEME = "x-hub-signature-256", "sha256="
SECRET = "x-gitlab-token"  # noqa: S105 - the name of a header


class HookDoor:
    """Takes what forges post.

    Args:
        secret: what they prove that they know; with "" nothing is taken.
        client_for: returns a client with a caller's rights.
    """

    def __init__(self, secret: str, client_for: ClientFor) -> None:
        self._secret = secret.encode()
        self._client_for = client_for

    async def push(self, request: Request) -> Answer:
        """Publishes what a forge says; answers 202, for that a look follows is not for the forge to wait for.

        Raises:
            Fault: it is not signed as it must be, too long, or says nothing that a node understands.
        """
        if request.method != "POST":
            raise Refused(405, "method: a forge says by POST that somebody pushed", headers={"allow": "POST"})
        if not self._secret:
            raise NotFound("this node takes nothing from git forges: its owner sets hook_secret for that", id="api")
        body = await request.body()
        if len(body) > NOTICE_BYTES_MAX:
            raise TooLarge(f"body: at most {NOTICE_BYTES_MAX} bytes are read", id="api")
        if not self._is_signed(request, body):
            raise Unauthorized(
                "this is not signed with the secret of this node; give the forge what its owner set as hook_secret",
                id="api",
            )
        if read_notice(body) is None:
            raise BadRequest("body: names no repository; have the forge send application/json for a push", id="api")
        await self._client_for(OWNER).publish_raw(TOPIC, body, content_type=JSON, durable=False)
        return Answer(202, encode_json({"topic": TOPIC}))

    def _is_signed(self, request: Request, body: bytes) -> bool:
        signature, shown = request.header(SIGNATURE), request.header(SECRET)
        if signature is not None:
            expected = SCHEME + hmac.digest(self._secret, body, "sha256").hex()
            return hmac.compare_digest(signature.encode(), expected.encode())
        return shown is not None and hmac.compare_digest(shown.encode(), self._secret)
