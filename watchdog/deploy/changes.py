"""What changed: containers that are made of something else than what was taken for granted.

A service that is missing is no change: somebody stopped or removed it, and that is not a deployment.
"""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.stack import Container

Parts = tuple[tuple[str, str, str], ...]
"""(service, image ID, config hash) of every service, sorted."""


def parts(containers: Iterable[Container]) -> Parts:
    """What the containers are made of, one-off containers left out."""
    return tuple(sorted({(c.service, c.image_id, c.config_hash) for c in containers if not c.one_off}))


def changed_services(known: Parts, containers: Iterable[Container]) -> tuple[str, ...]:
    """Services that have a container of another making than the known one, or are new; sorted."""
    fresh = set(parts(containers)) - set(known)
    return tuple(sorted({service for service, _, _ in fresh}))


def of_known_making(known: Parts, container: Container) -> bool:
    """Whether a container is made of what its service was known to be made of."""
    return (container.service, container.image_id, container.config_hash) in known


def merge(known: Parts, containers: Iterable[Container]) -> Parts:
    """The known parts with what runs now in place of the services it concerns."""
    current = parts(containers)
    present = {service for service, _, _ in current}
    return tuple(sorted({*current, *(part for part in known if part[0] not in present)}))
