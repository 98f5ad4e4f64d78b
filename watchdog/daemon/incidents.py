"""What may be asked of incidents: list them, show one, and get at the rows that it displaced.

Taken up by `requests` for the control socket and for a command without a daemon. Rows go into files of the
incident's directory; a client that wants them elsewhere is sent them and writes them itself, as itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watchdog.clock import timestamp
from watchdog.daemon.client import Arguments, Caller, Channel
from watchdog.daemon.guard import Guard
from watchdog.errors import Refused, Unreachable, UsageError
from watchdog.incident.incident import REPORT, listed, read
from watchdog.incident.loss import lines, total
from watchdog.rollback.aftermath import Care
from watchdog.rollback.displaced import Displaced, why_not_put_back
from watchdog.rollback.operation import Operation
from watchdog.rollback.salvage import salvage, stems

FAR_BACK = 1000
"""Operations among which the one that displaced the rows is looked for, and the undo of it."""
BLOCK_BYTES = 256 * 1024
"""A message to the client holds so much of a file; the next one waits for its answer."""


async def list_incidents(guard: Guard, _arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    """Newest first, with what each displaced in one line."""
    found = await asyncio.to_thread(listed, guard.tools.hands.incident_directory, guard.name)
    return [
        {
            "id": incident.id,
            "at": incident.started_at.isoformat(),
            "outcome": incident.outcome,
            "reason": "; ".join(incident.reasons),
            "displaced": dict(incident.displaced),
            "lost": [total(loss) for loss in incident.lost],
        }
        for incident in found
    ]


async def show_incident(guard: Guard, arguments: Arguments, _channel: Channel, _caller: Caller) -> Any:
    """The report as it lies there, and where each displaced database stands."""
    root, identifier = guard.tools.hands.incident_directory, str(arguments.get("incident"))
    incident = await asyncio.to_thread(read, root, identifier)
    records = [r for r in await guard.tools.ledger.displaced(guard.name) if r.operation == identifier]
    return {
        "id": incident.id,
        "directory": str(root / identifier),
        "outcome": incident.outcome,
        "lost": [{**asdict(loss), "lines": lines(loss.tables)} for loss in incident.lost],
        "displaced": [asdict(record) for record in records],
        "report": await asyncio.to_thread((root / identifier / REPORT).read_text),
    }


async def salvage_incident(guard: Guard, arguments: Arguments, channel: Channel, caller: Caller) -> Any:
    """Under the stack's lock, giving way: a rollback cuts it, and then nothing was put back. With `send`,
    the client gets the files and nothing of them stays here."""
    identifier, apply = str(arguments.get("incident")), bool(arguments.get("apply"))
    records = await _displaced(guard, identifier)
    tools, tables = guard.tools, [str(table) for table in arguments.get("tables", ())]
    await tools.audit(caller, "salvage --apply" if apply else "salvage", identifier)
    directory = _directory(guard, identifier)
    settings = tools.settings
    care = Care(tools.hands, tools.servers, settings.backup, settings.rollback.keep_displaced)
    summaries, names = [], stems([record.database for record in records])
    try:
        for record in records:
            into = directory / names[record.database] if len(records) > 1 else directory
            work = _salvage(guard, care, record, into, tables, apply)
            summaries.append(await guard.desk.work.run(f"salvage of {identifier}", work, gives_way=True))
    finally:
        with contextlib.suppress(OSError):  # where nothing was written, no empty directory stays
            directory.rmdir()
    if arguments.get("send"):
        await _send(directory, channel)
        await asyncio.to_thread(shutil.rmtree, directory)
    return {"directory": str(directory), "databases": summaries}


async def _displaced(guard: Guard, identifier: str) -> list[Displaced]:
    await asyncio.to_thread(read, guard.tools.hands.incident_directory, identifier)  # says which there are
    records = [r for r in await guard.tools.ledger.displaced(guard.name) if r.operation == identifier]
    if not records:
        raise UsageError(f"incident {identifier} displaced no database: there is nothing to salvage")
    return records


async def _salvage(
    guard: Guard, care: Care, record: Displaced, into: Path, tables: Sequence[str], apply: bool
) -> dict[str, Any]:
    """Raises `Refused` where putting rows back could bring back what somebody deleted since."""
    if apply and (why := why_not_put_back(record, await _operations(guard))):
        raise Refused(why)
    return await salvage(care, record, into, tables, apply)


async def _operations(guard: Guard) -> tuple[Operation, ...]:
    return await guard.tools.ledger.operations(guard.name, limit=FAR_BACK)


def _directory(guard: Guard, identifier: str) -> Path:
    """A new one for each run."""
    moment = timestamp(guard.tools.hands.clock.now())
    wanted = guard.tools.hands.incident_directory / identifier / f"salvage_{moment}"
    number, free = 1, wanted
    while free.exists():
        number += 1
        free = wanted.with_name(f"{wanted.name}-{number}")
    return free


async def _send(directory: Path, channel: Channel) -> None:
    """File by file, block by block; each is answered, so that a slow client fills nobody's memory."""
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            name, first = str(path.relative_to(directory)), True
            while (block := await asyncio.to_thread(file.read, BLOCK_BYTES)) or first:
                channel.send({"file": name, "content": base64.b64encode(block).decode()})
                if await channel.receive() is None:
                    raise Unreachable(f"the client went away; the files stay in {directory}")
                first = False


REQUESTS = {
    "incidents": list_incidents,
    "incident": show_incident,
    "salvage": salvage_incident,
}
