"""Which system calls a guest is refused: those that reach around its sandbox, and those that only hosts need.

A service reads, writes, computes and talks; it does not trace others, load programs into the kernel or mount. Each
call less is a part of the kernel less that it can attack. Sockets are of the families of Unix and of the internet:
others, as those between a virtual machine and its host, know no network namespace and would lead out of it. The list
follows Docker's default profile and what systemd groups as `@privileged`, `@keyring`, `@module` and `@mount`.
"""

from __future__ import annotations

import errno
import tempfile

__all__ = ["filter_program"]

REFUSED = (
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    # keys, which know no namespace of their own
    *("add_key", "request_key", "keyctl"),
    # programs in the kernel, and what watches it
    *("bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module", "kexec_load"),
    *("kexec_file_load", "lookup_dcookie", "fanotify_init", "syslog", "acct", "quotactl", "quotactl_fd"),
    # mounts and namespaces
    *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick"),
    *("mount_setattr", "open_tree_attr", "unshare", "setns", "chroot", "open_by_handle_at", "name_to_handle_at"),
    # the machine
    *("reboot", "swapon", "swapoff", "iopl", "ioperm", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    *("sethostname", "setdomainname", "vhangup"),
)
ABSENT = ("io_uring_setup", "io_uring_enter", "io_uring_register")
"""Said to be unknown, so that programs do without."""

FAMILIES = frozenset({1, 2, 10, 16})
"""AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK, by which programs ask for their addresses."""

TTY_INPUT = 0x5412
"""TIOCSTI of ioctl(2), which types into a terminal."""


def filter_program() -> bytes:
    """Returns the filter as a program for the kernel, nothing where libseccomp is not there; blocks."""
    try:
        import pyseccomp as seccomp  # looks for the C library as it is loaded
    except (ImportError, RuntimeError):
        return b""
    made = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in REFUSED:
        _refuse(seccomp, made, errno.EPERM, name)
    for name in ABSENT:
        _refuse(seccomp, made, errno.ENOSYS, name)
    for name in ("socket", "socketpair"):
        for family in range(max(FAMILIES) + 1):
            if family not in FAMILIES:
                _refuse(seccomp, made, errno.EAFNOSUPPORT, name, seccomp.Arg(0, seccomp.EQ, family))
        _refuse(seccomp, made, errno.EAFNOSUPPORT, name, seccomp.Arg(0, seccomp.GT, max(FAMILIES)))
    _refuse(seccomp, made, errno.EPERM, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, TTY_INPUT))
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def _refuse(seccomp: object, made: object, number: int, name: str, *where: object) -> None:
    """Adds a rule; a call that this libseccomp or this processor does not know needs none."""
    try:
        made.add_rule(seccomp.ERRNO(number), name, *where)  # type: ignore[attr-defined]
    except (OSError, ValueError):
        pass
