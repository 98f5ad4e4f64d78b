"""`check`: the health checks once, now, as in the guide's `health_check.sh --service=NAME`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import click

from watchdog.cli.context import Context
from watchdog.clock import Clock
from watchdog.errors import UsageError
from watchdog.health.check import Answer, Check, Prober, Sample, Severity, Sql
from watchdog.settings.build import StackSettings

MARKS = {Answer.OK: "ok ", Answer.BAD: "BAD", Answer.INCONCLUSIVE: "?  "}
DATABASE = "database"
"""The guide's word for the service that the stack's database runs on, whatever that is called."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A check, what came of it, and how long that took."""

    check: Check
    sample: Sample
    seconds: float

    @property
    def failed(self) -> bool:
        """What a person must look at: a required check that is not good, or cannot be told."""
        return self.check.severity is Severity.REQUIRED and self.sample.answer is not Answer.OK


async def check(context: Context, stack: str | None, service: str | None, as_json: bool) -> int:
    """The exit code: 1 where a required check is not ok."""
    settings = context.stack(stack)
    chosen = select(settings, service)
    async with context.application() as application:
        hands = application.tools(settings).hands
        answered = await asyncio.gather(*(_ask(hands.prober, hands.clock, one) for one in chosen))
    if as_json:
        click.echo(json.dumps([_row(one) for one in answered]))
    else:
        click.echo("\n".join(_lines(answered)))
    return 1 if any(one.failed for one in answered) else 0


async def _ask(prober: Prober, clock: Clock, one: Check) -> Answered:
    began = clock.monotonic()
    sample = await prober.probe(one)
    return Answered(one, sample, clock.monotonic() - began)


def select(settings: StackSettings, service: str | None) -> tuple[Check, ...]:
    """The checks of one service, or all of them. Raises `UsageError` naming the services that have some."""
    if not settings.checks:
        raise UsageError(f"stack {settings.stack.name} has no checks; add some under 'checks:'")
    if service is None:
        return settings.checks
    known = sorted({c.service for c in settings.checks if c.service})
    chosen = _of(service, known, settings)
    if not chosen:
        listed = ", ".join(known) or "none"
        raise UsageError(f"no check belongs to service {service!r}; services with checks: {listed}")
    return chosen


def _of(word: str, known: list[str], settings: StackSettings) -> tuple[Check, ...]:
    """By a service's name, the word `database`, or a part of one name only: `redis` for unicorn-redis."""
    if word == DATABASE and word not in known:
        servers = settings.stack.database_services
        return tuple(c for c in settings.checks if isinstance(c.probe, Sql) or c.service in servers)
    meant = [word] if word in known else [n for n in known if word in n.replace("_", "-").split("-")]
    if len(meant) > 1:
        raise UsageError(f"{word!r} may be {' or '.join(meant)}: name one of them")
    return tuple(c for c in settings.checks if c.service in meant)


def _row(one: Answered) -> dict[str, Any]:
    return {
        "check": one.check.name,
        "service": one.check.service,
        "severity": one.check.severity.value,
        "answer": one.sample.answer.value,
        "seconds": round(one.seconds, 3),
        "detail": one.sample.detail,
    }


def _lines(answered: list[Answered]) -> list[str]:
    """One for each check, in the configuration's order."""
    width = max(len(one.check.name) for one in answered)
    return [
        f"{MARKS[one.sample.answer]}  {one.check.name:<{width}}  {one.check.severity.value:<8}  "
        f"{one.seconds:6.2f} s  {one.sample.detail}"
        for one in answered
    ]
