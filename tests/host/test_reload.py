"""`systemctl reload`: a valid configuration is taken over whole, a broken one changes nothing."""

from __future__ import annotations

import json

import pytest

from tests.host.conftest import guarding
from tests.host.host import CONFIG, UNIT, Host

pytestmark = [pytest.mark.host, pytest.mark.timeout(300)]  # the first one builds the images


def test_takes_a_changed_configuration_over_without_a_restart(host: Host) -> None:
    cursor, before = host.cursor(), host.show("MainPID")
    host.write(CONFIG, guarding("shop", "blog"))
    host.systemctl("reload", UNIT)
    entry = host.await_event("configuration_reloaded", cursor)
    assert json.loads(entry["STACKS"]) == ["shop", "blog"]
    host.until(lambda: host.show("ActiveState", "StatusText") == ("active", "guarding shop, blog"))
    assert host.show("MainPID") == before


def test_keeps_the_old_configuration_where_the_new_one_is_broken_and_says_where(host: Host) -> None:
    cursor, before = host.cursor(), host.show("MainPID")
    host.write(CONFIG, guarding("shop", "blog") + "stateDir: /x\nlog: {level: loud}\n")
    host.systemctl("reload", UNIT)
    entry = host.await_event("configuration_kept", cursor)
    assert entry["PRIORITY"] == "3"
    assert [f"{CONFIG}:{line}:" in entry["REASON"] for line in (7, 8)] == [True, True], entry["REASON"]
    host.until(lambda: host.show("ActiveState", "StatusText") == ("active", "guarding shop"))
    assert host.show("MainPID") == before


def test_alerts_that_the_old_configuration_stays_in_force(host: Host) -> None:
    host.write(CONFIG, guarding("shop", slack=False))  # without Slack, alerts go to the journal
    host.systemctl("restart", UNIT)
    cursor = host.cursor()
    host.write(CONFIG, "stacks: {}\n")
    host.systemctl("reload", UNIT)
    host.await_event("alert", cursor, told="the old one stays in force")
