import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchdog.adapters.systemd import Notifier

Send = Callable[[Notifier], None]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        yield manager


@pytest.mark.parametrize(
    ("send", "datagram"),
    [
        (lambda n: n.ready("guards 1 stack"), b"READY=1\nSTATUS=guards 1 stack"),
        (lambda n: n.status("rolling back"), b"STATUS=rolling back"),
        (lambda n: n.stopping(), b"STOPPING=1"),
        (lambda n: n.alive(), b"WATCHDOG=1"),
    ],
)
def test_tells_the_manager_where_the_daemon_stands(
    manager: socket.socket, tmp_path: Path, send: Send, datagram: bytes
) -> None:
    send(Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}))
    assert manager.recv(1000) == datagram


def test_reloading_carries_the_monotonic_clock(manager: socket.socket, tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).reloading()
    first, second = manager.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0


def test_an_at_sign_names_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(b"\0ops-watchdog-test-notify")
        Notifier({"NOTIFY_SOCKET": "@ops-watchdog-test-notify"}).alive()
        assert manager.recv(100) == b"WATCHDOG=1"


def test_without_a_manager_nothing_happens() -> None:
    Notifier({}).ready("guards 1 stack")


@pytest.mark.parametrize(
    ("usec", "seconds"), [("30000000", 30.0), ("500000", 0.5), ("", None), ("soon", None), ("-1", None)]
)
def test_the_watchdogs_time_in_seconds(usec: str, seconds: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": usec}).watchdog_seconds == seconds
    assert Notifier({}).watchdog_seconds is None
