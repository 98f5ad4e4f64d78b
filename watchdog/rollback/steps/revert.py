"""Step four: put the target's files back, byte for byte, with owner and mode; keep what they displace."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from watchdog.deploy.files import read
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.stack import ConfigFile


async def revert_compose(run: Run) -> dict[str, Any]:
    """Facts: `changed` (paths) and `displaced_files` (the directory with the bytes that were there)."""
    kept = run.directory / "displaced"
    changed = [file for file in run.target.files if _differs(file)]
    for file in changed:
        _keep(file.path, kept)
        _replace(file)
    await _prove(run)
    return {"changed": [str(file.path) for file in changed], "displaced_files": str(kept)}


async def _prove(run: Run) -> None:
    """What lies on disk now gives the target's config hashes: checked before anything is started."""
    hashes = await run.hands.orchestrator.config_hashes(run.stack)
    wrong = [s.service for s in run.target.services if hashes.get(s.service) != s.config_hash]
    if wrong:
        raise StepFailed(
            f"the files of release {run.target.id} are back, but give another configuration for "
            f"{', '.join(wrong)}: something outside them changed (a variable of the environment, or a file "
            f"they refer to); compare with 'docker compose config --hash'"
        )


def lay_out_copies(files: Iterable[ConfigFile], directory: Path) -> None:
    """Copies under `directory` by their absolute paths, readable by the owner only (they hold secrets)."""
    for file in files:
        copy = directory / file.path.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy.touch(mode=0o600)
        copy.write_bytes(file.content)


def _differs(file: ConfigFile) -> bool:
    try:
        current = read(file.path)
    except OSError:
        return True
    return current != file


def _keep(path: Path, directory: Path) -> None:
    """Save the bytes once: a repeat after a crash must not overwrite them with the target's own."""
    copy = directory / path.relative_to("/")
    if path.exists() and not copy.exists():
        lay_out_copies([read(path)], directory)


def _replace(file: ConfigFile) -> None:
    """Write beside it, fsync, rename over it, fsync the directory; a symbolic link keeps pointing there."""
    path = file.path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.content)
            stream.flush()
            os.fchown(stream.fileno(), file.uid, file.gid)
            os.fchmod(stream.fileno(), file.mode)
            os.fsync(stream.fileno())
        Path(partial).replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise StepFailed(f"{path} could not be put back: {error.strerror or error}") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
