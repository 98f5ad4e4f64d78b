"""Displaced rows come out as files that give them back, and into the live database where they fit."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.test_aftercare import KEPT, Found, Ward
from tests.postgres_server import Server
from tests.rollback.test_with_database import broken_deployment
from watchdog.backup.backup import Backup
from watchdog.backup.policy import BackupPolicy
from watchdog.backup.writer import take
from watchdog.clock import SystemClock
from watchdog.errors import Refused, UsageError
from watchdog.rollback.aftermath import Care
from watchdog.rollback.salvage import salvage, stems

pytestmark = pytest.mark.engine


@pytest.fixture
async def ward(tmp_path: Path, server: Server, database: str) -> AsyncIterator[Ward]:
    world, good = await broken_deployment(tmp_path, server, database)
    yield Ward(world, good)
    await world.ledger.close()


async def salvaged(
    ward: Ward, name: str = "out", *tables: str, apply: bool = False
) -> tuple[Path, dict[str, dict[str, Any]]]:
    """The directory with the files, and the summary of each table."""
    [record] = await ward.world.ledger.displaced("shop")
    hands = ward.guard().tools.hands
    care = Care(hands, Found(ward.server), BackupPolicy(ward.backups, disk_reserve=0), KEPT)
    directory = ward.world.root / name
    summary = await salvage(care, record, directory, tables, apply)
    return directory, {table["table"]: table for table in summary["tables"]}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


async def displaced(ward: Ward, *changes: str) -> None:
    """Backed up; then changed; then rolled back, and accounted for."""
    ward.server.sql(ward.live, *changes)
    await ward.roll_back()
    assert (await ward.care()).accounted_at is not None


async def test_inserted_and_updated_rows_and_keys_of_deleted_ones_come_out_as_files(ward: Ward) -> None:
    await displaced(
        ward,
        "UPDATE users SET mood = 'sad', phone = '1' WHERE id < 3",
        'DELETE FROM sales."Order" WHERE id = 7',
    )
    directory, tables = await salvaged(ward)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in directory.iterdir()} == {
        "public.users.inserted.csv",
        "public.users.inserted.sql",
        "public.users.updated.csv",
        "public.users.updated.sql",
        "sales._Order_.deleted.csv",
        "summary.json",
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in directory.iterdir())
    [new] = rows(directory / "public.users.inserted.csv")
    assert (new["email"], new["phone"]) == ("later@example.com", "")
    assert [(row["id"], row["phone"]) for row in rows(directory / "public.users.updated.csv")] == [
        ("1", "1"),
        ("2", "1"),
    ]
    assert rows(directory / "sales._Order_.deleted.csv") == [{"id": "7"}]
    assert tables["public.users"]["salvaged"] == {"inserted": 1, "updated": 2, "deleted": 0, "written": 0}
    assert tables['sales."Order"']["salvaged"]["deleted"] == 1


async def test_only_the_tables_that_are_wanted(ward: Ward) -> None:
    await displaced(ward, 'DELETE FROM sales."Order" WHERE id = 7')
    directory, tables = await salvaged(ward, "one", "users")
    assert set(tables) == {"public.users"}
    assert not list(directory.glob("sales*"))
    with pytest.raises(UsageError, match=r"nothing was displaced of public\.nope"):
        await salvaged(ward, "two", "nope")


AWKWARD = """
CREATE TABLE awkward (
  id int GENERATED ALWAYS AS IDENTITY, "Q""u;ote" text, doc json, docs jsonb, raw bytea, list text[],
  n numeric(20, 6), at timestamptz, took interval, code char(4), bits bit(3), mood mood, pair int4range,
  twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, at))"""
FILL = """
INSERT INTO awkward ("Q""u;ote", doc, docs, raw, list, n, at, took, code, bits, mood, pair)
SELECT E'it''s\\ta \\\\ "b"\\nü $$' || n, '{"b": 1,  "a":  2}', '{"x": "\\n"}', decode('00ff275c', 'hex'),
       ARRAY['a"', NULL, '', 'b,c\\d'], n / 7.0, timestamptz '2026-03-29 01:59:59.123456+01', '1 mon -2 days',
       'ab', B'101', 'sad', int4range(n, n + 3) FROM generate_series(1, 3) n"""
EMPTY = "INSERT INTO awkward (at) VALUES (now())"
WHOLE = "SELECT a::text FROM awkward a ORDER BY id"


async def test_every_type_survives_the_way_through_sql_and_back(ward: Ward, tmp_path: Path) -> None:
    live = ward.live
    ward.server.sql(live, AWKWARD)
    ward.world.backup = await take_again(ward)
    ward.server.sql(live, FILL, EMPTY)
    before = ward.server.sql(live, WHOLE)
    await displaced(ward)
    assert ward.server.sql(live, WHOLE) == []
    directory, _ = await salvaged(ward)
    ward.server.sql(live, (directory / "public.awkward.inserted.sql").read_text())
    assert ward.server.sql(live, WHOLE) == before
    ward.server.sql(live, "DELETE FROM awkward")
    _, tables = await salvaged(ward, "again", "awkward", apply=True)
    assert tables["public.awkward"]["put_back"] == {
        "back": 4, "refused": {}, "without": (), "triggers_fired": False
    }  # fmt: skip
    assert ward.server.sql(live, WHOLE) == before
    ward.server.sql(live, EMPTY)  # its sequence has been moved on


async def take_again(ward: Ward) -> Backup:
    """A newer backup of the same release, of the database as it is now."""
    container = replace(ward.server.container, service="database")
    dumpers = {ward.live: ward.server.cluster(ward.live)}
    return await take(
        ward.world.stack, ward.good, [container], dumpers, ward.backups, clock=SystemClock(), reason="test"
    )


async def test_puts_back_what_fits_and_tells_why_the_rest_does_not(ward: Ward) -> None:
    await displaced(
        ward,
        "INSERT INTO users (email) VALUES ('a@x'), ('b@x'), ('c@x')",
        """INSERT INTO sales."Order" SELECT 600 + n, u.id FROM generate_series(0, 1) n, users u
           WHERE email = 'a@x'""",
        "INSERT INTO sales.\"Order\" SELECT 700, id FROM users WHERE email = 'b@x'",
    )
    ward.server.sql(ward.live, "INSERT INTO users (id, email) VALUES (90000, 'b@x')")
    directory, tables = await salvaged(ward, apply=True)
    live = "SELECT email FROM users WHERE email ~ '@x' ORDER BY 1"
    assert ward.server.sql(ward.live, live) == [("a@x",), ("b@x",), ("c@x",)]
    assert ward.server.sql(ward.live, 'SELECT id FROM sales."Order" WHERE id > 500 ORDER BY 1') == [
        (600,),
        (601,),
    ]
    users, orders = tables["public.users"]["put_back"], tables['sales."Order"']["put_back"]
    taken = "its key, or another value that must be unique, is taken (users_email_key)"
    assert (users["back"], users["refused"], users["without"]) == (3, {taken: 1}, ("phone",))
    missing = "a row that it refers to is not there (Order_user_id_fkey)"
    assert (orders["back"], orders["refused"]) == (2, {missing: 1})
    [refused] = rows(directory / "public.users.not_put_back.csv")
    assert (refused["reason"], refused["email"]) == (taken, "b@x")


async def test_putting_back_twice_puts_nothing_in_twice(ward: Ward) -> None:
    await displaced(ward, "INSERT INTO measures VALUES ('2026-11-02', 1)")
    await salvaged(ward, "first", apply=True)
    everything = "SELECT count(*), max(id) FROM users"
    before = ward.server.sql(ward.live, everything)
    _, tables = await salvaged(ward, "second", apply=True)
    assert ward.server.sql(ward.live, everything) == before
    assert tables["public.users"]["put_back"] is None
    assert ward.server.sql(ward.live, "SELECT count(*) FROM measures") == [(300,)]
    assert (ward.world.root / "second" / "public.measures_2026.written.csv").exists()


async def test_a_key_that_the_services_gave_again_stays_theirs_and_later_ones_are_not_given_twice(
    ward: Ward,
) -> None:
    await displaced(ward, "INSERT INTO users (email) SELECT 'd' || n FROM generate_series(1, 5) n")
    ward.server.sql(ward.live, "INSERT INTO users (email) VALUES ('service@x')")
    [(given,)] = ward.server.sql(ward.live, "SELECT id FROM users WHERE email = 'service@x'")
    _, tables = await salvaged(ward, apply=True)
    assert tables["public.users"]["put_back"]["back"] == 5
    assert ward.server.sql(ward.live, f"SELECT email FROM users WHERE id = {given}") == [("service@x",)]
    ward.server.sql(ward.live, "INSERT INTO users (email) VALUES ('next@x')")
    newest = "SELECT email FROM users ORDER BY id DESC LIMIT 1"
    assert ward.server.sql(ward.live, newest) == [("next@x",)]


async def test_rows_that_refer_to_each_other_are_put_back_whatever_their_order(ward: Ward) -> None:
    ward.server.sql(
        ward.live,
        "CREATE TABLE a_child (id int PRIMARY KEY, up int)",
        "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree)",
        "ALTER TABLE a_child ADD FOREIGN KEY (up) REFERENCES tree DEFERRABLE INITIALLY DEFERRED",
    )
    ward.world.backup = await take_again(ward)
    await displaced(
        ward,
        "ALTER TABLE tree DISABLE TRIGGER ALL",
        "INSERT INTO tree SELECT n, n + 1 FROM generate_series(1, 20) n UNION ALL SELECT 21, NULL",
        "ALTER TABLE tree ENABLE TRIGGER ALL",
        "INSERT INTO a_child VALUES (1, 1)",
    )
    _, tables = await salvaged(ward, apply=True)
    assert (tables["public.tree"]["put_back"]["back"], tables["public.a_child"]["put_back"]["back"]) == (
        21,
        1,
    )


async def test_triggers_of_the_users_do_not_fire_and_are_as_before_afterwards(ward: Ward) -> None:
    ward.server.sql(
        ward.live,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := upper(NEW.email);"
        " RETURN NEW; END'",
        "CREATE TRIGGER one BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION shout()",
        "CREATE TRIGGER two BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION shout()",
        "ALTER TABLE users DISABLE TRIGGER two",
    )
    ward.world.backup = await take_again(ward)
    await displaced(
        ward, "ALTER TABLE users DISABLE TRIGGER one", "INSERT INTO users (email) VALUES ('quiet')"
    )
    states = (
        "SELECT tgname, tgenabled::text FROM pg_trigger"
        " WHERE tgrelid = 'users'::regclass AND NOT tgisinternal ORDER BY 1"
    )
    before = ward.server.sql(ward.live, states)
    await salvaged(ward, apply=True)
    assert ward.server.sql(ward.live, "SELECT count(*) FROM users WHERE email = 'quiet'") == [(1,)]
    assert ward.server.sql(ward.live, states) == before == [("one", "O"), ("two", "D")]


async def test_a_new_table_comes_out_as_files_and_is_never_put_back(ward: Ward) -> None:
    await displaced(
        ward, "CREATE TABLE invoices (id int PRIMARY KEY)", "INSERT INTO invoices VALUES (1), (2)"
    )
    directory, tables = await salvaged(ward, apply=True)
    assert rows(directory / "public.invoices.inserted.csv") == [{"id": "1"}, {"id": "2"}]
    assert "never put back" in tables["public.invoices"]["note"]
    assert tables["public.invoices"]["put_back"] is None


async def test_after_it_was_dropped_its_dump_and_the_backup_give_the_same_rows(ward: Ward) -> None:
    await displaced(ward, "UPDATE users SET mood = 'sad' WHERE id = 2", "DELETE FROM users WHERE id = 999")
    ward.server.sql(
        ward.live, "UPDATE users SET mood = 'sad' WHERE id > 900", "DELETE FROM users WHERE id = 700"
    )
    assert (await ward.care(KEPT)).gone_at is not None
    directory, tables = await salvaged(ward, apply=True)
    assert tables["public.users"]["salvaged"] == {"inserted": 1, "updated": 1, "deleted": 1, "written": 0}
    assert rows(directory / "public.users.deleted.csv") == [{"id": "999"}]
    assert ward.world.users() == {"before@example.com", "later@example.com"}
    assert ward.server.sql(ward.live, "SELECT count(*) FROM users WHERE id = 700") == [(0,)], "deleted since"
    assert ward.server.databases(ward.live) == {ward.live: True}


async def test_without_the_backup_nothing_is_put_back(ward: Ward) -> None:
    """Nobody can tell a displaced row from one that the services deleted since."""
    await displaced(ward)
    for path in ward.backups.glob("*_2*"):
        if path.is_file() and not path.name.startswith("pre_"):
            path.unlink()
    with pytest.raises(Refused, match="the backup that was restored is gone"):
        await salvaged(ward, apply=True)
    directory, tables = await salvaged(ward, "files")
    assert tables["public.users"]["salvaged"]["inserted"] == 1
    assert len(rows(directory / "public.users.inserted.csv")) == 1


async def test_what_ends_the_transaction_leaves_the_live_database_as_it_was(ward: Ward) -> None:
    await displaced(ward, "INSERT INTO users (email) VALUES ('x@x')")
    ward.server.sql(
        ward.live,
        "CREATE FUNCTION fails(text) RETURNS bool LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM no_such(); RETURN true; END'",
        "ALTER TABLE users ADD CHECK (fails(email)) NOT VALID",
    )
    before = ward.server.sql(ward.live, "SELECT count(*) FROM users")
    with pytest.raises(Exception, match="no_such"):
        await salvaged(ward, apply=True)
    assert ward.server.sql(ward.live, "SELECT count(*) FROM users") == before


def test_every_table_gets_a_file_name_of_its_own() -> None:
    assert stems(['public."a/b"', 'public."a b"', "public.users"]) == {
        'public."a/b"': "public._a_b_",
        'public."a b"': "public._a_b_-2",
        "public.users": "public.users",
    }
