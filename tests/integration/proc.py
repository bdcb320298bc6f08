"""proc - what the kernel knows of a process that will not tell itself.

SPDX-License-Identifier: MIT
"""
import contextlib
import ctypes
import os
import pathlib
import resource
import socket

PIDFD_GETFD = 438  # the same number on every architecture
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    """{number: what it links to}"""
    found = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(entry.name)] = os.readlink(entry)
    return found


def connections(pid):
    """Established TCP connections that the process holds: {descriptor: row of /proc/net/tcp}"""
    rows = {}
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "01":
                rows[f"socket:[{fields[9]}]"] = fields
    return {fd: rows[link] for fd, link in descriptors(pid).items() if link in rows}


@contextlib.contextmanager
def borrowed(pid, fd):
    """A socket of another process, as ours."""
    pidfd = os.pidfd_open(pid)
    ours = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    if ours < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    with socket.socket(fileno=ours) as s:
        yield s


def cpu_seconds(pid):
    """User and system time so far; of the process, not of its children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@contextlib.contextmanager
def few_descriptors(pid, more):
    """Room for at most so many more than it has; as before afterwards."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = sorted(descriptors(pid))
    holes = used[-1] + 1 - len(used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE,
                     (used[-1] + 1 + max(0, more - holes), before[1]))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
