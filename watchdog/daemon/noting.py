"""Notes how the verdict changed, for `explain`: not each look, only what is news, and never on the way to a
decision.
"""

from __future__ import annotations

import re

from watchdog.daemon.desk import Desk
from watchdog.deploy.deployment import Deployment
from watchdog.health.verdict import Outcome, Verdict
from watchdog.rollback.ledger import Noted

MOST = 200
"""Changes noted of one deployment: what flaps for ten minutes tells nothing new by then."""
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)?")


class Notes:
    """Of one guard: the verdict that was noted last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: tuple[str, Outcome, frozenset[str]] | None = None
        self._count = 0

    def of(self, found: Verdict, deployment: Deployment | None) -> Noted | None:
        """A line, to be written once what follows from the verdict is done; None where it is as before."""
        about = deployment.id if deployment else ""
        news = (about, found.outcome, frozenset(_NUMBERS.sub("", reason) for reason in found.reasons))
        if news == self._last:
            return None
        known = self._last is not None and self._last[0] == about
        self._count = self._count + 1 if known else 1
        self._last = news
        if self._count > MOST and found.outcome is not Outcome.FAILED:
            return None
        return self._desk.noted("verdict", f"{found.outcome}: {'; '.join(found.reasons)}", about)
