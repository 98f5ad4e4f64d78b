"""Ends, starts and freezes the project's own engine: never one that belongs to the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "engine"
RUN = Path("/run/ops-watchdog-engine")
END_SECONDS = 60.0


class Engine:
    """`ours`: what answers is the private engine of `make engine`, which may be disturbed."""

    @property
    def ours(self) -> bool:
        return os.environ.get("DOCKER_HOST") == f"unix://{RUN}/docker.sock" and self._pid() is not None

    def restart(self) -> None:
        """In good order, as a package upgrade does: containers end and come back by their restart policy."""
        pid = self._pid()
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while _runs(pid):
            if time.monotonic() > deadline:
                raise RuntimeError(f"dockerd {pid} did not end within {END_SECONDS:.0f} s")
            time.sleep(0.05)
        subprocess.run([SCRIPTS / "up"], check=True, capture_output=True)

    def freeze(self, seconds: float) -> None:
        """It accepts and does not answer."""
        pid = self._pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _pid(self) -> int | None:
        """Only if that process really is our dockerd: the file may be older than the machine's last start."""
        try:
            pid = int((RUN / "dockerd.pid").read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(RUN) in words else None


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
