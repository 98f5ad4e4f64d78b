"""What an answer, a row, an exit code or a container's state says of a service: pure, used by `probes` only.

A detail is for people and never quotes what was answered, but for numbers and booleans: a body may hold
secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import timedelta

from watchdog.adapters.http import Response
from watchdog.health.check import Answer, Http, Sql
from watchdog.health.json_path import complaint
from watchdog.stack import Container, Health

NOT_EXECUTABLE = frozenset({126, 127})
"""A shell's codes, and the engine's, for what may not be executed or is not there."""

_WORSE = (Answer.OK, Answer.INCONCLUSIVE, Answer.BAD)

Found = tuple[Answer, str]


def judge_response(probe: Http, response: Response) -> Found:
    """Status, redirect target and body against what is expected; neither is quoted, both may hold secrets."""
    status = f"HTTP {response.status}"
    if not _status_fits(probe, response.status):
        return Answer.BAD, status
    if probe.redirects_to is not None and probe.redirects_to not in response.location:
        return Answer.BAD, f"{status}, but it does not redirect to {probe.redirects_to}"
    wrong = _wrong_body(probe, response)
    if wrong is None:
        return Answer.OK, status
    if response.unread:  # what is missing may be in the rest of it
        return Answer.INCONCLUSIVE, f"{status}, but the body cannot be judged: it is {response.unread}"
    return Answer.BAD, f"{status}, but {wrong}"


def _wrong_body(probe: Http, response: Response) -> str | None:
    if probe.contains is not None and re.search(probe.contains, response.body) is None:
        return f"nothing in the body matches {probe.contains}"
    if not probe.json:
        return None
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    complaints = (complaint(document, path, expected) for path, expected in probe.json)
    return next((each for each in complaints if each is not None), None)


def judge_row(probe: Sql, row: tuple[object, ...] | None) -> Found:
    """The first value against what is expected. Numbers are shown, other values are not."""
    if not row:
        return Answer.BAD, "the query returned no row"
    value = row[0]
    if probe.equals is not None and str(value) != probe.equals:
        return Answer.BAD, f"the query did not return {probe.equals}"
    if probe.minimum is None:
        return Answer.OK, "the query returned what is expected"
    try:
        number = float(str(value))
    except ValueError:
        return Answer.BAD, "the query did not return a number"
    fits = number >= probe.minimum
    return (Answer.OK if fits else Answer.BAD), f"{number:g}, at least {probe.minimum:g} expected"


def judge_exit(container: str, code: int | None, timeout: timedelta) -> Found:
    """A command that is not there, or may not be run, says nothing about the service."""
    if code is None:
        return Answer.BAD, f"the command in {container} did not end within {timeout.total_seconds():g} s"
    if code in NOT_EXECUTABLE:
        text = f"the command cannot be executed in {container} (code {code}): is it part of the image?"
        return Answer.INCONCLUSIVE, text
    if code:
        return Answer.BAD, f"the command in {container} exited with code {code}"
    return Answer.OK, "exited with code 0"


def judge_containers(service: str, containers: tuple[Container, ...]) -> Found:
    """All containers of the service, the worst one decides. `starting` is neither good nor bad yet."""
    if (state := judge_states(service, containers)) is not None:
        return state
    mine = of_service(service, containers)
    if any(c.health is Health.UNHEALTHY for c in mine):
        return Answer.BAD, f"{service} is unhealthy"
    if any(c.health is Health.STARTING for c in mine):
        return Answer.INCONCLUSIVE, f"{service} is starting"
    return Answer.OK, f"{service} is running" if mine[0].health is Health.NONE else f"{service} is healthy"


def judge_states(service: str, containers: tuple[Container, ...]) -> Found | None:
    """What is bad about them whatever they would answer, None where all of them run."""
    mine = of_service(service, containers)
    if not mine:
        return Answer.BAD, f"{service} has no container"
    return next(((Answer.BAD, f"{service} is {c.state}") for c in mine if not c.running), None)


def of_service(service: str, containers: Iterable[Container]) -> list[Container]:
    """Its containers, but not what `run` made."""
    return [c for c in containers if c.service == service and not c.one_off]


def worst(found: Iterable[Found]) -> Found:
    """The first of the worst; not for none at all."""
    return max(found, key=lambda each: _WORSE.index(each[0]))


def _status_fits(probe: Http, status: int) -> bool:
    if probe.statuses:
        return status in probe.statuses
    first = 3 if probe.redirects_to is not None else 2
    return status // 100 == first
