"""An orchestrator in miniature that reads its project from real files, as Compose does.

A service's hash follows from its definition and the variables of `.env`; `up` makes a container anew where
its hash or its image is another one. Beside `FakeEngine`, for tests in which bytes on disk decide.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tests.fakes import FakeEngine
from tests.stack.samples import container
from watchdog.errors import StepFailed
from watchdog.stack import Stack
from watchdog.stack.ports import AS_DECLARED


class FileOrchestrator:
    """Fulfils `stack.Orchestrator`; `calls` lists what was asked to change."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.calls: list[tuple[object, ...]] = []
        self._numbers = itertools.count(1)

    async def config_hashes(self, stack: Stack) -> Mapping[str, str]:
        return {name: _hash(stack, service) for name, service in _services(stack.files).items()}

    async def images(self, stack: Stack) -> Mapping[str, str]:
        return {name: service["image"] for name, service in _services(stack.files).items()}

    async def parse(self, stack: Stack, directory: Path) -> None:
        _services(directory / file.relative_to("/") for file in stack.files)

    async def up(
        self,
        stack: Stack,
        services: Sequence[str],
        timeout: timedelta,
        replicas: Mapping[str, int] = AS_DECLARED,
    ) -> None:
        self.calls.append(("up", *services, *(f"{name}={n}" for name, n in replicas.items())))
        hashes = await self.config_hashes(stack)
        for name, service in _services(stack.files).items():
            if name in services or not services:
                await self._start(stack, name, service, hashes[name])

    async def _start(self, stack: Stack, name: str, service: dict[str, Any], config_hash: str) -> None:
        image = service["image"]
        if image not in self.engine.images:
            raise StepFailed(f"no such image: {image}")
        for old in await self.engine.containers(stack.project):
            if old.service == name:
                if (old.config_hash, old.image_id) == (config_hash, self.engine.images[image]):
                    await self.engine.start([old])
                    return
                self.engine.remove(old.id)
        made = container(
            name,
            id=f"{name}-{next(self._numbers)}",
            image=image,
            image_id=self.engine.images[image],
            config_hash=config_hash,
            restart_policy=service.get("restart", "no"),
        )
        self.engine.put(stack.project, made)


def _services(files: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        try:
            found |= YAML(typ="safe", pure=True).load(file.read_bytes())["services"]
        except (OSError, YAMLError, TypeError, KeyError) as error:
            raise StepFailed(f"{file} does not parse: {error}") from error
    return found


def _hash(stack: Stack, service: dict[str, Any]) -> str:
    variables = stack.directory / ".env"
    environment = variables.read_text(errors="replace") if variables.exists() else ""
    return hashlib.sha256(json.dumps([service, environment], sort_keys=True).encode()).hexdigest()
