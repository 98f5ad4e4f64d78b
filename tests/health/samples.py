"""Small makers of values for the tests of health: only what a test names differs from the ordinary."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.fakes import MORNING
from watchdog.health.check import Answer, Check, Sample, Tcp
from watchdog.health.streak import CheckState, record
from watchdog.health.verdict import Verdict, verdict
from watchdog.health.window import Progress, View, Window
from watchdog.stack import Container

EVERY = 5.0
"""Seconds between looks nobody mentions: less than what counts as a leap of the clock."""


def after(seconds: float) -> datetime:
    """So long after the window opened."""
    return MORNING + timedelta(seconds=seconds)


def container(service: str = "backend", **fields: Any) -> Container:
    """A container made and started by the deployment, running."""
    return Container(
        **{
            "id": f"new-{service}",
            "name": f"shop-{service}-1",
            "service": service,
            "image": f"shop/{service}:2",
            "image_id": "sha256:2",
            "config_hash": "2",
            "state": "running",
            "created_at": after(1),
            "started_at": after(1),
            **fields,
        }
    )


def exited(code: int, service: str = "backend", **fields: Any) -> Container:
    return container(service, **{"state": "exited", "exit_code": code, "finished_at": after(2), **fields})


def check(name: str = "api", **fields: Any) -> Check:
    return Check(**{"name": name, "probe": Tcp("127.0.0.1", 1), **fields})


def answered(of: Check, *answers: tuple[float, Answer]) -> CheckState:
    """The state of a check after answers so long after the window opened."""
    state = CheckState(of)
    for seconds, answer in answers:
        state = record(state, Sample(of.name, after(seconds), answer, _detail(answer)))
    return state


def ok(*seconds: float) -> tuple[tuple[float, Answer], ...]:
    return tuple((s, Answer.OK) for s in seconds)


def bad(*seconds: float) -> tuple[tuple[float, Answer], ...]:
    return tuple((s, Answer.BAD) for s in seconds)


def observed(**fields: Any) -> Window:
    """A deployment of `backend` that was observed."""
    ordinary = {"opened_at": MORNING, "command_ended_at": MORNING, "expected": frozenset({"backend"})}
    return Window(**{**ordinary, **fields})


def announced(ended: float | None = None, code: int | None = None, **fields: Any) -> Window:
    """A deployment by a command that has ended so long after the window opened, or still runs."""
    end = None if ended is None else after(ended)
    return observed(**{"command_ended_at": end, "command_exit_code": code, **fields})


def view(*containers: Container, **fields: Any) -> View:
    return View(containers=containers, **fields)


def watched(window: Window, *looks: tuple[float, View], start: Progress | None = None) -> list[Verdict]:
    """What each look led to. In between a guard that lives looks too, and finds what the last look found."""
    progress = start or Progress()
    found = []
    for (seconds, look), (until, _) in pairwise((*looks, (looks[-1][0], looks[-1][1]))):
        found.append(verdict(window, look, progress, after(seconds)))
        progress = found[-1].progress
        while (seconds := seconds + EVERY) < until:
            progress = verdict(window, look, progress, after(seconds)).progress
    return found


def _detail(answer: Answer) -> str:
    return {Answer.OK: "HTTP 200", Answer.BAD: "HTTP 500", Answer.INCONCLUSIVE: "no route"}[answer]
