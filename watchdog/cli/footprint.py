"""Keeps the daemon small and quick; called by `run` before anything heavy is imported.

`make bench` and `make bench-detection` weigh it.
"""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"""mallopt(3). One arena is enough for threads that mostly wait; glibc's default keeps one for each: 3 MiB."""
UNWANTED = ("rich", "sniffio")
"""structlog imports rich where it is installed, and draws nothing with it here: 5 MiB. httpcore asks sniffio
for each lock whether it runs under trio; where it is not installed, the search was a third of a request.
"""


def stay_small() -> None:
    """Nothing of it can be imported from here on, and glibc keeps one arena."""
    for name in UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
