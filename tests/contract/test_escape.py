"""Guests that try to get out, to see what is not theirs, and to use more than they may: on every sandbox of here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from micro.runtime.sandbox.sandbox import MEGABYTE
from tests.contract.yard import BOUNDS, CONFINING, Yard, forbidden, running
from tests.waiting import until


@pytest.fixture(params=CONFINING)
async def yard(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Yard]:
    why = forbidden(request.param)
    if why:
        pytest.skip(f"{request.param} is not permitted on this machine, so nothing tries to get out of it: {why}")
    made = Yard(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def ask_before_the_loop_runs() -> None:
    for kind in CONFINING:
        forbidden(kind)


@contextlib.contextmanager
def listening(address: object, family: int) -> Iterator[socket.socket]:
    """Listens like a program that has nothing to do with the guest, and would answer it."""
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.bind(address)  # type: ignore[arg-type]
        own.listen(8)
        yield own


NOTHING = "every attempt failed"


def done(told: dict[str, object]) -> dict[str, object]:
    """Returns what a guest could do."""
    assert told
    return {name: how for name, how in told.items() if how is not None}


async def test_files_of_the_machine(yard: Yard) -> None:
    """Neither the node's key nor anything of its owner can be read, listed or written."""
    ended = await yard.run_to_end(
        """
        home, letter = sys.argv[1:]
        attempt("key", lambda: open(home + "/key").read())
        attempt("list", lambda: os.listdir(home))
        attempt("neighbour", lambda: open(letter).read())
        attempt("passwords", lambda: open("/etc/shadow").read())
        attempt("owner", lambda: os.listdir(os.path.expanduser("~root")) + os.listdir("/home"))
        try:  # it may have a folder of this name, of its own
            open(letter + ".new", "w").write("x")
        except OSError:
            pass
        attempt("into", lambda: open(home + "/new", "w").write("x"))
        attempt("programs", lambda: open("/usr/bin/new", "w").write("x"))
        attempt("interpreter", lambda: open(os.path.join(sys.base_prefix, "new"), "w").write("x"))
        attempt("root", lambda: open("/new", "w").write("x"))
        attempt("devices", lambda: open("/dev/new", "w").write("x"))
        attempt("climb", lambda: (os.chroot("."), os.chdir("../../..")))
        tell()
        """,
        yard.home,
        yard.source.parent / "letter",
    )
    assert done(ended.told) == {}
    assert {place.name for place in yard.source.parent.iterdir()} == {"home", "letter", "source"}
    assert (yard.home / "new").exists() is False


async def test_links_in_the_source_lead_nowhere(yard: Yard) -> None:
    """Whatever the author of a repository lets them point at."""
    targets = (yard.home / "key", yard.home, Path("/etc/shadow"), Path("/proc/1/root"), yard.source.parent / "letter")
    for number, target in enumerate(targets):
        (yard.source / f"link{number}").symlink_to(target)
    (yard.source / "up").symlink_to("../letter")
    ended = await yard.run_to_end(
        """
        for name in sorted(os.listdir(".")):
            if os.path.islink(name):
                attempt(name, lambda: open(name).read())
                if name != "link3":
                    attempt(name + "/", lambda: os.listdir(name))
        attempt("shadow", lambda: open("link3/etc/shadow").read())
        attempt("key", lambda: open("link3" + sys.argv[1] + "/key").read())
        tell()
        """,
        yard.home,
    )
    assert done(ended.told) == {}


async def test_its_own_source(yard: Yard) -> None:
    """It can be read, and neither changed nor taken away."""
    (yard.source / "data").write_text("as it was")
    (yard.source / "folder").mkdir()
    ended = await yard.run_to_end(
        """
        assert open("data").read() == "as it was"
        attempt("unlink", lambda: os.unlink("data"))
        attempt("itself", lambda: os.unlink("main.py"))
        attempt("write", lambda: open("data", "w").write("x"))
        attempt("append", lambda: open("data", "a").write("x"))
        attempt("new", lambda: open("new", "w").write("x"))
        attempt("rename", lambda: os.rename("data", "other"))
        attempt("mode", lambda: os.chmod("data", 0o777))
        attempt("time", lambda: os.utime("data", (1, 1)))
        attempt("folder", lambda: os.rmdir("folder"))
        attempt("link", lambda: os.link("data", "linked"))
        attempt("truncate", lambda: os.truncate("data", 0))
        tell()
        """,
    )
    assert done(ended.told) == {}
    assert (yard.source / "data").read_text() == "as it was"


def began_at() -> str:
    """Returns when this process began, in ticks since the machine did."""
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


async def test_processes_of_others(yard: Yard) -> None:
    """They are not seen, traced, read or signalled."""
    ended = await yard.run_to_end(
        """
        import ctypes
        pid = int(sys.argv[1])
        library = ctypes.CDLL(None, use_errno=True)
        def call(*arguments):
            if library.syscall(*arguments) < 0:
                raise OSError(ctypes.get_errno(), "refused")
        numbers = {"x86_64": (101, 310, 434), "aarch64": (117, 270, 434)}[os.uname().machine]
        def began():
            return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19]
        def same():
            if began() != sys.argv[2]:
                raise OSError("another one")
            return "seen"
        attempt("seen", same)
        if RESULTS["seen"] is not None:
            attempt("environment", lambda: open(f"/proc/{pid}/environ").read())
            attempt("memory", lambda: open(f"/proc/{pid}/mem", "rb"))
            attempt("root", lambda: os.listdir(f"/proc/{pid}/root"))
            attempt("signal", lambda: os.kill(pid, 0))
        attempt("trace", lambda: call(numbers[0], 16, os.getppid(), 0, 0))
        attempt("read", lambda: call(numbers[1], os.getppid(), 0, 0, 0, 0, 0))
        attempt("init", lambda: os.listdir("/proc/1/cwd/etc"))
        tell()
        """,
        os.getpid(),
        began_at(),
    )
    assert done(ended.told) == {}


async def test_sockets_of_others(yard: Yard) -> None:
    """Neither the node's own socket, nor another guest's door, nor an abstract one can be reached."""
    places = [str(yard.run / "node.sock"), str(yard.run / "door"), str(yard.source.parent / "other")]
    abstract = f"\0micro-{yard.source.parent.name}-{yard.kind}"
    with contextlib.ExitStack() as stack:
        for place in (*places, abstract):
            stack.enter_context(listening(place, socket.AF_UNIX))
        ended = await yard.run_to_end(
            """
            def talk(place):
                own = socket.socket(socket.AF_UNIX)
                own.settimeout(2)
                own.connect(place)
                return "connected"
            for place in sys.argv[1:]:
                attempt(place, lambda: talk(place))
            attempt("abstract", lambda: talk("\\0" + sys.argv[-1]))
            tell()
            """,
            *places,
            abstract[1:],
        )
    assert done(ended.told) == {}


async def test_the_network(yard: Yard) -> None:
    """Not this machine's ports, not the world, not raw packets, and not what knows no network namespace."""
    with listening(("127.0.0.1", 0), socket.AF_INET) as own:
        ended = await yard.run_to_end(
            """
            port = int(sys.argv[1])
            def send(address):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                    return own.sendto(b"x", address)
            attempt("loopback", lambda: socket.create_connection(("127.0.0.1", port), 2))
            attempt("world", lambda: socket.create_connection(("192.0.2.1", 80), 2))
            attempt("metadata", lambda: socket.create_connection(("169.254.169.254", 80), 2))
            attempt("datagram", lambda: send(("192.0.2.1", 9)))
            attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
            attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            attempt("host", lambda: socket.socket(40, socket.SOCK_STREAM))  # AF_VSOCK
            attempt("kernel", lambda: socket.socket(38, socket.SOCK_SEQPACKET))  # AF_ALG
            attempt("names", lambda: socket.getaddrinfo("micro.example", 80))
            tell()
            """,
            own.getsockname()[1],
        )
    assert done(ended.told) == {}


async def test_the_network_where_it_was_granted(yard: Yard) -> None:
    """The same attempt succeeds, so the one before did not fail by chance."""
    with listening(("127.0.0.1", 0), socket.AF_INET) as own:
        ended = await yard.run_to_end(
            """
            attempt("loopback", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close())
            tell()
            """,
            own.getsockname()[1],
            network=True,
        )
    assert list(done(ended.told)) == ["loopback"]


async def test_rights_and_namespaces(yard: Yard) -> None:
    """Nobody becomes root, makes a namespace, mounts, loads, or sets anything of the machine."""
    ended = await yard.run_to_end(
        """
        import ctypes, subprocess
        library = ctypes.CDLL(None, use_errno=True)
        def call(number, *arguments):
            if library.syscall(number, *arguments) < 0:
                raise OSError(ctypes.get_errno(), "refused")
        x86 = os.uname().machine == "x86_64"
        status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
        if int(status["CapEff"], 16) or int(status["CapPrm"], 16) or status["NoNewPrivs"].strip() != "1":
            RESULTS["rights"] = "some"
        for name, flag in (("users", 0x10000000), ("mounts", 0x20000), ("processes", 0x20000000), ("net", 0x40000000)):
            attempt(name, lambda: call(272 if x86 else 97, flag))
        attempt("mount", lambda: call(165 if x86 else 40, b"none", b"/tmp", b"tmpfs", 0, 0))
        attempt("device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
        attempt("clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
        attempt("name", lambda: socket.sethostname("other"))
        attempt("root", lambda: os.setresuid(1, 1, 1))
        quiet = dict(check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=5)
        attempt("program of root", lambda: subprocess.run(["/usr/bin/su", "root", "-c", "true"], **quiet))
        settings = ("kernel/core_pattern", "kernel/modprobe", "vm/overcommit_memory", "kernel/hostname", "fs/file-max")
        for place in settings:
            attempt(place, lambda: os.open("/proc/sys/" + place, os.O_WRONLY))
        for place in ("sysrq-trigger", "mtrr", "irq/default_smp_affinity", "acpi/wakeup", "slabinfo", "kpagecount"):
            attempt(place, lambda: os.open("/proc/" + place, os.O_WRONLY))
        for place in ("kcore", "kmsg", "keys", "kpageflags"):
            attempt(place, lambda: open("/proc/" + place, "rb").read(1)[0])
        attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1))
        for place in ("null", "zero", "full", "random", "urandom", "tty"):
            attempt("mode of " + place, lambda: os.chmod("/dev/" + place, os.stat("/dev/" + place).st_mode & 0o777))
            attempt("owner of " + place, lambda: os.chown("/dev/" + place, os.getuid(), -1))
            attempt("time of " + place, lambda: os.utime("/dev/" + place))
        attempt("disks", lambda: [open("/dev/" + name, "rb") for name in ("vda", "sda", "mem", "kmsg", "nvme0n1")])
        attempt("groups", lambda: open("/sys/fs/cgroup/pids/cgroup.procs", "w").write("0"))
        attempt("limits", lambda: __import__("resource").setrlimit(7, (1 << 16, 1 << 16)))
        tell()
        """,
    )
    assert done(ended.told) == {}


async def test_calls_that_no_service_needs(yard: Yard) -> None:
    """The kernel's keyring, its programs, its rings and handles of files are refused."""
    ended = await yard.run_to_end(
        """
        import ctypes
        library = ctypes.CDLL(None, use_errno=True)
        def call(*arguments):
            if library.syscall(*arguments) < 0 and ctypes.get_errno() in (1, 13, 38):
                raise OSError(ctypes.get_errno(), "refused")
        x86 = os.uname().machine == "x86_64"
        attempt("keyring", lambda: call(250 if x86 else 219, 0, -3, 1))
        attempt("key", lambda: call(248 if x86 else 217, b"user", b"name", b"value", 5, -3))
        attempt("bpf", lambda: call(321 if x86 else 280, 0, 0, 0))
        attempt("ring", lambda: call(425, 0, 0))
        attempt("perf", lambda: call(298 if x86 else 241, 0, 0, 0, 0, 0))
        attempt("faults", lambda: call(323 if x86 else 282, 0))
        attempt("handle", lambda: call(304 if x86 else 265, 0, 0, 0))
        attempt("module", lambda: call(175 if x86 else 105, 0, 0, b""))
        tell()
        """,
    )
    assert done(ended.told) == {}


async def test_nothing_of_the_node_is_left_open(yard: Yard) -> None:
    """A guest finds its input, its output and its errors, and no more."""
    secret = os.open(yard.home / "key", os.O_RDONLY)
    os.set_inheritable(secret, True)  # noqa: FBT003 - as a library of the node's may do
    try:
        ended = await yard.run_to_end(
            """
            own = []
            for number in os.listdir("/proc/self/fd"):
                try:
                    own.append(number + " " + os.readlink("/proc/self/fd/" + number))
                except OSError:
                    pass
            RESULTS["open"] = [one for one in sorted(own) if one.split()[0] not in ("0", "1", "2")]
            RESULTS["input"] = sys.stdin.read()
            RESULTS["home"] = os.environ.get("MICRO_HOME")
            tell()
            """,
        )
    finally:
        os.close(secret)
    assert ended.told == {"open": [], "input": "", "home": None}


async def test_variables_do_not_reach_the_sandbox(yard: Yard) -> None:
    """What a repository sets for its process is not obeyed by the programs that shut it in."""
    loaded = yard.source / "evil.so"
    loaded.write_bytes(b"no library")
    ended = await yard.run_to_end(
        "print('ran')",
        environment={"LD_PRELOAD": str(loaded), "LD_DEBUG": "files"},
    )
    said = "\n".join(ended.lines)
    assert "ran" in ended.lines
    assert str(loaded) in said  # it was obeyed in there
    assert "bwrap" not in said
    assert "landlocked" not in said


async def test_a_fork_bomb(yard: Yard) -> None:
    """It gets as many processes as it may, others go on, and when it ends nothing is left of it."""
    marker = f"bomb-{yard.source.parent.name}-{yard.kind}"
    lines: list[str] = []
    instance = await yard.start(
        """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        refused = 0
        print("up", flush=True)
        while True:
            try:
                os.fork()
            except OSError:
                refused += 1
                if refused == 5:
                    print("refused", flush=True)
                time.sleep(0.01)
        """,
        marker,
        lines=lines,
    )
    try:
        await until(lambda: "refused" in lines, 30)
        alive = len(running(marker))
        assert 1 < alive <= BOUNDS.processes + 4  # with what stands around it
    finally:
        await instance.stop(0)
    await until(lambda: not running(marker), 30)


async def test_a_sandbox_that_is_killed_takes_all_with_it(yard: Yard) -> None:
    """Whoever kills the process that the node knows leaves nobody behind, whatever the guest did against it."""
    marker = f"orphan-{yard.source.parent.name}-{yard.kind}"
    lines: list[str] = []
    instance = await yard.start(
        """
        import subprocess
        code = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        for _ in range(3):
            subprocess.Popen([sys.executable, "-c", code, sys.argv[1]], start_new_session=True)
        print("up", flush=True)
        time.sleep(60)
        """,
        marker,
        lines=lines,
    )
    await until(lambda: "up" in lines and len(running(marker)) >= 4)
    if yard.kind == "sandlock" and not yard.groups.counted:
        await instance.stop(0)  # without a group nobody finds what a supervisor left that others killed
    else:
        os.kill(instance.pid, signal.SIGKILL)
    await instance.wait()
    await until(lambda: not running(marker))


@pytest.mark.parametrize("way", ["bytearray", "shared", "held"])
async def test_a_memory_hog(yard: Yard, way: str) -> None:
    """It dies, or is refused, whichever way it takes memory; it never has twice what it may."""
    if way != "bytearray" and "memory" not in yard.groups.counted:
        pytest.skip("control groups cannot be made on this machine: only what a process calls its own is limited")
    ended = await yard.run_to_end(
        """
        import mmap
        def shared(count):
            taken = mmap.mmap(-1, count)
            taken.write(b"x" * count)
            return taken
        def held(count):
            number = os.memfd_create("x")
            os.write(number, b"x" * count)
            return number
        held_on, megabytes = [], 0
        try:
            while megabytes < 256:
                held_on.append(eval(sys.argv[1])(1_000_000))
                megabytes += 1
        except MemoryError:
            os._exit(9)
        except OSError:
            os._exit(9)
        print("took", megabytes)
        """,
        way,
    )
    assert (ended.code != 0, ended.lines) == (True, [])


async def test_a_flood_of_files(yard: Yard) -> None:
    """Its private folder holds what it may, and no file grows beyond its limit."""
    ended = await yard.run_to_end(
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        folder = os.environ["TMPDIR"]
        total, largest = 0, 0
        for number in range(8):
            size = 0
            try:
                with open(f"{folder}/{number}", "wb", buffering=0) as file:
                    for _ in range(16):
                        size += file.write(b"x" * 1_048_576)
            except OSError:
                pass
            total, largest = total + size, max(largest, size)
        RESULTS.update(total=total, largest=largest)
        tell()
        """,
        environment={"TMPDIR": str(yard.private)},
    )
    assert ended.told["largest"] <= BOUNDS.file_bytes
    if yard.kind == "bubblewrap":  # a private folder on the machine's disk has no bound of its own
        assert ended.told["total"] <= BOUNDS.private_bytes
        assert list(yard.private.iterdir()) == []


async def test_a_flood_elsewhere(yard: Yard) -> None:
    """There is no other place where it can put much."""
    ended = await yard.run_to_end(
        """
        import pathlib
        taken = {}
        for place in ("/", "/dev", "/dev/shm", "/var/tmp", "/run", "/etc", "/proc", "."):
            try:
                path = pathlib.Path(place) / "flood"
                with open(path, "wb", buffering=0) as file:
                    taken[place] = sum(file.write(b"x" * 1_048_576) for _ in range(4))
                path.unlink()
            except OSError:
                pass
        RESULTS["taken"] = list(taken)
        tell()
        """,
    )
    assert set(ended.told["taken"]) <= ({"/dev/shm"} if yard.kind == "bubblewrap" else set())


async def test_a_flood_of_output(yard: Yard) -> None:
    """Who does not read does not keep it: the guest waits, and can be ended meanwhile."""
    lines: list[str] = []
    instance = await yard.start("while True: print('x' * 100_000, flush=True)", lines=lines)
    for pump in instance._pumps:
        pump.cancel()
    await asyncio.sleep(0.3)
    taken = sum(map(len, lines))
    await asyncio.sleep(0.3)
    assert sum(map(len, lines)) == taken
    await instance.stop(0)


@pytest.mark.parametrize("burden", ["fork", "spin", "memory"])
async def test_others_are_not_disturbed(yard: Yard, burden: str, tmp_path: Path) -> None:
    """While one guest does its worst another one answers, and goes on answering."""
    script = {
        "fork": "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "spin": "for _ in range(16):\n    if not os.fork():\n        break\nwhile True: pass",
        "memory": "held = []\nwhile True: held.append(bytearray(1_000_000))",
    }[burden]
    other = tmp_path / "other"
    other.mkdir()
    good = Yard(yard.kind, other)
    heard: list[str] = []
    door = good.run / "door"

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(200):
            writer.write(f"{number}\n".encode())
            heard.append((await reader.readline()).decode().strip())
        writer.close()

    try:
        async with await asyncio.start_unix_server(greet, door):
            bad = await yard.start(script)
            quiet = await good.start(
                """
                own = socket.socket(socket.AF_UNIX)
                own.connect(sys.argv[1])
                for line in own.makefile():
                    own.sendall(line.encode())
                """,
                door,
                door=door,
            )
            await until(lambda: len(heard) == 200, 60)
            await bad.stop(0)
            await quiet.stop(0)
    finally:
        good.close()
    assert heard == [str(number) for number in range(200)]


async def test_bounds_hold_over_all_processes(yard: Yard) -> None:
    """Two halves of a guest together use no more memory than one may, where the kernel counts."""
    if "memory" not in yard.groups.counted:
        pytest.skip("control groups cannot be made on this machine: memory is limited for each process by itself")
    ended = await yard.run_to_end(
        f"""
        children = []
        for _ in range(3):
            child = os.fork()
            if not child:
                held = bytearray({BOUNDS.memory_bytes // 2})
                for place in range(0, len(held), 4096):
                    held[place] = 1
                time.sleep(3)
                os._exit(0)
            children.append(child)
        if all(os.waitpid(child, 0)[1] == 0 for child in children):
            print("all three lived")
        os._exit(1)
        """,
    )
    assert (ended.code != 0, ended.lines) == (True, [])
    assert BOUNDS.memory_bytes == 128 * MEGABYTE


HARMLESS = (
    *(test_links_in_the_source_lead_nowhere, test_its_own_source, test_sockets_of_others, test_the_network),
    *(test_a_flood_of_files, partial(test_a_memory_hog, way="bytearray"), test_bounds_hold_over_all_processes),
)
"""Those of the above whose guests may be let loose: the others would change this machine, or stop it."""


@pytest.mark.parametrize("attempts", HARMLESS, ids=lambda each: getattr(each, "func", each).__name__)
async def test_they_get_out_where_nothing_holds_them(
    attempts: Callable[[Yard], Awaitable[None]], tmp_path: Path
) -> None:
    """The same guests, started as plain processes: what is refused above is refused by the sandbox."""
    loose = Yard("process", tmp_path)
    loose.groups = AnyGroups()  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        await attempts(loose)


class AnyGroups:
    """Counts everything, as far as tests are asked what to skip."""

    counted = frozenset({"memory", "processes"})
