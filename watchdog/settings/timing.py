"""Times that contradict each other: a check that cannot fail within the window, or be good in time. Pure.

Only required checks are looked at: what a wanted one takes its time for is the operator's business. What a
`docker` check takes from a HEALTHCHECK counts as nothing: images are not known here (see `health.rhythm`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from watchdog.health.check import Severity
from watchdog.settings.build import FOLLOWING
from watchdog.settings.checks import AnyCheck, DockerCheck
from watchdog.settings.document import KeyPath
from watchdog.settings.fault import Finding, dotted
from watchdog.settings.stacks import DeploymentSection, StackSection
from watchdog.settings.units import format_duration


def faults(path: KeyPath, section: StackSection) -> Iterator[Finding]:
    """What can never work; `path` is the stack's."""
    for place, check in _required(path, section):
        yield from _blind(path, section.deployment, place, check)
        yield from _never_good_in_time(path, section.deployment, place, check)
    yield from _shorter_than_health(path, section.deployment)


def warnings(path: KeyPath, section: StackSection) -> Iterator[Finding]:
    """What works as long as nothing hangs."""
    for index, check in enumerate(section.checks):
        if "timeout" in check.model_fields_set and check.timeout > check.interval and not _follows(check):
            shown = format_duration(check.interval)
            text = f"is longer than interval = {shown}: an answer that hangs delays the next one"
            yield (*path, "checks", index, "timeout"), text
    for place, check in _required(path, section):
        needed = _time_to_fail(check, max(_interval(check), check.timeout))
        if _time_to_fail(check, _interval(check)) <= section.deployment.monitor < needed:
            window = format_duration(section.deployment.monitor)
            text = (
                f"{window} is too short to see {place} fail where each answer hangs: it takes start_period "
                f"+ timeout x failure_threshold = {format_duration(needed)}"
            )
            yield (*path, "deployment", "monitor"), text


def _required(path: KeyPath, section: StackSection) -> Iterator[tuple[str, AnyCheck]]:
    for index, check in enumerate(section.checks):
        if check.severity is Severity.REQUIRED:
            yield dotted((*path, "checks", index)), check


def _blind(path: KeyPath, deployment: DeploymentSection, place: str, check: AnyCheck) -> Iterator[Finding]:
    """Field note 4: such a window can never see a failure."""
    needed = _time_to_fail(check, _interval(check))
    if deployment.monitor < needed:
        text = (
            f"{format_duration(deployment.monitor)} is too short to see {place} fail, which takes "
            f"start_period + interval x failure_threshold = {format_duration(needed)}"
        )
        yield (*path, "deployment", "monitor"), text


def _never_good_in_time(
    path: KeyPath, deployment: DeploymentSection, place: str, check: AnyCheck
) -> Iterator[Finding]:
    key, deadline = (*path, "deployment", "healthy_deadline"), deployment.healthy_deadline
    shown = format_duration(deadline)
    if deadline < (start := _start_period(check)):
        grace = f"start_period = {format_duration(start)} of {place}"
        yield key, f"{shown} is shorter than {grace}: a slow start would be a failure"
    if deadline < (needed := _interval(check) * check.success_threshold):
        text = (
            f"{shown} is too short to see {place} turn green, which takes up to interval x success_threshold"
            f" = {format_duration(needed)}"
        )
        yield key, text


def _shorter_than_health(path: KeyPath, deployment: DeploymentSection) -> Iterator[Finding]:
    needed = deployment.min_healthy_time
    for key in ("monitor", "healthy_deadline"):
        given: timedelta = getattr(deployment, key)
        if given < needed:
            text = f"{format_duration(given)} is shorter than min_healthy_time = {format_duration(needed)}"
            yield (*path, "deployment", key), text


def _time_to_fail(check: AnyCheck, interval: timedelta) -> timedelta:
    return _start_period(check) + interval * check.failure_threshold


def _follows(check: AnyCheck) -> frozenset[str]:
    return FOLLOWING - check.model_fields_set if isinstance(check, DockerCheck) else frozenset()


def _interval(check: AnyCheck) -> timedelta:
    return timedelta() if {"interval", "failure_threshold"} & _follows(check) else check.interval


def _start_period(check: AnyCheck) -> timedelta:
    return timedelta() if "start_period" in _follows(check) else check.start_period
