"""A guest in Python that tries to get out: each endpoint tells what it got, or how it was refused."""

import os
import socket
import time

from micro import Service

escaping = Service("escaping")


def told(work):
    try:
        return repr(work())
    except BaseException as error:
        return f"refused: {type(error).__name__}"


@escaping.endpoint("Try.Files")
def files() -> list[str]:
    places = ("/etc/passwd", "/proc/self/environ", "../../etc/passwd", "main.py")
    return [told(lambda place=place: open(place).read()) for place in places]


@escaping.endpoint("Try.Write")
def write() -> str:
    return told(lambda: open("/tmp/escaped", "w").write("x"))


@escaping.endpoint("Try.Folders")
def folders() -> list[str]:
    return [told(lambda place=place: os.listdir(place)) for place in ("/", "/tmp", ".")]


@escaping.endpoint("Try.Sockets")
def sockets(port: int) -> list[str]:
    def connect():
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return "connected"

    def listen():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            one.listen()
            return one.getsockname()

    return [told(connect), told(listen), told(lambda: socket.getaddrinfo("localhost", 80))]


@escaping.endpoint("Try.Environment")
def environment() -> dict[str, str]:
    return dict(os.environ)


@escaping.endpoint("Try.Programs")
def programs() -> list[str]:
    return [told(lambda: os.system("id")), told(lambda: os.fork()), told(lambda: os.kill(1, 0))]


@escaping.endpoint("Try.Memory")
def memory(megabytes: int) -> str:
    return told(lambda: len(bytearray(megabytes << 20)))


@escaping.endpoint("Try.Chance")
def chance(megabytes: int) -> str:
    return told(lambda: len(os.urandom(megabytes << 20)))


@escaping.endpoint("Try.Sleep")
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@escaping.endpoint("Try.Printing")
def printing(lines: int) -> int:
    for number in range(lines):
        print(f"line {number}")
    return lines
