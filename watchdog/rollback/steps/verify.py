"""Step seven: verify what runs, not what was ordered: image IDs, config hashes, and every required check."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from watchdog.clock import Deadline
from watchdog.errors import StepFailed
from watchdog.health.check import Answer, Check, Sample, Severity
from watchdog.rollback.run import Run
from watchdog.rollback.steps.stop import STATES_OF_RUNNING
from watchdog.stack import Container, Health, ServiceRelease
from watchdog.stack.container import migrations

PAUSE = timedelta(milliseconds=50)
"""Between two probes of a check that is not green yet: short, since people wait for this one."""
LONGEST_PAUSE = timedelta(seconds=0.4)
"""Between two looks at all containers, each pause twice the one before it: a look costs the engine more."""


async def verify_health(run: Run) -> dict[str, Any]:
    """Facts: `checks`, name to the detail of its green answer, and `excused`, the names left out.

    Raises `StepFailed` after `verify_timeout`. What was bad before the deployment already proves nothing
    about the rollback (`Operation.excused`).
    """
    deadline = Deadline(run.hands.clock, run.hands.verify_timeout)
    required = [check for check in run.hands.checks if check.severity is Severity.REQUIRED]
    asked = [check for check in required if check.name not in run.operation.excused]
    samples = await asyncio.gather(*(_until_green(run, check, deadline) for check in asked))
    if red := [f"{s.check}: {s.detail}" for s in samples if s.answer is not Answer.OK]:
        raise StepFailed(f"the services are back, but not healthy: {'; '.join(red)}")
    await _until_running(run, deadline)
    excused = sorted({check.name for check in required} - {check.name for check in asked})
    return {"checks": {sample.check: sample.detail for sample in samples}, "excused": excused}


async def _until_green(run: Run, check: Check, deadline: Deadline) -> Sample:
    while True:
        sample = await run.hands.prober.probe(check)
        if sample.answer is Answer.OK or deadline.over:
            return sample
        await run.hands.clock.sleep(PAUSE)


async def _until_running(run: Run, deadline: Deadline) -> None:
    """Every service of the target runs exactly the target's image and definition, and is well."""
    pause = PAUSE
    while True:
        found = await run.hands.engine.containers(run.stack.project)
        wrong, unwell = _wrong(run, found), _unwell(run, found)
        if not wrong and not unwell:
            return
        if deadline.over and wrong:
            wanted = "what ran before" if run.operation.keeps_release else f"release {run.target.id}"
            raise StepFailed(f"what runs is not {wanted}: {'; '.join(wrong)}")
        if deadline.over:
            raise StepFailed(f"the services are back, but not healthy: {'; '.join(unwell)}")
        await run.hands.clock.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _wrong(run: Run, found: Sequence[Container]) -> list[str]:
    """Services out of scope too, the databases' own among them: the target ran with them as they were."""
    containers = {c.service: c for c in found if not c.one_off}
    done = {c.service for c in found if c.ended and c.exit_code == 0} & migrations(found)
    wrong = []
    for service in _wanted(run):
        container = containers.get(service.service)
        stopped = container is None or not container.running
        if not service.running and (stopped or not run.in_scope(service.service)):
            continue
        if container is None or (stopped and service.service not in done):
            wrong.append(f"{service.service} does not run")
        elif container.image_id != service.image_id:
            wrong.append(f"{service.service} runs image {container.image_id[:19]}")
        elif container.config_hash != service.config_hash:
            wrong.append(f"{service.service} has another definition")
    return wrong


def _wanted(run: Run) -> Sequence[ServiceRelease]:
    """The target; where the release stays, the containers that were there, captured or not."""
    if not run.operation.keeps_release:
        return run.target.services
    return [
        ServiceRelease(
            c["service"], c["image"], c["image_id"], c["config_hash"], running=c["state"] in STATES_OF_RUNNING
        )
        for c in run.facts["preflight"]["containers"]
        if not c["one_off"]
    ]


def _unwell(run: Run, found: Sequence[Container]) -> list[str]:
    """By their own health check, where they have one: `starting` is not healthy (design rule 5)."""
    services = {s.service for s in _wanted(run) if run.in_scope(s.service)}
    return [
        f"{c.service} is {c.health} by its own health check"
        for c in found
        if c.service in services - set(run.operation.excused_services)
        and c.running
        and not c.one_off
        and c.health in {Health.STARTING, Health.UNHEALTHY}
    ]
