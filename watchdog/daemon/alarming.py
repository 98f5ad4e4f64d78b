"""Tells people what goes wrong outside of a deployment's own story: down, recovered, reminders; nothing is
rolled back for it.

Called by the guard after each batch of messages; it asks nobody and looks at nothing that has not changed.
What people hear when is decided by `alert.alarm`; alarms and alerts are one transaction (design rule 11).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.alert.alarm import Alarm, Case, Rhythm, Told, due_at, fresh, together
from watchdog.alert.telling import messages
from watchdog.daemon.desk import Desk
from watchdog.daemon.wrongs import (
    CHECK,
    KINDS,
    PROPOSAL,
    ROLLBACK,
    SERVICE,
    Wrongs,
    excused,
    expiring,
    kind,
    of_checks,
    of_docker,
    of_proposal,
    of_rollback,
    of_services,
)
from watchdog.deploy.deployment import Phase
from watchdog.health.trouble import Restarts, counted
from watchdog.rollback.held import held
from watchdog.rollback.ledger import Record
from watchdog.rollback.operation import Operation
from watchdog.rollback.proposal import Proposal
from watchdog.rollback.suspension import Suspends, holding

SHORTEST = timedelta(seconds=1)
"""Between two reviews that nothing but time or a check's colour asks for: a thousand may turn at once."""


class Alarming:
    """Of one guard: its alarms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._alarms: dict[str, Alarm] = {}
        self._restarts: Restarts = {}
        self._held: Operation | None = None
        self._proposal: Proposal | None = None
        self._story: tuple[object, ...] | None = None
        self._seen: tuple[object, ...] | None = None
        self._due: datetime | None = None
        self._quiet_until = float("-inf")

    async def remember(self) -> None:
        """What people were told before the process began."""
        rows = await self._desk.tools.ledger.alarms(self._desk.name)
        self._alarms = {row.subject: row for row in rows if kind(row.subject) in KINDS}

    def turned(self) -> None:
        """A check has changed its colour: reviewed soon, together with others that do so now."""
        soon = self._now + SHORTEST
        self._due = min(self._due, soon) if self._due is not None else soon

    def look_again(self) -> None:
        """A person said something of a held rollback that neither time nor a look would tell."""
        self._story = None
        self.turned()

    @property
    def pause(self) -> timedelta | None:
        """How long nothing is due; None: nothing will be, if nothing changes."""
        return max(self._due - self._now, SHORTEST) if self._due is not None else None

    async def review(self) -> None:
        """Look through everything, where anything changed or is due."""
        if not self._news():
            return
        await self._read_stories()
        cases = self._cases()
        found = together(cases, self._now)
        if any(message not in {None, Told.RECOVERED} for _, message in found) and await self._maintained():
            cases = [replace(c, hushed=c.hushed or kind(c.alarm.subject) != ROLLBACK) for c in cases]
            found = together(cases, self._now)
        await self._write([case.alarm for case in cases], found)
        self._due = self._next_due(cases)

    def _news(self) -> bool:
        """Whether it is worth while: of a thousand samples a second hardly any says something new."""
        watch = self._desk.watch
        seen = (watch.looked_at, watch.reachable, self._told_elsewhere, self._stories)
        changed, self._seen = seen != self._seen, seen
        return changed or (self._due is not None and self._now >= self._due)

    @property
    def _stories(self) -> tuple[object, ...]:
        deployment = self._desk.watch.deployment
        phase = (deployment.id, deployment.phase) if deployment else None
        return (phase, self._desk.work.rolling_back)

    @property
    def _told_elsewhere(self) -> bool:
        """A deployment or a rollback is under way: its own story is told, not single checks."""
        work = self._desk.work
        return work.changing or work.ours or self._desk.watch.deployment is not None

    async def _read_stories(self) -> None:
        """The rollback that is held and the proposal that is open; read where they may have changed."""
        desk, deployment = self._desk, self._desk.watch.deployment
        failed = deployment is not None and deployment.phase is Phase.FAILED
        if self._stories == self._story and not failed:
            return
        ledger = desk.tools.ledger
        self._held = held(await ledger.operations(desk.name), await ledger.deployments(desk.name))
        self._proposal = await ledger.proposal(deployment.id) if deployment and failed else None
        self._story = self._stories

    async def _maintained(self) -> bool:
        suspensions = await self._desk.tools.ledger.suspensions(self._desk.name)
        return any(s.kind is Suspends.MAINTENANCE for s in holding(suspensions, self._now))

    def _cases(self) -> list[Case]:
        """What was ever wrong, and what is now."""
        self._restarts = counted(self._restarts, self._desk.watch.containers, self._now)
        wrongs, quiet = self._wrongs(), self._hushed()
        subjects = [s for s in (*self._alarms, *wrongs) if s in self._alarms or wrongs[s] is not None]
        return [self._case(subject, wrongs, quiet) for subject in dict.fromkeys(subjects)]

    def _wrongs(self) -> Wrongs:
        watch, now = self._desk.watch, self._now
        alarmed = {s.removeprefix(f"{SERVICE} ") for s in self._alarms if kind(s) == SERVICE}
        return {
            **of_docker(watch, now),
            **of_checks(watch, now),
            **of_services(watch, self._restarts, alarmed, now),
            **self._of_rollbacks(),
            **of_proposal(self._proposal, now),
        }

    def _of_rollbacks(self) -> Wrongs:
        """While another one runs, nobody can tell what becomes of the one that was held."""
        if self._desk.work.rolling_back:
            return {}
        over = {s: None for s in self._alarms if kind(s) == ROLLBACK and self._held is None}
        return {**over, **of_rollback(self._held)}

    def _hushed(self) -> frozenset[str]:
        """Kinds and subjects of which people hear nothing new now."""
        monotonic = self._desk.tools.hands.clock.monotonic()
        if self._told_elsewhere:
            self._quiet_until = monotonic + self._rhythm.moment.total_seconds()
        hushed = excused(self._desk.watch, self._now)
        if not self._desk.watch.reachable or monotonic < self._quiet_until:
            hushed |= {CHECK, SERVICE}
        return hushed | {ROLLBACK} if self._desk.work.rolling_back else hushed

    def _case(self, subject: str, wrongs: Wrongs, hushed: frozenset[str]) -> Case:
        alarm = self._alarms.get(subject) or fresh(self._desk.name, subject, self._now)
        wrong = wrongs.get(subject, alarm.wrong)
        rhythm = self._rhythm
        if subject not in self._alarms and wrong and kind(subject) in {ROLLBACK, PROPOSAL}:
            alarm = replace(  # whoever stopped, or asked, has told it already
                alarm, detail=wrong.detail, raised_at=wrong.since, told_at=wrong.since, cleared_at=None
            )
        if self._proposal is not None and kind(subject) == PROPOSAL:
            rhythm = expiring(self._proposal)
        if self._is_past(subject, wrongs):
            alarm, wrong = replace(alarm, cleared_at=alarm.cleared_at or self._now, told_at=None), None
        return Case(alarm, wrong, rhythm, subject in hushed or kind(subject) in hushed)

    def _is_past(self, subject: str, wrongs: Wrongs) -> bool:
        """Nobody needs to hear that it is over: it is not asked any more, or its end was told elsewhere."""
        if subject in wrongs:
            return False
        if kind(subject) == CHECK:
            return subject.removeprefix(f"{CHECK} ") not in self._desk.watch.checks
        return kind(subject) == PROPOSAL or (kind(subject) == ROLLBACK and self._held is not None)

    async def _write(self, before: list[Alarm], found: list[tuple[Alarm, Told | None]]) -> None:
        """Alarms and alerts in one transaction; believed once they are written."""
        changed = [alarm for alarm, _ in found if alarm != self._alarms.get(alarm.subject)]
        heard = [(alarm, message) for alarm, message in found if message is not None]
        records: list[Record] = [*changed, *messages(self._desk.name, heard, self._now)]
        if not records:
            return
        await self._desk.tools.ledger.write(*records)
        self._alarms.update({alarm.subject: alarm for alarm in changed})
        for alarm, message in heard:
            self._desk.tell("alarm", subject=alarm.subject, heard=message.value, detail=alarm.detail)
        if heard:
            self._desk.tools.outbox.wake()

    def _next_due(self, cases: list[Case]) -> datetime | None:
        pending = ((self._alarms.get(case.alarm.subject, case.alarm), case) for case in cases)
        instants = [at for alarm, case in pending if (at := due_at(alarm, case, self._now))]
        hush = self._quiet_until - self._desk.tools.hands.clock.monotonic()
        if hush > 0 and not self._told_elsewhere:
            instants.append(self._now + timedelta(seconds=hush))
        return min(instants, default=None)

    @property
    def _rhythm(self) -> Rhythm:
        return self._desk.tools.settings.alarms

    @property
    def _now(self) -> datetime:
        return self._desk.tools.hands.clock.now()
