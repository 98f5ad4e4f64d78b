"""Step four: put the target's files back, byte for byte, with owner and mode; keep what they displace.

What the target did not have is moved to the displaced files: an `.env` would change every definition.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from watchdog.deploy.files import defining_files, read
from watchdog.errors import StepFailed
from watchdog.rollback.run import Run
from watchdog.stack import ConfigFile, Release, Stack


async def revert_compose(run: Run) -> dict[str, Any]:
    """Facts: `changed` and `removed` (paths), `displaced_files` (the directory with what was there)."""
    kept = run.directory / "displaced"
    changed = [file for file in run.target.files if differs(file)]
    for file in changed:
        _keep(file.path, kept)
        _replace(file)
    removed = surplus(run.stack, run.target)
    for path in removed:
        _keep(path, kept)
        _remove(path)
    await _prove(run)
    return {
        "changed": [str(file.path) for file in changed],
        "removed": [str(path) for path in removed],
        "displaced_files": str(kept),
    }


def surplus(stack: Stack, target: Release) -> list[Path]:
    """What defines the stack now and did not then (an `.env` that the failed release brought along).

    `config_files` are left alone: they are mounted, no part of a definition, and the operator may have listed
    one after the target was captured.
    """
    known = {file.path for file in target.files} | set(stack.config_files)
    return [path for path in defining_files(stack) if path not in known and path.is_file()]


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


def differs(file: ConfigFile) -> bool:
    """Whether something else lies there now, or nothing."""
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


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise StepFailed(
            f"{path}, which the older release did not have, could not be moved away: {error.strerror}"
        ) from error


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
