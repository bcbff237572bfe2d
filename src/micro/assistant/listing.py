"""Asks a service which things a field of its may mean; see `rows` for which endpoint tells."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Final

from micro.assistant.calling import Caller
from micro.assistant.conversation import Plan
from micro.assistant.knowledge import Knowledge
from micro.assistant.meeting import is_unverified
from micro.assistant.rows import Row, is_id, lister_of, meant, request_for, rows_in
from micro.assistant.spans import form_of
from micro.errors import MicroError
from micro.service.schema.fields import Field, assemble

__all__ = ["Doubt", "rows_of", "settled", "with_row"]

ANSWER_BYTES_MAX: Final = 1024 * 1024
CODES: Final = ("uuid", "code")
SECONDS_MAX: Final = 3.0
"""A service that does not answer by then is not asked which things there are."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field whose value no thing of the service is, or more than one.

    Attributes:
        field: which.
        rows: what it may mean; none where the service has nothing of that kind.
        said: what was said for it.
    """

    field: Field
    rows: tuple[Row, ...]
    said: str


async def rows_of(plan: Plan, known: Field, knowledge: Knowledge, client: Caller) -> tuple[Row, ...] | None:
    """Returns the things that a field may mean, None where the service does not tell them."""
    lister = lister_of(plan.offer, plan.fields, known, await knowledge.offers())
    if lister is None or await is_unverified(client, lister.service):
        return None
    body = json.dumps(request_for(lister, plan.fields), ensure_ascii=False).encode()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            answer = await client.call_raw(lister.service, lister.endpoint, body)
    except (MicroError, TimeoutError):
        return None  # it was asked for somebody's convenience: he says the value himself
    return rows_in(answer, known.path[0]) if len(answer) <= ANSWER_BYTES_MAX else None


async def settled(plan: Plan, knowledge: Knowledge, client: Caller) -> tuple[Plan, Doubt | None]:
    """Returns a plan whose ids that were made out of a sentence are ids of things, and the first that cannot be one."""
    for known in plan.offer.fields:
        said = plan.fields.get(known.path[0]) if len(known.path) == 1 else None
        if not is_id(known) or known.path not in plan.guessed or not isinstance(said, str):
            continue
        rows = await rows_of(plan, known, knowledge, client)
        if rows is None:
            continue
        found = meant(rows, said, plan.offer)
        if not found and form_of(said) in CODES:
            continue  # an id that is there, and only not among the first that are listed
        if len(found) != 1:
            return _without(plan, known), Doubt(known, tuple(found) or rows, said)
        plan = with_row(plan, known, found[0])
    return plan, None


def _without(plan: Plan, known: Field) -> Plan:
    """Returns a plan without the value of a field."""
    return replace(plan, fields={name: value for name, value in plan.fields.items() if name != known.path[0]})


def with_row(plan: Plan, known: Field, row: Row) -> Plan:
    """Returns a plan whose field means a thing."""
    return replace(
        plan,
        fields=assemble({known.path: row.value}, plan.fields),
        guessed=plan.guessed - {known.path},
        labels={**plan.labels, row.value: row.label},
    )
