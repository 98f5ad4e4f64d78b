"""Keeps the daemon small and quick; called by `run` before anything heavy is imported.

`make bench` and `make bench-detection` weigh it.
"""

from __future__ import annotations

import ctypes
import sys
import warnings

M_ARENA_MAX = -8
"""mallopt(3). One arena is enough for threads that mostly wait; glibc's default keeps one for each: 3 MiB."""
UNWANTED = ("rich", "pygments", "charset_normalizer", "sniffio")
"""What libraries import where it is there, and the daemon never needs: structlog and httpx draw with rich
and pygments (5 and 1 MiB), requests guesses encodings that dockerd does not name (3 MiB). httpcore asks
sniffio for each lock whether it runs under trio: where that is not installed, the search was a third of a
request.
"""


def stay_small() -> None:
    """Nothing unwanted can be imported from here on, and glibc keeps one arena."""
    for name in UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")  # by requests
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
