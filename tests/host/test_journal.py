"""What journalctl shows of the daemon: fields of its own to search by, and never a secret."""

from __future__ import annotations

import json

import pytest

from tests.host.conftest import SECRET
from tests.host.host import CONFIG, UNIT, Host

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images


def test_every_event_has_fields_to_search_by(host: Host) -> None:
    (entry,) = [e for e in host.entries(start_of(host)) if e.get("EVENT") == "started"]
    assert entry["PRIORITY"] == "6"
    assert entry["SYSLOG_IDENTIFIER"] == "ops-watchdog"
    assert entry["STACKS"] == '["shop"]'
    assert entry["_SYSTEMD_UNIT"] == UNIT


def test_the_webhook_is_never_told_even_where_it_fails_or_the_configuration_does(host: Host) -> None:
    cursor = start_of(host)
    host.run("sed", "--in-place", "s/^stacks:/surprise:/", CONFIG)
    host.systemctl("reload", UNIT)
    host.await_event("configuration_kept", cursor)
    host.await_event("alert_not_delivered", cursor)
    search = f"journalctl --output=export --all | grep --text --count {SECRET.rpartition('/')[2]} || true"
    assert host.run("sh", "-c", search) == "0"


def start_of(host: Host) -> str:
    """Before the unit's last start."""
    (invocation,) = host.show("InvocationID")
    first = host.run(
        "journalctl", f"INVOCATION_ID={invocation}", "--lines=all", "--output=json"
    ).splitlines()[0]
    return str(json.loads(first)["__CURSOR"])
