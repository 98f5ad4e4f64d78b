"""What a deployment's command left behind is ended from within the unit's walls, wherever it went."""

from __future__ import annotations

import pytest

from tests.host.host import UNIT, Host

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images

PYTHON = "/opt/ops-watchdog/bin/python"
ENDING = "/run/systemd/system/ending.service"
OF_ITS_OWN = ("Type", "ExecStart", "Restart", "NotifyAccess", "WatchdogSec")
"""Settings of a daemon's life; the others are the walls around it."""
RUNS = """
import asyncio, sys
from watchdog.adapters.terminal_command import TerminalCommand
sys.exit(asyncio.run(TerminalCommand(sys.argv[2:]).run(sys.argv[1])))
"""
ENDS = """
import asyncio
from watchdog.adapters.scope import Scopes
asyncio.run(Scopes().end("escaping"))
"""
ESCAPES = """
env -i setsid sh -c 'sleep 611 & sleep 612' &
env -i setsid setpriv --reuid=65534 --regid=65534 --clear-groups sleep 613 &
trap '' TERM
echo $$
while :; do sleep 0.1; done
"""


def within_the_walls(host: Host, script: str) -> None:
    """Run as the daemon would: every setting of the unit is in force."""
    unit = host.run("cat", f"/etc/systemd/system/{UNIT}").splitlines()
    kept = [line for line in unit if line.partition("=")[0] not in OF_ITS_OWN]
    where = kept.index("[Service]") + 1
    host.write("/opt/shop/ends.py", script)
    own = ["Type=oneshot", f"ExecStart={PYTHON} /opt/shop/ends.py"]
    host.write(ENDING, "\n".join([*kept[:where], *own, *kept[where:]]))
    host.systemctl("daemon-reload")
    host.systemctl("start", "ending.service")


def sleepers(host: Host) -> str:
    return host.run("sh", "-c", "pgrep --full '^sleep 61[123]' || true")


def test_a_command_keeps_its_exit_code_within_its_scope(host: Host) -> None:
    command = f"""{PYTHON} -c "$1" answering sh -c 'cat /proc/self/cgroup; exit 7'; echo "exit code $?" """
    said = host.run("sh", "-c", command, "sh", RUNS)
    assert "/system.slice/ops-watchdog-deploy-answering.scope" in said
    assert said.endswith("exit code 7")


@pytest.mark.long  # the command ignores TERM for the whole grace
def test_what_a_killed_terminal_left_is_ended_whoever_it_runs_as_and_wherever_it_went(host: Host) -> None:
    command = f"""{PYTHON} -c "$1" escaping sh -c "$2" >/run/told & echo $! >/run/terminal"""
    host.run("sh", "-c", command, "sh", RUNS, ESCAPES)
    host.until(lambda: len(sleepers(host).split()) == 3)
    host.run("sh", "-c", "kill -KILL $(cat /run/terminal)")
    leader = host.run("cat", "/run/told").strip()
    assert host.systemctl("is-active", "ops-watchdog-deploy-escaping.scope").strip() == "active"
    within_the_walls(host, ENDS)
    assert sleepers(host) == ""
    assert host.run("sh", "-c", f"test ! -e /proc/{leader} && echo gone").strip() == "gone"
