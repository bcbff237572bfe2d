"""Python: web applications, programs, plain functions and services, with their packages in an environment beside them.

Only wheels are installed, named by version and hash in a lock, so nothing of theirs runs before the service does;
there is nothing to build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from micro.errors import SourceError
from micro.runtime.environments import Environments
from micro.runtime.manifest import MANIFEST, Manifest, Serves
from micro.runtime.recipe.plan import PYTHON, SHOWN_MAX, Component, Files, Plan
from micro.runtime.recipe.pythonlock import requirements_of
from micro.runtime.recipe.pythonsource import PythonSource, read_python
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["PythonRecipe", "components_of", "with_packages"]

PYTHONS = frozenset({"python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"})
PASSED_OVER = re.compile(r"(setup|conftest|noxfile|fabfile|test_.*|.*_test)\.py")
USUAL = ("main.py", "__main__.py", "app.py", "server.py", "api.py", "wsgi.py", "asgi.py")
FOLDERS = ("app", "src", "api", "server")
PROJECT_FILES = ("requirements.txt", "pyproject.toml", "setup.py", "Pipfile.lock")

MAKES_SERVICE = "makes a Service"
Answer = tuple[str, Callable[[PythonSource], bool]]
ANSWERS: tuple[Answer, ...] = (
    (MAKES_SERVICE, lambda source: source.micro),
    ("makes a web application", lambda source: source.application is not None),
    ("listens", lambda source: source.listens),
)
"""What a file may be that starts, wherever it is, the surest first."""

LESSER_ANSWERS: tuple[Answer, ...] = (
    ("reads its standard input", lambda source: source.reads),
    ("has functions whose parameters have types", lambda source: bool(source.functions)),
)
"""What a file of the root may be."""


class PythonRecipe:
    """`Recipe` for Python."""

    name = "python"
    language = "Python"
    version = 1

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        if manifest.command and manifest.command[0] in PYTHONS:
            return self._told(files, (PYTHON, *manifest.command[1:]))
        if manifest.command and files.first(*PROJECT_FILES):
            return self._told(files, manifest.command)
        plan = _chosen(files, _modules(files))
        return None if plan is None else with_packages(plan, files)

    def _told(self, files: Files, command: tuple[str, ...]) -> Plan:
        source = read_python(files.text(command[1])) if len(command) > 1 else PythonSource(readable=False)
        plan = Plan(
            recipe=self.name,
            serves="micro",
            command=command,
            reason=f"{MANIFEST} says so",
            entry=command[1] if len(command) == 2 else "",
            endpoints=source.routes,
            description=source.description,
        )
        return with_packages(plan, files)

    def asks(self, plan: Plan, files: Files) -> bytes:
        return self._environments.name(plan.requirements).encode() if plan.requirements else b""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        assert plan.requirements is not None
        installed = await self._environments.make(job.packages, plan.requirements, job.bench)
        return components_of(installed)

    async def build(self, plan: Plan, job: Job) -> None:
        """There is nothing to build: the tree runs where it is."""

    def start(self, plan: Plan, place: Place) -> Start:
        interpreter = self._environments.interpreter(place.packages if plan.requirements else None)
        environment = interpreter.environment()
        if plan.import_folder:
            paths = [str(place.tree / plan.import_folder), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = ":".join(path for path in paths if path)
        command = tuple(str(interpreter.program) if word == PYTHON else word for word in plan.command)
        packages = (place.packages,) if plan.requirements else ()
        return Start(command, place.tree, environment, (place.tree, *packages, *interpreter.folders()))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ()

    def differs(self, plan: Plan) -> str:
        return ""


def _modules(files: Files) -> dict[str, PythonSource]:
    """Returns the files that might be what starts: those of the root, then those of the usual folders."""
    paths = [
        path
        for path in files.ending(".py", depth_max=2)
        if ("/" not in path or path.split("/")[0] in FOLDERS) and not PASSED_OVER.fullmatch(path.rpartition("/")[2])
    ]
    paths.sort(key=lambda path: (path.count("/"), path.rpartition("/")[2] not in USUAL, path))
    return {path: read_python(files.text(path)) for path in paths}


def _chosen(files: Files, found: dict[str, PythonSource]) -> Plan | None:
    """Returns what starts; of two answers that are equally good, none is taken."""
    lone = {path: source for path, source in found.items() if "/" not in path}
    for name in ("main.py", "__main__.py"):
        if name in lone and not _serving_elsewhere(lone, name):
            return _start(name, lone[name], f"there is a {name}", files)
    for word, is_it in ANSWERS:
        serving = [path for path, source in found.items() if is_it(source)]
        usual = [path for path in serving if path.rpartition("/")[2] in USUAL]
        if len(serving) == 1:
            return _start(serving[0], found[serving[0]], f"{serving[0]} is the only file that {word}", files)
        if usual and word != MAKES_SERVICE:
            return _start(usual[0], found[usual[0]], f"{usual[0]} {word}", files)
        if serving:
            raise SourceError(_which(serving, word))
    if "manage.py" in files.paths and "django" in files.text("manage.py"):
        command = (PYTHON, "manage.py", "runserver", "127.0.0.1:$PORT", "--noreload")
        return Plan("python", "http", command, "there is a manage.py of Django", entry="manage.py")
    package = _package(files)
    if package is not None:
        return package
    for word, is_it in LESSER_ANSWERS:
        serving = [path for path, source in lone.items() if is_it(source)]
        if len(serving) > 1:
            raise SourceError(_which(serving, word))
        if serving:
            return _start(serving[0], lone[serving[0]], f"{serving[0]} is the only file that {word}", files)
    return None


def _which(paths: list[str], word: str) -> str:
    shown = ", ".join(paths[:SHOWN_MAX])
    several = word.replace("makes", "make", 1).replace("has", "have", 1).replace("reads its", "read their", 1)
    return f"{len(paths)} files {several} ({shown}): call one main.py, or say which. {_example(paths[0])}"


def _serving_elsewhere(lone: dict[str, PythonSource], name: str) -> bool:
    """Whether another file is what serves, and this one says nothing of the kind."""
    mine = lone[name]
    if mine.micro or mine.application or mine.listens or mine.reads:
        return False
    return any(source.application for path, source in lone.items() if path != name)


def _start(path: str, source: PythonSource, reason: str, files: Files) -> Plan:
    """Returns how a file starts: by what it is; one that says nothing is taken for a service that registers itself."""
    serves: Serves = "micro"
    command: tuple[str, ...] = (PYTHON, path)
    module, import_folder = _module(path, files)
    endpoints, why = source.routes, ""
    if source.micro:
        pass
    elif source.application is not None:
        serves, (name, kind) = "http", source.application
        command = _server(module, name, kind)
        why = f"; {name} in it is a web application"
    elif source.listens:
        serves, why = "http", "; it listens"
    elif source.reads:
        serves, why = "program", "; it reads its standard input"
    elif source.functions:
        serves, endpoints, why = "functions", source.functions, "; its functions say what they take"
    return Plan(
        recipe="python",
        serves=serves,
        command=command,
        reason=reason + why,
        entry=path,
        import_folder=import_folder if serves == "http" else "",
        endpoints=endpoints,
        description=source.description,
    )


def _module(path: str, files: Files) -> tuple[str, str]:
    """Returns what a file is called where it is imported, and the folder that its neighbours are imported from."""
    folder = path.rpartition("/")[0]
    if path.startswith("src/") and "src/__init__.py" not in files.paths:
        path, folder = path.removeprefix("src/"), "src"
    elif f"{folder}/__init__.py" in files.paths:
        folder = ""
    return path.removesuffix(".py").replace("/", "."), folder


def _server(module: str, name: str, kind: str) -> tuple[str, ...]:
    """Returns the command that serves a web application on the port it is given."""
    where = ("--host", "127.0.0.1", "--port", "$PORT")
    kind, _, factory = kind.partition(" ")
    if kind == "flask":
        return (PYTHON, "-m", "flask", "--app", f"{module}:{name}", "run", *where)
    how = (*(["--factory"] if factory else []), *(["--interface", "wsgi"] if kind == "wsgi" else []))
    return (PYTHON, "-m", "uvicorn", f"{module}:{name}", *how, *where)


def _package(files: Files) -> Plan | None:
    packages = sorted(
        path.removesuffix("/__main__.py") for path in files.paths if re.fullmatch(r"(src/)?\w+/__main__\.py", path)
    )
    if len(packages) > 1:
        shown = ", ".join(packages[:SHOWN_MAX])
        raise SourceError(
            f"{len(packages)} packages can be started ({shown}): say which. {_example('-m ' + packages[0])}"
        )
    if not packages:
        return None
    folder, _, package = packages[0].rpartition("/")
    source = read_python(files.text(f"{packages[0]}/__main__.py"))
    plan = _start(f"{packages[0]}/__main__.py", source, f"{package} is the only package with a __main__.py", files)
    serves: Serves = "micro" if plan.serves == "functions" else plan.serves
    command = (PYTHON, "-m", package)
    return replace(plan, serves=serves, command=command, entry=package, import_folder=folder, endpoints=source.routes)


def components_of(installed: Iterable[tuple[str, str, str]]) -> tuple[bytes, tuple[Component, ...]]:
    """Returns packages, given as name, version and SHA-256, as a lock and as facts."""
    listed = [(name, version, {"sha256": digest} if digest else {}) for name, version, digest in installed]
    lines = [
        f"{name}=={version}{' --hash=sha256:' if had else ''}{had.get('sha256', '')}\n" for name, version, had in listed
    ]
    return "".join(lines).encode(), tuple(Component("pypi", *one) for one in listed)


def with_packages(plan: Plan, files: Files) -> Plan:
    """Returns a plan with the Python packages that a tree asks for."""
    requirements = requirements_of(files)
    if requirements is None:
        return plan
    loose = ", ".join(requirements.loose[:10])
    notes = (f"not pinned, so tomorrow's may differ: {loose}",) if loose else ()
    return replace(plan, requirements=requirements, notes=(*plan.notes, *notes))


def _example(what: str) -> str:
    return f'In {MANIFEST}: [service] on one line, command = "python {what}" on the next'
