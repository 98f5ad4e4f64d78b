"""The scanner reads a plain dump as psql does: psql itself is asked, with many small and nasty programs.

Each holds `\\echo` where it may be data or not. Where psql runs it, the scanner must have refused; and what
pg_dump itself writes, in all of its ways, must pass and come back whole.
"""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from collections.abc import Sequence

import pytest

from tests.postgres_server import Server, docker, pieces
from watchdog.clock import SystemClock
from watchdog.database.names import side_name
from watchdog.database.plain import Scanner
from watchdog.database.restore import restore_beside
from watchdog.errors import Refused

pytestmark = pytest.mark.engine
CASES = 120
LEAK = b"\\echo LEAK\n"
NASTY = (
    b"'", b"''", b'"', b"E'", b"e'", b"U&'", b"b'", b"'\n'", b"\\", b"\\'", b"$$", b"$a$", b"$a", b"a$",
    b"$1", b"$", b"1", b"1e", b"0x", b"x", b"--", b"/*", b"*/", b"*",
    b"/", b"\n", b"\n", b"\n", b"\r", b"\r\n",
    b"\t", b" ", b";", b"; SELECT ", b"(", b")", b"::", b":'", b':"', b",", b"-", b"end", b"begin", b"case",
    b"\xc3\xa9",
    b"; CREATE FUNCTION f() ",
)  # fmt: skip
COPIED = (
    b"\\.\n", b"\\.\r\n", b"\\. \n", b" \\.\n", b"\\.", b"1\n", b"'\n", b"/*\n", b"$$\n", b"\\N\n", b"\n",
    b"\r\n", b"x",
)  # fmt: skip
HOLES = (
    b"-- x\r" + LEAK,
    b"SELECT 1; COPY t FROM stdin;\n'\n\\.\n" + LEAK + b"--'\n",
    b"COPY t TO stdout; -- FROM stdin;\n" + LEAK + b"\\.\n",
    b"COPY t FROM stdin;\n1\n\\.\r\n" + LEAK + b"\\.\n",
    b"SET standard_conforming_strings TO off;\nSELECT '\\'';\n" + LEAK + b"--';\n",
)
"""What a scanner that is a little less careful takes for text."""


def passes(program: bytes) -> bool:
    try:
        Scanner().scan(program)
    except Refused:
        return False
    return True


def programs(seed: int, head: bytes, tokens: Sequence[bytes], tail: bytes = b"\n") -> list[bytes]:
    """Random ones that the scanner lets through."""
    dice = random.Random(seed)
    found: set[bytes] = set()
    while len(found) < CASES:
        inner = [dice.choice(tokens) for _ in range(dice.randint(1, 14))]
        inner.insert(dice.randint(0, len(inner)), b"\n" + LEAK if dice.random() < 0.7 else LEAK)
        program = head + b"".join(inner) + tail
        if passes(program):
            found.add(program)
    return sorted(found)


def leaks(server: Server, database: str, cases: Sequence[bytes], *options: str) -> list[bytes]:
    """The programs in which psql runs the `\\echo`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number, case in enumerate(cases):
            entry = tarfile.TarInfo(f"{number}")
            entry.size = len(case)
            tar.addfile(entry, io.BytesIO(case))
    psql = f"psql --no-psqlrc --quiet --username=shop --dbname={database} {' '.join(options)}"
    each = f'{psql} < "$n" 2>&1 | grep -q "^LEAK" && echo "$n"'
    script = f'cd "$(mktemp -d)" && tar -x && for n in *; do {each}; done; :'
    done = subprocess.run(
        ["docker", "exec", "--interactive", server.container.id, "sh", "-c", script],
        input=archive.getvalue(),
        capture_output=True,
        check=True,
    )
    return [cases[int(number)] for number in done.stdout.split()]


def test_refuses_what_psql_would_run(server: Server, database: str) -> None:
    server.sql(database, "CREATE TABLE t (a text)")
    assert leaks(server, database, HOLES) == list(HOLES)
    assert [hole for hole in HOLES if passes(hole)] == []


@pytest.mark.long
def test_psql_runs_nothing_that_the_scanner_took_for_text(server: Server, database: str) -> None:
    """Going on after errors, so that what follows a broken statement is read as well."""
    assert leaks(server, database, programs(1, b"SELECT ", NASTY)) == []


@pytest.mark.long
def test_psql_runs_nothing_that_the_scanner_took_for_copied_rows(server: Server, database: str) -> None:
    server.sql(database, "CREATE TABLE t (a text)")
    head = b"COPY t FROM stdin;\n"
    cases = programs(2, head, COPIED, b"\n\\.\n")
    assert leaks(server, database, cases, "--set=ON_ERROR_STOP=1") == []


THOROUGH = """
CREATE TABLE "odd 'name" ("Mixed" text, role text, database text, "tab	name" text);
INSERT INTO "odd 'name" VALUES (E'back\\\\slash\\n\\\\.\\nDROP DATABASE x;', 'it''s', '\\', '$$ /* "');
CREATE TABLE log (n int);
CREATE RULE twice AS ON INSERT TO log DO ALSO (INSERT INTO measures VALUES ('2026-02-02', 1); NOTIFY x);
CREATE FUNCTION atomic(int) RETURNS int LANGUAGE sql
  BEGIN ATOMIC SELECT CASE WHEN $1 > 1 THEN 2 ELSE 1 END; SELECT $1; END;
CREATE FUNCTION quoted() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN EXECUTE 'ALTER DATABASE x RENAME TO y'; RETURN $$\\connect '$$; END $body$;
CREATE PROCEDURE proc() LANGUAGE sql AS 'DELETE FROM log';
CREATE VIEW sliced AS SELECT (ARRAY[1, 2, 3])[1:2] AS a, $$it's$$::text AS t;
COMMENT ON TABLE log IS E'line\\n\\\\connect app\\nDROP DATABASE app; --';
CREATE POLICY p ON log TO shop USING (n > 0);
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
GRANT SELECT ON log TO PUBLIC;
CREATE PUBLICATION pub FOR TABLE log;
SELECT lo_from_bytea(0, 'large');
"""
WAYS: tuple[list[str], ...] = (
    [],
    ["--inserts"],
    ["--column-inserts", "--rows-per-insert=7"],
    ["--quote-all-identifiers"],
    ["--clean", "--if-exists"],
    ["--no-owner", "--no-privileges", "--blobs"],
    ["--serializable-deferrable", "--disable-dollar-quoting", "--encoding=LATIN1"],
)


@pytest.mark.parametrize("options", WAYS, ids=lambda options: " ".join(options) or "plain")
async def test_what_pg_dump_writes_passes_and_comes_back_whole(
    server: Server, database: str, options: list[str]
) -> None:
    server.sql(database, THOROUGH)
    dump = docker("exec", server.container.id, "pg_dump", "-U", "shop", *options, database).encode()
    cluster, side = server.cluster(database), side_name(database, "20260101_000000")
    await restore_beside(
        cluster, database, side, lambda: pieces(dump, 1000), clock=SystemClock(), fmt="plain"
    )
    server.sql("postgres", f'ALTER DATABASE "{side}" ALLOW_CONNECTIONS true')
    odd = 'SELECT * FROM "odd \'name"'
    assert server.sql(side, odd) == server.sql(database, odd)
    functions = "SELECT count(*), max(prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    assert server.sql(side, functions) == server.sql(database, functions)
