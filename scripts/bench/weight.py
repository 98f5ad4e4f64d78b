"""What a process takes, as the kernel counts it: memory at its highest, and its share of one core."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""What /proc/PID/clear_refs wants to hear."""


@dataclass(frozen=True, slots=True)
class Weight:
    """`resident_mib`: the most that was resident; `core_percent`: of one core, on average."""

    resident_mib: float
    core_percent: float


def weigh(pid: int, seconds: float) -> Weight:
    """What the process alone, without its children, takes from now on for so long."""
    reset_peak(pid)
    before, begin = processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    share = (processor_seconds(pid) - before) / (time.monotonic() - begin)
    return Weight(mebibytes(pid, "VmHWM"), share * 100)


def reset_peak(pid: int) -> None:
    """VmHWM starts anew from what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def processor_seconds(pid: int) -> float:
    """User and system time since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def mebibytes(pid: int, field: str) -> float:
    """A field of /proc/PID/status: VmRSS is resident now, VmHWM its peak."""
    found = re.search(rf"^{field}:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
