"""Step seven: verify what runs, not what was ordered: image IDs, config hashes, and every required check."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from watchdog.clock import Deadline
from watchdog.errors import StepFailed
from watchdog.health.check import Answer, Check, Sample, Severity
from watchdog.rollback.run import Run
from watchdog.stack.container import migrations

PAUSE = timedelta(milliseconds=50)
"""Between two probes of a check that is not green yet: short, since people wait for this one."""


async def verify_health(run: Run) -> dict[str, Any]:
    """Facts: `checks`, name to the detail of its green answer. Raises `StepFailed` after `verify_timeout`."""
    deadline = Deadline(run.hands.clock, run.hands.verify_timeout)
    required = [check for check in run.hands.checks if check.severity is Severity.REQUIRED]
    samples = await asyncio.gather(*(_until_green(run, check, deadline) for check in required))
    if red := [f"{s.check}: {s.detail}" for s in samples if s.answer is not Answer.OK]:
        raise StepFailed(f"the services are back, but not healthy: {'; '.join(red)}")
    await _running(run, deadline)
    return {"checks": {sample.check: sample.detail for sample in samples}}


async def _until_green(run: Run, check: Check, deadline: Deadline) -> Sample:
    while True:
        sample = await run.hands.prober.probe(check)
        if sample.answer is Answer.OK or deadline.over:
            return sample
        await run.hands.clock.sleep(PAUSE)


async def _running(run: Run, deadline: Deadline) -> None:
    """Every service of the target in scope runs exactly the target's image and definition."""
    while wrong := await _wrong(run):
        if deadline.over:
            raise StepFailed(f"what runs is not release {run.target.id}: {'; '.join(wrong)}")
        await run.hands.clock.sleep(PAUSE)


async def _wrong(run: Run) -> list[str]:
    found = await run.containers()
    containers = {c.service: c for c in found if not c.one_off}
    done = {c.service for c in found if c.ended and c.exit_code == 0} & migrations(found)
    wrong = []
    for service in run.target.services:
        container = containers.get(service.service)
        stopped = container is None or not container.running
        if not run.in_scope(service.service) or (stopped and not service.running):
            continue
        if container is None or (stopped and service.service not in done):
            wrong.append(f"{service.service} does not run")
        elif container.image_id != service.image_id:
            wrong.append(f"{service.service} runs image {container.image_id[:19]}")
        elif container.config_hash != service.config_hash:
            wrong.append(f"{service.service} has another definition")
    return wrong
