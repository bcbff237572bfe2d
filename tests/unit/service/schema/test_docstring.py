"""Docstrings, taken apart."""

from __future__ import annotations

from micro.service.schema.docstring import read_docstring

GOOGLE = """Greets somebody.

    At any time of day.

    Args:
        name (str): who is greeted,
            in full.
        *times: how often

    Returns:
        the greeting,
        in one line.

    Raises:
        ValueError: never.

    Example:
        say_hi("Ann")
    """

SPHINX = """Greets somebody.

    :param name: who is greeted,
        in full.
    :param int times: how often
    :returns: the greeting
    :raises ValueError: never

    That is all.
    """


def test_google_sections_are_taken_out() -> None:
    """What is left is the description, with its example and without what callers cannot use."""
    assert read_docstring(GOOGLE).text == 'Greets somebody.\n\nAt any time of day.\n\nExample:\n    say_hi("Ann")'


def test_google_arguments_may_be_typed_starred_and_long() -> None:
    """Each parameter's text is one line."""
    assert read_docstring(GOOGLE).fields == {"name": "who is greeted, in full.", "times": "how often"}


def test_the_result_is_read() -> None:
    """What is returned becomes the description of the response."""
    assert read_docstring(GOOGLE).result == "the greeting, in one line."


def test_sphinx_fields_are_taken_out() -> None:
    """The description goes on after the fields."""
    assert read_docstring(SPHINX).text == "Greets somebody.\n\n\nThat is all."


def test_sphinx_parameters_may_be_typed_and_long() -> None:
    """The last word before the colon is the name."""
    assert read_docstring(SPHINX).fields == {"name": "who is greeted, in full.", "times": "how often"}


def test_the_sphinx_result_is_read() -> None:
    """It stands behind `:returns:`."""
    assert read_docstring(SPHINX).result == "the greeting"


def test_no_docstring_says_nothing() -> None:
    """None is as good as an empty text."""
    assert read_docstring(None) == read_docstring("")


def test_a_word_with_a_colon_is_no_section() -> None:
    """Only the known headings open one."""
    assert read_docstring("One.\n\nCareful:\n  it bites").text == "One.\n\nCareful:\n  it bites"


def test_text_behind_a_section_stays() -> None:
    """A section ends where the indentation ends."""
    assert read_docstring("One.\n\nArgs:\n    x: y\n\nTwo.").text == "One.\n\nTwo."
