"""Backups are proven, shown, pinned and pruned by request; none goes that something still needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.backup.sets import script_set
from tests.daemon.house import House
from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import catalogue, find
from watchdog.backup.manifest import to_json
from watchdog.backup.marks import mark_damaged
from watchdog.daemon.client import Caller
from watchdog.daemon.guard import Guard
from watchdog.daemon.requests import REQUESTS
from watchdog.errors import Corrupt, Refused, UsageError
from watchdog.rollback.script_target import SCHEMA, TAGS

ME = Caller(1, 0, "root")
MONTHS = timedelta(days=100)


class Line:
    """A client that only listens."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def send(self, message: Mapping[str, Any]) -> None:
        self.heard.append(message)

    async def receive(self) -> dict[str, Any] | None:
        return None


async def ask(guard: Guard, command: str, line: Line | None = None, **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await REQUESTS[command](guard, arguments, line or Line(), ME)
    return answer


async def stocked(house: House, sets: int = 9) -> tuple[Guard, list[Backup]]:
    """As many backups as given, the first 100 days old and the others each a minute younger; newest first."""
    guard = await house.adopted()
    for _ in range(sets):
        await guard.conductor.backup("test")
        house.clock.tick(timedelta(minutes=1))
    house.clock.jump(MONTHS)
    return guard, list(catalogue(house.root / "backups"))


async def test_the_newest_set_is_verified_unless_one_is_named(house: House) -> None:
    guard, backups = await stocked(house, 2)
    line = Line()
    proven = await ask(guard, "verify_backup", line)
    assert (proven["timestamp"], proven["level"]) == (backups[0].timestamp, "checked")
    assert proven["checked_at"] is not None
    assert any("reading" in str(message) for message in line.heard)
    assert (await ask(guard, "verify_backup", timestamp=backups[1].timestamp))["level"] == "checked"
    actions = [(audit.action, audit.actor) for audit in await house.ledger.audits("shop")]
    assert actions[0] == ("verify", "user root (uid 0)")


async def test_what_does_not_match_its_checksums_is_told_and_noted(house: House) -> None:
    guard, [newest, older] = await stocked(house, 2)
    path = newest.directory / f"containers_{newest.timestamp}.txt"
    path.write_bytes(bytes(reversed(path.read_bytes())))
    with pytest.raises(Corrupt, match=f"containers_{newest.timestamp}.txt differs"):
        await ask(guard, "verify_backup")
    assert find(newest.directory, newest.timestamp).level is Level.DAMAGED
    assert (await ask(guard, "verify_backup"))["timestamp"] == older.timestamp


async def test_without_a_complete_set_there_is_nothing_to_verify(house: House) -> None:
    guard, [only] = await stocked(house, 1)
    mark_damaged(only, "shop", "for a test")
    with pytest.raises(Refused, match="make one with 'ops-watchdog backup'"):
        await ask(guard, "verify_backup")
    with pytest.raises(UsageError, match="there is no backup 20200101_000000"):
        await ask(guard, "verify_backup", timestamp="20200101_000000")


async def test_shows_what_a_set_holds_and_why_it_stays(house: House) -> None:
    guard, backups = await stocked(house)
    shown = await ask(guard, "show_backup", timestamp=backups[0].timestamp)
    assert backups[0].release is not None
    assert shown["release"]["id"] == backups[0].release.id
    assert {s["service"] for s in shown["release"]["services"]} == {"backend", "web"}
    assert {f"compose_{backups[0].timestamp}.yml"} < {file["name"] for file in shown["files"]}
    assert shown["expires_at"] == (backups[0].at + timedelta(days=30)).isoformat()
    oldest = await ask(guard, "show_backup", timestamp=backups[-1].timestamp)
    assert oldest["kept"] is None
    assert shown["kept"] is not None


async def test_prunes_what_expired_and_tells_why_the_others_stay(house: House) -> None:
    guard, backups = await stocked(house)
    await ask(guard, "pin_backup", timestamp=backups[-1].timestamp)
    told = await ask(guard, "prune_backups", dry_run=True)
    assert [row["timestamp"] for row in told["expired"]] == [backups[-2].timestamp]
    assert told["expired"][0] | {"size_bytes": 0} == {
        "timestamp": backups[-2].timestamp,
        "size_bytes": 0,
        "reason": "older than 30 days",
        "removed": False,
    }
    assert len(catalogue(backups[0].directory)) == 9
    done = await ask(guard, "prune_backups")
    assert [row["removed"] for row in done["expired"]] == [True]
    reasons = {row["timestamp"]: row["reason"] for row in done["kept"]}
    assert reasons[backups[-1].timestamp] == "pinned"
    assert {b.timestamp for b in catalogue(backups[0].directory)} == set(reasons)
    await ask(guard, "pin_backup", timestamp=backups[-1].timestamp, pinned=False)
    await ask(guard, "prune_backups")
    assert len(catalogue(backups[0].directory)) == 7


async def test_a_set_that_a_script_made_can_be_gone_back_to_and_the_plan_says_what_is_guessed(
    house: House,
) -> None:
    guard = await house.adopted("1")
    (house.root / "backups").mkdir(exist_ok=True)
    path = script_set(house.root / "backups", "20261022_153000")
    path.with_name("compose_20261022_153000.yml").write_bytes(house.compose.read_bytes())
    await house.deploy("2")
    plan = await ask(guard, "rollback", backup_timestamp="20261022_153000", plan=True)
    assert [change["service"] for change in plan["images"]] == ["backend"]
    assert plan["files"] == [str(house.compose)]
    assert (plan["notes"], plan["obstacles"]) == ([TAGS, SCHEMA], [])
    done = await ask(guard, "rollback", backup_timestamp="20261022_153000")
    assert (done["outcome"], done["detail"]) == ("succeeded", "")
    assert (await house.running())["backend"] == "shop/backend:1"


async def test_the_backups_of_another_stack_are_neither_found_nor_pruned(house: House) -> None:
    """A directory that two stacks of two hosts share, or whose stack was renamed."""
    guard, backups = await stocked(house)
    for backup in backups:
        manifest = backup.directory / f"manifest_{backup.timestamp}.json"
        manifest.write_bytes(to_json(replace(backup, stack="blog")))
    assert (await ask(guard, "prune_backups")) == {"expired": [], "kept": []}
    for command in ("show_backup", "pin_backup", "verify_backup"):
        with pytest.raises(UsageError, match="there is no backup"):
            await ask(guard, command, timestamp=backups[0].timestamp)
    assert len(catalogue(backups[0].directory)) == 9
