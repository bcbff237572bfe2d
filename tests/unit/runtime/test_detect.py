"""How a tree of files starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from micro.errors import SourceError
from micro.runtime.detect import detect
from micro.runtime.environments import Environments, Interpreter
from micro.runtime.guest.kits import Kits
from micro.runtime.manifest import Engine
from micro.runtime.recipe.plan import Files, Plan
from micro.runtime.recipe.table import recipes
from micro.system import SystemDisk

SERVICE = "from micro import Service\nservice = Service('hello')"
OWN = Interpreter.of_this_process()
KITS = Kits(SystemDisk(), OWN.program, Path("/nowhere"))
RECIPES = recipes(Environments(SystemDisk(), OWN), KITS)


def look(files: dict[str, str], engine: Engine | None = None) -> Plan:
    """Detects in files of these texts."""
    return detect(Files(files, lambda path: files[path].encode()), RECIPES, engine)


def plan(**files: str) -> Plan:
    """Detects; `main_py` is `main.py`, and a double underscore is a slash."""
    named = {
        name.replace("__", "/").replace("_py", ".py").replace("_toml", ".toml").replace("_txt", ".txt"): text
        for name, text in files.items()
    }
    return look(named)


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
    found = plan(hello_py=SERVICE, model_py="", test_hello_py=SERVICE, setup_py=SERVICE)

    assert found.command == ("python", "hello.py")


def test_the_only_package() -> None:
    """A package with a __main__ is started as one."""
    found = look({"src/greeter/__main__.py": "", "src/greeter/x.py": ""})

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
        ({"a_py": SERVICE, "b_py": SERVICE}, r"2 files make a Service \(a\.py, b\.py\)"),
        ({"a_py": "x = 1"}, "nothing here starts: add a main.py"),
        ({"go.mod": ""}, "this is a Go library"),
        ({"go.mod": "", "a/x.go": "package main", "b/x.go": "package main"}, r"2 Go programs are here \(a, b\)"),
        ({"package.json": "{}"}, "says neither `main` nor a script `start`"),
        ({"package.json": "["}, "package.json is no JSON"),
        ({"Cargo.toml": "[workspace]"}, "Cargo.toml is a workspace"),
        ({"Cargo.toml": '[package]\nname = "a"'}, "this is a Rust library"),
        ({"Cargo.toml": "["}, "Cargo.toml is no TOML"),
        ({"build.zig": ""}, "looks like Zig"),
        ({"a_py": "input()", "b_py": "input()"}, r"2 files read their standard input \(a\.py, b\.py\)"),
        ({"micro_toml": '[service]\nrecipe = "go"'}, "nothing here is of that kind"),
        ({"micro_toml": '[service]\nrecipe = "gogo"'}, "it is one of go, rust, node"),
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
        look({"a/__main__.py": "", "b/__main__.py": ""})


@pytest.mark.parametrize(
    ("files", "recipe", "serves", "command"),
    [
        ({"app.py": "from fastapi import FastAPI\napp = FastAPI()"}, "python", "http", "app:app"),
        ({"app/main.py": "import flask\nsite = flask.Flask('a')"}, "python", "http", "app.main:site"),
        ({"src/a/web.py": "from fastapi import FastAPI\nb = FastAPI()"}, "python", "http", "a.web:b"),
        (
            {"app.py": "from flask import Flask\ndef create_app(): return Flask('a')"},
            "python",
            "http",
            "app:create_app",
        ),
        ({"manage.py": "import django"}, "python", "http", "runserver"),
        ({"serve.py": "import http.server", "other.py": ""}, "python", "http", "serve.py"),
        ({"main.py": "import sys\nprint(sys.stdin.read())"}, "python", "program", "main.py"),
        ({"main.py": "for line in open(0): input()"}, "python", "program", "main.py"),
        ({"sums.py": "def add(a: int, b: int) -> int: return a + b"}, "python", "functions", "sums.py"),
        ({"go.mod": "", "main.go": "package main\nhttp.ListenAndServe("}, "go", "http", "app"),
        ({"go.mod": "", "cmd/a/main.go": "package main", "lib.go": "package lib"}, "go", "program", "app"),
        ({"Cargo.toml": "[package]\nname='a'", "src/main.rs": "TcpListener"}, "rust", "http", "a"),
        ({"Cargo.toml": "[package]\nname='a'", "src/bin/b.rs": "stdin"}, "rust", "program", "b"),
        ({"package.json": '{"main": "./x"}', "x.js": "require('express')"}, "node", "http", "x.js"),
        ({"package.json": '{"scripts": {"start": "node x.js --fast"}}', "x.js": ""}, "node", "http", "--fast"),
        ({"package.json": '{"scripts": {"start": "A=1 x | y"}}'}, "node", "http", "A=1 x | y"),
        ({"package.json": '{"scripts": {"build": "vite"}}', "index.html": ""}, "node", "site", ""),
        ({"server.js": "process.stdin.pipe(process.stdout)"}, "node", "program", "server.js"),
        ({"Makefile": "", "a.c": "getchar()"}, "make", "program", ""),
        ({"Makefile": "", "a.c": "listen(s, 5);"}, "make", "http", ""),
        ({"index.html": ""}, "site", "site", "."),
        ({"public/index.html": "", "README.md": ""}, "site", "site", "public"),
        ({"Procfile": "web: ./serve $PORT"}, "command", "http", "./serve $PORT"),
        ({"Procfile": "web: bin/a -p $PORT", "go.mod": "", "a.go": "package main"}, "go", "http", "$PORT"),
        ({"Procfile": "web: gunicorn a:b", "requirements.txt": "gunicorn==1"}, "python", "http", "gunicorn a:b"),
        ({"micro.toml": "[service]\ncommand='./x'\nserves='program'"}, "command", "program", "./x"),
    ],
)
def test_what_strangers_write(files: dict[str, str], recipe: str, serves: str, command: str) -> None:
    """Each kind of repository is known by what everybody knows it by."""
    found = look(files)

    assert (found.recipe, found.serves) == (recipe, serves)
    assert any(command in word for word in found.command) or (not command and not found.command)
    assert found.reason


def test_the_language_in_which_more_was_written_wins() -> None:
    """Where two build files are there; what others wrote does not count."""
    files = {"go.mod": "", "main.go": "package main\n" + "//" * 100, "package.json": '{"main": "a.js"}', "a.js": "1"}

    assert look(files).recipe == "go"
    assert look({**files, "a.js": "1" * 1000}).recipe == "node"
    assert look({**files, "node_modules/x/b.js": "1" * 1000}).recipe == "go"


def test_endpoints_and_words_are_read_from_the_text() -> None:
    """What can be asked is found without running anything, and so is what it is good for."""
    fastapi = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/a/{b}')\ndef f(b: int): ...\n"
    express = "const app = require('express')(); app.post('/c', f); app.get(`/d`, g); app.listen(1)"
    go = 'package main\nhttp.HandleFunc("POST /e", f); http.Handle("/f", g); http.ListenAndServe("", nil)'

    assert look({"app.py": fastapi}).endpoints == ("GET /a/{b}",)
    assert look({"package.json": "{}", "index.js": express}).endpoints == ("POST /c", "GET /d")
    assert look({"go.mod": "", "main.go": go}).endpoints == ("POST /e", "GET /f")

    found = look({"a.py": "def f(x: int) -> int: ...", "README.md": "# a\n\nIt doubles *whatever* it is given.\n"})
    assert (found.endpoints, found.description) == (("f",), "It doubles whatever it is given.")


@pytest.mark.parametrize("text", ["(" * 50_000, "x = " + "-" * 100_000 + "1", "\0", "def", "\u201cx\u201d"])
def test_hostile_text_is_no_python(text: str) -> None:
    """A file that would break the parser is passed over, and named where nothing else starts."""
    with pytest.raises(SourceError, match=r"nothing here starts, for a.py .*is no Python: .") as refused:
        look({"a.py": text})
    assert len(str(refused.value)) < 400


def test_a_file_that_is_not_python_is_named_with_its_line() -> None:
    """Where it keeps a source from starting; beside one that starts it is nobody's concern."""
    broken = {"syn.py": "def f(x: int) -> int\n    return x\n"}
    with pytest.raises(SourceError, match=r"syn.py line 1 is no Python: expected ':'"):
        look(broken)

    assert look({**broken, "ok.py": "def f(x: int) -> int: ..."}).entry == "ok.py"
    with pytest.raises(SourceError, match=r"add a main\.py"):
        look({"notes.py": "x = 1\n"})


@pytest.mark.parametrize(
    ("said", "endpoints"),
    [
        ('"/add", methods=["POST"]', ("POST /add",)),
        ('"/add", methods=("GET", "post", "POST")', ("GET /add", "POST /add")),
        ('"/add"', ("GET /add",)),
        ('"/add", methods=METHODS', ("GET /add",)),
        ('"/add", methods=[1, "?"]', ("GET /add",)),
    ],
)
def test_a_route_of_flask_says_its_methods(said: str, endpoints: tuple[str, ...]) -> None:
    """What is for POST only is not listed for GET."""
    text = f"from flask import Flask\napp = Flask('a')\n\n@app.route({said})\ndef add(): return ''\n"

    assert look({"app.py": text, "requirements.txt": "flask"}).endpoints == endpoints
