"""When a standby copy is made, and how long its backup is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import MORNING
from tests.rollback.samples import ago, deployment, operation
from watchdog.deploy.deployment import Deployment, Kind, Phase
from watchdog.rollback.operation import Outcome
from watchdog.rollback.policy import DatabasePolicy, Mode, RollbackPolicy, StandbyPolicy
from watchdog.rollback.standby_rules import Room, cramped, needed, unwanted

GIB = 1024**3
AUTO, ALWAYS = RollbackPolicy(), RollbackPolicy(standby=StandbyPolicy.ALWAYS)
ANNOUNCED = deployment(phase=Phase.DEPLOYING, backup="b1")


def test_a_copy_is_made_for_a_deployment_that_could_be_rolled_back() -> None:
    assert unwanted(AUTO, ANNOUNCED) == ""
    assert unwanted(RollbackPolicy(mode=Mode.NOTIFY), ANNOUNCED) == "", "a person may roll back"


@pytest.mark.parametrize(
    ("policy", "announced", "reason"),
    [
        (RollbackPolicy(standby=StandbyPolicy.NEVER), ANNOUNCED, "rollback.standby is never"),
        (RollbackPolicy(mode=Mode.OFF), ANNOUNCED, "no rollback restores a database"),
        (RollbackPolicy(database=DatabasePolicy.NEVER), ANNOUNCED, "no rollback restores a database"),
        (ALWAYS, replace(ANNOUNCED, allowed=False), "--no-rollback"),
        (ALWAYS, replace(ANNOUNCED, backup=None), "is not the last known good release"),
    ],
)
def test_none_is_made_that_no_rollback_would_use(
    policy: RollbackPolicy, announced: Deployment, reason: str
) -> None:
    assert reason in unwanted(policy, announced)


def room(free: float, **sizes: float) -> Room:
    return Room("database", round(free * GIB), {name: round(size * GIB) for name, size in sizes.items()})


def test_auto_wants_plenty_of_room_for_all_databases_of_a_server_together() -> None:
    assert cramped(AUTO, [room(5, app=1, shop=1)], reserve_bytes=0) == ""
    assert cramped(AUTO, [room(4.9, app=1, shop=1)], reserve_bytes=0) == (
        "database has 5017 MiB free, and a standby copy wants 5120 MiB (2.5 x the size of app, shop)"
    )


def test_auto_leaves_large_databases_alone() -> None:
    assert cramped(AUTO, [room(100, app=5)], reserve_bytes=0) == ""
    assert "database app has 5222 MiB, and rollback.standby_max_size is 5120 MiB" in cramped(
        AUTO, [room(100, app=5.1)], reserve_bytes=0
    )


def test_always_never_means_without_room() -> None:
    assert cramped(ALWAYS, [room(31, app=30)], reserve_bytes=GIB) == ""
    assert "wants 31744 MiB (backup.disk_reserve beside a copy of app)" in cramped(
        ALWAYS, [room(30.9, app=30)], reserve_bytes=GIB
    )


def test_each_server_is_asked() -> None:
    rooms = [room(100, app=1), replace(room(1, other=1), server="db.internal:5432")]
    assert cramped(AUTO, rooms, reserve_bytes=0).startswith("db.internal:5432 has 1024 MiB free")


# how long

FAILED = deployment(backup="b1", ended_at=MORNING)
OBSERVED = deployment(id="d2", kind=Kind.OBSERVED, phase=Phase.MONITORING, backup=None)
SUPERSEDED = deployment(phase=Phase.SUPERSEDED, backup="b1", ended_at=MORNING)


@pytest.mark.parametrize("phase", [Phase.DEPLOYING, Phase.MONITORING])
def test_as_long_as_its_deployment_is_open(phase: Phase) -> None:
    assert needed([deployment(phase=phase, backup="b1")], (), MORNING) == {"b1"}


@pytest.mark.parametrize("phase", [Phase.GOOD, Phase.UNDECIDED, Phase.ROLLED_BACK, Phase.SUPERSEDED])
def test_no_longer_than_its_deployment(phase: Phase) -> None:
    assert needed([deployment(phase=phase, backup="b1", ended_at=MORNING)], (), MORNING) == set()


def test_for_a_day_after_a_failure_that_was_not_rolled_back() -> None:
    assert needed([replace(FAILED, ended_at=None)], (), MORNING) == {"b1"}
    assert needed([FAILED], (), MORNING + timedelta(hours=23)) == {"b1"}
    assert needed([FAILED], (), MORNING + timedelta(hours=24)) == set()


@pytest.mark.parametrize("phase", [Phase.DEPLOYING, Phase.MONITORING, Phase.GOOD])
def test_not_beyond_the_next_deployment(phase: Phase) -> None:
    assert needed([deployment(id="d2", phase=phase, backup=None), FAILED], (), MORNING) == set()


def test_that_of_a_superseded_one_until_it_is_known_that_the_next_changed_anything() -> None:
    following = deployment(id="d2", phase=Phase.DEPLOYING, backup="b2")
    assert needed([following, SUPERSEDED], (), MORNING) == {"b1", "b2"}
    assert needed([replace(following, phase=Phase.MONITORING), SUPERSEDED], (), MORNING) == {"b2"}
    refused = replace(following, phase=Phase.FAILED, ended_at=MORNING)
    judged_on = replace(SUPERSEDED, phase=Phase.MONITORING, ended_at=None)
    assert needed([refused, judged_on], (), MORNING) == {"b1", "b2"}


def test_that_of_a_superseded_one_while_the_next_has_none_of_its_own() -> None:
    """Its rollback would restore the same backup."""
    before = deployment(id="d0", phase=Phase.SUPERSEDED, backup="b0", ended_at=ago(hours=1))
    assert needed([OBSERVED, SUPERSEDED, before], (), MORNING) == {"b1"}
    again = replace(OBSERVED, id="d3")
    assert needed([again, replace(OBSERVED, phase=Phase.SUPERSEDED), SUPERSEDED], (), MORNING) == {"b1"}
    assert needed([replace(OBSERVED, phase=Phase.GOOD), SUPERSEDED], (), MORNING) == set()


def test_as_long_as_a_rollback_that_names_it_is_open() -> None:
    rollback = operation(backup="b0")
    assert needed((), [rollback], MORNING) == {"b0"}
    assert needed((), [replace(rollback, outcome=Outcome.HELD)], MORNING) == set()
