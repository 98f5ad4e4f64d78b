"""Reaching dockerd: which address, one client a thread, and the library's errors in our words.

Used by `docker_engine` and `docker_events`. docker-py is imported on the first connection only: the command
line mostly talks to the daemon and never needs it (10 MiB, 0.2 s).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from watchdog.errors import StepFailed, Unreachable, WatchdogError

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


def engine_address(base_url: str | None) -> str:
    """The given address, else DOCKER_HOST, else Docker's default. CLI contexts are not followed."""
    return base_url or os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS


def connect(address: str, timeout: timedelta) -> APIClient:
    """A client with the API version negotiated; `timeout` bounds each call that names none itself."""
    from docker import APIClient

    with translated(address):
        client = APIClient(base_url=address, version="auto", timeout=int(timeout.total_seconds()))
    if address.startswith("unix:"):
        client.trust_env = False  # no proxy leads to a socket; looking for one was a quarter of each request
    return client


class Clients:
    """A client for each thread that asks, made when it first asks: docker-py shares none safely."""

    def __init__(self, address: str, timeout: timedelta) -> None:
        self._address = address
        self._timeout = timeout
        self._local = threading.local()
        self._all: list[APIClient] = []
        self._lock = threading.Lock()

    def mine(self) -> APIClient:
        """This thread's client. Raises `Unreachable` where dockerd does not answer."""
        client: APIClient | None = getattr(self._local, "client", None)
        if client is None:
            client = connect(self._address, self._timeout)
            self._local.client = client
            with self._lock:
                self._all.append(client)
        return client

    def forget_mine(self) -> None:
        """Start afresh next time: dockerd may come back as another version."""
        client: APIClient | None = getattr(self._local, "client", None)
        if client is not None:
            self._local.client = None
            with self._lock:
                self._all.remove(client)
            client.close()

    def close(self) -> None:
        with self._lock:
            for client in self._all:
                client.close()


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise `Unreachable` where dockerd did not answer, `StepFailed` where it refused."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise StepFailed(f"the engine refused: {error.explanation or error}") from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise unreachable(address, error) from error


def unreachable(address: str, error: BaseException) -> WatchdogError:
    """The message for an operator: which socket, what is wrong with it, what to do."""
    cause = _root(error)
    where = f"cannot reach dockerd at {address}"
    if isinstance(cause, PermissionError):
        return Unreachable(f"{where}: permission denied; run as root or as a member of the group `docker`")
    if isinstance(cause, FileNotFoundError):
        return Unreachable(
            f"{where}: there is no such socket; start Docker (`systemctl start docker`) or set DOCKER_HOST"
        )
    if isinstance(cause, ConnectionRefusedError):
        return Unreachable(f"{where}: nothing listens there; start Docker (`systemctl start docker`)")
    if isinstance(cause, TimeoutError) or "timed out" in str(cause).lower():
        return Unreachable(f"{where}: no answer in time; look at `systemctl status docker`")
    return Unreachable(f"{where}: {cause}; look at `systemctl status docker`")


def _root(error: BaseException) -> BaseException:
    """The innermost error: the libraries wrap the OSError in causes and in arguments, five deep."""
    seen: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.append(current)
        if isinstance(current, OSError) and type(current).__module__ == "builtins":
            return current
        inner = [current.__cause__, current.__context__, *current.args]
        waiting += [e for e in inner if isinstance(e, BaseException)]
    return seen[-1]
