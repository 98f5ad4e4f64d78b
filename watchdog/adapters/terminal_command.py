"""Runs the deployment's command in the caller's own terminal, and ends all of it when that is needed.

The process becomes a subreaper: whatever the command leaves behind is handed to it instead of init, so that
"everything the command started" can be told even after its leader has gone. For the time when this process is
gone itself, the command runs in a scope that others can find (`adapters.scope`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchdog.adapters.scope import MARK, enclosed, end_all, zombie
from watchdog.errors import UsageError

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2)."""


class TerminalCommand:
    """Fulfils `daemon.tools.Command` for a command that runs beside us."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self._before: frozenset[int] = frozenset()

    async def run(self, deployment: str) -> int:
        """Its exit code, or 128 + signal as a shell would say. Raises `UsageError` where it cannot start."""
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = frozenset(_descendants(os.getpid()))
        argv, marked = await enclosed(deployment, self.argv), {**os.environ, MARK: deployment}
        try:
            process = await asyncio.create_subprocess_exec(*argv, env=marked, preexec_fn=_end_with_parent)
        except OSError as error:
            raise UsageError(f"{self.argv[0]} cannot be run: {error.strerror}") from error
        code = await process.wait()
        return code if code >= 0 else 128 - code

    async def end(self) -> None:
        """End it and everything it started: TERM, after a grace KILL; returns when nothing is left."""
        await end_all(self._left)

    async def _left(self) -> list[int]:
        return [pid for pid in _descendants(os.getpid()) if pid not in self._before and not zombie(pid)]


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
