"""Weighs a real daemon while it dumps: its peak above what it held before, as the kernel kept it."""

from __future__ import annotations

import subprocess
import time

from demo.daemon import Place, argv, end, start_daemon
from rich.console import Console

from bench.database.subject import NAME, USER, Subject
from bench.limits import Limit
from bench.weight import mebibytes, reset_peak

READY_SECONDS = 60.0
SETTLE_SECONDS = 10.0
CONFIGURATION = """\
state_dir: {root}/state
socket: {socket}
log: {{format: json}}
stacks:
  shop:
    compose: {compose}
    project: {project}
    databases: [{{service: database, name: {name}, user: {user}}}]
    checks: [{{sql: select count(*) from article, min: 1}}]
    backup: {{directory: {root}/backups, daily: off, hashes: full}}
    rollback: {{standby: never}}
"""


def measure(subject: Subject, rounds: int, console: Console) -> list[Limit]:
    """One figure, the worst of the rounds."""
    place = Place(subject.root / "daemon")
    place.root.mkdir()
    _configure(place, subject)
    daemon = start_daemon(place)
    try:
        _until_ready(place)
        time.sleep(SETTLE_SECONDS)
        grown = [_grown(place, daemon.pid, number, console) for number in range(rounds)]
    finally:
        end(daemon)
    return [Limit(f"memory of the daemon above idle, dumping (worst of {rounds})", max(grown), 40, "MiB")]


def _configure(place: Place, subject: Subject) -> None:
    text = CONFIGURATION.format(
        root=place.root,
        socket=place.socket,
        compose=subject.compose,
        project=subject.stack.project,
        name=NAME,
        user=USER,
    )
    place.configuration.touch(mode=0o600)
    place.configuration.write_text(text)


def _until_ready(place: Place) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while subprocess.run(argv(place, "status"), capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the daemon does not answer; see {place.log}")
        time.sleep(0.2)


def _grown(place: Place, pid: int, number: int, console: Console) -> float:
    """The first round's idle is a daemon that never dumped: what its libraries take counts too."""
    before = mebibytes(pid, "VmRSS")
    reset_peak(pid)
    subprocess.run(argv(place, "backup"), check=True, capture_output=True)
    peak = mebibytes(pid, "VmHWM")
    console.print(f"memory, round {number + 1}: {before:.1f} MiB, at most {peak:.1f} MiB while dumping")
    return peak - before
