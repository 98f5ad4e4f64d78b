"""Docker Compose as a subprocess: fulfils `stack.Orchestrator`, built by the composition root.

The argv builders are pure and tested by equality; `process.run` starts what they return. Compose gets an
environment of its own instead of the daemon's: a variable of ours must not leak into a project's files, and
what the files need beyond `.env` and the env files is exactly what `deploy.capture` has to find out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from watchdog.adapters.compose_words import reason
from watchdog.adapters.process import ProgramMissing, run
from watchdog.errors import StepFailed
from watchdog.stack import Stack
from watchdog.stack.ports import AS_DECLARED

CONFIG_TIMEOUT = timedelta(seconds=30)
"""Reading files takes 0.1 s; an `include` from a remote repository would take longer."""
PASSED_ON = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
WITHOUT_PLUGIN = ("unknown flag: --project-", "'compose' is not a docker command")


class Compose:
    """`environment` is all that Compose sees; None means `minimal_environment()`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = minimal_environment() if environment is None else dict(environment)

    async def config_hashes(self, stack: Stack) -> Mapping[str, str]:
        return parse_hashes(await self._config(config_hash_argv(stack), stack.directory))

    async def images(self, stack: Stack) -> Mapping[str, str]:
        return parse_images(await self._config(config_json_argv(stack), stack.directory), stack.project)

    async def parse(self, stack: Stack, directory: Path) -> None:
        await self._config(parse_argv(stack, directory), stack.directory)

    async def up(
        self,
        stack: Stack,
        services: Sequence[str],
        timeout: timedelta,
        replicas: Mapping[str, int] = AS_DECLARED,
    ) -> None:
        await self._run("up", up_argv(stack, services, replicas), stack.directory, timeout)

    async def _config(self, argv: Sequence[str], directory: Path) -> str:
        return await self._run("config", argv, directory, CONFIG_TIMEOUT)

    async def _run(self, verb: str, argv: Sequence[str], directory: Path, timeout: timedelta) -> str:
        environment = {**dict.fromkeys(os.environ), **self._environment}
        finished = await run(argv, cwd=directory, env=environment, timeout=timeout)
        if any(words in finished.stderr for words in WITHOUT_PLUGIN):
            raise ProgramMissing("Docker has no Compose v2; install it (the package docker-compose-plugin)")
        if finished.exit_code != 0:
            said = reason(finished.stderr, verb, _named_files(argv))
            raise StepFailed(f"`docker compose {verb}` in {directory} failed: {said}")
        return finished.stdout


def minimal_environment(address: str | None = None) -> dict[str, str]:
    """What Compose needs of ours: where its plugins, its credentials and dockerd are.

    `address` is the engine's, where it was configured rather than inherited.
    """
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    kept.setdefault("HOME", "/root")
    return {**kept, "DOCKER_HOST": address} if address else kept


def config_hash_argv(stack: Stack) -> list[str]:
    """Prints `service hash` lines."""
    return [*compose_argv(stack), "config", "--hash", "*"]


def config_json_argv(stack: Stack) -> list[str]:
    """Prints the whole definition, secrets included."""
    return [*compose_argv(stack), "config", "--format", "json"]


def parse_argv(stack: Stack, directory: Path) -> list[str]:
    """Check copies of the files; what they refer to is still looked up beside the originals."""
    files = [kept_path(directory, path) for path in stack.files]
    env_files = [kept_path(directory, path) for path in stack.env_files]
    default = kept_path(directory, stack.directory / ".env")
    if not env_files and default.exists():
        env_files = [default]
    return [*_files_argv(stack.project, stack.directory, files, env_files), "config", "--quiet"]


def up_argv(stack: Stack, services: Sequence[str], replicas: Mapping[str, int] = AS_DECLARED) -> list[str]:
    """Start services and what they depend on, honouring conditions, from local images.

    Dependencies are not left out (`--no-deps`): Compose would forget the conditions with them.
    """
    return [
        *compose_argv(stack, "--progress", "quiet"),
        *("up", "--detach", "--pull", "never", "--no-build"),
        *(word for service, count in replicas.items() for word in ("--scale", f"{service}={count}")),
        *services,
    ]


def compose_argv(stack: Stack, *options: str) -> list[str]:
    """The beginning of every command on the files that lie on disk."""
    return [*_files_argv(stack.project, stack.directory, stack.files, stack.env_files), *options]


def kept_path(directory: Path, path: Path) -> Path:
    """Where the copy of `path` lies under `directory`: its absolute path, appended."""
    return directory / path.relative_to(path.anchor)


def parse_hashes(output: str) -> dict[str, str]:
    """`backend 2c46…` per line."""
    pairs = (line.split() for line in output.splitlines() if line.strip())
    return {pair[0]: pair[1] for pair in pairs}


def parse_images(output: str, project: str) -> dict[str, str]:
    """Service to image of the JSON definition; one that is only built gets Compose's own name for it."""
    try:
        services = json.loads(output)["services"]
        return {name: service.get("image") or f"{project}-{name}" for name, service in services.items()}
    except (ValueError, KeyError, TypeError, AttributeError):  # its text would quote the definition
        raise StepFailed("`docker compose config` printed no definition of services") from None


def _files_argv(
    project: str | None, directory: Path, files: Sequence[Path], env_files: Sequence[Path]
) -> list[str]:
    argv = ["docker", "compose"]
    if project is not None:
        argv += ["--project-name", project]
    argv += ["--project-directory", str(directory)]
    for path in files:
        argv += ["--file", str(path)]
    for path in env_files:
        argv += ["--env-file", str(path)]
    return argv


def _named_files(argv: Sequence[str]) -> list[str]:
    return [word for option, word in pairwise(argv) if option in {"--file", "--env-file"}]
