"""What PostgreSQL and its tools say of a failure, without the rows, keys and statements that they quote.

Used for tools by `postgres`, for sessions by `postgres_session`: what is passed on reaches logs, alerts and
incidents. `DETAIL`, `CONTEXT` and `Command was` never do.
"""

from __future__ import annotations

import re

from watchdog.adapters.process import Finished
from watchdog.errors import StepFailed, Unreachable

LONGEST = 500
"""Characters; what is cut off is the end."""
_ERROR_LINE = re.compile(
    r"(?:pg_\w+|psql)\b[^ ]*: (?:.*\b)?(?:error|fatal|ERROR|FATAL|PANIC):|(?:ERROR|FATAL|PANIC):"
    r"|(?:df|cat|sh): |Error response from daemon: |Error: |OCI runtime |Cannot connect to "
)
"""A line of a tool's own, or of the `docker exec` that runs it."""
_QUOTED = (
    (re.compile(r': ".*', re.DOTALL), ': "…"'),
    (re.compile(r'(\bvalue|\bnear) ".*"', re.DOTALL), r'\1 "…"'),
    (re.compile(r"(invalid command \\).*", re.DOTALL), r"\1…"),
)
"""Where a message quotes data (`invalid input syntax for type integer: "…"`), and not an object's name."""
_IGNORED = re.compile(r"^pg_restore: warning: errors ignored on restore: (\d+)$", re.MULTILINE)
"""What pg_restore says last where it went on after errors."""
_UNKNOWN_TIMEOUT = 'ERROR:  unrecognized configuration parameter "transaction_timeout"'
_NO_SUCH_CONTAINER = ("No such container", "is not running", "Cannot connect to the Docker daemon")
_REMEDIES = (
    ("No space left on device|could not extend file", "make room on the server's data volume"),
    (
        r"invalid command \\",
        r"a dump with \restrict needs a psql that knows it (since 13.22, 14.19, 15.14, 16.10 and 17.6): "
        "update the database's image",
    ),
    ('role ".*" does not exist', "restore the roles first, from the set's globals_*.sql"),
    ('extension ".*" is not available', "install the extension in the database image"),
    ("unsupported version .* in file header", "install client tools as new as those that made the dump"),
    ("lock timeout|could not obtain lock", "wait until the migration that holds the lock has finished"),
)
"""What to do about the failures that are known by their words."""


def complaint(stderr: str) -> str:
    """The error lines of a tool's output, each once; empty where there are none."""
    lines = [line.strip() for line in stderr.splitlines()]
    return "; ".join(dict.fromkeys(primary(line) for line in lines if _ERROR_LINE.match(line)))[:LONGEST]


def primary(message: str) -> str:
    """The first line of a message, without the data that it quotes."""
    first = message.strip().split("\n", 1)[0].rstrip()
    for pattern, replacement in _QUOTED:
        first = pattern.sub(replacement, first)
    return first[:LONGEST]


def check(tool: str, what: str, finished: Finished) -> None:
    """Raise what a non-zero exit means, with the tool's own error lines."""
    if finished.exit_code == 0 or _harmless(finished.stderr):
        return
    said = complaint(finished.stderr) or f"exit code {finished.exit_code}; the service's log may say why"
    if any(sign in said for sign in _NO_SUCH_CONTAINER):
        raise Unreachable(f"{tool} of {what}: {said}; start the database service")
    raise StepFailed(f"{tool} of {what} failed: {said}{_remedy(said)}")


def _harmless(stderr: str) -> bool:
    """Whether pg_restore, told to go on, met nothing but a setting that only newer servers know."""
    ignored = _IGNORED.search(stderr)
    errors = [line for line in stderr.splitlines() if line.startswith("pg_restore: error:")]
    met = [line for line in errors if line.endswith(_UNKNOWN_TIMEOUT)]
    return ignored is not None and 0 < len(met) == len(errors) == int(ignored[1])


def _remedy(said: str) -> str:
    return next((f"; {remedy}" for sign, remedy in _REMEDIES if re.search(sign, said)), "")
