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
        _write(directory / file.path.relative_to("/"), file.content, 0o600)


def _differs(file: ConfigFile) -> bool:
    try:
        current = read(file.path)
    except OSError:
        return True
    return current != file


def _keep(path: Path, directory: Path) -> None:
    """Save the bytes once: a repeat after a crash must not overwrite them with the target's own."""
    if (directory / path.relative_to("/")).exists():
        return
    try:
        current = read(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StepFailed(
            f"{path} is in the way and cannot be kept: {error.strerror}; move it away"
        ) from error
    lay_out_copies([current], directory)


def _replace(file: ConfigFile) -> None:
    """A symbolic link keeps pointing where it does."""
    _write(file.path.resolve(), file.content, file.mode, (file.uid, file.gid))


def _write(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Whole or not at all: write beside it, fsync, rename over it, fsync the directory."""
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(partial).replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise StepFailed(f"{path} could not be written: {error.strerror or error}") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
