"""Puts displaced rows back into the live database, in one transaction: those that fit, and no others.

Each row is tried by itself, so that the server decides what fits: keys and unique values that are free, rows
referred to that are there (other ones put back among them, hence the rounds), values that fit their columns.
What does not fit stays out, with the constraint as the reason. Triggers of the user's do not fire where we
own the table: the rows have been through them once. Foreign keys are checked all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from watchdog.database import sql
from watchdog.database.ports import LONG, Session
from watchdog.database.salvage import SETTINGS, Sink, Staged, copy_csv, headed
from watchdog.database.shape import Shape
from watchdog.database.staging import STAGED

REASONS = {
    "23505": "its key, or another value that must be unique, is taken",
    "23503": "a row that it refers to is not there",
    "23502": "a column that must have a value is not among the displaced ones",
    "23514": "a check refuses it",
    "23P01": "an exclusion constraint refuses it",
    "P0001": "a trigger refuses it",
    "00000": "a trigger passes it over",
}
MISFIT = "a value does not fit its column"
BACK = "back"
_CAUGHT = (
    "integrity_constraint_violation OR data_exception OR with_check_option_violation OR raise_exception"
    " OR program_limit_exceeded"
)
"""What a row itself causes; anything else ends the transaction, and nothing is put back."""


_THE_SERVICES_OWN = frozenset({"search_path", "row_security"})
"""Settings that checks and defaults of the user's may rely on."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """`refused`: reason to the number of rows. `without`: columns that the live table does not have."""

    back: int
    refused: dict[str, int]
    without: tuple[str, ...] = ()
    triggers_fired: bool = False


@dataclass(slots=True)
class _Table:
    """`number` of its temporary table; `columns` carried, with their types in the live table."""

    number: int
    staged: Staged
    live: Shape
    columns: dict[str, str]
    owned: bool
    triggers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> str:
        return f"pg_temp.ops_watchdog_back_{self.number}"


class Putting:
    """One transaction of the live session, see `putting`. `carry` takes the rows, table by table."""

    def __init__(self, live: Session, shapes: dict[str, Shape]) -> None:
        self._live = live
        self._shapes = shapes
        self._tables: list[_Table] = []

    async def carry(self, restored: Session, staged: Staged) -> None:
        """Take a table's inserted rows over. One that the live database does not have is left out."""
        live = self._shapes.get(staged.shape.qualified)
        if live is None:
            return
        rights = await self._live.rows(
            f"SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = {_oid(live)}"
        )
        types = {str(name): str(kind) for name, kind in await self._live.rows(_types(live))}
        columns = {name: types[name] for name in staged.columns if name in types}
        table = _Table(len(self._tables), staged, live, columns, bool(rights[0][0]))
        self._tables.append(table)
        fields = [f"c{number} text" for number, _ in enumerate(staged.columns)]
        await self._live.execute(
            f"CREATE TEMPORARY TABLE {table.rows.removeprefix('pg_temp.')} ({', '.join(fields)},"
            " n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, outcome text) ON COMMIT DROP"
        )
        names = ", ".join(f"c{number}" for number, _ in enumerate(staged.columns))
        query = f"SELECT {names} FROM {STAGED} WHERE kind = 'inserted'"
        async with aclosing(restored.copy_out(f"COPY ({query}) TO STDOUT")) as rows:
            await self._live.copy_in(f"COPY {table.rows} ({names}) FROM STDIN", rows)

    async def put(self) -> dict[str, PutBack]:
        """Try every row, in rounds as long as one that referred to a missing row found it; by table."""
        await self._live.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in self._tables:
            await self._silence(table)
        tried, found = -1, 0
        while tried != found:
            for table in self._tables:
                await self._live.execute(_try_each(table), LONG)
            tried, found = found, sum([await self._count_back(table) for table in self._tables])
        for table in self._tables:
            await self._advance_sequences(table)
            await self._wake(table)
        return {table.live.qualified: await self._result(table) for table in self._tables}

    async def refused(self, sink_for: dict[str, Sink]) -> None:
        """Write the rows that stay out, each with its reason, into files of their own."""
        for table in self._tables:
            rows = f"{table.rows} WHERE outcome <> '{BACK}'"
            [(count,)] = await self._live.rows(f"SELECT count(*) FROM {rows}", LONG)
            if count:
                query = f"SELECT outcome AS reason, {headed(table.staged.columns)} FROM {rows} ORDER BY n"
                await copy_csv(self._live, query, "not_put_back.csv", sink_for[table.live.qualified])

    async def _silence(self, table: _Table) -> None:
        """Needs the table's owner; it waits for writers and holds them off until the end."""
        triggers = await self._live.rows(
            f"SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE tgrelid = {_oid(table.live)}"
            " AND NOT tgisinternal AND tgenabled <> 'D'"
        )
        table.triggers = [(str(name), str(state)) for name, state in triggers]
        if table.owned:
            for name, _ in table.triggers:
                await self._alter(table, f"DISABLE TRIGGER {sql.identifier(name)}")

    async def _wake(self, table: _Table) -> None:
        words = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
        if table.owned:
            for name, state in table.triggers:
                await self._alter(table, f"{words[state]} TRIGGER {sql.identifier(name)}")

    async def _alter(self, table: _Table, action: str) -> None:
        await self._live.execute(f"ALTER TABLE ONLY {table.live.target} {action}")

    async def _advance_sequences(self, table: _Table) -> None:
        """Upwards only, beyond what the table holds now: the services must not be given those keys again."""
        for column, schema, name in await self._live.rows(_sequences(table.live)):
            sequence = f"{sql.identifier(schema)}.{sql.identifier(name)}"
            await self._live.execute(
                f"SELECT setval({sql.literal(sequence)}, m) FROM {sequence} s,"
                f" (SELECT max({sql.identifier(column)}) AS m FROM {table.live.target}) t"
                " WHERE m > s.last_value",
                LONG,
            )

    async def _count_back(self, table: _Table) -> int:
        [(count,)] = await self._live.rows(
            f"SELECT count(*) FROM {table.rows} WHERE outcome = '{BACK}'", LONG
        )
        return int(count)

    async def _result(self, table: _Table) -> PutBack:
        query = f"SELECT outcome, count(*) FROM {table.rows} WHERE outcome <> '{BACK}' GROUP BY 1 ORDER BY 1"
        refused = {str(reason): int(count) for reason, count in await self._live.rows(query, LONG)}
        without = tuple(name for name in table.staged.columns if name not in table.columns)
        fired = bool(table.triggers) and not table.owned
        return PutBack(await self._count_back(table), refused, without, fired)


@asynccontextmanager
async def putting(live: Session, shapes: dict[str, Shape]) -> AsyncIterator[Putting]:
    """All or nothing: what raises inside the block leaves the live database as it was."""
    async with live.transaction():
        await live.execute("SET TRANSACTION READ WRITE")
        text = {name: value for name, value in SETTINGS.items() if name not in _THE_SERVICES_OWN}
        await live.execute(sql.set_locally({**text, "lock_timeout": "10s"}))
        yield Putting(live, shapes)


def _try_each(table: _Table) -> str:
    """A loop in the server: each row a subtransaction; those that may find their parent now once more."""
    carried = {name: number for number, name in enumerate(table.staged.columns)}
    names = ", ".join(sql.identifier(name) for name in table.columns)
    values = ", ".join(f"CAST(r.c{carried[name]} AS {kind})" for name, kind in table.columns.items())
    missing = sql.literal(REASONS["23503"])
    reasons = " ".join(f"WHEN '{state}' THEN {sql.literal(reason)}" for state, reason in REASONS.items())
    body = f"""
DECLARE r record; state text; named text;
BEGIN
  FOR r IN SELECT * FROM {table.rows} WHERE outcome IS NULL OR starts_with(outcome, {missing}) ORDER BY n
  LOOP
    BEGIN
      state := '00000'; named := '';
      INSERT INTO {table.live.target} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values});
      IF FOUND THEN state := NULL; END IF;
    EXCEPTION WHEN {_CAUGHT} THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, named = CONSTRAINT_NAME;
    END;
    UPDATE {table.rows} SET outcome = CASE WHEN state IS NULL THEN '{BACK}' ELSE
      CASE state {reasons} ELSE {sql.literal(MISFIT)} END
      || coalesce(' (' || nullif(named, '') || ')', '') END WHERE n = r.n;
  END LOOP;
END"""
    return f"DO LANGUAGE plpgsql {sql.literal(body)}"


def _oid(shape: Shape) -> str:
    return f"{sql.literal(shape.target)}::regclass"


def _types(shape: Shape) -> str:
    """Without length or precision: a cast to those cuts silently, an assignment refuses."""
    return (
        "SELECT attname::text, format_type(atttypid, -1) FROM pg_attribute"
        f" WHERE attrelid = {_oid(shape)} AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
    )


_COUNTING = "q.seqincrement > 0 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)"


def _sequences(shape: Shape) -> str:
    """Column, and the ascending sequence that it owns or takes its default from."""
    return f"""\
SELECT a.attname::text, n.nspname::text, s.relname::text
  FROM pg_depend d
  JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
   AND d.refobjid = {_oid(shape)} AND {_COUNTING}
UNION
SELECT a.attname::text, n.nspname::text, s.relname::text
  FROM pg_attrdef f
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
  JOIN pg_class s ON d.refclassid = 'pg_class'::regclass AND s.oid = d.refobjid AND s.relkind = 'S'
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
  JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
 WHERE f.adrelid = {_oid(shape)} AND {_COUNTING}"""
