"""What the pages say is true: their code runs, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import Block, PageError, Reader, blocks, commands, matches
from tests.kits import program

pytestmark = pytest.mark.usefixtures("sandbox_of_here")

ROOT = Path(__file__).parents[2]
WHERE = ("*.md", "docs/**/*.md", "changes/*.md", "services/**/*.md")
PAGES = sorted(path for pattern in WHERE for path in ROOT.glob(pattern))
NEEDED = {"docs/howto/write-a-guest.md": ("go", "node")}
"""Programs of the owner's, without which a page is for others."""

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?://|mailto:)([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def slug(heading: str) -> str:
    """Returns the anchor that a heading gets on the web."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def leads_nowhere(page: Path) -> list[str]:
    """Returns the relative links of a page that have no target."""
    lost = []
    for link in LINK.findall(re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists():
            lost.append(link)
        elif anchor and target.is_file():
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            if anchor not in [slug(heading) for heading in headings]:
                lost.append(link)
    return lost


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page.read_text())], ids=named)
def test_the_code_of_the_page_runs(page: Path, tmp_path: Path, home: Path) -> None:
    """Whoever does what the page says sees what the page says."""
    for name in NEEDED.get(named(page), ()):
        program(name)
    with Reader(tmp_path, home) as reader:
        for block in blocks(page.read_text()):
            try:
                reader.read(block)
            except (PageError, SyntaxError, ValueError) as error:
                pytest.fail(f"{named(page)}:{block.line}: {error}", pytrace=False)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_links_of_the_page_lead_somewhere(page: Path) -> None:
    """A link within the project has a target."""
    assert [] == leads_nowhere(page)


def test_a_lost_link_is_found(tmp_path: Path) -> None:
    """A link to a missing page and one to a missing heading are found."""
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](gone.md) [b](#here) [c](#there) [d](https://example.com)\n")

    assert leads_nowhere(page) == ["gone.md", "#there"]


def test_blocks_know_their_line_and_directive() -> None:
    """A block is found with its place, its language and the comment above it."""
    page = "# T\n\n<!-- file: a.py -->\n```python\nx = 1\n```\n"

    assert blocks(page) == [Block(4, "python", "x = 1\n", "file", "a.py")]


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (Block(1, "python", "assert False"), "ended with 1"),
        (Block(1, "python", "x =", "skip", "unfinished"), "invalid syntax"),
        (Block(1, "console", "$ false\n"), "ended with 1"),
        (Block(1, "console", "$ echo a\nb\n"), "should have said"),
        (Block(1, "console", "$ exit 3\n[exit 4]\n"), "ended with 3, not 4"),
        (Block(1, "console", "echo a\n"), "begins with a command"),
        (Block(1, "json", "{"), "Expecting"),
        (Block(1, "toml", "="), "Invalid"),
        (Block(1, "bash", "true"), "no one knows"),
    ],
)
def test_a_false_block_is_found(block: Block, complaint: str, tmp_path: Path) -> None:
    """A block that does not do what it says fails, and the message says why."""
    with Reader(tmp_path, tmp_path) as reader, pytest.raises((PageError, SyntaxError, ValueError), match=complaint):
        reader.read(block)


@pytest.mark.parametrize(
    "block",
    [
        Block(1, "python", "print(1)"),
        Block(1, "python", "import time; time.sleep(1e9)", "skip", "it never ends"),
        Block(1, "console", "$ echo a b\na...\n$ echo c\n"),
        Block(1, "console", "$ printf '1\\n2\\n3\\n'\n1\n...\n"),
        Block(1, "console", "$ echo gone; exit 4\ngone\n[exit 4]\n"),
        Block(1, "console", "$ echo 'a\nb'\na\nb\n"),
        Block(1, "console", "$ { sleep 0.3; touch ready; sleep 1000; } &\n", "until", "test -e ready"),
        Block(1, "text", "anything"),
    ],
)
def test_a_true_block_passes(block: Block, tmp_path: Path) -> None:
    """A block that does what it says passes."""
    with Reader(tmp_path, tmp_path) as reader:
        reader.read(block)


def test_a_file_block_is_there_for_the_next_one(tmp_path: Path) -> None:
    """What one block writes, the next one may run."""
    with Reader(tmp_path, tmp_path) as reader:
        reader.read(Block(1, "python", "print(42)\n", "file", "deep/answer.py"))
        reader.read(Block(4, "console", "$ python deep/answer.py\n42\n"))


def test_commands_keep_their_output_apart() -> None:
    """Each command has the lines below it, and None where there are none."""
    assert commands("$ a\n1\n2\n$ b\n$ c \\\n  d\n3\n") == [("a", "1\n2\n"), ("b", None), ("c \\\n  d", "3\n")]


@pytest.mark.parametrize(("expected", "said"), [("a", "a\nb"), ("a...c", "ab"), ("a\n...\nc", "a\nb"), ("a", "")])
def test_output_that_differs_is_told_apart(expected: str, said: str) -> None:
    """Dots stand for anything, but for nothing that contradicts the rest."""
    assert not matches(expected, said)
