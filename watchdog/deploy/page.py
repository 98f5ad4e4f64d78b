"""The maintenance page: a file whose existence makes the operator's proxy show it instead of the product.

The ledger remembers each that we put in place, so that the next process takes away what a dead one left. A
file that somebody else put there is never overwritten nor removed: ours carries a mark. Put and taken away by
`daemon.maintenance`.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MARK = b"<!-- put in place by ops-watchdog, which removes it again -->"
HTML = (
    b"<!doctype html>\n"
    + MARK
    + b"""
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="15">
<title>Back soon</title>
<style>
:root { color-scheme: light dark; }
body { display: grid; place-content: center; min-height: 90vh; margin: 0 1.5rem; text-align: center;
       font: 1.1rem/1.6 system-ui, sans-serif; }
h1 { margin: 0; font-size: 2rem; }
</style>
</head>
<body>
<h1>Back soon</h1>
<p>We are at work here. This page tries again by itself.</p>
</body>
</html>
"""
)
READABLE = 0o644
"""The proxy runs as somebody else."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of ours at an absolute path. `gone_at`: None while it is, or may be, in place."""

    stack: str
    path: str
    at: datetime
    gone_at: datetime | None = None


def put(path: Path) -> bool:
    """Put the page there, whole; False where somebody's own file is there already. Raises OSError."""
    if os.path.lexists(path):
        return is_ours(path)
    beside = _beside(path)
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(beside, flags, READABLE), "wb") as file:
            os.fchmod(file.fileno(), READABLE)  # whatever the umask of the unit is
            file.write(HTML)
            file.flush()
            os.fsync(file.fileno())  # an empty file after a power failure would not be known as ours
        os.link(beside, path)  # unlike a rename, never over another file
    except FileExistsError:
        return is_ours(path)
    finally:
        beside.unlink(missing_ok=True)
    return True


def take_away(path: Path) -> bool:
    """Remove what `put` made, whole or half; False where nothing of ours is there. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        _beside(path).unlink()
    if not is_ours(path):
        return False
    path.unlink(missing_ok=True)
    return True


def is_ours(path: Path) -> bool:
    """Whether the file there carries our mark."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK in file.read(len(HTML))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.ops-watchdog")
