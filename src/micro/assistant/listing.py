"""Asks a service which things a field of its may mean; see `rows` for which endpoint tells."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any, Final

from micro.assistant.calling import Caller
from micro.assistant.conversation import Plan
from micro.assistant.knowledge import Knowledge
from micro.assistant.meeting import is_unverified
from micro.assistant.offers import Offer
from micro.assistant.rows import ROWS_READ_MAX, Row, is_id, lister_of, meant, must_be_listed, request_for, rows_in, wide
from micro.assistant.spans import form_of
from micro.errors import BadRequest, MicroError
from micro.service.schema.fields import Field, assemble, missing

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
    request = request_for(lister, plan.fields)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            answer = await _asked(lister, wide(lister, request), request, client)
    except (MicroError, TimeoutError):
        return None  # it was asked for somebody's convenience: he says the value himself
    return rows_in(answer, known.path[0]) if len(answer) <= ANSWER_BYTES_MAX else None


async def _asked(lister: Offer, request: dict[str, Any], least: dict[str, Any], client: Caller) -> bytes:
    """Asks for many rows, and for as many as a service gives by itself where that is too many for it."""
    try:
        return await client.call_raw(lister.service, lister.endpoint, _body(request))
    except BadRequest:
        if request == least:
            raise
        return await client.call_raw(lister.service, lister.endpoint, _body(least))


def _body(request: dict[str, Any]) -> bytes:
    return json.dumps(request, ensure_ascii=False).encode()


async def settled(plan: Plan, knowledge: Knowledge, client: Caller) -> tuple[Plan, Doubt | None]:
    """Returns a plan whose ids that were made out of a sentence are ids of things, and the first that cannot be one."""
    for known in plan.offer.fields:
        said = plan.fields.get(known.path[0]) if len(known.path) == 1 else None
        if known.path not in plan.guessed or not isinstance(said, str) or not must_be_listed(plan.offer, known):
            continue
        rows = await rows_of(plan, known, knowledge, client)
        if rows is None:
            continue
        found = meant(rows, said, plan.offer)
        if not found and (form_of(said) in CODES or len(rows) >= ROWS_READ_MAX):
            continue  # it may be there, and only not among the first that are listed
        if len(found) != 1:
            return _moved(plan, known, said), Doubt(known, tuple(found) or rows, said)
        plan = with_row(plan, known, found[0])
    return plan, None


def _moved(plan: Plan, known: Field, said: str) -> Plan:
    """Returns a plan without the value of a field; words that are no list's may be those of a thing on one."""
    fields = {name: value for name, value in plan.fields.items() if name != known.path[0]}
    lacking = next((one for one in missing(plan.offer.fields, fields) if is_id(one) and one.path != known.path), None)
    if lacking is None:
        return replace(plan, fields=fields)
    return replace(plan, fields=assemble({lacking.path: said}, fields), guessed=plan.guessed | {lacking.path})


def with_row(plan: Plan, known: Field, row: Row) -> Plan:
    """Returns a plan whose field means a thing."""
    return replace(
        plan,
        fields=assemble({known.path: row.value}, plan.fields),
        guessed=plan.guessed - {known.path},
        labels={**plan.labels, row.value: row.label},
    )
