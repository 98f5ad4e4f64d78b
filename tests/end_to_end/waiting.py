"""Waiting for something to become true, as long as that takes on a busy machine and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02


def until(ask: Callable[[], T | None], what: Callable[[], str] | str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer that is not empty; `what` tells whoever waited in vain for what."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            wanted = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds:.0f} s in vain for {wanted}")
        time.sleep(PAUSE_SECONDS)
    return answer
