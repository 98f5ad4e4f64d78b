"""Writes down how a set is restored without this program: shell commands that hold when pasted into bash.

Pure: from the backup to the text of `RESTORE_TS.txt`. The commands stand in one subshell, which bash reads to
its end before it runs anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from watchdog.backup.backup import Backup, DatabaseDump
from watchdog.backup.manifest import config_name
from watchdog.stack import Container, Release, Stack

_NAME_BYTES = 63 - len("_pre_rollback_20260101_000000")
_LIKE = (("encoding", "encoding"), ("lc-collate", "collate"), ("lc-ctype", "ctype"), ("owner", "owner"))
"""createdb's options and the properties that they come from."""


def instructions(
    backup: Backup, stack: Stack, containers: Sequence[Container], users: Mapping[str, str]
) -> str:
    """`containers` as they run, `users` by database name."""
    found = {container.service: container for container in containers}
    writers = stack.services or tuple(sorted(found.keys() - stack.database_services))
    blocks = [_head(backup), _files_are_whole(backup), _stop(stack, writers)]
    blocks += [_database(dump, found[dump.service].name, users[dump.name]) for dump in backup.dumps]
    if backup.release is not None:
        blocks += [_configuration(backup, backup.release), _images(backup.release)]
    blocks.append(_start(stack))
    return "\n\n".join(block for block in blocks if block) + "\n)\n"


def _head(backup: Backup) -> str:
    return f"""\
# Restores backup {backup.timestamp} (UTC) of stack {backup.stack} without ops-watchdog: its database, its
# configuration, its images. Nothing is deleted: the database of today stays, under another name.
# Paste all of it into a root shell (bash) on the host. It stops at the first error.
# It needs docker and zstd (Debian: apt-get install zstd).
# A new, empty server needs its roles first: run the globals file with psql. A database's rights and
# settings are listed in the manifest, under "properties".
(
set -euo pipefail
now=$(date -u +%Y%m%d_%H%M%S)
cd {shlex.quote(str(backup.directory))}"""


def _files_are_whole(backup: Backup) -> str:
    sums = "\n".join(f"{file.sha256}  {file.name}" for file in backup.files)
    return f"# Are the files what was written?\nsha256sum --check --quiet <<'SUMS'\n{sums}\nSUMS"


def _stop(stack: Stack, writers: Sequence[str]) -> str:
    return f"# Stop what writes.\n{_compose(stack)} stop {shlex.join(writers)}" if writers else ""


def _database(dump: DatabaseDump, container: str, user: str) -> str:
    base = shlex.quote(dump.name.encode()[:_NAME_BYTES].decode(errors="ignore"))
    role, container = f"--username={shlex.quote(user)}", shlex.quote(container)
    control = "template1" if dump.name == "postgres" else "postgres"
    properties = dump.account.properties
    like = shlex.join(f"--{option}={properties[key]}" for option, key in _LIKE if properties.get(key))
    return f"""\
# Database {dump.name}: restore it beside the live one, then exchange the names.
live={shlex.quote(dump.name)}
side={base}_restore_$now
displaced={base}_pre_rollback_$now
docker exec {container} createdb {role} --maintenance-db={control} --template=template0 {like} "$side"
zstd --decompress --stdout {shlex.quote(dump.file)} |
  docker exec --interactive {container} pg_restore {role} --exit-on-error --dbname="dbname='$side'"
docker exec --interactive {container} psql {role} --dbname={control} --no-psqlrc --quiet \\
  --set=ON_ERROR_STOP=1 --set=live="$live" --set=side="$side" --set=displaced="$displaced" <<'SQL'
ALTER DATABASE :"live" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datname = :'live';
BEGIN;
ALTER DATABASE :"live" RENAME TO :"displaced";
ALTER DATABASE :"side" RENAME TO :"live";
COMMIT;
SQL"""


def _configuration(backup: Backup, release: Release) -> str:
    lines = ["# Configuration: the bytes of then, with owner and mode."]
    for index, file in enumerate(release.files):
        stored = config_name(backup.timestamp, index, file.path)
        options = ["-D", f"--mode={file.mode:o}", f"--owner={file.uid}", f"--group={file.gid}"]
        lines.append(shlex.join(["install", *options, stored, str(file.path)]))
    return "\n".join(lines)


def _images(release: Release) -> str:
    tags = {
        shlex.join(["docker", "tag", service.image_id, service.image])
        for service in release.services
        if "@" not in service.image and not service.image.startswith("sha256:")
    }
    return "\n".join(["# Images: let the tags mean what they meant then.", *sorted(tags)])


def _start(stack: Stack) -> str:
    return (
        "# Start again. The restored database accepts connections; the one of today refuses them.\n"
        f"{_compose(stack)} up --detach --no-build --pull never {shlex.join(stack.services)}"
    ).rstrip()


def _compose(stack: Stack) -> str:
    files = [f"--file={file}" for file in stack.files] + [f"--env-file={file}" for file in stack.env_files]
    options = [f"--project-name={stack.project}", f"--project-directory={stack.directory}", *files]
    return shlex.join(["docker", "compose", *options])
