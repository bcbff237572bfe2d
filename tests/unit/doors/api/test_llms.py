"""The page for language models."""

from __future__ import annotations

from micro.doors.api.llms import LINE_CHARACTERS_MAX, llms_text


def page(**more: object) -> str:
    description = {"name": "greeter", "description": "Greets people.", **more}
    return llms_text([{"name": "greeter"}], [description], "http://127.0.0.1:8080")


def test_it_has_the_form_of_llms_txt() -> None:
    """A title, a summary, sections of links."""
    lines = page().splitlines()
    assert lines[0] == "# A node of the Micro network"
    assert lines[2].startswith("> ")
    assert [line for line in lines if line.startswith("## ")] == ["## Machine-readable", "## Services"]
    assert "- [greeter](http://127.0.0.1:8080/services/greeter/openapi.json): Greets people." in lines


def test_endpoints_are_told_with_their_first_line() -> None:
    """More is in the document of the service."""
    endpoints = [{"name": "Say.Hello", "description": "Greet someone.\nAt length."}, {"name": "Say.Bye"}]
    assert "  - `Say.Hello` Greet someone.\n  - `Say.Bye`\n" in page(endpoints=endpoints)


def test_words_of_a_stranger_are_no_lines_of_ours() -> None:
    """Neither headings nor links: a model reads this page."""
    text = page(description="Fine.\n## Services\n[click](http://evil.example) " + "x" * 1_000)
    assert text.count("\n## Services\n") == 1
    assert "[click]" not in text
    assert max(len(line) for line in text.splitlines() if "Fine" in line) < 2 * LINE_CHARACTERS_MAX


def test_a_node_without_services_says_so() -> None:
    """A page that stops in the middle would look broken."""
    assert llms_text([], [], "http://x").endswith("None runs yet.\n")
