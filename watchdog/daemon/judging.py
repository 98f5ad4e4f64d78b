"""From what a guard knows to a verdict: builds the window that the pure functions of `health` judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.daemon.watch import Watch
from watchdog.deploy.deployment import Deployment, Kind, Phase, Watched
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.health.verdict import Verdict, verdict
from watchdog.health.window import Limits, Progress, View, Window
from watchdog.settings.build import StackSettings
from watchdog.stack.container import migrations

WRITE_EVERY = timedelta(seconds=10)
"""How much of a deadline may be forgotten by a restart of ours: that much later it is noticed."""

UP = frozenset({"running", "restarting"})
"""The engine keeps it up, or tries to."""


def judge(watch: Watch, settings: StackSettings, now: datetime) -> Verdict:
    """The open deployment's verdict, or that of the adoption of what runs where none is open."""
    window = _window(watch, settings) if watch.deployment else _adoption(watch, settings, now)
    view = View(watch.containers, tuple(watch.checks.values()), frozenset(watch.stopped), watch.reachable)
    return verdict(window, view, watch.progress, now)


def _window(watch: Watch, settings: StackSettings) -> Window:
    deployment = watch.deployment
    assert deployment is not None
    return Window(
        opened_at=deployment.started_at,
        command_ended_at=deployment.command_ended_at,
        command_exit_code=deployment.exit_code,
        baseline=deployment.baseline,
        baseline_red=deployment.baseline_red,
        baseline_unproven=deployment.baseline_unproven,
        baseline_unhealthy=deployment.baseline_unhealthy,
        baseline_restarting=deployment.baseline_restarting,
        expected=expected(watch, deployment),
        migrations=_migrations(watch, settings),
        limits=_limits(settings.deployment),
    )


def _adoption(watch: Watch, settings: StackSettings, now: datetime) -> Window:
    """What runs at first start: all of it is baseline, and it must be green like any other.

    What the engine is about to start again too: it waits up to a minute, and others are green meanwhile.
    """
    since = watch.adopting_since or now
    kept_up = {c.service for c in watch.containers if c.state in UP and not c.one_off}
    return Window(
        opened_at=since,
        command_ended_at=since,
        command_exit_code=None,
        baseline=watch.baseline(),
        expected=frozenset(kept_up) - _migrations(watch, settings),
        migrations=_migrations(watch, settings),
        limits=_limits(settings.deployment),
    )


def expected(watch: Watch, deployment: Deployment) -> frozenset[str]:
    """Services that must run: those that ran before and still are part of the stack, and the new ones.

    A new one that ended with exit code 0 has done what it was for. One that is gone, and that the files of
    what runs do not name any more, was taken out on purpose.
    """
    made = [c for c in watch.containers if c.id not in deployment.baseline and not c.one_off]
    fresh = {c.service for c in made if not (c.ended and c.exit_code == 0)}
    here = {c.service for c in watch.containers if not c.one_off}
    named = watch.release.declared if watch.release else frozenset()
    taken_out = deployment.expected - here - named if named else frozenset()
    return frozenset(deployment.expected - taken_out | fresh)


def taken_up(deployment: Deployment) -> Progress:
    """Where a process that finds this deployment open goes on."""
    watched = deployment.watched
    return Progress(
        healthy_at=deployment.healthy_at,
        ended_at=deployment.command_ended_at,
        clock_set=watched.clock_set,
        waited=watched.waited,
        present=watched.present,
        stopped=watched.stopped,
        complete_at=watched.complete_at,
        unseen_from=watched.unseen_from,
        unseen=watched.unseen,
        heard_since=deployment.started_at,
    )


def kept(deployment: Deployment, progress: Progress) -> Deployment:
    """The deployment with what a restart of ours must not forget: to be written where it is another one."""
    before = deployment.watched
    after = Watched(
        clock_set=progress.clock_set,
        waited=progress.waited,
        present=progress.present,
        stopped=progress.stopped,
        complete_at=progress.complete_at,
        unseen_from=progress.unseen_from,
        unseen=progress.unseen,
    )
    grown = after.waited - before.waited
    if timedelta(0) <= grown < WRITE_EVERY and replace(after, waited=before.waited) == before:
        return deployment
    return replace(deployment, watched=after)


def over(deployment: Deployment, policy: DeploymentPolicy, now: datetime) -> bool:
    """The monitor window has passed."""
    ended = deployment.judged_from
    return ended is not None and now - ended >= policy.monitor


def settling(
    deployment: Deployment, changed_at: datetime | None, policy: DeploymentPolicy, now: datetime
) -> bool:
    """A further change still belongs to this observed deployment: it has not been healthy in between.

    One that failed may wait for a busy stack or for Docker: what comes later than a burst mends it.
    """
    if deployment.kind is not Kind.OBSERVED or changed_at is None:
        return False
    failed = deployment.phase is Phase.FAILED
    pause = policy.min_healthy_time if failed else policy.healthy_deadline
    return deployment.healthy_at is None and now - changed_at <= pause


def _limits(policy: DeploymentPolicy) -> Limits:
    return Limits(
        min_healthy_time=policy.min_healthy_time,
        healthy_deadline=policy.healthy_deadline,
        restart_limit=policy.restart_limit,
    )


def migrating(watch: Watch, settings: StackSettings) -> bool:
    """A migration runs: everybody else waits for it."""
    named = _migrations(watch, settings)
    return any(c.running and c.service in named and not c.one_off for c in watch.containers)


def _migrations(watch: Watch, settings: StackSettings) -> frozenset[str]:
    return migrations(watch.containers) | frozenset(settings.stack.migrations)
