"""Logging: structured events to journald's native socket, to a pipe as JSON, or to a terminal in colour.

Journald gets every key as a field of its own (`journalctl OPERATION=…`). Locals of a traceback are never
written: they hold secrets.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import string
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

JOURNAL = "/run/systemd/journal/socket"
PRIORITIES = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": 6, "debug": 7}
NOISY = ("httpx", "httpcore", "apscheduler", "docker", "urllib3", "asyncio")
"""Libraries whose INFO lines say nothing to an operator; httpx would even print the webhook's URL."""


def configure(level: str, style: str) -> None:
    """`style`: auto, journal, json or console; auto takes the journal under systemd, else the terminal."""
    chosen = _choose(style)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*processors, *_renderers(chosen)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_JournalFactory() if chosen == "journal" else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def configure_for_command() -> None:
    """For a command without a daemon: its terminal is for sentences, so that log lines go to the journal.

    Where there is none, errors alone are shown, and alerts that nobody else receives.
    """
    if os.path.exists(JOURNAL):
        configure("warning", "journal")
    else:
        configure("error", "console")


def _choose(style: str) -> str:
    if style != "auto":
        return style
    if os.environ.get("JOURNAL_STREAM") and os.path.exists(JOURNAL):
        return "journal"
    return "console" if sys.stderr.isatty() else "json"


def _renderers(style: str) -> list[structlog.typing.Processor]:
    if style == "console":
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        return [_stack_in_the_line, renderer]
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    if style == "json":
        return [tracebacks, structlog.processors.JSONRenderer()]
    return [structlog.processors.format_exc_info, _journal_entry]


def _stack_in_the_line(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The renderer takes `stack` for a call stack, and prints it below the line."""
    if "stack" in event:
        event["event"] = f"{event.pop('stack')}: {event['event']}"
    return event


def _journal_entry(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[bytes], dict[str, Any]]:
    """The event in journald's native format: the arguments for `_Journal.msg`."""
    event.pop("timestamp", None)  # journald stamps it itself
    name, level = str(event.pop("event")), str(event.pop("level"))
    shown = " ".join(f"{key}={_text(value)}" for key, value in event.items() if key != "exception")
    fields = {
        "MESSAGE": f"{name} {shown}".strip(),
        "PRIORITY": str(PRIORITIES.get(level, 6)),
        "SYSLOG_IDENTIFIER": "ops-watchdog",
        "EVENT": name,
        **{_field(key): _text(value) for key, value in event.items()},
    }
    return (b"".join(_encode(key, value) for key, value in fields.items()),), {}


def _field(key: str) -> str:
    """Journald's field names: capitals, digits and underscores, beginning with a capital."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in key.upper())
    return kept.lstrip("_" + string.digits) or "FIELD"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _encode(key: str, value: str) -> bytes:
    """`KEY=value`, or with a length where the value has several lines."""
    data = value.encode(errors="replace")
    if b"\n" not in data:
        return key.encode() + b"=" + data + b"\n"
    return key.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


class _Journal:
    """Sends one datagram an entry; what journald does not take goes to stderr, so nothing is lost."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def msg(self, entry: bytes) -> None:
        try:
            self._socket.sendto(entry, JOURNAL)
        except OSError:
            sys.stderr.write(entry.decode(errors="replace"))

    debug = info = warning = error = critical = exception = fatal = failure = err = log = msg


class _JournalFactory:
    def __call__(self, *_args: object) -> _Journal:
        return _Journal()
