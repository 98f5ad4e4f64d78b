"""The scope of a deployment's command: everything that it started, wherever that went.

Where systemd runs, root's command gets a transient scope unit: a cgroup that no process leaves by itself.
Everywhere the command carries its deployment's name in its environment. Both can be found by a process that
knows nothing but that name: the terminal may be gone, and the daemon another one (`steps.preflight` asks).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from watchdog.adapters.process import run
from watchdog.errors import Refused, StepFailed, WatchdogError

MARK = "OPS_WATCHDOG_DEPLOYMENT"
"""In the environment of the command and of all that it starts: the deployment's name."""
BOOTED = Path("/run/systemd/system")
"""sd_booted(3)."""
GRACE = timedelta(seconds=5)
"""Between TERM and KILL: deployment scripts have traps that want to run."""
POLL_SECONDS = 0.02
ASK_WITHIN = timedelta(seconds=10)
"""systemd answers at once; a host that starves may need longer."""


class Scopes:
    """Fulfils `rollback.run.Commands`."""

    async def end(self, deployment: str) -> None:
        async def left() -> list[int]:
            return await asyncio.to_thread(processes, deployment)

        await end_all(left, unit(deployment))
        if outlived := await left():
            raise Refused(
                f"what the command of deployment {deployment} started still runs and cannot be ended "
                f"from here; end it as its user or as root ('kill {' '.join(map(str, outlived))}'), then "
                f"roll back with 'ops-watchdog rollback'"
            )


def unit(deployment: str) -> str:
    """The scope unit's name; deployments' names have no character that would need escaping."""
    return f"ops-watchdog-deploy-{deployment}.scope"


async def enclosed(deployment: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command, to be started in a scope of its own where that is possible.

    A program that does not exist is left as it is: its own error tells more than systemd's.
    """
    if not deployment or shutil.which(argv[0]) is None or not await _possible():
        return tuple(argv)
    return scoped(unit(deployment), argv)


def scoped(name: str, argv: Sequence[str]) -> tuple[str, ...]:
    """systemd-run(1) makes the scope, goes into it and becomes the command, with terminal and exit code."""
    return ("systemd-run", "--scope", "--quiet", "--collect", f"--unit={name}", "--", *argv)


async def _possible() -> bool:
    """Tried with a command that does nothing: a refusal of systemd's is no failed deployment."""
    if os.geteuid() != 0 or not BOOTED.is_dir():
        return False
    try:
        tried = await run(scoped(f"ops-watchdog-try-{os.getpid()}.scope", ["true"]), timeout=ASK_WITHIN)
    except (Refused, StepFailed):
        return False
    return tried.exit_code == 0


def processes(deployment: str) -> list[int]:
    """What is left of this deployment's command, ourselves excepted, by cgroup or by environment.

    Another user's environment may be closed to us; cgroups are open to everybody.
    """
    mark, scope = f"{MARK}={deployment}".encode(), f"/{unit(deployment)}".encode()
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in numbers if pid != os.getpid() and _belongs(pid, mark, scope) and not zombie(pid)]


def _belongs(pid: int, mark: bytes, scope: bytes) -> bool:
    if scope in _read(pid, "cgroup"):
        return True
    return mark in _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it ended, or is closed to us
        return b""


def zombie(pid: int) -> bool:
    """Also where nothing of it is left at all."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] in ([], [b"Z"])


async def end_all(left: Callable[[], Awaitable[list[int]]], scope: str = "") -> None:
    """TERM, after a grace KILL, to all that `left` finds and goes on finding; returns when that is nothing.

    `scope`: the unit that systemd signals in our place where the processes are another user's.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        told: set[int] = set()
        deadline = asyncio.get_running_loop().time() + GRACE.total_seconds()
        while (pids := await left()) and asyncio.get_running_loop().time() < deadline:
            if not _signal([pid for pid in pids if pid not in told], number) and scope:
                await _signal_unit(scope, number)
            told.update(pids)
            # the kernel reports no grandchildren's end: look again
            await asyncio.sleep(POLL_SECONDS)


def _signal(pids: Sequence[int], number: signal.Signals) -> bool:
    """False where one of them is not ours to signal, e.g. below sudo."""
    ours = True
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:
            ours = False
    return ours


async def _signal_unit(scope: str, number: signal.Signals) -> None:
    """Where it cannot be asked either, what is left tells."""
    with contextlib.suppress(WatchdogError):
        await run(["systemctl", "kill", f"--signal={number.name}", scope], timeout=ASK_WITHIN)
