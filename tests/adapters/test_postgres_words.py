"""What a tool says of a failure is passed on, and nothing of the data that it quotes."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.postgres_server import Server
from watchdog.adapters.postgres_words import LONGEST, check, complaint
from watchdog.adapters.process import Finished
from watchdog.errors import StepFailed, Unreachable

SAID = {
    """pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 215; 1259 16385 TABLE users shop
pg_restore: error: could not execute query: ERROR:  relation "users" already exists
Command was: CREATE TABLE public.users (
    email text DEFAULT 'ERROR: hunter2'
);
""": 'pg_restore: error: could not execute query: ERROR:  relation "users" already exists',
    """psql:<stdin>:4: ERROR:  duplicate key value violates unique constraint "users_email_key"
DETAIL:  Key (email)=(hunter2@example.com) already exists.
CONTEXT:  COPY users, line 2
""": 'psql:<stdin>:4: ERROR:  duplicate key value violates unique constraint "users_email_key"',
    """psql:<stdin>:4: ERROR:  invalid input syntax for type integer: "hunter2"
CONTEXT:  COPY users, line 1, column id: "hunter2"
""": 'psql:<stdin>:4: ERROR:  invalid input syntax for type integer: "…"',
    'psql:<stdin>:9: ERROR:  syntax error at or near "hunter2"\nLINE 1: hunter2 1;\n': (
        'psql:<stdin>:9: ERROR:  syntax error at or near "…"'
    ),
    "psql:<stdin>:9: error: invalid command \\hunter2\n": "psql:<stdin>:9: error: invalid command \\…",
    'ERROR:  value "hunter2" is out of range for type integer\n': (
        'ERROR:  value "…" is out of range for type integer'
    ),
    """pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout
pg_dump: detail: Query was: LOCK TABLE public.hunter2 IN ACCESS SHARE MODE
""": "pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout",
    "Error response from daemon: No such container: abc\n": (
        "Error response from daemon: No such container: abc"
    ),
    "hunter2\n": "",
}


@pytest.mark.parametrize("stderr", SAID)
def test_keeps_the_error_lines_only(stderr: str) -> None:
    assert complaint(stderr) == SAID[stderr]


def test_is_short_however_much_was_said() -> None:
    assert len(complaint("ERROR:  x" + "y" * 9000)) == LONGEST


@given(st.text(), st.sampled_from(["DETAIL:  ", "CONTEXT:  ", "Command was: ", "LINE 1: ", "HINT:  ", ""]))
def test_whatever_follows_an_error_stays_here(quoted: str, label: str) -> None:
    one_line = " ".join(quoted.split())
    assert (
        complaint(f"pg_restore: error: it failed\n{label}hunter2 {one_line}\n")
        == "pg_restore: error: it failed"
    )


def test_a_failure_names_tool_database_and_remedy() -> None:
    check("pg_dump", "shop", Finished(0, "", "pg_dump: warning: x"))
    with pytest.raises(StepFailed, match=r"pg_dump of shop failed: .*lock timeout; wait until the migration"):
        check("pg_dump", "shop", Finished(1, "", "pg_dump: error: ERROR:  canceling: lock timeout"))
    with pytest.raises(StepFailed, match="pg_dump of shop failed: exit code 3"):
        check("pg_dump", "shop", Finished(3, "", "hunter2"))
    with pytest.raises(Unreachable, match="start the database service"):
        check("df", "/data", Finished(1, "", "Error response from daemon: Container abc is not running"))


def test_excuses_what_only_newer_servers_know_and_nothing_beside_it() -> None:
    unknown = (
        "pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "
        '"transaction_timeout"\nCommand was: SET transaction_timeout = 0;\n'
    )
    other = 'pg_restore: error: could not execute query: ERROR:  role "gone" does not exist\n'
    closing = "pg_restore: warning: errors ignored on restore: "
    check("pg_restore", "app", Finished(1, "", f"{unknown}{closing}1\n"))
    for stderr in (
        unknown,
        f"{unknown}{other}{closing}2\n",
        f"{unknown}{closing}2\n",
        f"{closing}0\n",
    ):
        with pytest.raises(StepFailed):
            check("pg_restore", "app", Finished(1, "", stderr))


DUMPS = (
    "CREATE TABLE t1 (id int PRIMARY KEY, email text UNIQUE);\nINSERT INTO t1 VALUES ('hunter2');",
    "CREATE TABLE t2 (id int PRIMARY KEY, email text UNIQUE);\n"
    "COPY t2 FROM stdin;\n1\thunter2\n2\thunter2\n\\.\n",
    "CREATE TABLE t3 (id int);\nCOPY t3 FROM stdin;\nhunter2\n\\.\n",
    "COPY no_such_table FROM stdin;\nhunter2\n\\hunter2\n\\.\n",
    "SELECT 'a'::json, '{\"hunter2'::json;",
    "hunter2 FROM nothing;",
    "CREATE TABLE t4 (d date CHECK (d > '2020-01-01'));\nINSERT INTO t4 VALUES ('1999-01-01'), ('hunter2');",
)


@pytest.mark.engine
@pytest.mark.parametrize("dump", DUMPS)
async def test_a_real_restore_that_fails_says_nothing_of_the_data(server: Server, dump: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield dump.encode()

    with pytest.raises(StepFailed, match="ERROR") as raised:
        await server.cluster().restore("shop", chunks, "plain")
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.engine
async def test_a_real_query_that_fails_says_nothing_of_the_data(server: Server) -> None:
    async with server.cluster().connect("shop") as session:
        await session.execute("CREATE TABLE s1 (id int PRIMARY KEY, email text UNIQUE)")
        await session.execute("INSERT INTO s1 VALUES (1, 'hunter2')")
        for statement in ("INSERT INTO s1 VALUES (2, 'hunter2')", "SELECT 'hunter2'::int"):
            with pytest.raises(StepFailed) as raised:
                await session.execute(statement)
            said = [str(raised.value), str(raised.value.__cause__)]
            assert not any("hunter2" in text for text in said), said


def test_a_psql_that_does_not_know_restrict_is_to_be_updated() -> None:
    finished = Finished(3, "", "psql:<stdin>:5: error: invalid command \\restrict\n")
    with pytest.raises(StepFailed, match=r"needs a psql that knows it .* update the database's image"):
        check("psql", "app", finished)
