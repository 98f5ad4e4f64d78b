"""Writes down how a set is restored without this program: shell commands that hold when pasted into bash.

Pure: from the backup to the text of `RESTORE_TS.txt`. The commands stand in one subshell, which bash reads to
its end before it runs anything.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchdog.backup.backup import Backup, DatabaseDump
from watchdog.backup.files import globals_name
from watchdog.backup.manifest import config_name
from watchdog.backup.ports import Dumper
from watchdog.stack import Container, Database, Release, Stack

_NAME_BYTES = 63 - len("_pre_rollback_20260101_000000")
_LIKE = (
    ("encoding", "encoding"),
    ("lc-collate", "collate"),
    ("lc-ctype", "ctype"),
    ("owner", "owner"),
    ("tablespace", "tablespace"),
)
"""createdb's options and the properties that they come from."""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_PROVIDERS_SINCE = 150000
_TIMEOUT_SINCE = 170000
"""pg_restore sets `transaction_timeout` since then, among the first lines; older servers do not know it."""


def instructions(
    backup: Backup, stack: Stack, containers: Sequence[Container], dumpers: Mapping[str, Dumper]
) -> str:
    """`containers` as they run, `dumpers` by database name."""
    found = {container.service: container for container in containers}
    databases = {database.name: database for database in stack.databases}
    servers = {database.server for database in stack.databases}
    with_roles = set()
    writers = stack.services or tuple(sorted(found.keys() - stack.database_services))
    blocks = [_head(backup, stack), _files_are_whole(backup), _stop(stack, writers)]
    for dump in backup.dumps:
        database = databases[dump.name]
        place = _outside(database) if database.service is None else _within(found[database.service])
        dumper = dumpers[dump.name]
        if database.server not in with_roles:
            with_roles.add(database.server)
            file = globals_name(backup.timestamp, database.server if len(servers) > 1 else None)
            blocks.append(_roles(file, dump, place, dumper.user))
        properties = dumper.properties_sql(dump.name, dump.account.properties)
        blocks.append(_database(dump, place, dumper.user, properties))
    if backup.release is not None:
        blocks += [_configuration(backup, backup.release), _images(backup.release)]
    blocks.append(_start(stack))
    return "\n\n".join(block for block in blocks if block) + "\n)\n"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where PostgreSQL's tools are run: what is to be done before, and what their commands begin with."""

    before: str
    run: str
    feed: str
    outside: bool = False


def _within(container: Container) -> _Place:
    name = shlex.quote(container.name)
    return _Place("", f"docker exec {name} ", f"docker exec --interactive {name} ")


def _outside(database: Database) -> _Place:
    password = "unset PGPASSWORD"
    if database.password_file is not None:
        password = f'export PGPASSWORD="$(head -n 1 {shlex.quote(str(database.password_file))})"'
    where = shlex.join(["export", f"PGHOST={database.host}", f"PGPORT={database.port}"])
    return _Place(f"{where}\n{password}\n", "", "", outside=True)


def _head(backup: Backup, stack: Stack) -> str:
    outside = [dump for dump in backup.dumps if dump.service not in stack.database_services]
    majors = sorted({dump.account.contents.server_version // 10000 for dump in outside})
    clients = "".join(f" postgresql-client-{major}" for major in majors)
    tools = "docker, zstd and PostgreSQL's client tools" if clients else "docker and zstd"
    return f"""\
# Restores backup {backup.timestamp} (UTC) of stack {backup.stack} without ops-watchdog: its database, its
# configuration, its images. Nothing is deleted: the database of today stays, under another name.
# Paste all of it into a root shell (bash) on the host. It stops at the first error.
# It needs {tools} (Debian: apt-get install zstd{clients}).
# A server that is new and empty will do: the roles that are missing there are made first.
(
set -euo pipefail
now=$(date -u +%Y%m%d_%H%M%S)
cd {shlex.quote(str(backup.directory))}"""


def _files_are_whole(backup: Backup) -> str:
    sums = "\n".join(f"{file.sha256}  {file.name}" for file in backup.files)
    return f"# Are the files what was written?\nsha256sum --check --quiet <<'SUMS'\n{sums}\nSUMS"


def _stop(stack: Stack, writers: Sequence[str]) -> str:
    return f"# Stop what writes.\n{_compose(stack)} stop {shlex.join(writers)}" if writers else ""


def _roles(file: str, dump: DatabaseDump, place: _Place, user: str) -> str:
    """A role that is there keeps its password and rights: only what is missing altogether is made."""
    psql = f"psql {_role(user)} --dbname={_control(dump)} --no-psqlrc --quiet"
    return f"""\
# Roles and tablespaces of then that are missing today; the others stay as they are.
{place.before}there=$(mktemp)
{place.feed}{psql} --tuples-only --no-align --set=ON_ERROR_STOP=1 > "$there" <<'SQL'
SELECT 'ROLE ' || quote_ident(rolname) FROM pg_roles
UNION ALL SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace;
SQL
awk 'NR == FNR {{ there[$0]; next }}
  {{ for (name in there) if (index($0, "CREATE " name ";") == 1 || index($0, "CREATE " name " ") == 1 ||
                            index($0, "ALTER " name " ") == 1) next }}
  /^CREATE (ROLE|TABLESPACE) / {{ missing = 1 }}
  {{ text = text $0 RS }}
  END {{ if (missing) printf "%s", text }}' "$there" {shlex.quote(file)} |
  {place.feed}{psql} --output=/dev/null --set=ON_ERROR_STOP=1
rm "$there"
""".rstrip()


def _role(user: str) -> str:
    return f"--username={shlex.quote(user)}"


def _control(dump: DatabaseDump) -> str:
    return "template1" if dump.name == "postgres" else "postgres"


def _base(name: str) -> str:
    """What the names of a copy begin with: short enough, and still apart from those of other databases."""
    if len(name.encode()) <= _NAME_BYTES:
        return name
    short = "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: _NAME_BYTES - len(short)].decode(errors="ignore") + short


def _database(dump: DatabaseDump, place: _Place, user: str, properties: Sequence[str]) -> str:
    # `by_hand`: a copy of ours (`database.names`) would be dropped by a running daemon as left over
    base, role, control = shlex.quote(_base(dump.name)), _role(user), _control(dump)
    settings = "\n".join(f"{statement};" for statement in properties)
    return f"""\
# Database {dump.name}: restore it beside the live one, then exchange the names.
{place.before}live={shlex.quote(dump.name)}
side={base}_by_hand_$now
displaced={base}_pre_rollback_$now
{place.run}createdb {role} --maintenance-db={control} --template=template0 {_like(dump)} "$side"
zstd --decompress --stdout {shlex.quote(dump.file)} |
{_restore(dump, place, role)}
{place.feed}psql {role} --dbname={control} --no-psqlrc --quiet \\
  --set=ON_ERROR_STOP=1 --set=live="$live" --set=side="$side" --set=displaced="$displaced" <<'SQL'
SELECT count(*) = 0 AS gone FROM pg_database WHERE datname = :'live' \\gset
\\if :gone
ALTER DATABASE :"side" RENAME TO :"live";
\\else
ALTER DATABASE :"live" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datname = :'live';
BEGIN;
ALTER DATABASE :"live" RENAME TO :"displaced";
ALTER DATABASE :"side" RENAME TO :"live";
COMMIT;
\\endif
{settings}
SQL"""


def _like(dump: DatabaseDump) -> str:
    """createdb's options for a database like the one of then."""
    properties = dump.account.properties
    options = [f"--{option}={properties[key]}" for option, key in _LIKE if properties.get(key)]
    provider = _PROVIDERS.get(properties.get("provider", ""))
    if provider and dump.account.contents.server_version >= _PROVIDERS_SINCE:
        options.append(f"--locale-provider={provider}")
        if locale := properties.get("locale"):
            options.append(f"--{provider}-locale={locale}")
    return shlex.join(options)


def _restore(dump: DatabaseDump, place: _Place, role: str) -> str:
    into = "--dbname=\"dbname='$side'\""
    if not place.outside or dump.account.contents.server_version >= _TIMEOUT_SINCE:
        return f"  {place.feed}pg_restore {role} --exit-on-error {into}"
    return f"""\
  pg_restore --file=- | sed '1,40{{/^SET transaction_timeout = 0;$/d}}' |
  psql {role} --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 {into}"""


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
