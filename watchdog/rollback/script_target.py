"""Makes a target of a set that a script made: its compose file says what ran, today's tags say which images.

Called where a person named such a set (`daemon.wanting`). Nothing is stopped yet: what cannot be made out is
refused, and the preflight looks at all of it once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from watchdog.backup.backup import Backup
from watchdog.backup.catalogue import require_usable
from watchdog.backup.legacy import legacy_dumps_of
from watchdog.deploy.files import defining_files, read
from watchdog.errors import Refused, StepFailed
from watchdog.rollback.run import Hands
from watchdog.rollback.steps.rehearse import copied
from watchdog.rollback.steps.revert import lay_out_copies
from watchdog.rollback.target import Target
from watchdog.stack import ConfigFile, Container, Release, ServiceRelease, Stack
from watchdog.stack.release import fingerprint

ORDINARY_MODE = 0o644
TAGS = (
    "The set was made by a script, which does not say which images ran: the tags in its compose file were"
    " looked up today, and one that is given again and again may mean another image now."
)
SCHEMA = (
    "Nobody knows whether those images fit its schema: the script noted nothing but the dump and that file."
)


async def script_target(backup: Backup, hands: Hands, containers: Sequence[Container], pull: bool) -> Target:
    """The release that the set's compose file gives on this host, beside today's other files.

    `pull`: images that are not here may be fetched, by tag. Raises `Refused` with the reason and the remedy.
    """
    require_usable(backup)
    require_own_dumps(backup, hands.stack)
    files = _files(backup, hands.stack)
    release = Release("", hands.stack.name, backup.at, (), files)
    with TemporaryDirectory(prefix="ops-watchdog-script-") as directory:
        lay_out_copies(files, Path(directory))
        then = copied(hands.stack, release, Path(directory))
        try:
            hashes = await hands.orchestrator.config_hashes(then)
            images = await hands.orchestrator.images(then)
        except StepFailed as error:
            raise Refused(f"{_compose_file(backup)} cannot be used beside today's files: {error}") from error
    ids = await _image_ids(images, hands, pull)
    services = [_service(name, images[name], ids, hashes, containers) for name in sorted(images)]
    services = [await _with_digests(service, hands) for service in services]
    _require_same_databases(backup, services, hands.stack, containers)
    identity = fingerprint((s.service, s.image_id, s.config_hash) for s in services)
    made = replace(release, id=f"{backup.timestamp}-{identity[:8]}", services=tuple(services))
    return Target(made, backup, (TAGS, SCHEMA))


def require_own_dumps(backup: Backup, stack: Stack) -> None:
    """Each database has a dump of its own: one is not restored into two. Ours say so by themselves."""
    if backup.made_by_script and not backup.dumps:
        names = [database.name for database in stack.databases]
        legacy_dumps_of(backup.directory, backup.timestamp, names)


def _files(backup: Backup, stack: Stack) -> tuple[ConfigFile, ...]:
    """The set's compose file in place of the first one; all others as they lie there now."""
    content = compose_of(backup)
    found = []
    for number, file in enumerate(defining_files(stack)):
        with contextlib.suppress(OSError):
            found.append(replace(read(file), content=content) if number == 0 else read(file))
    if not found or found[0].path != stack.files[0]:
        found.insert(0, ConfigFile(stack.files[0], content, ORDINARY_MODE, 0, 0))
    return tuple(found)


def compose_of(backup: Backup) -> bytes:
    """The compose file beside the script's dump. Raises `Refused` where there is none."""
    path = _compose_file(backup)
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(
            f"backup {backup.timestamp} was made by a script and {path.name} cannot be read beside it "
            f"({error.strerror}), so nobody knows which images ran; its database alone comes back with "
            "--database-only"
        ) from error


def _compose_file(backup: Backup) -> Path:
    return backup.directory / f"compose_{backup.timestamp}.yml"


async def _image_ids(images: Mapping[str, str], hands: Hands, pull: bool) -> dict[str, str]:
    """Reference to image ID, of all of them."""
    ids = dict(await hands.engine.image_ids(set(images.values())))
    missing = sorted(set(images.values()) - ids.keys())
    if missing and not pull:
        raise Refused(
            f"{', '.join(missing)} of the set's compose file is not on this host: the rollback would pull it "
            "before it stops anything; do so with 'docker pull' to see the plan"
        )
    for reference in missing:
        try:
            ids[reference] = await hands.engine.pull(reference)
        except StepFailed as error:
            raise Refused(
                f"{reference} of the set's compose file is not on this host, and {error}; load or rebuild it,"
                " or bring the database alone back with --database-only"
            ) from error
    return ids


def _service(
    name: str,
    image: str,
    ids: Mapping[str, str],
    hashes: Mapping[str, str],
    containers: Sequence[Container],
) -> ServiceRelease:
    """To be started, unless it is unchanged and has ended: a migration that is done, or a person's doing."""
    service = ServiceRelease(name, image, ids[image], hashes[name])
    same = [
        c
        for c in containers
        if (c.service, c.image_id, c.config_hash) == (name, service.image_id, service.config_hash)
    ]
    return replace(service, running=not any(c.ended for c in same))


async def _with_digests(service: ServiceRelease, hands: Hands) -> ServiceRelease:
    return replace(service, repo_digests=await hands.engine.repo_digests(service.image_id))


def _require_same_databases(
    backup: Backup, services: Sequence[ServiceRelease], stack: Stack, containers: Sequence[Container]
) -> None:
    """A database's own service is not rolled back by a guess: tags say too little about a server."""
    running = {c.service: c for c in containers if not c.one_off}
    for service in services:
        now = running.get(service.service)
        if service.service not in stack.database_services or now is None:
            continue
        if (now.image_id, now.config_hash) != (service.image_id, service.config_hash):
            raise Refused(
                f"the compose file of backup {backup.timestamp} defines {service.service}, which holds the"
                " database, in another way than it runs now; bring its data alone back with --database-only"
            )
