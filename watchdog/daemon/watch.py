"""What a guard knows at this moment. Only the guard's own task writes here; others read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from watchdog.deploy.changes import Parts, parts
from watchdog.deploy.deployment import Deployment
from watchdog.deploy.uncovered import changed_files
from watchdog.health.check import Check, Severity
from watchdog.health.streak import CheckState, Color
from watchdog.health.window import Progress
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspension
from watchdog.stack import Container, Release, Stack
from watchdog.stack.release import running_fingerprint

NOT_LOOKED = "not looked yet"
Identities = frozenset[tuple[str, datetime | None, bool]]


@dataclass(slots=True)
class Watch:
    """The guard's memory; whatever must outlive the process is in the ledger as well.

    `known` is what is taken for granted since `granted_at`: containers of another making are a deployment.
    `stopped` holds the IDs of containers that somebody told to stop, `brought_down` the checks that turned
    red by it. `looked_at` is monotonic. `release` is what runs, once proven; `uncaptured` why not. `proposal`
    is the open one, for `deployment`; `suspensions` the newest of each kind, over or not.
    """

    checks: dict[str, CheckState]
    containers: tuple[Container, ...] = ()
    looked_at: float | None = None
    reachable: bool = True
    unreachable: str = ""
    known: Parts = ()
    granted_at: datetime | None = None
    stopped: set[str] = field(default_factory=set)
    orphans: frozenset[str] = frozenset()
    brought_down: set[str] = field(default_factory=set)
    release: Release | None = None
    uncaptured: str = NOT_LOOKED
    good: Release | None = None
    deployment: Deployment | None = None
    changed_at: datetime | None = None
    adopting_since: datetime | None = None
    progress: Progress = field(default_factory=Progress)
    proposal: Proposal | None = None
    suspensions: tuple[Suspension, ...] = ()

    @property
    def parts(self) -> Parts:
        """What runs now is made of these, without what no file of the stack names: no release can hold it."""
        return parts(c for c in self.containers if c.service not in self.orphans)

    @property
    def fingerprint(self) -> str:
        """Of what runs now, as a release has it."""
        return running_fingerprint(c for c in self.containers if c.service not in self.orphans)

    @property
    def identities(self) -> Identities:
        """Containers, when they were started, and whether they ended: what a capture depends on."""
        return frozenset((c.id, c.started_at, c.ended) for c in self.containers)

    def target(self, stack: Stack) -> str | None:
        """The ID of the release to go back to: the last known good, as it runs now where it does.

        The newer capture knows which services a person has stopped since.
        """
        if self.good is None:
            return None
        return self.release.id if self.release and self.runs(self.good, stack) else self.good.id

    def runs(self, release: Release, stack: Stack) -> bool:
        """Whether it is what runs: made of the same, and of the same bytes where those are known."""
        if self.fingerprint != release.fingerprint:
            return False
        current = self.release
        known = current is not None and current.fingerprint == release.fingerprint
        return not (known and current and changed_files(stack, self.containers, release, current))

    def red(self, checks: tuple[Check, ...]) -> frozenset[str]:
        """Required checks that are red now; where nothing runs at all, none can be a surprise."""
        if not self.containers:
            return frozenset()
        required = {check.name for check in checks if check.severity is Severity.REQUIRED}
        red = {name for name, state in self.checks.items() if state.color is Color.RED}
        return frozenset(required & red)

    def baseline_red(self, checks: tuple[Check, ...]) -> frozenset[str]:
        """Red by something else than that somebody had taken the stack down to deploy."""
        return self.red(checks) - self.brought_down

    def taken_down(self, check: Check) -> bool:
        """Nothing runs any more of what the check asks, and it was a person who stopped or removed it."""
        concerned = [c for c in self.containers if not c.one_off and check.service in (None, c.service)]
        return not any(c.running or c.id not in self.stopped for c in concerned)

    def baseline(self) -> dict[str, int]:
        """Container ID to restart count."""
        return {c.id: c.restart_count for c in self.containers}

    def running_services(self) -> frozenset[str]:
        return frozenset(c.service for c in self.containers if c.running and not c.one_off)


def carried_over(known: dict[str, CheckState], checks: tuple[Check, ...]) -> dict[str, CheckState]:
    """The states for another configuration: a check that asks the same keeps what is known of it."""
    return {c.name: _carried_over(known.get(c.name), c) for c in checks}


def unknown(known: dict[str, CheckState], checks: tuple[Check, ...]) -> frozenset[str]:
    """The checks of another configuration that ask what was not asked before."""
    return frozenset(c.name for c in checks if c.name not in known or known[c.name].check.probe != c.probe)


def _carried_over(state: CheckState | None, check: Check) -> CheckState:
    same = state is not None and state.check.probe == check.probe
    return replace(state, check=check) if state is not None and same else CheckState(check)
