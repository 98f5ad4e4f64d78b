"""Containers and images through the Engine API: fulfils `stack.Engine`, built by the composition root.

docker-py blocks, so each verb runs in a worker thread. Looks, acts and the checks' commands have
pools of their own: a stop that takes its 30 s or a pull that takes minutes must not hold up the look that
decides about a rollback.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, cast

from watchdog.adapters.docker_client import Clients, engine_address, translated
from watchdog.adapters.docker_exec import Commands
from watchdog.adapters.docker_inspect import PROJECT_LABEL, Inspection
from watchdog.adapters.docker_inspect import container as as_container
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import Container

if TYPE_CHECKING:
    from docker import APIClient
    from docker.api.container import _RestartPolicy

CALL_TIMEOUT = timedelta(seconds=30)
"""For every call that does not wait for a container or a registry; a busy dockerd needs seconds, not more."""
DEFAULT_STOP_SECONDS = 10
"""The engine's own, where a container names no stop timeout."""
LOOKERS = 2
ACTORS = 16
"""Stops at one level run at once; threads are started only when needed."""
EXECUTORS = 4
"""To begin a command keeps one busy for about 50 ms; while it runs, none."""

T = TypeVar("T")


class DockerEngine:
    """One dockerd. The constructor never fails: the first call connects."""

    def __init__(self, base_url: str | None = None) -> None:
        self.address = engine_address(base_url)
        self._clients = Clients(self.address, CALL_TIMEOUT)
        self._lookers = ThreadPoolExecutor(LOOKERS, "engine-look")
        self._actors = ThreadPoolExecutor(ACTORS, "engine-act")
        self._executors = ThreadPoolExecutor(EXECUTORS, "engine-exec")
        self._commands = Commands(self._execute)

    async def ping(self) -> None:
        """Raises `Unreachable` unless dockerd answers."""
        await self._look(lambda client: client.ping())

    async def containers(self, project: str) -> tuple[Container, ...]:
        return await self._look(lambda client: _containers(client, project))

    async def stop(self, containers: Sequence[Container]) -> None:
        await asyncio.gather(*(self._act(partial(_stop, container=c.id)) for c in containers))

    async def start(self, containers: Sequence[Container]) -> None:
        for container in containers:
            await self._act(partial(_start, container=container.id))

    async def restart(self, container: str) -> None:
        await self._act(partial(_restart, container=container))

    async def set_restart_policy(self, container: str, policy: str, retries: int = 0) -> None:
        await self._act(lambda client: _set_restart_policy(client, container, policy, retries))

    async def image_ids(self, references: Iterable[str]) -> Mapping[str, str]:
        wanted = tuple(dict.fromkeys(references))
        return await self._look(lambda client: _image_ids(client, wanted))

    async def repo_digests(self, image_id: str) -> tuple[str, ...]:
        image = await self._look(lambda client: _image(client, image_id))
        return tuple((image or {}).get("RepoDigests") or ())

    async def tag(self, image_id: str, reference: str) -> None:
        await self._act(lambda client: _tag(client, image_id, reference))

    async def pull(self, digest: str) -> str:
        """As the port says; a cancelled pull ends with the next line of progress."""
        abandoned = threading.Event()
        try:
            return await self._act(lambda client: _pull(client, digest, abandoned))
        finally:
            abandoned.set()

    async def read_file(self, container: str, path: str) -> bytes | None:
        return await self._look(lambda client: _read_file(client, container, path))

    async def logs(self, container: str, lines: int) -> str:
        return await self._look(lambda client: _logs(client, container, lines))

    async def execute(self, container: str, argv: Sequence[str], timeout: timedelta) -> int | None:
        return await self._commands.execute(container, argv, timeout)

    async def close(self) -> None:
        """End the workers; calls under way finish within their own timeouts."""
        await self._commands.close()
        self._executors.shutdown(wait=False, cancel_futures=True)
        self._lookers.shutdown(wait=False, cancel_futures=True)
        self._actors.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    async def _look(self, work: Callable[[APIClient], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._lookers, self._call, work)

    async def _act(self, work: Callable[[APIClient], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._actors, self._call, work)

    async def _execute(self, work: Callable[[APIClient], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executors, self._call, work)

    def _call(self, work: Callable[[APIClient], T]) -> T:
        """Runs in a worker thread."""
        try:
            client = self._clients.mine()
            with translated(self.address):
                return work(client)
        except Unreachable:
            self._clients.forget_mine()
            raise


def _containers(client: APIClient, project: str) -> tuple[Container, ...]:
    found = []
    for item in client.containers(all=True, filters={"label": f"{PROJECT_LABEL}={project}"}):
        with _gone_is_fine():
            found.append(as_container(client.inspect_container(item["Id"])))
    return tuple(sorted(found, key=lambda c: (c.service, c.name)))


def _stop(client: APIClient, container: str) -> None:
    with _gone_is_fine():
        client.stop(container, timeout=_stop_timeout(client, container))


def _restart(client: APIClient, container: str) -> None:
    with _gone_is_fine():
        client.restart(container, timeout=_stop_timeout(client, container))


def _stop_timeout(client: APIClient, container: str) -> int:
    declared = client.inspect_container(container)["Config"].get("StopTimeout")
    return DEFAULT_STOP_SECONDS if declared is None else int(declared)


def _start(client: APIClient, container: str) -> None:
    client.start(container)


def _set_restart_policy(client: APIClient, container: str, policy: str, retries: int) -> None:
    wanted = {"Name": policy, "MaximumRetryCount": retries if policy == "on-failure" else 0}
    with _gone_is_fine():
        client.update_container(container, restart_policy=cast("_RestartPolicy", wanted))


def _image_ids(client: APIClient, references: Sequence[str]) -> dict[str, str]:
    images = {reference: _image(client, reference) for reference in references}
    return {reference: image["Id"] for reference, image in images.items() if image is not None}


def _image(client: APIClient, reference: str) -> Inspection | None:
    with _gone_is_fine():
        return cast(Inspection, client.inspect_image(reference))  # type: ignore[no-untyped-call]
    return None


def _tag(client: APIClient, image_id: str, reference: str) -> None:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(reference)
    if "@" in reference:
        raise StepFailed(f"cannot tag {image_id} as {reference}: a digest means one image for ever")
    client.tag(image_id, repository, tag or "latest")


def _pull(client: APIClient, digest: str, abandoned: threading.Event) -> str:
    for line in client.pull(digest, stream=True, decode=True):
        if "error" in line:
            raise StepFailed(f"cannot pull {digest}: {line['error']}")
        if abandoned.is_set():
            raise StepFailed(f"pull of {digest} was given up")
    image = _image(client, digest)
    if image is None:
        raise StepFailed(f"pulled {digest}, yet the engine does not know it")
    return str(image["Id"])


def _logs(client: APIClient, container: str, lines: int) -> str:
    with _gone_is_fine():
        written: bytes = client.logs(container, stdout=True, stderr=True, tail=lines)
        return written.decode(errors="replace")
    return ""


def _read_file(client: APIClient, container: str, path: str) -> bytes | None:
    with _gone_is_fine():
        chunks, _ = client.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            found = archive.extractfile(archive.next() or tarfile.TarInfo())
            return found.read() if found is not None else None
    return None


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Leave the block quietly when what it names does not exist (any more)."""
    from docker.errors import APIError

    try:
        yield
    except APIError as error:
        if error.status_code != HTTPStatus.NOT_FOUND and "marked for removal" not in str(error.explanation):
            raise
