"""A thin stack under a real daemon: containers that only sleep, no database, and nothing to build."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen

from demo.daemon import Place, argv, end, end_leftover, start_daemon
from demo.images import BASE_IMAGE, docker
from demo.movements import recorded
from demo.stage import HOME
from demo.timeline import StoryFailed, Timeline
from rich.console import Console

PROJECT = "ops-watchdog-bench"
ADOPTED_SECONDS = 180.0
DEPLOY_SECONDS = 60
CONFIGURATION = """\
state_dir: {root}/state
socket: {socket}
log: {{format: json}}
stacks:
  thin:
    compose: {compose}
    backup: {{directory: {root}/backups, daily: off, disk_reserve: 256MiB}}
    rollback: {{mode: notify}}
"""


@dataclass(frozen=True, slots=True)
class Thin:
    """`timeline` follows the log of the daemon, which runs as `pid`."""

    place: Place
    project: str
    compose: Path
    timeline: Timeline
    pid: int

    def deploy(self, text: str) -> int:
        """What a person types, with this compose file; the exit code."""
        _write(self.compose, self.project, text)
        up = ("docker", "compose", "--file", str(self.compose), "up", "--detach")
        done = subprocess.run(
            argv(self.place, "deploy", "--", *up),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=DEPLOY_SECONDS,
        )
        return done.returncode


@contextmanager
def guarded(name: str, text: str, section: str) -> Iterator[Thin]:
    """Once what the compose file `text` names is adopted; `section` is added to the stack's."""
    place, project = Place(HOME / f"bench-{name}"), f"{PROJECT}-{name}"
    end_leftover(place)
    shutil.rmtree(place.root, ignore_errors=True)
    place.root.mkdir(parents=True)
    file = place.root / "compose.yaml"
    _write(file, project, text)
    _configure(place, file, section)
    with ExitStack() as ending:
        ending.callback(docker, "compose", "--file", str(file), "down", "--timeout", "0", "--volumes")
        docker("compose", "--progress", "quiet", "--file", str(file), "up", "--detach")
        ending.enter_context(recorded(project, place.events))
        daemon = start_daemon(place)
        ending.callback(end, daemon)
        timeline = Timeline(place.log, partial(_require, daemon, place), Console(quiet=True))
        timeline.until({"release_good"}, ADOPTED_SECONDS, "the adoption of what runs")
        yield Thin(place, project, file, timeline, daemon.pid)


def _write(file: Path, project: str, text: str) -> None:
    file.write_text(text.format(project=project, image=BASE_IMAGE))


def _configure(place: Place, compose: Path, section: str) -> None:
    text = CONFIGURATION.format(root=place.root, socket=place.socket, compose=compose) + section
    place.configuration.touch(mode=0o600)
    place.configuration.write_text(text)


def _require(daemon: Popen[bytes], place: Place) -> None:
    if (code := daemon.poll()) is not None:
        raise StoryFailed(f"the daemon ended with exit code {code}; see {place.log}")
