"""What may be asked of a guard, by name: used by the control socket and by a command without a daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from watchdog.daemon import approving, explaining, incidents, pausing, restore_points
from watchdog.daemon.client import Arguments, Caller, Channel, RemoteCommand
from watchdog.daemon.guard import Guard
from watchdog.daemon.offering import offer
from watchdog.daemon.rollbacks import outcome
from watchdog.daemon.status import look_first, status
from watchdog.daemon.wanting import decide, unattended
from watchdog.deploy.caller import caller as process
from watchdog.deploy.command import shown
from watchdog.errors import UsageError
from watchdog.rollback.printout import printout


async def ping(_guard: Guard | None, _arguments: Arguments, _channel: Channel, caller: Caller) -> Any:
    return {"caller": str(caller)}


async def show_status(guard: Guard, _arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    await look_first(guard)
    return await status(guard)


async def backup(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    with_progress = guard.desk.listen(lambda event: channel.send({"progress": event}))
    try:
        await guard.tools.audit(caller, "backup")
        made = await guard.conductor.backup(str(arguments.get("reason") or f"wanted by {caller.name}"))
    finally:
        with_progress()
    return {"timestamp": made.timestamp, "directory": str(guard.tools.settings.backup.directory)}


async def deploy(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    argv = tuple(str(word) for word in arguments.get("argv", ()))
    if not argv:
        raise UsageError("deploy needs a command: ops-watchdog deploy -- docker compose up -d")
    stop_listening = guard.desk.listen(lambda event: channel.send({"progress": event}))
    try:
        await guard.tools.audit(caller, "deploy", " ".join(shown(argv)))
        allowed = not arguments.get("no_rollback")
        return await guard.conductor.deploy(RemoteCommand(argv, channel), allowed, process(caller.pid))
    finally:
        stop_listening()


async def rollback(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    request = await decide(guard, arguments, str(caller), caller.name)
    if arguments.get("plan"):
        document = await printout(guard.tools.hands, request)
        return {**document, "unattended": await unattended(guard, request)}
    stop_listening = guard.desk.listen(lambda event: channel.send({"progress": event}))
    try:
        return outcome(await guard.rollbacks.carry_out(request))
    finally:
        stop_listening()


ACTING = frozenset({"backup", "deploy", "rollback", "salvage", "approve", "abort", "suspend"})
"""What may change something; the others only look, also where no daemon runs."""

REQUESTS: dict[str, Callable[..., Awaitable[Any]]] = {
    "ping": ping,
    "status": show_status,
    "backup": backup,
    "deploy": deploy,
    "rollback": rollback,
    "targets": offer,
    **restore_points.REQUESTS,
    **incidents.REQUESTS,
    **explaining.REQUESTS,
    **approving.REQUESTS,
    **pausing.REQUESTS,
}
