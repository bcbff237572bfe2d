"""The service `assistant`: what somebody says becomes a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from micro.assistant.assistant import Assistant
from micro.assistant.said import Said
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

    async def suggest(self, context: Context, limit: int = 6) -> dict[str, Any]:
        """Suggests wishes to try, as services show them of themselves, each of another service.

        Args:
            limit: at most so many, up to 50.
        """
        return {"suggestions": await self._assistant.suggest(context.caller, limit)}

    async def forget(self, context: Context) -> dict[str, Any]:
        """Forgets the sentences that were learned from the caller's choices."""
        return {"forgotten": await self._assistant.forget(context.caller)}


def assistant_service(assistant: Assistant) -> Service:
    """Returns the service."""
    endpoints = AssistantControl(assistant)
    service = Service("assistant", description="Does what you say, with the services in reach.", platform=True)
    service.add("Assistant.Say", endpoints.say)
    service.add("Assistant.Prepare", endpoints.prepare, idempotent=True)
    service.add("Assistant.Search", endpoints.search, idempotent=True)
    service.add("Assistant.Suggest", endpoints.suggest, idempotent=True)
    service.add("Assistant.Forget", endpoints.forget, idempotent=True)
    return service
