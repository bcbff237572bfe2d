"""How a tree of files starts."""

from __future__ import annotations

import pytest

from micro.errors import SourceError
from micro.runtime.detect import Plan, detect


def plan(**files: str) -> Plan:
    """Detects; `main_py` is `main.py`, and a double underscore is a slash."""
    named = {
        name.replace("__", "/").replace("_py", ".py").replace("_toml", ".toml").replace("_txt", ".txt"): text
        for name, text in files.items()
    }
    return detect(list(named), lambda path: named[path].encode())


def test_the_authors_word_comes_first() -> None:
    """What micro.toml says is done, though there is a main.py."""
    found = plan(micro_toml='[service]\ncommand = "python3 serve.py"\nname = "a"\nenvironment = {B = "1"}', main_py="")

    assert (found.command, found.name, dict(found.environment)) == (("python", "serve.py"), "a", {"B": "1"})


def test_a_name_alone_leaves_the_rest_to_detection() -> None:
    """micro.toml may say only what differs."""
    assert plan(micro_toml='[service]\nname = "a"', main_py="").command == ("python", "main.py")


def test_any_program_may_be_named() -> None:
    """A command that is no Python is taken as it is, and gets no Python packages."""
    found = plan(micro_toml='[service]\ncommand = "./serve -v"', requirements_txt="a==1")

    assert (found.command, found.requirements) == (("./serve", "-v"), None)


def test_main() -> None:
    """main.py is what everybody calls it."""
    assert plan(main_py="", other_py="Service()").command == ("python", "main.py")


def test_the_only_file_that_makes_a_service() -> None:
    """Without a main.py it is the file that makes a Service; tests and set-up files do not count."""
    found = plan(hello_py='service = Service("hello")', model_py="", test_hello_py="Service()", setup_py="Service()")

    assert found.command == ("python", "hello.py")


def test_the_only_package() -> None:
    """A package with a __main__ is started as one."""
    found = detect(["src/greeter/__main__.py", "src/greeter/x.py"], lambda path: b"")

    assert (found.command, found.import_folder) == (("python", "-m", "greeter"), "src")


def test_requirements_know_better_than_a_project() -> None:
    """Where both are there, the requirements file is taken."""
    found = plan(main_py="", requirements_txt="a==1", pyproject_toml='[project]\ndependencies = ["b"]')

    assert found.requirements is not None
    assert found.requirements.lines == ("a==1",)


def test_no_packages_no_environment() -> None:
    """A file that asks for nothing but us needs no environment."""
    assert plan(main_py="", requirements_txt="micro-network\n").requirements is None


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a_py": "Service()", "b_py": "Service()"}, r"2 files make a Service \(a\.py, b\.py\)"),
        ({"a_py": "x = 1"}, "nothing here starts: add a main.py"),
        ({"go.mod": ""}, "looks like Go"),
        ({"package.json": ""}, "looks like JavaScript"),
        ({"Dockerfile": ""}, "looks like a container"),
        ({"echo__main_py": "", "time__main_py": ""}, "there are services in echo, time"),
        ({"README.md": ""}, "nothing here starts"),
    ],
)
def test_it_asks_instead_of_guessing(files: dict[str, str], reason: str) -> None:
    """Where nothing or more than one thing could start, it says what to add."""
    with pytest.raises(SourceError, match=reason):
        plan(**files)


def test_two_packages() -> None:
    """Two packages that could be started are named."""
    with pytest.raises(SourceError, match=r"2 packages can be started \(a, b\)"):
        detect(["a/__main__.py", "b/__main__.py"], lambda path: b"")
