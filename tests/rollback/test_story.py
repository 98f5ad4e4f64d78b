"""The story that `explain` tells: everything in its order, and the answer first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import deployment, operation
from watchdog.alert.alert import Level, alert
from watchdog.deploy.deployment import Kind, Phase
from watchdog.rollback.ledger import Audit, Noted, Transition
from watchdog.rollback.operation import Outcome, Progress, StepRecord
from watchdog.rollback.story import Sources, headline, story


def at(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


def noted(kind: str, text: str, seconds: float = 5) -> Noted:
    return Noted("shop", at(seconds), kind, text, "d1")


FAILED = deployment(phase=Phase.FAILED, ended_at=at(9), reasons=("api: HTTP 500",))
HELD = operation(id="o1", outcome=Outcome.HELD, detail="the swap stands", started_at=at(6), ended_at=at(8))


@pytest.mark.parametrize(
    ("sources", "answer"),
    [
        (Sources(deployment(phase=Phase.GOOD), ()), "deployment d1: it stayed healthy through its window"),
        (Sources(deployment(phase=Phase.MONITORING), ()), "it is still being watched"),
        (
            Sources(FAILED, (), noted=[noted("refusal", "not rolled back: rollback.mode is notify")]),
            "deployment d1: it failed; not rolled back: rollback.mode is notify",
        ),
        (Sources(replace(FAILED, ended_at=None), (), noted=[noted("verdict", "x")]), "is not decided yet"),
        (Sources(FAILED, (), noted=[noted("verdict", "x")]), "deployment d1: it failed; api: HTTP 500"),
        (Sources(FAILED, (HELD,)), "it failed; rollback o1 is held: a person has to decide: the swap stands"),
        (Sources(None, (operation(outcome=Outcome.SUCCEEDED),)), "rollback o1 succeeded"),
        (
            Sources(None, (operation(outcome=Outcome.REFUSED, detail="no room"),)),
            "nothing was touched: no room",
        ),
    ],
)
def test_the_answer_is_one_sentence(sources: Sources, answer: str) -> None:
    assert answer in headline(sources)


def test_everything_is_told_in_the_order_in_which_it_happened() -> None:
    announced = deployment(
        kind=Kind.ANNOUNCED,
        phase=Phase.FAILED,
        started_at=at(0),
        command=("deploy.sh", "--fast"),
        command_ended_at=at(2),
        exit_code=0,
        target_release="r1",
        backup="20261120_085900",
        baseline_red=frozenset({"page"}),
        ended_at=at(9),
    )
    steps = [
        StepRecord("o1", "preflight", Progress.DONE, at(6), at(6.5)),
        StepRecord("o1", "stop_services", Progress.FAILED, at(6.5), at(7), error="dockerd is gone"),
        StepRecord("o1", "restore_database", Progress.INTENT, at(7.5)),
    ]
    sources = Sources(
        announced,
        (HELD,),
        steps,
        noted=[noted("verdict", "failed: api: HTTP 500", 5)],
        transitions=[Transition("shop", "api", "red", at(4), "HTTP 500")],
        alerts=[alert("shop", Level.WARNING, "rollback started", "text", at(6))],
        audits=[Audit("shop", at(1), "user root (uid 0)", "deploy", "deploy.sh --fast")],
    )
    told = [((line.at - MORNING).total_seconds(), line.kind, line.text) for line in story(sources)]
    assert told == [
        (
            0,
            "deployment",
            "deployment 'deploy.sh --fast'; would go back to release r1 with backup 20261120_085900; "
            "bad before already, so no evidence: page",
        ),
        (1, "audit", "user root (uid 0): deploy: deploy.sh --fast"),
        (2, "deployment", "its command ended with exit code 0"),
        (4, "check", "check api is red: HTTP 500"),
        (5, "verdict", "failed: api: HTTP 500"),
        (6, "rollback", "rollback o1 to release release-1 (full), decided by the daemon: api: HTTP 500"),
        (6, "alert", "told (warning): rollback started"),
        (6.5, "step", "preflight: done in 0.50 s"),
        (7, "step", "stop services: failed after 0.50 s: dockerd is gone"),
        (7.5, "step", "restore database: begun"),
        (8, "rollback", "rollback is held: a person has to decide: the swap stands"),
        (9, "deployment", "closed: it failed"),
    ]


def test_what_nobody_announced_and_what_has_no_way_back_is_said() -> None:
    observed = deployment(kind=Kind.OBSERVED, phase=Phase.MONITORING, allowed=False)
    assert story(Sources(observed, ()))[0].text == (
        "deployment observed, announced by nobody; no known good release to go back to; --no-rollback"
    )
