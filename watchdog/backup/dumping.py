"""One database into one compressed file, with the account of what it holds, under one snapshot.

`writer` dumps the live databases by it, `displaced_dump` a displaced one.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from watchdog.backup import streams
from watchdog.backup.backup import Account, FileEntry
from watchdog.backup.policy import Hashing
from watchdog.backup.ports import Dumper
from watchdog.errors import Refused

LOOK_EVERY = 64 * 1024**2
"""Bytes of the uncompressed dump between two looks at the disk's free room."""


async def dump_to(
    path: Path,
    name: str,
    dumper: Dumper,
    database: str,
    reserve_bytes: int = 0,
    hashes: Hashing = "auto",
) -> tuple[FileEntry, Account]:
    """Write and sync `path`, whose final name will be `name`. Raises `Refused` as soon as less than the
    reserve is free."""
    async with dumper.dumping(database) as dump:
        account = asyncio.create_task(dump.account(hashes))
        try:
            chunks = dump.chunks()
            if reserve_bytes:
                chunks = _while_room(chunks, path.parent, reserve_bytes)
            entry = await streams.compress(path, name, chunks)
            return entry, await account
        finally:
            account.cancel()
            await asyncio.gather(account, return_exceptions=True)


async def _while_room(
    chunks: AsyncGenerator[bytes, None], directory: Path, reserve_bytes: int
) -> AsyncGenerator[bytes, None]:
    passed = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            passed += len(chunk)
            if passed >= LOOK_EVERY:
                passed = 0
                _require(directory, reserve_bytes)
            yield chunk


def _require(directory: Path, reserve_bytes: int) -> None:
    if shutil.disk_usage(directory).free < reserve_bytes:
        raise Refused(
            f"the dump would take more room than backup.disk_reserve ({reserve_bytes // 1024**2} MiB) leaves"
            f" in {directory}; make room there"
        )
