"""A standby copy is made beside the deployment, told, kept for as long as it may be wanted, and dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.commands import FakeCommand
from tests.daemon.house import LIMIT, LOOK
from tests.daemon.stocked import Stocked
from tests.postgres_server import Server
from watchdog.backup.backup import Backup, Level
from watchdog.backup.catalogue import catalogue
from watchdog.daemon.chores import protected_timestamps, sweep
from watchdog.daemon.guard import Guard
from watchdog.daemon.preparing import ORDINARILY
from watchdog.database import sql
from watchdog.database.names import displaced_name
from watchdog.deploy.deployment import Phase
from watchdog.errors import Busy
from watchdog.rollback.operation import Operation
from watchdog.rollback.policy import Mode, RollbackPolicy
from watchdog.rollback.target import AUTOMATIC

pytestmark = pytest.mark.engine
Running = asyncio.Task[dict[str, object]]
EARLIER = "20260101_000000"


@pytest.fixture
async def house(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Stocked]:
    house = Stocked(tmp_path, server, database)
    yield house
    house.gate.passed.set()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await house.ledger.close()


async def begun(guard: Guard, command: FakeCommand, allowed: bool = True) -> Running:
    """Its command runs when this returns."""
    task = asyncio.create_task(guard.conductor.deploy(command, allowed))
    async with asyncio.timeout(LIMIT):
        await command.started.wait()
    return task


async def prepared(house: Stocked) -> tuple[Guard, FakeCommand, str]:
    """The command runs, and the copy of this backup stands by."""
    guard, command = await house.adopted(), FakeCommand()
    await begun(guard, command)
    return guard, command, (await house.heard("standby_ready"))["backup"]


async def until_healthy(house: Stocked, guard: Guard, command: FakeCommand) -> None:
    await house.deploy("2")
    await house.handled(guard, LOOK)
    command.exit(0)
    await house.heard("command_ended")
    await house.live(guard, 40)


def the_backup(house: Stocked) -> Backup:
    return catalogue(house.root / "backups")[0]


# it is made


async def test_the_backup_stands_by_proven_while_the_command_still_runs(house: Stocked) -> None:
    guard, _, backup = await prepared(house)
    assert house.server.databases(house.database) == {house.database: True, house.whole(backup): False}
    assert await guard.preparer.standby() == {"state": "ready", "backup": backup, "reason": None}
    assert the_backup(house).level is Level.VERIFIED


async def test_the_command_does_not_wait_for_it(house: Stocked) -> None:
    guard, command = await house.adopted(), FakeCommand()
    house.gate.shut()
    await begun(guard, command)
    await house.gate.reached.wait()
    backup = the_backup(house).timestamp
    assert command.calls == ["run"]
    assert await guard.preparer.standby() == {"state": "being restored", "backup": backup, "reason": None}
    house.gate.passed.set()
    await house.heard("standby_ready")


async def test_a_scheduled_backup_is_not_restored(house: Stocked) -> None:
    guard = await house.adopted()
    await guard.conductor.backup("scheduled")
    assert await guard.preparer.standby() == {"state": "none", "backup": None, "reason": ORDINARILY}
    assert house.copies() == set()


async def test_without_room_it_is_not_even_begun_and_the_reason_is_told(house: Stocked) -> None:
    house.gate.free_bytes = 1024**2
    guard = await house.adopted()
    await begun(guard, FakeCommand())
    reason = (await house.heard("standby_not_made"))["reason"]
    assert reason.startswith("database has 1 MiB free, and a standby copy wants ")
    assert await guard.preparer.standby() == {"state": "none", "backup": None, "reason": reason}
    assert house.copies() == set()
    assert house.told("standby_started") == []


# it fails


def holding_something_else(backup: Backup) -> Backup:
    """Its account and its dump disagree."""
    [dump] = backup.dumps
    users = replace(dump.account.contents.tables["public.users"], rows=7)
    contents = replace(dump.account.contents, tables={**dump.account.contents.tables, "public.users": users})
    return replace(backup, dumps=(replace(dump, account=replace(dump.account, contents=contents)),))


async def test_a_backup_that_proves_to_be_none_is_alerted_and_never_a_target_again(house: Stocked) -> None:
    guard, command = await house.adopted(), FakeCommand()
    house.alter = holding_something_else
    await begun(guard, command)
    assert "public.users" in (await house.heard("standby_failed"))["reason"]
    [alert] = [a for a in await house.alerts() if a.title == "the standby copy could not be made"]
    assert (alert.level, "public.users" in alert.text) == ("critical", True)
    await house.standbys.settle(the_backup(house).timestamp)
    assert the_backup(house).level is Level.DAMAGED
    assert house.copies() == set()
    command.exit(0)
    assert (await house.heard("command_ended"))["exit_code"] == 0, "the deployment goes on"


async def test_a_dump_that_cannot_be_read_just_now_condemns_nothing(house: Stocked) -> None:
    """The disk answers again, and the rollback of this deployment can use the backup."""
    guard = await house.adopted()
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    [dump] = (house.root / "backups").glob("db_backup_*.dump.zst")
    away = dump.rename(dump.with_name("away"))
    house.gate.passed.set()
    await house.heard("standby_failed")
    away.rename(dump)
    [alert] = [a for a in await house.alerts() if a.title == "the standby copy could not be made"]
    assert alert.level == "warning"
    await house.standbys.settle(the_backup(house).timestamp)
    assert the_backup(house).level is Level.COMPLETE


async def test_a_server_that_refuses_it_is_a_warning(house: Stocked) -> None:
    """A role that the dump needs is gone from the server."""
    role = f"{house.database}_owner"
    house.server.sql("postgres", f'CREATE ROLE "{role}"')
    house.server.sql(house.database, f'ALTER TABLE users OWNER TO "{role}"')
    guard, command = await house.adopted(), FakeCommand()
    house.gate.shut()
    try:
        await begun(guard, command)
        await house.gate.reached.wait()
        house.server.sql(house.database, "ALTER TABLE users OWNER TO shop", f'DROP ROLE "{role}"')
        house.gate.passed.set()
        assert role in (await house.heard("standby_failed"))["reason"]
    finally:
        house.server.sql(house.database, "ALTER TABLE users OWNER TO shop")
        house.server.sql("postgres", f'DROP ROLE IF EXISTS "{role}"')
    [alert] = [a for a in await house.alerts() if a.title == "the standby copy could not be made"]
    assert alert.level == "warning"
    assert the_backup(house).level is Level.COMPLETE
    await house.standbys.settle(the_backup(house).timestamp)
    assert house.copies() == set()


# it is used


async def rolled_back(house: Stocked) -> dict[str, Any]:
    """The facts of the step that restored the database."""
    assert (await house.heard("rollback_ended"))["outcome"] == "succeeded"
    [operation] = await house.ledger.operations("shop")
    [step] = [s for s in await house.ledger.steps(operation.id) if s.step == "restore_database"]
    return step.facts


async def test_a_rollback_renames_the_copy_that_stands_by(house: Stocked) -> None:
    guard, command, _ = await prepared(house)
    house.gate.free_bytes = 0  # it needs no room any more
    await house.break_down(guard)
    facts = await rolled_back(house)
    assert facts["stood_by"] == [house.database]
    assert command.calls == ["run", "end"]
    assert house.copies() == set(facts["displaced"].values())


async def test_a_rollback_that_comes_too_early_waits_for_the_copy(house: Stocked) -> None:
    guard, command = await house.adopted(), FakeCommand()
    house.gate.shut()
    await begun(guard, command)
    await house.gate.reached.wait()
    await house.break_down(guard)
    await house.begins("restore_database")
    house.gate.passed.set()
    facts = await rolled_back(house)
    assert facts["stood_by"] == [house.database]
    assert len(house.told("standby_started")) == 1


async def test_a_rollback_restores_for_itself_where_the_copy_failed_meanwhile(house: Stocked) -> None:
    guard = await house.adopted()
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    backup = the_backup(house).timestamp
    await house.break_down(guard)
    house.server.sql("postgres", f'DROP DATABASE "{house.half(backup)}" WITH (FORCE)')
    house.gate.passed.set()
    facts = await rolled_back(house)
    assert facts["stood_by"] == []
    assert house.told("standby_failed")


async def test_a_rollback_to_another_backup_neither_waits_nor_leaves_the_copy(house: Stocked) -> None:
    guard = await house.adopted()
    earlier = await guard.conductor.backup("wanted")
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    now, good = house.clock.now(), guard.watch.good
    assert good is not None
    deployment = guard.watch.deployment
    assert deployment is not None
    await house.go_home(guard)
    await house.ledger.write(
        Operation("o1", "shop", "full", good.id, earlier.timestamp, deployment.id, AUTOMATIC, (), now)
    )
    await house.on_guard()
    facts = await rolled_back(house)
    assert facts["stood_by"] == []
    assert house.copies() == set(facts["displaced"].values())


# it is dropped


async def test_it_goes_when_the_window_closes_healthy(house: Stocked) -> None:
    guard, command, backup = await prepared(house)
    await until_healthy(house, guard, command)
    assert house.copies() == {house.whole(backup)}, "the window is still open"
    await house.live(guard, 600)
    await house.heard("standby_dropped")
    assert house.copies() == set()
    assert guard.watch.deployment is None


async def test_what_is_being_made_when_the_window_closes_is_cut(house: Stocked) -> None:
    guard, command = await house.adopted(), FakeCommand()
    house.gate.shut()
    await begun(guard, command)
    await house.gate.reached.wait()
    await until_healthy(house, guard, command)
    await house.live(guard, 600)
    await guard.preparer.tidied()
    assert house.copies() == set()
    assert house.standbys.making == ""


async def test_it_goes_when_the_command_changed_nothing(house: Stocked) -> None:
    _, command, _ = await prepared(house)
    command.exit(1)
    await house.heard("not_rolled_back")
    await house.heard("standby_dropped")
    assert house.copies() == set()


async def test_that_of_the_deployment_before_goes_once_the_next_one_stands(house: Stocked) -> None:
    guard, command, first = await prepared(house)
    command.exit(0)
    await house.live(guard, 40)
    house.events.clear()
    command = FakeCommand()
    await begun(guard, command)
    second = (await house.heard("standby_ready"))["backup"]
    assert house.copies() == {house.whole(first), house.whole(second)}, "this one may change nothing"
    await until_healthy(house, guard, command)
    await house.heard("standby_dropped")
    assert house.copies() == {house.whole(second)}


async def test_it_stays_after_a_failure_for_a_person_but_no_longer_than_a_day(house: Stocked) -> None:
    house.rollback = RollbackPolicy(mode=Mode.NOTIFY)
    guard, command, backup = await prepared(house)
    await house.break_down(guard)
    command.exit(1)
    await house.heard("not_rolled_back")
    await sweep(guard)
    assert house.copies() == {house.whole(backup)}
    assert backup in await protected_timestamps(guard)
    house.clock.tick(timedelta(hours=25))
    await sweep(guard)
    assert house.copies() == set()
    assert house.told("standby_dropped")


# it does not outlive its process, nor die of a reload


async def test_a_reload_leaves_it_at_work(house: Stocked) -> None:
    guard = await house.adopted()
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    await guard.desk.ask(lambda: guard.reconfigure(house.tools()))
    assert (await guard.preparer.standby() or {})["state"] == "being restored"
    house.gate.passed.set()
    await house.heard("standby_ready")


async def test_the_end_of_the_daemon_cuts_it_and_leaves_nothing(house: Stocked) -> None:
    guard = await house.adopted()
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    await house.go_home(guard)
    assert house.copies() == set()


async def test_a_whole_one_outlives_the_daemon_as_long_as_its_deployment_is_open(house: Stocked) -> None:
    guard, _, backup = await prepared(house)
    guard = await house.reborn(guard)
    await sweep(guard)
    assert await guard.preparer.standby() == {"state": "ready", "backup": backup, "reason": None}


async def test_a_sweep_drops_what_is_ours_and_nothing_else(house: Stocked) -> None:
    guard = await house.adopted()
    ours = [house.half(EARLIER), house.whole(EARLIER)]
    others = [displaced_name(house.database, EARLIER), f"{house.database}_restore_by_hand"]
    for name in (*ours, *others):
        house.server.sql("postgres", f'CREATE DATABASE "{name}"', sql.allow_connections(name, False))
    for name in (open_ones := [house.half("20260102_000000"), house.whole("20260102_000000")]):
        house.server.sql("postgres", f'CREATE DATABASE "{name}"')  # somebody's own: who else would open it?
    others += open_ones
    ours.append(house.half("20260103_000000"))
    house.server.sql("postgres", f'CREATE DATABASE "{ours[-1]}"')
    house.server.sql("postgres", sql.open_copy(ours[-1]))
    await sweep(guard)
    assert house.copies() == set(others)
    assert set(house.told("standby_dropped")[0]["databases"]) == set(ours)


async def test_a_sweep_takes_the_stacks_lock_only_where_there_is_something_to_drop(house: Stocked) -> None:
    guard = await house.adopted()
    async with guard.tools.hands.lock.hold("shop", "a rollback"):
        await sweep(guard)
        house.server.sql("postgres", f'CREATE DATABASE "{house.half(EARLIER)}" ALLOW_CONNECTIONS false')
        with pytest.raises(Busy, match="a rollback"):
            await sweep(guard)
    assert house.copies() == {house.half(EARLIER)}


async def test_the_backup_of_a_copy_is_not_pruned(house: Stocked) -> None:
    guard = await house.adopted()
    house.gate.shut()
    await begun(guard, FakeCommand())
    await house.gate.reached.wait()
    backup = the_backup(house).timestamp
    closed = replace(await house.newest_deployment(), phase=Phase.GOOD, ended_at=house.clock.now())
    await house.ledger.write(closed)
    guard.watch.deployment = guard.watch.good = None
    assert await protected_timestamps(guard) == {backup}
