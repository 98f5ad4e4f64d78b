"""One operation per stack, across daemon and command line: a file lock that names its holder.

The kernel frees it when the holder dies, so a lock is never stale; the text inside is for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from watchdog.clock import Clock
from watchdog.errors import Busy, Refused


class FileLock:
    """Fulfils `rollback.run.Lock`."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    @contextlib.asynccontextmanager
    async def hold(self, stack: str, command: str) -> AsyncIterator[None]:
        """Raises `Busy` at once where somebody else holds it; the message names holder and command."""
        handle = self._open(stack)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(_describe(stack, os.pread(handle, 4096, 0))) from error
            holder = {"pid": os.getpid(), "command": command, "since": self._clock.now().isoformat()}
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(holder).encode(), 0)
            yield
        finally:
            os.close(handle)

    def _open(self, stack: str) -> int:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._directory / f"{stack}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(
                f"the lock of {stack} in {self._directory} cannot be opened: {error.strerror}; "
                f"run as root, or check state_dir"
            ) from error


def _describe(stack: str, text: bytes) -> str:
    try:
        holder = json.loads(text)
        since = datetime.fromisoformat(holder["since"]).astimezone()
        return (
            f"{stack} is busy: '{holder['command']}' (process {holder['pid']}) since {since:%H:%M:%S}; "
            f"wait for it to end ('ops-watchdog status')"
        )
    except (ValueError, KeyError, TypeError):
        return f"{stack} is busy with another operation; wait for it to end ('ops-watchdog status')"
