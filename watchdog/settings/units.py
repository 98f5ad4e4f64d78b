"""Durations (`30s`, `1h30m`, `500ms`) and sizes (`2GiB`): read, and written back.

Durations are Prometheus' and Go's notation restricted to whole numbers, each unit at most once, the larger
first (https://prometheus.io/docs/prometheus/latest/configuration/configuration/, `<duration>`), without the
year, whose length nobody agrees upon. Sizes are IEC 80000-13's binary units and SI's decimal ones, a unit
always written: `2G` would mean one thing to dd and another to a disk's box. pydantic's own durations
(ISO 8601) refuse `5m`, which is what operators type.

Messages never repeat the text: it may be a secret that was put into the wrong place.
"""

from __future__ import annotations

import re
from datetime import timedelta

_MILLISECOND = timedelta(milliseconds=1)
_DURATIONS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": _MILLISECOND,
}
LONGEST = timedelta(days=36_500)
"""Beyond a hundred years, subtracted from now, lie dates that cannot be represented."""
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit}(?![a-z]))?" for unit in _DURATIONS))
_SIZES = {
    "B": 1,
    "kB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
    "TB": 10**12,
    "TiB": 2**40,
}
_SIZE = re.compile(f"(?P<number>[0-9]{{1,15}}) ?(?P<unit>{'|'.join(_SIZES)})")

DURATION_FORM = "a duration such as 500ms, 30s, 5m, 1h30m or 7d"
SIZE_FORM = "a size such as 512MiB or 2GiB"


def parse_duration(text: str) -> timedelta:
    """The duration a text names, zero included. Raises ValueError on anything else."""
    if text.startswith("-"):
        raise ValueError(f"must not be negative; allowed is {DURATION_FORM}")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"must be {DURATION_FORM}")
    try:
        duration = sum((_DURATIONS[u] * int(n) for u, n in match.groupdict().items() if n), timedelta())
    except (OverflowError, ValueError):
        duration = timedelta.max
    if duration > LONGEST:
        raise ValueError(f"must be at most {LONGEST.days}d")
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back, below a millisecond cut off; days, never weeks."""
    if duration < _MILLISECOND:
        return "0s"
    parts = []
    for unit, length in list(_DURATIONS.items())[1:]:
        count, duration = divmod(duration, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_size(text: str) -> int:
    """The bytes a text names. Raises ValueError."""
    if text.startswith("-"):
        raise ValueError(f"must not be negative; allowed is {SIZE_FORM}")
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"must be {SIZE_FORM} (units: {', '.join(_SIZES)})")
    return int(match["number"]) * _SIZES[match["unit"]]
