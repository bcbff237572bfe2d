"""The command `micro new`: the folder of a service that runs as it is."""

from __future__ import annotations

from pathlib import Path

import click

from micro.doors.cli.commands import ENTRIES
from micro.doors.cli.elsewhere import typed_line
from micro.doors.cli.ending import Usage
from micro.doors.cli.options import command
from micro.doors.cli.session import Session
from micro.doors.cli.terminal import say
from micro.errors import Conflict
from micro.service.schema.naming import check_service_name

__all__ = ["files_of", "new"]

MAIN = '''"""The service {name}."""

from micro import Service

service = Service("{name}", version="0.1.0", description="Greets whoever asks.")


@service.endpoint(idempotent=True, examples=[{{"name": "Ann"}}])
async def hello(name: str = "world") -> str:
    """Greet someone by name."""
    return f"Hello {{name}}"


if __name__ == "__main__":
    service.run()
'''

TEST = '''"""The service {name} does what it says."""

import unittest

import main


class Hello(unittest.IsolatedAsyncioTestCase):
    async def test_it_greets_by_name(self) -> None:
        """Whoever says his name hears it."""
        self.assertEqual("Hello Ann", await main.hello("Ann"))


if __name__ == "__main__":
    unittest.main()
'''

MANIFEST = """[service]
name = "{name}"
command = "python main.py"
"""

README = """# {name}

Greets whoever asks.

| do | type |
| --- | --- |
| run it | `micro run .` |
| call it | `micro {name} hello --name Ann` |
| see what it offers | `micro describe {name}` |
| read its log | `micro logs -f {name}` |
| move it to what you have changed | `micro update {name}` |
| test it | `python -m unittest` |
"""


def files_of(name: str) -> dict[str, str]:
    """Returns the files of a new service and what is in them."""
    templates = {"main.py": MAIN, "test_main.py": TEST, "micro.toml": MANIFEST, "README.md": README}
    return {file: template.format(name=name) for file, template in templates.items()}


@command("new", example="micro new greeter", node=False)
@click.argument("name", type=click.Path(path_type=Path), metavar="NAME")
def new(session: Session, name: Path) -> None:
    """Write the folder of a new service.

    NAME is the service's, or a path whose last part is. The folder holds the service in ten lines, a test and a README.
    What is already there is not touched.
    """
    service = name.name
    try:
        check_service_name(service)
    except ValueError as error:
        raise Usage(str(error), remedy="micro new --help") from error
    if service in ENTRIES:
        raise Usage(f"{service} is a command of micro, which would hide the service; choose another name")
    if name.exists() and (not name.is_dir() or any(name.iterdir())):
        raise Conflict(f"{name} is there already and is left as it is; choose another name, or move it away")
    name.mkdir(parents=True, exist_ok=True)
    for file, text in files_of(service).items():
        with (name / file).open("x") as opened:
            opened.write(text)
    shown = str(name) if name.is_absolute() else f"./{name}"
    if session.shape() == "json":
        session.show({"name": service, "folder": str(name.resolve()), "files": list(files_of(service))})
        return
    for file in files_of(service):
        say(f"{shown}/{file}")
    session.next(typed_line("micro run", shown))
