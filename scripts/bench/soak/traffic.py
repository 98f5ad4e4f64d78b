"""Who may use daemon and engine when: many side by side, or one alone that ends or freezes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """A lock with two doors. Whoever wants to be alone goes before those who come later.

    `wanted_alone`: how many want to be, or are.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self.wanted_alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A command runs that must not be cut: not what is soaked here."""
        with self._changed:
            self._changed.wait_for(lambda: not self.wanted_alone)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No command runs, while the windows of all stacks go on."""
        with self._changed:
            self.wanted_alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self.wanted_alone -= 1
                self._changed.notify_all()
