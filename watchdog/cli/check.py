"""`check`: the health checks once, now, as in the guide's `health_check.sh --service=NAME`."""

from __future__ import annotations

import asyncio
import json

import click

from watchdog.cli.context import Context
from watchdog.errors import UsageError
from watchdog.health.check import Answer, Check, Sample, Severity
from watchdog.settings.build import StackSettings

MARKS = {Answer.OK: "ok ", Answer.BAD: "BAD", Answer.INCONCLUSIVE: "?  "}


async def check(context: Context, stack: str | None, service: str | None, as_json: bool) -> int:
    """The exit code: 1 where a required check is not ok."""
    settings = context.stack(stack)
    chosen = select(settings, service)
    async with context.application() as application:
        prober = application.tools(settings).hands.prober
        samples = await asyncio.gather(*(prober.probe(one) for one in chosen))
    _print(chosen, samples, as_json)
    bad = [c for c, s in zip(chosen, samples, strict=True) if s.answer is not Answer.OK]
    return 1 if any(c.severity is Severity.REQUIRED for c in bad) else 0


def select(settings: StackSettings, service: str | None) -> tuple[Check, ...]:
    """The checks of one service, or all of them. Raises `UsageError` naming the services that have some."""
    if not settings.checks:
        raise UsageError(f"stack {settings.stack.name} has no checks; add some under 'checks:'")
    if service is None:
        return settings.checks
    chosen = tuple(c for c in settings.checks if c.service == service)
    if not chosen:
        known = sorted({c.service for c in settings.checks if c.service})
        raise UsageError(f"no check belongs to service {service!r}; services with checks: {', '.join(known)}")
    return chosen


def _print(checks: tuple[Check, ...], samples: list[Sample], as_json: bool) -> None:
    if as_json:
        rows = [{"check": s.check, "answer": s.answer.value, "detail": s.detail} for s in samples]
        click.echo(json.dumps(rows))
        return
    width = max(len(c.name) for c in checks)
    for one, sample in zip(checks, samples, strict=True):
        note = "" if one.severity is Severity.REQUIRED else " (wanted)"
        click.echo(f"{MARKS[sample.answer]}  {one.name:<{width}}  {sample.detail}{note}")
