"""Dumps to disk and back as streams: compressed and hashed in a thread, with a few chunks in memory at most.

The writer and the catalogue use it; the event loop only hands chunks over.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import IO, cast

from watchdog.backup.backup import FileEntry
from watchdog.backup.files import disk_errors, open_private, write_all
from watchdog.errors import Corrupt

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3
THREADS = 2
"""Measured on a mixed database: level 10 and long-distance matching do not pay."""
JOB_BYTES = 1024 * 1024
"""What a thread takes at a time: as fast as zstd's own 8 MiB here, with half of the memory."""
READ_BYTES = 1024 * 1024
BATCH = 4
"""Chunks a hand-over; one batch is compressed while the next one is collected."""


async def compress(path: Path, name: str, chunks: AsyncGenerator[bytes, None]) -> FileEntry:
    """Write all chunks into one zstd frame with a checksum; synced, not renamed. The entry is for `name`."""
    with disk_errors(path.parent), open_private(path) as file:
        frame = _Frame(file)
        async with aclosing(chunks):
            await _pump(chunks, frame)
        await asyncio.to_thread(frame.end)
        return FileEntry(name, frame.size_bytes, frame.sha256)


async def decompress(path: Path) -> AsyncIterator[bytes]:
    """The content of a `.zst`, `.gz` or plain file. Raises `Corrupt` for damaged or truncated ones."""
    try:
        file = await asyncio.to_thread(_open, path)
    except OSError as error:
        raise Corrupt(f"{path} cannot be read: {error.strerror}; choose another backup") from error
    ahead = asyncio.create_task(asyncio.to_thread(file.read, READ_BYTES))
    try:
        while chunk := await ahead:
            ahead = asyncio.create_task(asyncio.to_thread(file.read, READ_BYTES))
            yield chunk
    except (EOFError, zstd.ZstdError, zlib.error, OSError) as error:
        raise Corrupt(f"{path} is damaged or cut off ({error}); choose another backup") from error
    finally:
        await asyncio.gather(ahead, return_exceptions=True)
        file.close()


def damage(path: Path) -> str:
    """What is wrong with a `.gz` file, by reading it through; empty for a sound one. Blocks."""
    try:
        with _open(path) as file:
            while path.suffix == ".gz" and file.read(READ_BYTES):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return f"{path.name} is damaged or cut off ({error})"
    return ""


class _Frame:
    """A zstd frame being written to a file descriptor, in whatever thread calls."""

    def __init__(self, file: int) -> None:
        parameter = zstd.CompressionParameter
        self._file = file
        self._hash = hashlib.sha256()
        self._compressor = zstd.ZstdCompressor(
            options={
                parameter.compression_level: LEVEL,
                parameter.nb_workers: THREADS,
                parameter.job_size: JOB_BYTES,
                parameter.checksum_flag: 1,
            }
        )
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self._put(self._compressor.compress(chunk))

    def end(self) -> None:
        self._put(self._compressor.flush())
        os.fsync(self._file)

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self.size_bytes += len(data)
        write_all(self._file, data)


async def _pump(chunks: AsyncIterator[bytes], frame: _Frame) -> None:
    writing: asyncio.Task[None] | None = None
    batch: list[bytes] = []
    try:
        async for chunk in chunks:
            batch.append(chunk)
            if len(batch) == BATCH:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(frame.write, batch))
                batch = []
        if writing is not None:
            await writing
        await asyncio.to_thread(frame.write, batch)
    finally:
        if writing is not None:
            await asyncio.wait([writing])  # the file must not be closed under the thread


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".zst":
        return cast("IO[bytes]", zstd.ZstdFile(path))
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
