"""What a rollback cost is told per table, and never as less than it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tests.postgres_server import Server, collected, pieces
from watchdog.clock import Deadline, SystemClock
from watchdog.database.contents import frozen
from watchdog.database.loss import Reference, TableLoss
from watchdog.database.losses import account, origin, would_displace
from watchdog.database.measuring import measure
from watchdog.database.ports import Cluster

pytestmark = pytest.mark.engine


@dataclass
class Pair:
    """A database and, as `restored`, what it was when `back_up` was called; both open."""

    server: Server
    name: str
    reference: Reference = field(default_factory=lambda: Reference("", {}))

    @property
    def restored(self) -> str:
        return f"{self.name}_copy"

    @property
    def cluster(self) -> Cluster:
        return self.server.cluster(self.name)

    def change(self, *statements: str) -> None:
        self.server.sql(self.name, *statements)

    async def back_up(self) -> None:
        """Dump and restore under one snapshot, as backup and rollback do."""
        async with self.cluster.connect(self.name) as session, frozen(session) as snapshot:
            [(numbers,)] = await session.rows("SELECT pg_current_snapshot()::text")
            archive = await collected(self.cluster.dump(self.name, snapshot))
            tables = await measure(session, "counts")
        self.server.sql("postgres", f'CREATE DATABASE "{self.restored}" TEMPLATE template0')
        await self.cluster.restore(self.restored, lambda: pieces(archive), "custom")
        [(swapped,)] = self.server.sql("postgres", "SELECT pg_current_snapshot()::text")
        self.reference = Reference(str(numbers), tables, str(swapped))

    async def lost(self, within: timedelta = timedelta(minutes=1)) -> dict[str, TableLoss]:
        deadline = Deadline(SystemClock(), within)
        cluster = self.cluster
        async with cluster.connect(self.name) as displaced, cluster.connect(self.restored) as restored:
            found = await account(displaced, restored, self.reference, deadline)
        return {loss.table: loss for loss in found}


def figures(loss: TableLoss) -> tuple[int | None, int | None, int | None]:
    return loss.inserted, loss.updated, loss.deleted


@pytest.fixture
def pair(server: Server, database: str) -> Iterator[Pair]:
    yield Pair(server, database)
    server.drop(f"{database}_copy")


async def test_tells_inserted_updated_and_deleted_rows_apart(pair: Pair) -> None:
    await pair.back_up()
    pair.change(
        "INSERT INTO users (email) SELECT 'new' || n FROM generate_series(1, 7) n",
        "UPDATE users SET mood = 'sad' WHERE id BETWEEN 501 AND 505",
        "DELETE FROM users WHERE id > 990 AND id <= 1000",
        'DELETE FROM sales."Order" WHERE id <= 2',
    )
    lost = await pair.lost()
    assert set(lost) == {"public.users", 'sales."Order"'}
    assert lost["public.users"] == TableLoss("public.users", 1000, 997, 12, 7, 5, 10)
    assert lost['sales."Order"'] == TableLoss('sales."Order"', 500, 498, 0, 0, 0, 2)


async def test_nothing_written_is_nothing_lost(pair: Pair) -> None:
    await pair.back_up()
    assert await pair.lost() == {}


@pytest.mark.parametrize(
    "rewrite",
    [
        "VACUUM FULL users",
        "VACUUM FREEZE users",
        "CLUSTER users USING users_pkey",
        "UPDATE users SET mood = mood",
        "DROP VIEW happy; ALTER TABLE users ALTER ratio TYPE float8 USING ratio + 0",
        "ALTER TABLE users ADD note text DEFAULT md5(random()::text)",
    ],
)
async def test_rows_that_were_only_rewritten_are_not_lost(pair: Pair, rewrite: str) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')", rewrite)
    assert figures((await pair.lost())["public.users"]) == (1, 0, 0)


async def test_rows_written_and_frozen_are_found(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')", "VACUUM FREEZE users")
    assert figures((await pair.lost())["public.users"]) == (1, 0, 0)


async def test_a_transaction_that_was_open_during_the_backup_is_found_its_elders_are_not(pair: Pair) -> None:
    """Its number is older than those of rows that the backup holds."""
    with pair.server.connect(pair.name) as writer:
        writer.execute("BEGIN; INSERT INTO users (email) VALUES ('open'); SAVEPOINT a")
        writer.execute("INSERT INTO users (email) VALUES ('nested')")
        pair.change("INSERT INTO users (email) VALUES ('committed before')")
        await pair.back_up()
        writer.execute("COMMIT")
    assert (await pair.lost())["public.users"] == TableLoss("public.users", 1001, 1003, 2, 2, 0, 0)


async def test_keys_that_the_services_gave_again_meanwhile_do_not_turn_inserted_rows_into_updated_ones(
    pair: Pair,
) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) SELECT 'new' || n FROM generate_series(1, 7) n")
    pair.server.sql(
        pair.restored, "INSERT INTO users (email) SELECT 'later' || n FROM generate_series(1, 3) n"
    )
    loss = (await pair.lost())["public.users"]
    assert (figures(loss), loss.note) == ((7, 0, 0), "")


async def test_says_about_where_the_services_changed_restored_rows_since(pair: Pair) -> None:
    await pair.back_up()
    pair.change("UPDATE users SET mood = 'sad' WHERE id <= 5", "INSERT INTO users (email) VALUES ('new')")
    pair.server.sql(pair.restored, "UPDATE users SET mood = 'sad' WHERE id = 1")
    loss = (await pair.lost())["public.users"]
    assert (figures(loss), loss.note) == ((1, 5, 0), "about: the restored rows were changed since")


async def test_says_about_where_the_moment_of_the_swap_is_not_known(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')")
    pair.reference = replace(pair.reference, swapped="")
    assert (await pair.lost())["public.users"].note.startswith("about")


async def test_a_table_without_a_key_is_counted_and_says_so(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO measures SELECT date '2026-11-01', 1 FROM generate_series(1, 4)")
    loss = (await pair.lost())["public.measures_2026"]
    assert (loss.then, loss.now, loss.written, loss.net) == (300, 304, 4, 4)
    assert (figures(loss), loss.note) == (
        (None, None, None),
        "it has no key by which a row could be found again",
    )


async def test_new_tables_dropped_tables_and_new_columns_of_a_migration_are_told(pair: Pair) -> None:
    await pair.back_up()
    pair.change(
        "CREATE TABLE invoices (id int PRIMARY KEY)",
        "INSERT INTO invoices SELECT generate_series(1, 3)",
        'DROP TABLE sales."Order"',
        "ALTER TABLE users ADD phone text",
        "UPDATE users SET phone = '1' WHERE id < 4",
        "UPDATE users SET mood = 'sad' WHERE id = 1",
    )
    lost = await pair.lost()
    assert figures(lost["public.invoices"]) == (3, 0, 0)
    assert lost["public.invoices"].note == "a table that the backup does not have"
    assert (figures(lost['sales."Order"']), lost['sales."Order"'].now) == ((0, 0, 500), None)
    assert figures(lost["public.users"]) == (0, 1, 0)
    assert lost["public.users"].note == "not compared: phone"


AWKWARD = "ä" * 28 + '"; --'
"""61 bytes, with everything that quoting is for."""


async def test_awkward_names_and_types_are_compared_like_any_other(pair: Pair) -> None:
    name = '"' + AWKWARD.replace('"', '""') + '"'
    pair.change(
        f"CREATE TABLE {name} (a int, {name} text, doc json, docs jsonb, raw bytea, list text[], n numeric,"
        f" at timestamptz, twice int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY ({name}, a))",
        f"INSERT INTO {name} SELECT n, E'tab\\t\\\\' || n, '{{\"b\": 1,  \"a\":2}}', '{{}}', '\\x00ff',"
        " '{a,NULL,\"b,c\"}', n / 3.0, now() FROM generate_series(1, 20) n",
    )
    await pair.back_up()
    pair.change(
        f"UPDATE {name} SET a = a WHERE a < 10",
        f"UPDATE {name} SET list = '{{}}' WHERE a = 11",
        f"INSERT INTO {name} VALUES (21, 'new')",
    )
    [loss] = (await pair.lost()).values()
    assert figures(loss) == (1, 1, 0)
    assert loss.note == ""


async def test_a_snapshot_of_another_cluster_makes_every_row_a_candidate(pair: Pair) -> None:
    """Its numbers mean nothing here: looking only at them would find nothing lost."""
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')")
    for snapshot in ("4294967296000:4294967296000:", ""):
        pair.reference = replace(pair.reference, snapshot=snapshot)
        assert figures((await pair.lost())["public.users"]) == (1, 0, 0)


async def test_the_origin_of_a_database_outlives_a_rename_and_is_no_copys(pair: Pair) -> None:
    await pair.back_up()

    async def of(name: str) -> str:
        async with pair.cluster.connect(name) as session:
            return await origin(session)

    before = await of(pair.name)
    pair.server.sql("postgres", f'ALTER DATABASE "{pair.name}" RENAME TO "{pair.name}_was"')
    assert await of(f"{pair.name}_was") == before != await of(pair.restored)


async def test_fewer_rows_written_than_the_table_has_grown_by_makes_every_row_a_candidate(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')")
    [(late,)] = pair.server.sql("postgres", "SELECT pg_current_snapshot()::text")
    pair.reference = replace(pair.reference, snapshot=str(late))
    assert figures((await pair.lost())["public.users"]) == (1, 0, 0)


async def test_what_the_deadline_leaves_unsettled_says_so(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')")
    loss = (await pair.lost(timedelta(0)))["public.users"]
    assert (loss.written, figures(loss)) == (1, (None, None, None))
    assert loss.note == "its rows could not be compared in time with the restored ones"


async def test_a_comparison_that_the_server_refuses_leaves_the_other_tables_compared(pair: Pair) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')", "DELETE FROM alembic_version")
    pair.change("UPDATE sales.\"Order\" SET took = '1 s' WHERE id = 1")
    dates = "ALTER id TYPE date USING date '2026-01-01' + id"
    pair.server.sql(pair.restored, f'ALTER TABLE sales."Order" {dates}')
    lost = await pair.lost()
    assert figures(lost["public.users"]) == (1, 0, 0)
    assert figures(lost["public.alembic_version"]) == (0, 0, 1)
    assert figures(lost['sales."Order"']) == (None, None, None)


async def test_large_objects_are_counted(pair: Pair) -> None:
    pair.change("SELECT lo_create(0)")
    await pair.back_up()
    pair.change("SELECT lo_create(0)", "SELECT lo_create(0)")
    assert (await pair.lost())["(large objects)"].net == 2


async def test_leaves_nothing_in_the_restored_database_and_writes_nothing_in_the_displaced_one(
    pair: Pair,
) -> None:
    await pair.back_up()
    pair.change("INSERT INTO users (email) VALUES ('new')")
    pair.server.sql("postgres", f'ALTER DATABASE "{pair.name}" SET default_transaction_read_only = on')
    assert figures((await pair.lost())["public.users"]) == (1, 0, 0)
    assert pair.server.sql(pair.restored, "SELECT count(*) FROM pg_class WHERE relname ~ 'watchdog'") == [
        (0,)
    ]


async def test_before_a_rollback_the_live_database_alone_tells_what_was_written(pair: Pair) -> None:
    await pair.back_up()
    pair.change(
        "INSERT INTO users (email) SELECT 'new' || n FROM generate_series(1, 7) n",
        "UPDATE users SET mood = 'sad' WHERE id = 1",
        'DELETE FROM sales."Order" WHERE id <= 2',
    )
    async with pair.cluster.connect(pair.name) as session:
        found = await would_displace(session, pair.reference.snapshot, pair.reference.tables)
    assert [(loss.table, loss.written, loss.net) for loss in found] == [
        ("public.users", 8, 7),
        ('sales."Order"', 0, -2),
    ]


async def test_a_hundred_tables_are_counted_by_a_few_statements(pair: Pair) -> None:
    pair.change(*(f"CREATE TABLE many_{n} (id int PRIMARY KEY)" for n in range(100)))
    await pair.back_up()
    pair.change("INSERT INTO many_7 VALUES (1)", "INSERT INTO many_99 VALUES (1)")
    assert set(await pair.lost()) == {"public.many_7", "public.many_99"}
