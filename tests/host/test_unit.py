"""The unit file itself, as systemd 252 judges it."""

from __future__ import annotations

import pytest

from tests.host.host import UNIT, Host

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images

MOST_EXPOSURE = "24"
"""Tenths of systemd's score; measured: 24 with systemd 252."""

FORBIDDEN = ("/etc", "/usr", "/root", "/home", "/var/log", "/opt/ops-watchdog", "/sys", "/proc/sys")
NEEDED = ("/opt/shop", "/var/lib/ops-watchdog", "/run/ops-watchdog")


def test_systemd_finds_no_fault_in_it(host: Host) -> None:
    assert host.run("sh", "-c", f"systemd-analyze verify /etc/systemd/system/{UNIT} 2>&1") == ""


def test_exposes_no_more_than_it_says(host: Host) -> None:
    host.run("systemd-analyze", "security", "--no-pager", f"--threshold={MOST_EXPOSURE}", UNIT)


def test_outlives_the_engine(host: Host) -> None:
    requires, binds = host.show("Requires", "BindsTo")
    assert "docker" not in requires + binds


def test_may_write_state_and_socket_and_nothing_else_but_projects(host: Host) -> None:
    (pid,) = host.show("MainPID")
    within = ("nsenter", f"--target={pid}", "--mount")
    script = 'for path; do if [ -w "$path" ]; then echo "$path"; fi; done'
    writable = host.run(*within, "sh", "-c", script, "-", *FORBIDDEN, *NEEDED).splitlines()
    assert writable == list(NEEDED)
