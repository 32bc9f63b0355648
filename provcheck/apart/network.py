"""Taking the network away from a process: by bubblewrap where it is installed, else by a namespace of the kernel.

Uses the standard library alone: a process can only give up its network before it starts threads, as numpy does.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from enum import StrEnum
from functools import cache
from pathlib import Path

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET of Linux's <sched.h>."""

NO_NEW_PRIVILEGES, DIE_WITH_PARENT, SIGKILL = 38, 1, 9
"""PR_SET_NO_NEW_PRIVS and PR_SET_PDEATHSIG of <sys/prctl.h>."""

BEHIND_BUBBLEWRAP = "--behind-bubblewrap"
"""Tells the process that its network is gone already."""

TRIAL_SECONDS = 20


class Barrier(StrEnum):
    """What keeps the network away from the process that measures."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACE = "a network namespace"
    NONE = "nothing"


@cache
def find_barrier() -> Barrier:
    """The best that works here, found out by trying."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap and _works([*bubblewrap_command(), sys.executable, "-I", "-c", "pass"]):
        return Barrier.BUBBLEWRAP
    give_up = "from provcheck.apart.network import leave_network as f; raise SystemExit(not f())"
    path = f"import sys; sys.path[:] = {sys.path!r}; "
    return Barrier.NAMESPACE if _works([sys.executable, "-I", "-c", path + give_up]) else Barrier.NONE


def bubblewrap_command(*writable: str) -> list[str]:
    """What runs the command behind it: everything readable, only these folders writable, no network."""
    bind = [part for folder in writable for part in ("--bind", folder, folder)]
    alone = ["--unshare-net", "--unshare-ipc", "--die-with-parent"]
    return ["bwrap", "--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", *bind, *alone]


def leave_network() -> bool:
    """Move this process, which must have one thread, into a namespace without a network; False where that fails."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_NETWORK) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
    except OSError:  # files are still opened as the same user, who has only lost the name
        return True
    return True


def stay_with_parent() -> None:
    """End with the parent, and gain no privileges by running other programs."""
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(DIE_WITH_PARENT, SIGKILL, 0, 0, 0)
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=TRIAL_SECONDS, check=False).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
