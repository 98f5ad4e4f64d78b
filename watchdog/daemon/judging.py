"""From what a guard knows to a verdict: builds the window that the pure functions of `health` judge."""

from __future__ import annotations

from datetime import datetime

from watchdog.daemon.watch import Watch
from watchdog.deploy.deployment import Deployment, Kind
from watchdog.deploy.policy import DeploymentPolicy
from watchdog.health.verdict import Verdict, verdict
from watchdog.health.window import Limits, View, Window
from watchdog.settings.build import StackSettings
from watchdog.stack.container import migrations


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
        baseline_unhealthy=deployment.baseline_unhealthy,
        expected=expected(watch, deployment),
        migrations=_migrations(watch, settings),
        limits=_limits(settings.deployment),
    )


def _adoption(watch: Watch, settings: StackSettings, now: datetime) -> Window:
    """What runs at first start: all of it is baseline, and it must be green like any other."""
    since = watch.adopting_since or now
    return Window(
        opened_at=since,
        command_ended_at=since,
        command_exit_code=None,
        baseline=watch.baseline(),
        expected=watch.running_services() - _migrations(watch, settings),
        migrations=_migrations(watch, settings),
        limits=_limits(settings.deployment),
    )


def expected(watch: Watch, deployment: Deployment) -> frozenset[str]:
    """Services that must run: those that ran before and still are part of the stack, and the new ones.

    A new one that ended with exit code 0 has done what it was for.
    """
    made = [c for c in watch.containers if c.id not in deployment.baseline and not c.one_off]
    fresh = {c.service for c in made if not (c.ended and c.exit_code == 0)}
    return frozenset(deployment.expected | fresh)


def over(deployment: Deployment, policy: DeploymentPolicy, now: datetime) -> bool:
    """The monitor window has passed."""
    ended = deployment.command_ended_at
    return ended is not None and now - ended >= policy.monitor


def settling(
    deployment: Deployment, changed_at: datetime | None, policy: DeploymentPolicy, now: datetime
) -> bool:
    """A further change still belongs to this observed deployment: it has not been healthy in between."""
    if deployment.kind is not Kind.OBSERVED or changed_at is None:
        return False
    return deployment.healthy_at is None and now - changed_at <= policy.healthy_deadline


def _limits(policy: DeploymentPolicy) -> Limits:
    return Limits(
        min_healthy_time=policy.min_healthy_time,
        healthy_deadline=policy.healthy_deadline,
        monitor=policy.monitor,
        restart_limit=policy.restart_limit,
    )


def _migrations(watch: Watch, settings: StackSettings) -> frozenset[str]:
    return migrations(watch.containers) | frozenset(settings.stack.migrations)
