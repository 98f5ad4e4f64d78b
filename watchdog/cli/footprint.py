"""Keeps the daemon small; called by `run` before anything heavy is imported. `make bench` weighs it."""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"""mallopt(3). One arena is enough for threads that mostly wait; glibc's default keeps one for each: 3 MiB."""


def stay_small() -> None:
    """The daemon draws nothing, yet structlog imports rich where it is installed: 5 MiB."""
    sys.modules["rich"] = None  # type: ignore[assignment]
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
