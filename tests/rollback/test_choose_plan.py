"""Does the database go back too? The policy, the age of the backup and the schema decide."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MORNING
from tests.rollback.samples import backup
from watchdog.deploy.deployment import Kind
from watchdog.errors import Refused
from watchdog.rollback.policy import DatabasePolicy, RollbackPolicy
from watchdog.rollback.target import choose_plan

A, O = Kind.ANNOUNCED, Kind.OBSERVED  # noqa: E741 (the two columns of the table)
AUTO, ALWAYS, IF_CHANGED, NEVER = DatabasePolicy
FULL, KEEP, REFUSED = "full", "keep database", "refused"
AGES = {"fresh": 15.0, "old": 15.1}


def plan(policy: DatabasePolicy, kind: Kind, age: float | None, schema_changed: bool) -> str:
    rollback = RollbackPolicy(database=policy, max_data_loss=timedelta(minutes=15))
    made = None if age is None else backup(age)
    try:
        return choose_plan(rollback, kind, made, schema_changed, MORNING)
    except Refused:
        return REFUSED


@pytest.mark.parametrize(
    ("policy", "kind", "backup", "unchanged", "changed"),
    [
        (AUTO, A, "fresh", FULL, FULL),
        (AUTO, A, "old", KEEP, REFUSED),
        (AUTO, A, "none", KEEP, REFUSED),
        (AUTO, O, "fresh", KEEP, FULL),
        (AUTO, O, "old", KEEP, REFUSED),
        (AUTO, O, "none", KEEP, REFUSED),
        (ALWAYS, O, "fresh", FULL, FULL),
        (ALWAYS, O, "old", KEEP, REFUSED),
        (ALWAYS, O, "none", KEEP, REFUSED),
        (IF_CHANGED, A, "fresh", KEEP, FULL),
        (IF_CHANGED, A, "old", KEEP, REFUSED),
        (NEVER, A, "fresh", KEEP, KEEP),
        (NEVER, A, "none", KEEP, KEEP),
    ],
)
def test_the_table(policy: DatabasePolicy, kind: Kind, backup: str, unchanged: str, changed: str) -> None:
    age = AGES.get(backup)
    assert plan(policy, kind, age, schema_changed=False) == unchanged
    assert plan(policy, kind, age, schema_changed=True) == changed


@given(
    st.sampled_from([AUTO, ALWAYS, IF_CHANGED]),
    st.sampled_from(Kind),
    st.none() | st.floats(0, 10_000),
    st.booleans(),
)
def test_old_code_never_meets_a_new_schema_and_no_old_backup_is_restored(
    policy: DatabasePolicy, kind: Kind, age: float | None, changed: bool
) -> None:
    chosen = plan(policy, kind, age, changed)
    assert not (changed and chosen == KEEP)
    assert chosen != FULL or (age is not None and age <= 15)


@pytest.mark.parametrize(("age", "words"), [(90.0, "is 90 min old"), (None, "does not exist")])
def test_the_refusal_names_the_reason_and_the_remedy(age: float | None, words: str) -> None:
    made = None if age is None else backup(age)
    with pytest.raises(Refused, match=rf"the schema changed.*{words}.*15 min.*rollback --plan"):
        choose_plan(RollbackPolicy(), A, made, True, MORNING)
