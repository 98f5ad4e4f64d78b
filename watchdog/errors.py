"""Errors by consequence: what a caller does next depends on the class, never on the wording.

Every layer raises these; adapters translate their library's errors into them once, at the edge. A message
says what failed, which object, and what to do.
"""

from __future__ import annotations


class WatchdogError(Exception):
    """Base of everything this program raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(WatchdogError):
    """The caller asked for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration cannot work. One message carries every fault found, a line each."""


class Refused(WatchdogError):
    """A precondition does not hold; nothing was touched."""

    exit_code = 3


class Busy(Refused):
    """Another operation holds the stack; the message names holder, command and since when."""


class Unreachable(WatchdogError):
    """Something outside did not answer (dockerd, database, Slack): retry; it proves nothing."""


class StepFailed(WatchdogError):
    """A step of a plan did its best and the world is not as it should be."""


class Corrupt(WatchdogError):
    """Stored bytes are not the bytes that were written (checksum, truncation, unreadable manifest)."""
