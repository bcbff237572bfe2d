"""The commands `health` and `stats`: what every service says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import click

from micro.doors.cli.completion import complete_services
from micro.doors.cli.ending import exit_code
from micro.doors.cli.moment import span
from micro.doors.cli.options import command
from micro.doors.cli.output import Column
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import note
from micro.errors import Fault

__all__ = ["health", "stats"]

ASKED_AT_ONCE_MAX = 32
HEALTH = [Column(name) for name in ("service", "status", "version", "detail")]
STATS = [Column(name) for name in ("service", "requests", "errors", "rejected", "memory", "uptime", "detail")]
ENDPOINTS = [Column(name) for name in ("endpoint", "requests", "errors", "rejected", "cancelled", "mean")]

KIBI = 1024


@command("health", example="micro health greeter")
@click.argument("service", required=False, shell_complete=complete_services)
def health(session: Session, service: str | None) -> None:
    """Ask services whether they are well.

    Without SERVICE all in reach are asked. The exit code is that of the first that is not well.
    """
    rows, code = _ask(session, service, "Debug.Health", lambda answer: dict(answer))
    session.show_rows({"services": rows} if service is None else rows[0], rows, HEALTH)
    _end(session, rows, code)


@command("stats", example="micro stats greeter")
@click.argument("service", required=False, shell_complete=complete_services)
def stats(session: Session, service: str | None) -> None:
    """Show what services have done so far.

    Without SERVICE all in reach are asked; with it the figures of each endpoint are shown.
    """
    rows, code = _ask(session, service, "Debug.Stats", lambda answer: dict(answer))
    if session.shape() == "json":
        session.show({"services": rows} if service is None else rows[0])
        _end(session, rows, code)
        return
    for row in rows:
        row["uptime"] = span(row["uptime_seconds"]) if "uptime_seconds" in row else ""
        row["memory"] = f"{row['memory_bytes'] / KIBI / KIBI:.0f} MB" if "memory_bytes" in row else ""
    session.show_rows(None, rows, STATS)
    endpoints = rows[0].get("endpoints") if service is not None and rows else None
    if endpoints:
        lines = [{"endpoint": name, **figures, "mean": _mean(figures)} for name, figures in endpoints.items()]
        session.show_rows(None, lines, ENDPOINTS)
    _end(session, rows, code)


def _mean(figures: dict[str, Any]) -> str:
    seconds = figures.get("mean_seconds")
    return "" if seconds is None else f"{seconds * 1e3:.3f} ms"


def _ask(
    session: Session, service: str | None, endpoint: str, read: Callable[[Any], dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    """Asks one service or all, several at once; returns a row each, and the exit code of the first that failed."""
    failures: list[BaseException] = []

    async def one(name: str, gate: asyncio.Semaphore) -> dict[str, Any]:
        async with gate:
            try:
                return {"service": name, **read(await session.call(name, endpoint))}
            except Fault as fault:
                failures.append(fault)
                return {"service": name, "status": fault.status.lower(), "detail": fault.detail}

    async def work() -> list[dict[str, Any]]:
        names: Sequence[str] = [service] if service else []
        if not names:
            names = [known["name"] for known in (await session.call("registry", "Registry.List"))["services"]]
        gate = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        return list(await asyncio.gather(*(one(name, gate) for name in names)))

    rows = session.run(work, waiting="asking")
    if service is not None and failures:
        session.hint = "micro services"
        raise failures[0]
    return rows, exit_code(failures[0]) if failures else 0


def _end(session: Session, rows: Sequence[Any], code: int) -> None:
    if not rows and session.shape() == "table":
        note("no services yet")
        session.next("micro new hello && micro run ./hello")
    if code:
        click.get_current_context().exit(code)
