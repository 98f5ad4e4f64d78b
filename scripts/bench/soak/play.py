"""Plays the rounds of one stack, each from rest to its end, and says whether it ended as it must."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from demo.daemon import argv

from bench.soak.ending import End, Ending, ending
from bench.soak.house import Stuck
from bench.soak.kind import Kind
from bench.soak.plan import Round
from bench.soak.scene import Scene

REST_SECONDS = 35.0
"""More than between two looks of the daemon that nothing asked for."""
ASK_SECONDS = 0.4
"""Each `status` asks the engine, too."""
RED_MAY_BE = "flap"
CLOSED = frozenset({"good", "failed", "rolled back", "superseded", "undecided"})


@dataclass(frozen=True, slots=True)
class Result:
    """`detected`: seconds from the round's begin to the verdict, where one fell."""

    stack: str
    round: Round
    ending: Ending
    begin: float
    seconds: float
    detected: float | None

    @property
    def holds(self) -> bool:
        return self.ending.end in self.round.kind.ends and self.ending.failed is not self.round.kind.healthy


def play(scene: Scene, rounds: Iterable[Round], tell: Callable[[Result], None]) -> None:
    """All of them, one after the other; a repair in between is a deployment like any other, and told.

    Then the stack is taken down: the others need the engine.
    """
    end = End.GOOD
    for one in rounds:
        if (repaired := _rest(scene, end)) is not None:
            tell(repaired)
        if scene.house.closed:
            return
        result = _play(scene, one)
        tell(result)
        end = result.ending.end
    with scene.traffic.shared():
        scene.product.down()


def _rest(scene: Scene, end: End) -> Result | None:
    """A good release runs, all is green, nothing is open: by itself, or by a repair whose result it is.

    The shop is repaired as a person would do it: by a rollback, which brings back its data, too.
    """
    with scene.traffic.shared():
        scene.product.sweep()
    if end is not End.CAUGHT and _rests_within(scene, REST_SECONDS):
        return None
    if scene.house.closed:
        return None
    if scene.shop is not None:
        scene.run(*argv(scene.house.place, "rollback", "--stack", scene.name, "--yes"))
        if _rests_within(scene, REST_SECONDS):
            return None
    result = _play(scene, Round(Kind("repair", _repair), "repair", planned=False))
    if not _rests_within(scene, REST_SECONDS):
        scene.compose("down")
        scene.compose("up", "--detach")
        _rests_within(scene, REST_SECONDS)
    return result


def _repair(scene: Scene) -> None:
    """Forwards, by hand: a release that is good again. What was red before says nothing about it."""
    if scene.shop is not None:  # its files name a good release already, after a rollback that was not enough
        scene.announce(options=("--no-rollback",))
        return
    scene.write()
    scene.observe(*scene.up("--remove-orphans"))


def _rests_within(scene: Scene, seconds: float) -> bool:
    try:
        scene.house.wait(lambda: _rests(scene.house.status(scene.name)), seconds, "rest", ASK_SECONDS)
    except Stuck:
        return False
    return True


def _rests(status: dict[str, Any] | None) -> bool:
    if status is None or status["doing"] or not status["runs_last_known_good"] or not status["release"]:
        return False
    if status["deployment"] and status["deployment"]["phase"] not in CLOSED:
        return False
    if any(one["health"] not in ("none", "healthy") for one in status["services"]):
        return False
    return all(one["state"] == "green" for one in status["checks"] if one["check"] != RED_MAY_BE)


def _play(scene: Scene, one: Round) -> Result:
    scene.begin, scene.random = time.time(), random.Random(one.seed)
    try:
        one.kind.act(scene)
        with contextlib.nullcontext() if one.kind.healthy else scene.traffic.shared():
            phase = scene.until_over()  # a rollback is not to be cut by what others do to the daemon
        found = ending(scene.events, phase)
    except (Stuck, OSError, RuntimeError) as error:
        found = ending(scene.events)
        found = Ending(End.UNTOLD, found.failed, f"{error}; {found.told}")
    fell = [event.at for event in scene.events if event.kind == "deployment_failed"]
    detected = fell[0] - scene.begin if fell else None
    return Result(scene.name, one, found, scene.begin, time.time() - scene.begin, detected)
