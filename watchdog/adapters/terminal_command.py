"""Runs the deployment's command in the caller's own terminal, and ends all of it when that is needed.

The process becomes a subreaper: whatever the command leaves behind is handed to it instead of init, so that
"everything the command started" can be told even after its leader has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchdog.errors import UsageError

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2)."""
GRACE_SECONDS = 5.0
"""Between TERM and KILL: deployment scripts have traps that want to run."""
POLL_SECONDS = 0.02


class TerminalCommand:
    """Fulfils `daemon.tools.Command` for a command that runs beside us."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self._before: frozenset[int] = frozenset()

    async def run(self) -> int:
        """Its exit code, or 128 + signal as a shell would say. Raises `UsageError` where it cannot start."""
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = frozenset(_descendants(os.getpid()))
        try:
            process = await asyncio.create_subprocess_exec(*self.argv, preexec_fn=_end_with_parent)
        except OSError as error:
            raise UsageError(f"{self.argv[0]} cannot be run: {error.strerror}") from error
        code = await process.wait()
        return code if code >= 0 else 128 - code

    async def end(self) -> None:
        """End it and everything it started: TERM, after a grace KILL; returns when nothing is left."""
        for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
            self._signal(number)
            deadline = asyncio.get_running_loop().time() + seconds
            while self._left() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
                # the kernel reports no grandchildren's end: look again
                await asyncio.sleep(POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError, PermissionError):  # e.g. below sudo
                os.kill(pid, number)

    def _left(self) -> list[int]:
        return [pid for pid in _descendants(os.getpid()) if pid not in self._before and not _zombie(pid)]


def _end_with_parent() -> None:
    """In the child: nobody watches a deployment whose caller was killed, so it ends too. Ctrl-C is for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _descendants(pid: int) -> Iterator[int]:
    """Children of all threads, and theirs; a process that ends meanwhile is left out."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _descendants(int(child))


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
