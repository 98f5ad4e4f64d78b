"""Which rollback waits for a person."""

from __future__ import annotations

import pytest

from tests.rollback.samples import ago, deployment, operation
from watchdog.deploy.deployment import Phase
from watchdog.rollback.held import held
from watchdog.rollback.operation import Outcome

HELD = operation(id="held", outcome=Outcome.HELD, started_at=ago(hours=1))


@pytest.mark.parametrize(
    ("outcome", "which"),
    [
        (Outcome.REFUSED, "held"),
        (Outcome.ABORTED, "held"),
        (Outcome.HELD, "later"),
        (Outcome.RUNNING, None),
        (Outcome.SUCCEEDED, None),
    ],
)
def test_only_a_later_one_that_changed_something_takes_its_place(outcome: Outcome, which: str | None) -> None:
    newest = operation(id="later", outcome=outcome, started_at=ago(minutes=5))
    found = held([newest, HELD], [])
    assert (found.id if found else None) == which


@pytest.mark.parametrize(
    ("phase", "minutes", "resolved"),
    [
        (Phase.GOOD, 5, True),
        (Phase.GOOD, 90, False),
        (Phase.FAILED, 5, False),
        (Phase.MONITORING, 5, False),
        (Phase.UNDECIDED, 5, False),
    ],
)
def test_a_deployment_after_it_that_was_good_resolves_it(phase: Phase, minutes: int, resolved: bool) -> None:
    after = deployment(phase=phase, started_at=ago(minutes=minutes))
    assert (held([HELD], [after]) is None) is resolved


def test_nothing_is_held_where_nothing_was_rolled_back() -> None:
    assert held([], []) is None
