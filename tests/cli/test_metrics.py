"""Metrics as whoever configured them meets them: served by the daemon; a taken port is a word in its log."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

from tests.cli.operator import Operator
from tests.end_to_end.waiting import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def scraped(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def test_the_daemon_serves_them_where_it_was_told_to(operator: Operator) -> None:
    port = free_port()
    operator.write(metrics={"listen": f"127.0.0.1:{port}"})
    with operator.runs("run"):
        until(lambda: 'ops_watchdog_docker_up{stack="shop"} 0.0' in scraped(port), "the metrics")
    assert scraped(port) == ""


def test_a_port_that_is_taken_is_named_and_the_daemon_guards_on(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        operator.write(metrics={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        with operator.runs("run") as daemon:
            until(lambda: "metrics_not_served" in daemon.read_text(), "a word about the port")
            assert "Address already in use" in daemon.read_text()
            until(lambda: operator.types("status").exit_code == 0, "a status")
