"""The demo product's versions: which images they need and what they change on disk.

Version 1.0 and 2.0 work. The others are a 2.0 that breaks, each in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass

POSTGRES = 15
"""The major version that the demo runs, and most tests."""
SUITES = {13: "bullseye", 15: "bookworm", 17: "trixie"}
"""Which release of Debian has which major version of PostgreSQL."""


def database_image(major: int) -> str:
    return f"ops-watchdog-demo/database:{major}"


DATABASE_IMAGE = database_image(POSTGRES)


@dataclass(frozen=True, slots=True)
class Version:
    """`backend` and `frontend` are image tags; `edits` turn release 1.0's text into this one's."""

    backend: str
    frontend: str
    edits: tuple[tuple[str, str], ...] = ()


RELEASE_2 = (("# Release 1.0", "# Release 2.0"), ("LOG_FORMAT: plain", "LOG_FORMAT: json"))
NEVER_RESTARTED = ("restart: unless-stopped # of the backend", 'restart: "no" # of the backend')
WRONG_HOST = ("DATABASE_HOST: database # of the backend", "DATABASE_HOST: databse # of the backend")
# `starting` for the whole time that anybody would watch.
PATIENT = (
    "restart: unless-stopped # of the backend",
    "restart: unless-stopped # of the backend\n    healthcheck: {start_period: 1h}",
)

VERSIONS = {
    "1.0": Version("1.0", "1.0"),
    "2.0": Version("2.0", "2.0", RELEASE_2),
    "health": Version("2.0-health", "2.0", RELEASE_2),
    "exit": Version("2.0-exit", "2.0", (*RELEASE_2, NEVER_RESTARTED)),
    "migration": Version("2.0-migration", "2.0", RELEASE_2),
    "never-ready": Version("2.0-never-ready", "2.0", (*RELEASE_2, PATIENT)),
    "config": Version("2.0", "2.0", (*RELEASE_2, WRONG_HOST)),
    # Nothing on disk changes: the tag that it names is built anew.
    "tag": Version("2.0-health", "2.0"),
}

BREAKAGES = ("migration", "exit", "health", "never-ready", "config", "tag")


def edited(text: str, version: Version) -> str:
    for before, after in version.edits:
        text = text.replace(before, after)
    return text


def backend_image(tag: str) -> str:
    return f"ops-watchdog-demo/backend:{tag}"


def frontend_image(tag: str) -> str:
    return f"ops-watchdog-demo/frontend:{tag}"
