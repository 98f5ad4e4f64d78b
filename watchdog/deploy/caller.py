"""The process in whose terminal a deployment's command runs: does it still live?

Kept in the deployment's row, so that a daemon that was restarted meanwhile knows that the command goes on.
A number alone proves nothing, since the kernel gives it out again: the start time goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Caller:
    """`started`: in clock ticks since boot (field 22 of /proc/PID/stat)."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        return caller(self.pid) == self


def caller(pid: int) -> Caller | None:
    """The process with this number, None where there is none (or only its remains)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] == "Z" else Caller(pid, int(fields[19]))
