"""The quarantine: what failed once is recognised when it comes back, by image and by config hash. Pure.

Nothing is rolled back by that alone (cannot tell is not failed); whoever brought it back is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from watchdog.deploy.changes import Parts
from watchdog.rollback.ledger import Mark, Standing


@dataclass(frozen=True, slots=True)
class Recognised:
    """A service that runs what was part of a release that failed. `image`: None where only its config did."""

    service: str
    image: str | None
    mark: Mark

    def __str__(self) -> str:
        what = f"image {short(self.image)}" if self.image else "configuration"
        failed = f"{self.mark.at.astimezone():%Y-%m-%d %H:%M}"
        why = f" ({self.mark.reason})" if self.mark.reason else ""
        return f"{self.service} runs the {what} of the release that failed on {failed}{why}"


def recognised(marks: Iterable[Mark], running: Parts, good: Parts = ()) -> tuple[Recognised, ...]:
    """What of `running` failed before and was never good since; by service, for each the newest failure.

    An image that is part of a good release is not what failed: then it was that image with that config hash.
    `good`: what else is known to be good.
    """
    marks = sorted(marks, key=lambda mark: mark.at, reverse=True)
    failed = [mark for mark in marks if mark.standing is Standing.FAILED]
    fine = {part for mark in marks if mark.standing is not Standing.FAILED for part in mark.parts}
    fine |= set(good)
    found: dict[str, Recognised] = {}
    for mark in failed:
        for part in running:
            if part[0] not in found and (met := _met(part, mark, fine)) is not None:
                found[part[0]] = met
    return tuple(found[service] for service in sorted(found))


def _met(part: tuple[str, str, str], mark: Mark, fine: Collection[tuple[str, str, str]]) -> Recognised | None:
    service, image, config = part
    images = {failed for _, failed, _ in mark.parts} - {good for _, good, _ in fine}
    if image in images:
        return Recognised(service, image, mark)
    made = {(failed, by) for _, failed, by in mark.parts} - {(good, by) for _, good, by in fine}
    return Recognised(service, None, mark) if (image, config) in made else None


def short(image: str) -> str:
    """As `docker images` shows an ID."""
    return image.removeprefix("sha256:")[:12]
