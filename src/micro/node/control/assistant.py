"""The service `assistant`: what somebody says becomes a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from micro.assistant.assistant import OWNERS, Assistant
from micro.assistant.said import Said
from micro.errors import Forbidden
from micro.service.context import Context
from micro.service.service import Service

__all__ = ["assistant_service"]


class AssistantControl:
    """The endpoints."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    async def say(
        self,
        context: Context,
        text: str = "",
        conversation: str = "",
        choose: str = "",
        fields: dict[str, Any] | None = None,
        confirm: bool | None = None,
        language: str = "",
        anew: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Say something, and get what follows: the endpoint that is meant, questions, and the answer.

        Args:
            text: a sentence, at most 2,000 characters.
            conversation: which one goes on; empty begins a new one.
            choose: instead of text: the endpoint that was chosen, as `SERVICE ENDPOINT`.
            fields: instead of text, or with choose: values of the request.
            confirm: instead of text: whether to do what waits for a yes.
            language: of the answers, such as de; empty follows what is said.
            anew: whether the text was said before what is asked for now was asked, so that it answers nothing.
        """
        said = Said(text, choose, fields, confirm, language, anew)
        async for event in self._assistant.begin(context.caller, said, conversation):
            yield event

    async def prepare(self, context: Context) -> dict[str, Any]:
        """Loads what understands, so that the first wish is not kept waiting; a face asks it when it is opened."""
        await self._assistant.prepare(context.caller)
        return {"ready": True}

    async def search(self, query: str, context: Context, limit: int = 10) -> dict[str, Any]:
        """Finds services for a wish, by meaning, the best first.

        Args:
            query: what somebody wants, in any words.
            limit: at most so many, up to 50.
        """
        return {"services": await self._assistant.search(context.caller, query, limit)}

    async def suggest(self, context: Context, limit: int = 6, language: str = "") -> dict[str, Any]:
        """Suggests wishes to try, as services show them of themselves, each of another service.

        Args:
            limit: at most so many, up to 50.
            language: in which language they are said where services show any in it, such as de.
        """
        return {"suggestions": await self._assistant.suggest(context.caller, limit, language)}

    async def keep(
        self, conversation: str, context: Context, turns: list[dict[str, Any]], title: str = "", waits_for: str = ""
    ) -> dict[str, Any]:
        """Keeps what a page showed of a conversation, for the owner alone, instead of what was kept of it before.

        Args:
            conversation: its name, as `Assistant.Say` told it.
            turns: what was seen, at most 100 turns and 512,000 bytes.
            title: what it is listed as, at most 120 characters.
            waits_for: what its last turn ended with waiting for.
        """
        await self._assistant.kept.keep(_owners(context), conversation, title, turns, waits_for)
        return {"kept": conversation}

    async def conversations(self, context: Context) -> dict[str, Any]:
        """Lists the conversations that are kept, that which was said last first; at most fifty."""
        return {"conversations": await self._assistant.kept.list(_owners(context))}

    async def open(self, conversation: str, context: Context) -> dict[str, Any]:
        """Returns a conversation that is kept, to be read again and gone on from.

        Args:
            conversation: its name.
        """
        return await self._assistant.kept.read(_owners(context), conversation)

    async def discard(self, context: Context, conversation: str = "") -> dict[str, Any]:
        """Deletes conversations that are kept.

        Args:
            conversation: the name of one; empty deletes all.
        """
        return {"discarded": await self._assistant.kept.discard(_owners(context), conversation)}

    async def forget(self, context: Context) -> dict[str, Any]:
        """Forgets the sentences that were learned from the caller's choices."""
        return {"forgotten": await self._assistant.forget(context.caller)}


def _owners(context: Context) -> str:
    """Returns under what the owner's conversations are kept; raises `Forbidden` where somebody else asks."""
    if not context.caller.unlimited:
        raise Forbidden("conversations are kept for the owner of the node alone; next: micro web signs you in")
    return OWNERS


def assistant_service(assistant: Assistant) -> Service:
    """Returns the service."""
    endpoints = AssistantControl(assistant)
    service = Service("assistant", description="Does what you say, with the services in reach.", platform=True)
    service.add("Assistant.Say", endpoints.say)
    service.add("Assistant.Prepare", endpoints.prepare, idempotent=True)
    service.add("Assistant.Search", endpoints.search, idempotent=True)
    service.add("Assistant.Suggest", endpoints.suggest, idempotent=True)
    service.add("Assistant.Keep", endpoints.keep, idempotent=True)
    service.add("Assistant.Conversations", endpoints.conversations, idempotent=True)
    service.add("Assistant.Open", endpoints.open, idempotent=True)
    service.add("Assistant.Discard", endpoints.discard, idempotent=True)
    service.add("Assistant.Forget", endpoints.forget, idempotent=True)
    return service
