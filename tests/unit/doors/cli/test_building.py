"""What is said of a long work while it goes on."""

from __future__ import annotations

import asyncio

import pytest

from micro.doors.cli import building
from micro.doors.cli.building import reminding


async def test_a_long_step_is_said_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe, again and again, with how long it has taken; before the first step and after the last nothing is."""
    monkeypatch.setattr(building, "REMINDER_SECONDS", 0.01)
    step, said = "", ""
    with reminding(lambda: step):
        await asyncio.sleep(0.05)
        assert capsys.readouterr().err == ""
        step = "building"
        while said.count("building  goes on, ") < 2:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().err
    capsys.readouterr()
    await asyncio.sleep(0.05)
    assert capsys.readouterr().err == ""


async def test_whoever_reads_json_is_not_reminded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of a program's input is its own."""
    monkeypatch.setattr(building, "REMINDER_SECONDS", 0.01)
    with reminding(lambda: "building", silent=True):
        await asyncio.sleep(0.05)
    assert capsys.readouterr().err == ""
