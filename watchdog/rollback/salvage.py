"""Gets the displaced rows of an incident out into files, and on demand back into the live database.

From the displaced database while it is there, afterwards from its dump, restored beside; then the backup is
restored too, since the live database has changed by then. Rows go into these files and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from watchdog.backup.files import make_private, open_private, write_all
from watchdog.clock import Deadline
from watchdog.database import losses, sql
from watchdog.database.loss import Reference, TableLoss
from watchdog.database.ports import Session
from watchdog.database.put_back import PutBack, Putting, putting
from watchdog.database.salvage import Salvaged, Sink, Snapshots, salvage_alone, salvage_table
from watchdog.database.settling import ABOUT
from watchdog.database.shape import Shape, shapes
from watchdog.database.staging import pairing
from watchdog.errors import Refused, UsageError
from watchdog.rollback.aftermath import Care, Server
from watchdog.rollback.displaced import Displaced
from watchdog.rollback.salvage_source import Source, find_source

WITHIN = timedelta(hours=1)
"""For telling the rows apart; the files are written without a limit."""
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Result:
    """One table: what its files hold, and what was put back where that was asked for."""

    table: str
    salvaged: Salvaged
    note: str = ""
    put_back: PutBack | None = None


async def salvage(
    care: Care, record: Displaced, directory: Path, tables: Collection[str], apply: bool
) -> dict[str, Any]:
    """Write the files into the new `directory`; returns their summary, which lies there too.

    `tables`: only these. Under the stack's lock, giving way: cut, it leaves files that are not whole and a
    live database as it was.
    """
    make_private(directory)
    server, deadline = await care.server(record), Deadline(care.hands.clock, WITHIN)
    async with find_source(care, server, record) as source:
        if apply and not source.settled:
            raise Refused(source.note)
        results = await _rows(server, record.database, source, directory, tables, deadline, apply)
    summary = {
        "incident": record.operation,
        "database": record.database,
        "displaced": record.name,
        "directory": str(directory),
        "applied": apply,
        "note": source.note,
        "tables": [asdict(result) for result in results],
    }
    await _write(directory / "summary.json", _whole(json.dumps(summary, indent=1).encode() + b"\n"))
    return summary


@dataclass(frozen=True, slots=True)
class Run:
    """One run over the tables of one displaced database."""

    displaced: Session
    restored: Session
    ours: dict[str, Shape]
    theirs: dict[str, Shape]
    reference: Reference
    directory: Path

    async def tables(self, lost: Sequence[TableLoss], back: Putting | None) -> list[Result]:
        names = stems([loss.table for loss in lost])
        sinks = {table: self._sink(stem) for table, stem in names.items()}
        results = [await self._table(loss, sinks[loss.table], back) for loss in lost]
        if back is None:
            return results
        done = await back.put()
        await back.refused(sinks)
        return [Result(r.table, r.salvaged, r.note, done.get(r.table)) for r in results]

    def _sink(self, stem: str) -> Sink:
        async def write(ending: str, blocks: AsyncIterator[bytes]) -> None:
            await _write(self.directory / f"{stem}.{ending}", blocks)

        return write

    async def _table(self, loss: TableLoss, sink: Sink, back: Putting | None) -> Result:
        shape, counterpart = self.ours.get(loss.table), self.theirs.get(loss.table)
        if shape is None:  # dropped, or large objects: nothing is there that could be copied
            return Result(loss.table, Salvaged(), loss.note)
        if counterpart is None:
            return await self._alone(loss, shape, "", "inserted", sink)
        if (pair := pairing(shape, counterpart)) is None:
            return await self._alone(loss, shape, self.reference.snapshot, "written", sink)
        salvaged = await salvage_table(
            self.displaced,
            self.restored,
            pair,
            Snapshots("" if loss.every_row else self.reference.snapshot, self.reference.swapped),
            exact=loss.inserted is not None and ABOUT not in loss.note,
            deleted=loss.deleted != 0,
            sink=sink,
            carry=back.carry if back is not None else None,
        )
        return Result(loss.table, salvaged, loss.note)

    async def _alone(self, loss: TableLoss, shape: Shape, snapshot: str, kind: str, sink: Sink) -> Result:
        count = await salvage_alone(self.displaced, shape, snapshot, kind, sink)
        salvaged = Salvaged(inserted=count) if kind == "inserted" else Salvaged(written=count)
        return Result(loss.table, salvaged, f"{loss.note}; never put back")


def stems(tables: Sequence[str]) -> dict[str, str]:
    """Beginnings of file names for tables, each its own, of what may stand in one."""
    found: dict[str, str] = {}
    for table in tables:
        stem = plain = re.sub(r"[^\w.-]", "_", table)[:LONGEST_NAME]
        number = 1
        while stem in found.values():
            number += 1
            stem = f"{plain}-{number}"
        found[table] = stem
    return found


def select(lost: Sequence[TableLoss], wanted: Collection[str]) -> list[TableLoss]:
    """Those wanted, by their name with or without `public.`; all where none is named."""
    names = {loss.table for loss in lost}
    chosen = {name if name in names else f"public.{name}" for name in wanted}
    if unknown := sorted(chosen - names):
        raise UsageError(
            f"nothing was displaced of {', '.join(unknown)}; of these tables something was:"
            f" {', '.join(sorted(names)) or 'none'}"
        )
    return [loss for loss in lost if not wanted or loss.table in chosen]


async def _rows(
    server: Server,
    live: str,
    source: Source,
    directory: Path,
    wanted: Collection[str],
    deadline: Deadline,
    apply: bool,
) -> list[Result]:
    async with (
        server.connect(source.displaced) as displaced,
        server.connect(source.restored) as restored,
        server.connect(live) as target,
    ):
        lost = select(await losses.account(displaced, restored, source.reference, deadline), wanted)
        ours, theirs = await _shapes(displaced), await _shapes(restored)
        run = Run(displaced, restored, ours, theirs, source.reference, directory)
        if not apply:
            return await run.tables(lost, None)
        async with putting(target, await _shapes(target)) as back:
            return await run.tables(lost, back)


async def _shapes(session: Session) -> dict[str, Shape]:
    async with session.transaction():
        await session.execute(sql.set_locally({"search_path": ""}))
        return await shapes(session)


async def _write(path: Path, blocks: AsyncIterator[bytes]) -> None:
    with open_private(path, os.O_EXCL) as file:
        async for block in blocks:
            await asyncio.to_thread(write_all, file, block)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
