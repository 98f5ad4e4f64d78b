"""What is wrong at this moment, by subject, for the alarms: read off the guard's memory. Pure.

A subject that is left out is one that nobody can tell anything about now: its alarm stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from watchdog.alert.alarm import Rhythm, Wrong
from watchdog.alert.alert import Level
from watchdog.daemon.watch import Watch
from watchdog.health.check import Check, EngineHealth, Severity
from watchdog.health.streak import CheckState, Color
from watchdog.health.trouble import Restarts, troubles
from watchdog.rollback.operation import Operation
from watchdog.rollback.proposal import Proposal
from watchdog.stack import Container

Wrongs = dict[str, Wrong | None]
"""Subject to what is wrong; None: nothing is."""

DOCKER = "Docker"
CHECK, SERVICE, ROLLBACK, PROPOSAL = "check", "service", "rollback", "proposal"
KINDS = frozenset({DOCKER, CHECK, SERVICE, ROLLBACK, PROPOSAL})
"""The first words of the subjects that are dealt with here; other alarms have keepers of their own."""
SHORTLY_BEFORE = timedelta(minutes=15)
"""How long before its end people hear again of a proposal; at half its time where that is shorter."""


def kind(subject: str) -> str:
    return subject.split(maxsplit=1)[0]


def of_docker(watch: Watch, now: datetime) -> Wrongs:
    """One alarm for all that cannot be asked while dockerd is down."""
    if watch.reachable:
        return {DOCKER: None} if watch.looked_at is not None else {}
    return {DOCKER: Wrong(watch.unreachable, now, Level.WARNING)}


def of_checks(watch: Watch, now: datetime) -> Wrongs:
    """Red or green; one that was not answered yet is neither."""
    return {f"{CHECK} {s.check.name}": _of_check(s, now) for s in watch.checks.values() if _known(s)}


def _known(state: CheckState) -> bool:
    return state.color is not Color.UNKNOWN


def _of_check(state: CheckState, now: datetime) -> Wrong | None:
    if state.color is Color.GREEN:
        return None
    level = Level.CRITICAL if state.check.severity is Severity.REQUIRED else Level.WARNING
    return Wrong(state.complaint or "no detail", state.since or now, level)


def of_services(watch: Watch, restarts: Restarts, gone: Iterable[str], now: datetime) -> Wrongs:
    """By their containers; nothing while those are unknown. `gone`: services to tell of that have none.

    What a check tells of a service's own HEALTHCHECK is not told a second time, and what no file of the stack
    names any more is nobody's service.
    """
    if not watch.reachable or watch.looked_at is None:
        return {}
    told = {p.service for s in watch.checks.values() if isinstance(p := s.check.probe, EngineHealth)}
    containers = [c for c in watch.containers if c.service not in watch.orphans]
    found = troubles(containers, watch.stopped, restarts, now, told)
    wrongs: Wrongs = {
        f"{SERVICE} {service}": Wrong(trouble.detail, trouble.since) if trouble else None
        for service, trouble in found.items()
    }
    present = {c.service for c in containers}
    return {**{f"{SERVICE} {service}": None for service in gone if service not in present}, **wrongs}


def of_rollback(held: Operation | None) -> Wrongs:
    if held is None:
        return {}
    how = "Look with 'ops-watchdog status', then decide with 'ops-watchdog rollback --plan'."
    text = f"{held.detail}\nNothing more is rolled back unattended. {how}".strip()
    return {f"{ROLLBACK} {held.id}": Wrong(text, held.ended_at or held.started_at)}


def of_proposal(proposal: Proposal | None, now: datetime) -> Wrongs:
    if proposal is None or not proposal.open(now):
        return {}
    until = f"{proposal.expires_at:%Y-%m-%d %H:%M} UTC"
    text = f"It expires at {until}; then nothing is done. See 'ops-watchdog status --stack {proposal.stack}'."
    return {f"{PROPOSAL} {proposal.deployment}": Wrong(text, proposal.at, Level.WARNING)}


def expiring(proposal: Proposal) -> Rhythm:
    """Reminded of once: whoever asked for it told it first, and whoever ends it tells the end."""
    lasts = proposal.expires_at - proposal.at
    before = min(SHORTLY_BEFORE, lasts / 2)
    return Rhythm(remind=(lasts - before, lasts))


def excused(watch: Watch, now: datetime) -> frozenset[str]:
    """Subjects that somebody has stopped, or that are still starting: no news for now."""
    checks = (s.check for s in watch.checks.values() if s.color is Color.RED)
    found = {f"{CHECK} {c.name}" for c in checks if watch.taken_down(c) or _starting(watch, c, now)}
    resting = {c.service for c in watch.containers} - {
        c.service for c in watch.containers if c.running or c.id not in watch.stopped
    }
    return frozenset(found | {f"{SERVICE} {service}" for service in resting})


def _starting(watch: Watch, check: Check, now: datetime) -> bool:
    """Somebody has just started what it asks; a restart by the engine gives no such grace."""
    asked = [c for c in watch.containers if not c.one_off and check.service in (None, c.service)]
    return any(now < _started(c) + check.start_period for c in asked if c.running)


def _started(container: Container) -> datetime:
    again = container.restart_count > 0 or container.started_at is None
    return container.created_at if again or container.started_at is None else container.started_at
