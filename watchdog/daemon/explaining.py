"""Answers `explain`: the story of a deployment or a rollback, and what would happen if one failed now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from watchdog.alert.alert import Alert
from watchdog.daemon.arming import why_unarmed
from watchdog.daemon.client import Arguments, Caller, Channel
from watchdog.daemon.guard import Guard
from watchdog.daemon.status import look_first
from watchdog.deploy.deployment import Deployment
from watchdog.errors import UsageError
from watchdog.rollback.ledger import Audit, Noted, Transition
from watchdog.rollback.operation import Operation
from watchdog.rollback.story import Line, Sources, headline, story

FAR_BACK = 1000
"""Rollbacks among which those of a deployment are looked for."""
AFTERWARDS = timedelta(seconds=10)
"""What follows from the end, such as its alert, is part of the story."""
LATELY = 30
"""Lines told where there never was a deployment."""


async def explain(guard: Guard, arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    """The newest deployment or rollback, or the named one. Raises `UsageError` where there is none such."""
    await look_first(guard)
    wanted = str(arguments.get("id") or "")
    deployment, operations = await _named(guard, wanted) if wanted else await _newest(guard)
    if deployment is None and not operations:
        noted = await guard.tools.ledger.noted(guard.name, limit=LATELY)
        lines = story(Sources(None, (), noted=noted))
        answer = "there was no deployment and no rollback yet"
    else:
        sources = await _sources(guard, deployment, operations)
        lines, answer = story(sources), headline(sources)
    about = deployment.id if deployment else operations[-1].id if operations else None
    now = await _if_it_failed_now(guard)
    return {"stack": guard.name, "about": about, "answer": answer, "lines": _told(lines), "now": now}


async def _newest(guard: Guard) -> tuple[Deployment | None, list[Operation]]:
    """Of whatever began last; a rollback of a deployment is told with it."""
    ledger = guard.tools.ledger
    deployments = await ledger.deployments(guard.name, limit=1)
    operations = await ledger.operations(guard.name, limit=1)
    if operations and (not deployments or operations[0].started_at > deployments[0].started_at):
        return await _of_operation(guard, operations[0])
    return await _of_deployment(guard, deployments[0]) if deployments else (None, [])


async def _named(guard: Guard, wanted: str) -> tuple[Deployment | None, list[Operation]]:
    """Both have names of the same kind; where one second saw both, the deployment tells the rollback too."""
    ledger = guard.tools.ledger
    deployment = await ledger.deployment(wanted)
    if deployment is not None and deployment.stack == guard.name:
        return await _of_deployment(guard, deployment)
    operation = await ledger.operation(wanted)
    if operation is not None and operation.stack == guard.name:
        return await _of_operation(guard, operation)
    raise UsageError(
        f"there is no deployment and no rollback {wanted} of {guard.name}; without an ID the newest"
    )


async def _of_deployment(guard: Guard, deployment: Deployment) -> tuple[Deployment, list[Operation]]:
    operations = await guard.tools.ledger.operations(guard.name, limit=FAR_BACK)
    return deployment, [o for o in reversed(operations) if o.deployment == deployment.id]


async def _of_operation(guard: Guard, operation: Operation) -> tuple[Deployment | None, list[Operation]]:
    deployment = await guard.tools.ledger.deployment(operation.deployment) if operation.deployment else None
    return await _of_deployment(guard, deployment) if deployment else (None, [operation])


async def _sources(guard: Guard, deployment: Deployment | None, operations: list[Operation]) -> Sources:
    ledger, name = guard.tools.ledger, guard.name
    since, until = _period(guard, deployment, operations)
    about = {"", deployment.id if deployment else ""}
    lines = await ledger.during(Noted, name, since, until)
    before = [line for line in await ledger.noted(name, "") if line.kind == "armed" and line.at < since]
    return Sources(
        deployment=deployment,
        operations=operations,
        steps=[step for operation in operations for step in await ledger.steps(operation.id)],
        noted=[*before[:1], *(line for line in lines if line.deployment in about)],
        transitions=await ledger.during(Transition, name, since, until),
        alerts=await ledger.during(Alert, name, since, until),
        audits=await ledger.during(Audit, name, since, until),
    )


def _period(
    guard: Guard, deployment: Deployment | None, operations: list[Operation]
) -> tuple[datetime, datetime]:
    """From its beginning to its end, or until now where it has none."""
    both: list[Deployment | Operation] = [*([deployment] if deployment else []), *operations]
    now = guard.tools.hands.clock.now()
    return min(one.started_at for one in both), max(one.ended_at or now for one in both) + AFTERWARDS


async def _if_it_failed_now(guard: Guard) -> dict[str, Any]:
    reasons = await why_unarmed(guard.desk)
    good = guard.watch.good
    back = f"it would be rolled back to release {good.id}" if good else "it would be rolled back"
    answer = f"it would not be rolled back by itself: {'; '.join(reasons)}" if reasons else back
    return {"armed": not reasons, "why_not": list(reasons), "answer": f"if a deployment failed now, {answer}"}


def _told(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """`seconds` count from what happened first, but for how it stood before."""
    began = next((line.at for line in lines if line.kind != "armed"), lines[0].at if lines else None)
    return [
        {
            "at": line.at.isoformat(),
            "seconds": (line.at - began).total_seconds() if began else 0.0,
            "kind": line.kind,
            "text": line.text,
        }
        for line in lines
    ]


REQUESTS: dict[str, Callable[..., Awaitable[Any]]] = {"explain": explain}
