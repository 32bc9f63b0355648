"""Taking the network away from a process: by bubblewrap where it is installed, else by a namespace of the kernel.

Uses the standard library alone: a process can only give up its network before it starts threads, as numpy does.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
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


def bubblewrap_command(readable: Iterable[str] = (), writable: Iterable[str] = ()) -> list[str]:
    """What runs the command behind it: no network, no other processes, no home folder, no sockets of services.

    `readable`: what must be seen even where it lies in a hidden place; `writable`: the only folders to write to.
    """
    hidden = _hidden()
    needed = {path for one in (*_of_python(), *readable) for path in (Path(one).absolute(), Path(one).resolve())}
    seen = [one for one in needed if one.exists() and any(one.is_relative_to(place) for place in hidden)]
    outermost = sorted(one for one in seen if not any(parent in seen for parent in one.parents))
    alone = ["--unshare-net", "--unshare-ipc", "--unshare-pid", "--die-with-parent", "--cap-drop", "ALL"]
    return [
        *("bwrap", "--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"),
        *(part for place in hidden for part in ("--tmpfs", str(place))),
        *(part for one in outermost for part in ("--ro-bind", str(one), str(one))),
        *(part for folder in writable for part in ("--bind", folder, folder)),
        *(part for place in hidden for part in ("--remount-ro", str(place))),
        *alone,
        *(("--cap-add", "CAP_DAC_READ_SEARCH") if os.geteuid() == 0 else ()),  # root reads what root could read
    ]


def _hidden() -> list[Path]:
    """Folders with secrets, sockets and files of other programs."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    places = {Path(one).resolve() for one in (home, tempfile.gettempdir(), "/run")}
    return sorted(one for one in places if one.is_dir() and one != Path("/"))


def _of_python() -> list[str]:
    """What the interpreter and its packages are made of; a home folder as a whole is not."""
    home = os.path.expanduser("~")  # noqa: PTH111
    places = (sys.prefix, sys.base_prefix, sys.executable, os.path.realpath(sys.executable), *filter(None, sys.path))
    return [place for place in places if place != home]


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
