"""Ending what runs in a container from the host: the Engine API has no verb for a command that it began.

Used by `docker_exec` only. Works where we see the engine's processes: elsewhere (a remote engine, ourselves
in a container) nothing is found, and nothing is touched.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
SESSION = 3
"""Which field after the command's name in /proc/PID/stat; the first one is the state. See proc(5)."""
ROUNDS = 10
"""A process that forks while it is being ended needs another round, not for ever."""


def end_session(leader: int, container: str) -> tuple[int, ...]:
    """KILL a command by its host PID, and what it started, unless that left the session.

    A process counts only if its control group is the container's: the ID of a process says nothing by itself.
    Returns those that may not be signalled, by their IDs within the container: systemd leaves us only the
    processes of our own user.
    """
    for _ in range(ROUNDS):
        killed = [pid for pid in _session(leader) if _kill(pid, container)]
        if not killed:
            break
    left = (_id_within(pid) for pid in _session(leader) if _is_of(pid, container))
    return tuple(number for number in left if number is not None)


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


def _is_of(pid: int, container: str) -> bool:
    try:
        return container in (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def _id_within(pid: int) -> int | None:
    """In the innermost namespace; None where it has gone, or is in no other than ours."""
    try:
        lines = (PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    ids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return int(ids[-1]) if len(ids) > 1 else None


def _kill(pid: int, container: str) -> bool:
    """The descriptor holds on to the process: its ID cannot become another's between look and signal."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _is_of(pid, container):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    return True
