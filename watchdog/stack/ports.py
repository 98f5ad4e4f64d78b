"""What the program needs from a container engine and from an orchestrator, in the domain's words.

Implemented in `adapters`; faked in the tests under the same contract tests. Both raise `Unreachable` when the
engine does not answer and `StepFailed` when it refuses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from watchdog.stack.container import Container
from watchdog.stack.event import Event
from watchdog.stack.stack import Stack

AS_DECLARED: Mapping[str, int] = MappingProxyType({})
"""As many containers of each service as the files say."""


class Engine(Protocol):
    """Containers and images of this host."""

    async def containers(self, project: str) -> tuple[Container, ...]:
        """Every container of the project, running or not."""
        ...

    async def stop(self, containers: Sequence[Container]) -> None:
        """Stop them at once, each within its own stop timeout; already stopped or gone is fine."""
        ...

    async def start(self, containers: Sequence[Container]) -> None:
        """Start them in the given order; already running is fine."""
        ...

    async def restart(self, container: str) -> None:
        """Stop a container by ID, within its own stop timeout, and start it; one that is gone is fine."""
        ...

    async def set_restart_policy(self, container: str, policy: str, retries: int = 0) -> None:
        """Change the policy of a container by ID; a container that is gone is fine."""
        ...

    async def image_ids(self, references: Iterable[str]) -> Mapping[str, str]:
        """References (tags, digests or IDs) to image IDs; what is not on this host is left out."""
        ...

    async def repo_digests(self, image_id: str) -> tuple[str, ...]:
        """`name@sha256:…` under which a registry can give the image back; empty for a local build."""
        ...

    async def tag(self, image_id: str, reference: str) -> None:
        """Let `reference` mean `image_id`."""
        ...

    async def pull(self, digest: str) -> str:
        """Pull `name@sha256:…` and return the image ID. Raises `StepFailed` on any error in the stream."""
        ...

    async def read_file(self, container: str, path: str) -> bytes | None:
        """A file in a container, its volumes included, running or not; None where there is none."""
        ...

    async def logs(self, container: str, lines: int) -> str:
        """The last lines a container wrote, both streams."""
        ...

    async def execute(self, container: str, argv: Sequence[str], timeout: timedelta) -> int | None:
        """Run a command in a container, its output dropped, and return its exit code.

        None: it did not end in time. It is killed then where this host can; one that still lives is not
        joined by a second one. 126 and 127: it cannot be run there. `StepFailed`: the container does not run.
        """
        ...


class Orchestrator(Protocol):
    """Turns files into running services."""

    async def config_hashes(self, stack: Stack) -> Mapping[str, str]:
        """Service to config hash, of the files that lie on disk now. `StepFailed` if they do not parse."""
        ...

    async def images(self, stack: Stack) -> Mapping[str, str]:
        """Service to image reference, of the files that lie on disk now. `StepFailed` as above."""
        ...

    async def parse(self, stack: Stack, directory: Path) -> None:
        """Check that copies of the stack's files, kept under `directory` by their absolute paths, parse."""
        ...

    async def up(
        self,
        stack: Stack,
        services: Sequence[str],
        timeout: timedelta,
        replicas: Mapping[str, int] = AS_DECLARED,
    ) -> None:
        """Create and start services in dependency order, from local images only, nothing built.

        `replicas`: services that get another number of containers than the files say.
        """
        ...


class Events(Protocol):
    """Hints that something about a project changed; the truth is what `Engine.containers` says."""

    def stream(self) -> AsyncIterator[Event]:
        """Endless. Reconnects by itself; each (re)connection yields a `CONNECTED`, each loss a `LOST`.

        What was missed comes before CONNECTED, as far as the engine remembers it; what is lost is a `MISSED`.
        """
        ...
