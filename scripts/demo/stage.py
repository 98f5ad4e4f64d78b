"""What a story needs around it: the shop on disk, the daemon, the sink, the engine's events; and its end.

Only what the demo made itself is ever ended or removed: by its project name, its directory, its process.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen

from demo.daemon import Place, end, end_leftover, start_daemon, write_configuration
from demo.movements import recorded
from demo.shop import Shop, lay_out
from demo.sink import Sink, receiving
from demo.timeline import StoryFailed, Timeline
from rich.console import Console

HOME = Path(__file__).resolve().parents[2] / ".demo"
PROJECT = "ops-watchdog-demo"


@dataclass(frozen=True, slots=True)
class Stage:
    """`timeline` follows the daemon's log, and tells it on `console`."""

    console: Console
    place: Place
    shop: Shop
    sink: Sink
    timeline: Timeline


def shown(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def alone() -> Iterator[None]:
    """Two demos at once would take each other's containers. Raises `StoryFailed` for the second one."""
    HOME.mkdir(exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoryFailed(f"another demo is running here ({lock.name} is locked)") from error
        yield


@contextmanager
def set_up(breakage: str, console: Console, *, keep: bool) -> Iterator[Stage]:
    """Ends with the containers removed and the daemon ended, unless `keep`; files stay in any case."""
    place = Place(HOME / breakage)
    console.print("preparing the shop (the first time, its images are built)")
    shop = _lay_out(place, breakage)
    with ExitStack() as ending:
        if not keep:
            ending.callback(shop.down)
        sink = ending.enter_context(receiving(place.alerts))
        ending.enter_context(recorded(shop.project, place.events))
        write_configuration(place, shop, sink.url)
        daemon = start_daemon(place)
        if not keep:
            ending.callback(end, daemon)
        timeline = Timeline(place.log, partial(_require, daemon, place), console)
        yield Stage(console, place, shop, sink, timeline)


def _lay_out(place: Place, breakage: str) -> Shop:
    project = f"{PROJECT}-{breakage}"
    end_leftover(place)
    Shop(place.shop, project, 0, 0, "", mutable_tag=False).down()
    if place.root.exists():
        shutil.rmtree(place.root)
    return lay_out(place.shop, project, mutable_tag=breakage == "tag")


def _require(daemon: Popen[bytes], place: Place) -> None:
    if (code := daemon.poll()) is not None:
        raise StoryFailed(f"the daemon ended with exit code {code}; see {place.log}")
