"""What a person may decide: approve the proposed rollback, or abort what waits. Taken up by `requests`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchdog.alert.alert import Level
from watchdog.daemon.client import Arguments, Caller, Channel
from watchdog.daemon.guard import Guard
from watchdog.daemon.proposing import what
from watchdog.daemon.rollbacks import outcome
from watchdog.daemon.wanting import unattended
from watchdog.errors import Busy, Refused
from watchdog.rollback.held import held
from watchdog.rollback.ledger import Audit
from watchdog.rollback.operation import Operation
from watchdog.rollback.printout import printout
from watchdog.rollback.proposal import Proposal

REASON_MAX = 500
"""Characters of a reason that are kept."""


async def approve(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    """With `plan` what would be done, decided anew; else it is done.

    `seen`: release, backup and plan as they were shown.
    """
    await guard.looker.look_now()
    if arguments.get("plan"):
        request = await guard.desk.ask(guard.proposals.fitting)
        because = replace(request, why="; ".join(request.reasons))
        document = await printout(guard.tools.hands, because)
        return {**document, "unattended": await unattended(guard, request), "seen": what(request)}
    stop_listening = guard.desk.listen(lambda event: channel.send({"progress": event}))
    try:
        await guard.tools.audit(caller, "approve")
        request = await guard.desk.ask(lambda: guard.proposals.approve(str(caller), _seen(arguments)))
        try:
            return outcome(await guard.rollbacks.carry_out(request))
        except Busy:
            await guard.desk.ask(lambda: guard.proposals.give_back(request.deployment))
            raise
        finally:
            guard.desk.work.decided = False
    finally:
        stop_listening()


def _seen(arguments: Arguments) -> tuple[str, str | None, str] | None:
    seen = arguments.get("seen")
    if not isinstance(seen, list | tuple) or len(seen) != 3:
        return None
    release, backup, plan = seen
    return str(release), None if backup is None else str(backup), str(plan)


async def abort(guard: Guard, arguments: Arguments, _channel: Channel, caller: Caller) -> Any:
    """Reject the open proposal; or say that a held rollback is dealt with. Raises `Refused` for neither."""
    reason = str(arguments.get("reason") or "")[:REASON_MAX]
    return await guard.desk.ask(lambda: _abort(guard, str(caller), reason))


async def _abort(guard: Guard, actor: str, reason: str) -> dict[str, str]:
    ledger = guard.tools.ledger
    if guard.watch.proposal is not None:
        proposal = await guard.proposals.reject(actor, reason)
        await guard.tools.audit(actor, "abort", _told(f"proposal for {proposal.deployment}", reason))
        return {"aborted": "proposal", "id": proposal.deployment}
    if guard.desk.work.rolling_back:
        raise Refused(
            f"{guard.name} is being rolled back, which this version does not break off; it ends by itself, "
            f"and its alert says what to do then ('ops-watchdog status')"
        )
    waits = held(await ledger.operations(guard.name), await ledger.deployments(guard.name))
    if waits is None:
        raise Refused(f"nothing of {guard.name} waits for a decision ('ops-watchdog status')")
    await _resolve(guard, waits, actor, reason)
    return {"aborted": "held", "id": waits.id}


async def _resolve(guard: Guard, waits: Operation, actor: str, reason: str) -> None:
    """Nothing is touched: it is no longer reminded of, and its page goes."""
    now = guard.tools.hands.clock.now()
    text = _told(f"{actor} says that it is dealt with", reason)
    await guard.desk.alert(
        Level.INFO,
        f"rollback {waits.id} is no longer held",
        text,
        replace(waits, resolved_at=now),
        Audit(guard.name, now, actor, "abort", _told(waits.id, reason)),
        guard.desk.noted("decision", text, waits.deployment or ""),
    )
    guard.page.look_again()
    guard.alarming.look_again()


def _told(fact: str, reason: str) -> str:
    return f"{fact}: {reason}" if reason else fact


def document(proposal: Proposal | None) -> dict[str, Any] | None:
    """The open proposal, for `status`."""
    if proposal is None:
        return None
    return {
        "deployment": proposal.deployment,
        "release": proposal.release,
        "backup": proposal.backup,
        "plan": proposal.plan,
        "expires_at": proposal.expires_at.isoformat(),
        "command": f"ops-watchdog approve --stack {proposal.stack}",
    }


REQUESTS = {"approve": approve, "abort": abort}
