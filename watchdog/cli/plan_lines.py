"""The plan of a rollback as lines for a person: what is done and why, its cost, what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Plan = Mapping[str, Any]


def plan_lines(plan: Plan) -> Iterator[str]:
    """`plan` as `rollback.printout` makes it."""
    yield f"Plan: {' → '.join(step.replace('_', ' ') for step in plan['plan'])}"
    yield f"Because {plan['why']}"
    if plan["unattended"]:
        yield f"Unattended it would be: {plan['unattended']}"
    yield from _databases(plan)
    yield from _release(plan)
    yield f"Not rolled back: {plan['not_rolled_back']}"
    yield from (f"NOTE: {note}" for note in plan["notes"])
    yield from (f"OBSTACLE: {obstacle}" for obstacle in plan["obstacles"])


def _databases(plan: Plan) -> Iterator[str]:
    if not plan["databases"]:
        yield "Database: kept as it is"
    for database in plan["databases"]:
        comes = plan["returning"].get(database)
        back = f"{comes} comes back" if comes else f"backup {plan['backup']}, {plan['backup_age']} old"
        yield f"Database {database}: {back}"
    yield from (f"Displaces {_loss(table)}" for table in plan["displaces"])
    yield from (f"Displaces unknown rows of {reason}" for reason in plan["displaces_unknown"])
    for outlook in plan["outlook"]:
        yield from _outlook(outlook)


def _loss(table: Plan) -> str:
    """What the live database would lose: kept aside, and still a loss."""
    written = "" if table["written"] is None else f"up to {table['written']} rows written since, "
    return f"{table['table']} of {table['database']}: {written}{table['net']:+d} in all"


def _outlook(outlook: Plan) -> Iterator[str]:
    """Whom the fence of one database meets, and how far its restore is prepared."""
    name = outlook["database"]
    for client in outlook["outside"]:
        who = f"{client['user']} from {client['address']} ({client['application'] or 'unnamed'})"
        yield f"Cut off from {name}: {who}, from outside of the stack"
    yield f"Standby copy of {name}: {outlook['standby']}"


def _release(plan: Plan) -> Iterator[str]:
    if "revert_compose" not in plan["plan"]:
        yield "Release: what runs stays; the same containers are started again"
        return
    yield f"To release {plan['release']}"
    for change in plan["images"]:
        yield f"Image of {change['service']}: {(change['from'] or 'none')[:19]} → {change['to'][:19]}"
    yield from (f"File {path}" for path in plan["files"])
    yield from (f"File {path}: moved away, the release did not have it" for path in plan["moved_away"])
