"""Ending what runs in a container from the host: the Engine API has no verb for a command that it began.

Used by `docker_exec` only. Works where we share the engine's process IDs and may signal the container's user:
elsewhere (a remote engine, ourselves in a container) nothing is found, and nothing is touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
SESSION = 3
"""Which field after the command's name in /proc/PID/stat; the first one is the state. See proc(5)."""
ROUNDS = 10
"""A process that forks while it is being ended needs another round, not for ever."""


def end_session(leader: int, container: str) -> None:
    """KILL a command by its host PID, and what it started, unless that left the session.

    A process counts only if its control group is the container's: the ID of a process says nothing by itself.
    """
    for _ in range(ROUNDS):
        killed = [pid for pid in _session(leader) if _kill(pid, container)]
        if not killed:
            return


def _session(leader: int) -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _fields(entry)) and fields[0] != "Z":
            pid = int(entry.name)
            if pid == leader or int(fields[SESSION]) == leader:
                yield pid


def _fields(process: Path) -> list[str]:
    """Empty where it has gone."""
    try:
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _kill(pid: int, container: str) -> bool:
    """The descriptor holds on to the process: its ID cannot become another's between look and signal."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if container not in (PROC / str(pid) / "cgroup").read_text():
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.close(process)
    return True
