"""What can be wrong with a machine that runs a node: one function each, with what to do about it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from micro.node.config import NodeConfig
from micro.node.home import Home
from micro.node.variables import unknown_variables

__all__ = ["CHECKS", "Check", "State"]

State = Literal["ok", "warn", "fail"]

PYTHON_MIN = (3, 11)
GIT_MIN = (2, 37)
"""An older git looks a host's name up again after it was checked."""

GIT_SECONDS_MAX = 10.0
DISK_BYTES_WARN = 1_000_000_000
DISK_BYTES_FAIL = 100_000_000
FILES_MIN = 4096
OLDEST_YEAR = 2026
CLOCK_SECONDS_MAX = 300.0
SOCKET_SECONDS_MAX = 1.0


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        name: what was looked at.
        state: how it is.
        detail: what was found.
        remedy: what to do about it; "" where nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def check_python(config: NodeConfig) -> Check:
    """The interpreter is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        return Check("python", "fail", found, f"install Python {wanted} or newer, and micro into it")
    return Check("python", "ok", f"{found} at {sys.executable}")


def check_home(config: NodeConfig) -> Check:
    """The home is the owner's alone."""
    home = Home(config.home).path
    try:
        found = home.stat()
    except FileNotFoundError:
        above = next(parent for parent in home.parents if parent.exists())
        if os.access(above, os.W_OK):
            return Check("home", "ok", f"{home} will be made by the first `micro server`")
        return Check("home", "fail", f"{home} cannot be made in {above}", "choose another home with MICRO_HOME")
    except OSError as error:
        return Check("home", "fail", f"{home}: {error.strerror}", "choose another home with MICRO_HOME")
    if not stat.S_ISDIR(found.st_mode):
        return Check("home", "fail", f"{home} is no folder", "move it away, or choose another home with MICRO_HOME")
    if found.st_uid != os.getuid():
        return Check("home", "fail", f"{home} belongs to another user", "choose another home with MICRO_HOME")
    if stat.S_IMODE(found.st_mode) & 0o077:
        return Check("home", "fail", f"{home} can be read by others", f"chmod 700 {shlex.quote(str(home))}")
    return Check("home", "ok", str(home))


def check_key(config: NodeConfig) -> Check:
    """The key, which is the node's identity, is the owner's alone, and so is the token, which stands for the owner."""
    home = Home(config.home).path
    for name in ("key", "token"):
        file = home / name
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            return Check("key", "fail", f"{file} can be read by others", f"chmod 600 {shlex.quote(str(file))}")
    file = home / "key"
    return Check("key", "ok", str(file) if file.exists() else "made by the first `micro server`")


def check_sockets(config: NodeConfig) -> Check:
    """Sockets can be made where the node wants them, in paths that are short enough."""
    folder = Home(config.home).run
    above = folder if folder.exists() else next(parent for parent in folder.parents if parent.exists())
    place = above / f".micro-doctor-{os.getpid()}"
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(place))
        place.unlink()
    except OSError as error:
        why = error.strerror or str(error)
        return Check(
            "sockets", "fail", f"{above} takes no sockets: {why}", "choose a home on a local disk with MICRO_HOME"
        )
    return Check("sockets", "ok", str(folder))


def check_api_port(config: NodeConfig) -> Check:
    """The port of the HTTP API is free, or the node's own."""
    if not config.api:
        return Check("api port", "ok", "the HTTP API is switched off")
    place = f"{config.api_host}:{config.api_port}"
    family = socket.AF_INET6 if ":" in config.api_host else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((config.api_host, config.api_port))
    except OSError as error:
        if check_node(config).state == "ok":
            return Check("api port", "ok", f"{place} is in use, by the node that runs or beside it; see `micro status`")
        why = error.strerror or str(error)
        return Check(
            "api port", "warn", f"{place}: {why}; another port will be taken", "micro status names the one taken"
        )
    return Check("api port", "ok", f"{place} is free")


def check_network_port(config: NodeConfig) -> Check:
    """A UDP port can be opened for the network."""
    if not config.network:
        return Check("network", "ok", "the network is switched off")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((config.network_host, 0))
    except OSError as error:
        why = error.strerror or str(error)
        return Check(
            "network", "fail", f"no UDP port at {config.network_host}: {why}", "set network_host, or --no-network"
        )
    return Check("network", "ok", f"UDP works at {config.network_host}")


def check_git(config: NodeConfig) -> Check:
    """Git is there to fetch sources, and new enough."""
    program = shutil.which("git")
    if program is None:
        return Check("git", "warn", "git is not installed, so only folders can be run", "install git")
    try:
        done = subprocess.run(  # noqa: S603 - the program that PATH names, with a fixed argument
            [program, "--version"], capture_output=True, text=True, timeout=GIT_SECONDS_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Check("git", "warn", f"{program} does not run: {error}", "install git again")
    found = re.search(r"(\d+)\.(\d+)[.\d]*", done.stdout)
    if found is None or (int(found[1]), int(found[2])) < GIT_MIN:
        wanted = ".".join(map(str, GIT_MIN))
        return Check("git", "warn", done.stdout.strip(), f"install git {wanted} or newer")
    return Check("git", "ok", found[0])


def check_disk(config: NodeConfig) -> Check:
    """There is room for events, stores and builds."""
    home = Home(config.home).path
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    shown = f"{free / 1e9:.1f} GB free at {place}"
    if free < DISK_BYTES_FAIL:
        return Check("disk", "fail", shown, "make room; a node that cannot write refuses events")
    if free < DISK_BYTES_WARN:
        return Check("disk", "warn", shown, "make room before events and builds fill it")
    return Check("disk", "ok", shown)


def check_clock(config: NodeConfig) -> Check:
    """The clock is not in the past: not before this program, and not before what the node has written."""
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now))
    if time.gmtime(now).tm_year < OLDEST_YEAR:
        return Check("clock", "fail", shown, "set the clock; leases, tickets and certificates depend on it")
    home = Home(config.home).path
    for name in ("broker.db", "key", "token"):
        try:
            written = (home / name).stat().st_mtime
        except OSError:
            continue
        if written > now + CLOCK_SECONDS_MAX:
            return Check("clock", "warn", f"{shown}, but {home / name} was written later", "set the clock")
    return Check("clock", "ok", shown)


def check_variables(config: NodeConfig) -> Check:
    """No environment variable is called like ours and means nothing."""
    unknown = unknown_variables(os.environ)
    if not unknown:
        return Check("environment", "ok", "every variable MICRO_... means something")
    shown = ", ".join(f"{name} (perhaps {meant})" if meant else name for name, meant in unknown.items())
    return Check("environment", "warn", f"means nothing: {shown}", "unset it, or see docs/reference/settings.md")


def check_files(config: NodeConfig) -> Check:
    """Enough files and sockets may be open at once."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the node raises the soft limit itself
    if hard != resource.RLIM_INFINITY and hard < FILES_MIN:
        return Check("open files", "warn", f"at most {hard}", f"as root: ulimit -Hn {FILES_MIN * 2}")
    return Check(
        "open files", "ok", "as many as the system has" if hard == resource.RLIM_INFINITY else f"at most {hard}"
    )


def check_node(config: NodeConfig) -> Check:
    """The node's socket answers."""
    place = Home(config.home).node_socket
    if not place.exists():
        return Check("node", "warn", f"no node runs in {Home(config.home).path}", "micro server")
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.settimeout(SOCKET_SECONDS_MAX)
            trial.connect(str(place))
    except OSError as error:
        why = error.strerror or str(error)
        return Check("node", "fail", f"{place} does not answer: {why}", "micro server")
    return Check("node", "ok", f"answers at {place}")


CHECKS: tuple[Callable[[NodeConfig], Check], ...] = (
    check_python,
    check_home,
    check_key,
    check_sockets,
    check_api_port,
    check_network_port,
    check_git,
    check_disk,
    check_clock,
    check_files,
    check_variables,
    check_node,
)
"""In the order in which they are told."""
