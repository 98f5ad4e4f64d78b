"""Rehearses the revert on copies, for preflight: the target's bytes give the target's definitions still.

After the swap it would be too late to find out that a variable or a file outside of the release decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from watchdog.deploy.files import DEFAULT_ENV_FILE, defining_files
from watchdog.errors import Refused
from watchdog.rollback.run import Run
from watchdog.rollback.steps.revert import differs, lay_out_copies
from watchdog.stack import Release, Stack


async def rehearse(run: Run, copies: Path) -> None:
    """Lay the target's files out under `copies`, parse them, compare their config hashes with the target's.

    What they refer to (a service's `env_file`, an included file) is looked up beside the originals: where the
    revert will change that too, only the revert can tell.
    """
    lay_out_copies(run.target.files, copies)
    if not all(file.path.exists() for file in run.target.files):
        return
    await run.hands.orchestrator.parse(run.stack, copies)
    rehearsed = copied(run.stack, run.target, copies)
    if not _settled(run.target, defining_files(rehearsed), copies):
        return
    hashes = await run.hands.orchestrator.config_hashes(rehearsed)
    if wrong := [s.service for s in run.target.services if hashes.get(s.service) != s.config_hash]:
        raise Refused(
            f"the files of release {run.target.id} give another configuration by now for {', '.join(wrong)}: "
            f"something outside them changed (a variable of the environment, or a file they refer to); bring "
            f"it back, or choose another backup"
        )


def copied(stack: Stack, target: Release, copies: Path) -> Stack:
    """The stack as defined by the copies; an empty one stands for the `.env` that the target did not have."""
    env_files = stack.env_files or (stack.directory / DEFAULT_ENV_FILE,)
    known = {file.path for file in target.files}
    for path in env_files:
        if path not in known:
            copy = _copy(copies, path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch(0o600)
    return replace(
        stack,
        files=tuple(_copy(copies, path) for path in stack.files),
        env_files=tuple(_copy(copies, path) for path in env_files),
        config_files=(),
    )


def _settled(target: Release, definition: Iterable[Path], copies: Path) -> bool:
    """What the copies refer to lies there as the target had it."""
    then = {file.path: file for file in target.files}
    for path in definition:
        if path.is_relative_to(copies):
            continue
        if differs(then[path]) if path in then else path.is_file():
            return False
    return True


def _copy(copies: Path, path: Path) -> Path:
    return copies / path.relative_to(path.anchor)
