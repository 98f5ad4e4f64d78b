"""Builds the commands that run PostgreSQL's own tools, where a server's tools are run; runs none.

A password is only named here (`--env PGPASSWORD`): its value travels in the environment of the `docker`
command, or of the tool itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from watchdog.database.names import DISPLACED, SIDE, STANDBY

NEEDED = ("pg_dump", "pg_restore", "psql", "pg_dumpall")
PASSWORD = "PGPASSWORD"
EXIT_ON_ERROR = "--exit-on-error"
JOBS = "--jobs=2"
"""Indexes built at once. Each sorts in `maintenance_work_mem`."""
ARCHIVE = "/proc/self/fd/3"
"""What `seekable` makes of the standard input: several jobs want a file."""
END = b"ops-watchdog: end"
"""What follows the archive's first part there. pg_restore never reads so far."""
NO_CONTENTS = 75
"""The exit code of `seekable` where there is no file, or not the whole table of contents: EX_TEMPFAIL."""
WITH_ROWS = ("--section=pre-data", "--section=data")
AFTER_ROWS = ("--section=post-data",)
LOADING = {"synchronous_commit": "off", "maintenance_work_mem": "128MB"}
"""Settings for the sessions that restore. A lost side database is made again; and the server's default of
64 MB sorts a million rows on disk, while more than this twice might be more than a small container has."""
LOCK_WAIT = timedelta(seconds=30)
"""pg_dump gives up rather than queue for ever behind a migration's lock."""
DATA_DIRECTORY = "/var/lib/postgresql/data"
"""Of the official image, where PGDATA is not set."""

SIZE_OF_OUR_COPIES = (
    "SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database"
    f" WHERE datname ~ '({SIDE}|{STANDBY}|{DISPLACED})[0-9]{{8}}_[0-9]{{6}}$'"
)


def in_container(
    container: str, tool: Sequence[str], *, application_name: str, with_input: bool = False
) -> list[str]:
    """`docker exec` of a PostgreSQL tool, `with_input` fed through its standard input."""
    return [
        "docker",
        "exec",
        *(["--interactive"] if with_input else []),
        "--env",
        PASSWORD,
        "--env",
        f"PGAPPNAME={application_name}",
        container,
        *tool,
    ]


def in_blocks(tool: Sequence[str]) -> list[str]:
    """A tool, run by a shell that gathers its output; the exit code is 0 where the tool's and dd's are.

    pg_dump writes 4 KiB at a time, and `docker exec` passes each write on through the shim, dockerd and its
    own client: that costs more processor time than the dump itself. POSIX `sh` and `dd`: any image has them.
    """
    return ["sh", "-c", _IN_BLOCKS, "sh", *tool]


_IN_BLOCKS = """\
exec 3>&1
codes=$({
  { "$@" 3>&- 4>&-; echo $? >&4; } | dd ibs=64k obs=256k 2>/dev/null >&3 3>&- 4>&- || echo dd >&4
} 4>&1)
[ "$codes" = 0 ]"""
"""What the pipe's members return comes through descriptor 4, since `sh` has no pipefail."""


def pg_dump(user: str, database: str, snapshot: str) -> list[str]:
    """Uncompressed custom format: compressing it outside is four times as fast as pg_dump's own gzip."""
    return [
        "pg_dump",
        "--format=custom",
        "--compress=0",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={int(LOCK_WAIT.total_seconds() * 1000)}",
        *_as(user),
        f"--dbname={connection_string(database)}",
    ]


def in_large_reads(tool: Sequence[str]) -> list[str]:
    """As `in_blocks`, for what is fed to pg_restore, which reads 4 KiB at a time."""
    return ["sh", "-c", 'dd ibs=64k obs=256k 2>/dev/null | "$@"', "sh", *tool]


def seekable(tool: Sequence[str]) -> list[str]:
    """A tool that finds an archive's first part, fed through standard input and ended by `END`, in `ARCHIVE`.

    The file has no name: whatever is killed, nothing is left over. Where the input breaks off the tool is not
    started: a killed `docker exec` looks like the end of input, and the next try may be under way by then.
    """
    return ["sh", "-c", _SEEKABLE, "sh", *tool]


_SEEKABLE = f"""\
file=$(mktemp || mktemp -p /dev/shm) || exit {NO_CONTENTS}
exec 3>"$file"
rm "$file"
cat >&3 && [ "$(tail -c {len(END)} {ARCHIVE})" = "{END.decode()}" ] || exit {NO_CONTENTS}
"$1" --list {ARCHIVE} </dev/null >/dev/null || exit {NO_CONTENTS}
exec "$@" </dev/null"""
"""`--list` reads the table of contents to its end; /dev/shm is there where a container is read-only."""


def pg_restore(user: str, database: str, *more: str) -> list[str]:
    """From standard input unless `more` names the `ARCHIVE`.

    Not in one transaction: thousands of tables would exhaust the lock table.
    """
    target = f"--dbname={connection_string(database, LOADING)}"
    return ["pg_restore", EXIT_ON_ERROR, *_as(user), target, *more]


def psql(user: str, database: str) -> list[str]:
    """From standard input, stopping at the first error, without anybody's psqlrc."""
    return [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--output=/dev/null",
        "--set=ON_ERROR_STOP=1",
        *_as(user),
        f"--dbname={connection_string(database)}",
    ]


def pg_dumpall_globals(user: str, database: str, *, passwords: bool) -> list[str]:
    secrets = [] if passwords else ["--no-role-passwords"]
    return ["pg_dumpall", "--globals-only", *secrets, *_as(user), f"--database={database}"]


def free_kilobytes(directory: str) -> list[str]:
    return ["df", "-P", "-k", directory]


def parse_free_bytes(output: str) -> int:
    """From `df -P -k`: the fourth field of the last line. Raises ValueError or IndexError on other text."""
    return int(output.strip().splitlines()[-1].split()[3]) * 1024


def connection_string(database: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """A name that contains `=` would itself be taken for a connection string. `settings`: of the session."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return f"dbname='{escaped}'" + (f" options='{options}'" if options else "")


def _as(user: str) -> list[str]:
    return ["--no-password", f"--username={user}"]
