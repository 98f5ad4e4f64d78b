"""A plain dump is read as psql would read it, and refused where it reaches beyond its own database."""

from __future__ import annotations

import pytest

from tests.postgres_server import collected, pieces
from watchdog.database.plain import STRINGS_AS_STANDARD, guarded
from watchdog.errors import Corrupt, Refused

END = b"--\n-- PostgreSQL database dump complete\n--\n"


async def passed(dump: bytes, size: int = 7) -> bytes:
    """What comes through, after the line that is put before it."""
    through = await collected(guarded(pieces(dump, size)))
    assert through.startswith(STRINGS_AS_STANDARD)
    return through.removeprefix(STRINGS_AS_STANDARD)


@pytest.mark.parametrize(
    "line",
    [
        b"\\connect app\n",
        b"\\c app\n",
        b"SELECT 1; \\c app\n",
        b"\\! rm -rf /\n",
        b"\\i other.sql\n",
        b"DROP DATABASE app;\n",
        b"drop   /* now */ database app;\n",
        b"CREATE\nDATABASE app;\n",
        b"ALTER DATABASE app SET work_mem = 1;\n",
        b"SELECT 'x'; DROP DATABASE app;\n",
        b"SELECT E'it\\'s'; DROP DATABASE app;\n",
        b"SELECT $a$ $b$ $a$; DROP DATABASE app;\n",
        b"/* /* */ */ DROP DATABASE app;\n",
        b"SET standard_conforming_strings = off;\n",
        b"SET standard_conforming_strings TO off;\n",
        b"RESET ALL;\n",
        b"CREATE ROLE app;\n",
        b"ALTER USER app SUPERUSER;\n",
        b"DROP USER app;\n",
        b"CREATE GROUP app;\n",
        b"CREATE TABLESPACE fast LOCATION '/x';\n",
        b"ALTER SYSTEM SET fsync = off;\n",
        b"DROP OWNED BY app;\n",
        b"REASSIGN OWNED BY a TO b;\n",
        b"GRANT admins TO app;\n",
        b"REVOKE CONNECT ON DATABASE app FROM PUBLIC;\n",
        b"GRANT ALL ON TABLESPACE x TO app;\n",
        b"COMMENT ON ROLE app IS 'x';\n",
        b"SECURITY LABEL FOR selinux ON ROLE app IS 'x';\n",
        b"SET ROLE admin;\n",
        b'SET "role" = admin;\n',
        b"SET LOCAL ROLE admin;\n",
        b"SET SESSION AUTHORIZATION 'admin';\n",
        b"SELECT set_config('role', 'admin', false);\n",
        b"DO $$ BEGIN NULL; END $$;\n",
        b"CALL f();\n",
        b"LOAD 'x';\n",
        b"COMMIT PREPARED 'x';\n",
        b"COPY t FROM PROGRAM 'curl x';\n",
        b"COPY t FROM '/etc/passwd';\n",
        b"COPY t TO PROGRAM 'sh';\n",
        b"COPY t TO stdout; -- FROM stdin;\nSELECT 1;\n\\.\n",
        b"COPY t FROM stdin WITH (FORMAT binary);\nx\n\\.\n",
        b"COPY t\nFROM stdin;\nx\n\\.\n",
        b"SELECT 1; COPY t FROM stdin;\n'\n\\.\n",
        b"COPY t FROM stdin;\n1\n\\.\r\nDROP DATABASE app;\n\\.\n",
        b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\nCOPY t FROM stdin;\n\\.\n",
        b"UPDATE pg_database SET datallowconn = true;\n",
        b"DELETE FROM pg_catalog.pg_authid;\n",
        b"SELECT dblink_exec('dbname=app', 'x');\n",
        b"SELECT lo_import('/etc/passwd');\n",
        b"SELECT pg_terminate_backend(1);\n",
        b"SET client_encoding = 'SJIS';\n",
        b"SET NAMES 'Shift_JIS_2004';\n",
        b"-- x\rDROP DATABASE app;\n",
        b"\\unrestrict abc \\! rm -rf /\n",
        b"\\restrict abc\\! x\n",
        b"SELECT 1e'\\'';\n",
        b"SELECT $1a$b$;\n",
        b"SELECT '\0';\n",
    ],
)
async def test_refuses_what_reaches_other_databases(line: bytes) -> None:
    with pytest.raises(Refused, match="could reach beyond its database"):
        await passed(b"SET x = 1;\n" + line + END)


@pytest.mark.parametrize(
    "text",
    [
        b"COPY public.t (a) FROM stdin;\nDROP DATABASE app;\n\\connect x\n\\.\n",
        b"COPY public.t (a) FROM stdin;\n\\.\n",
        b"-- DROP DATABASE app\n",
        b"/* DROP DATABASE app; */\n",
        b"SELECT 'DROP DATABASE app';\n",
        b"SELECT 'line\n\\connect x\nDROP DATABASE';\n",
        b"CREATE FUNCTION f() AS $_$\nBEGIN; DROP DATABASE x; '$$'\n$_$;\n",
        b'CREATE TABLE "DROP DATABASE" (i int);\n',
        b"COMMENT ON DATABASE app IS 'x';\n",
        b"\\restrict abc\n\\unrestrict abc\n",
        b"SET standard_conforming_strings = on;\n",
        b"SET client_encoding = 'UTF8';\nSET NAMES 'latin1';\n",
        b"SELECT pg_catalog.set_config('search_path', '', false);\n",
        b"COPY t (a) FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;\r\n",
        b"CREATE USER MAPPING FOR shop SERVER s;\n",
        b"ALTER TABLE t DROP database;\nCREATE TABLE t (role text, system text, copy int);\n",
        b"GRANT SELECT ON TABLE database TO shop;\n",
        b"ALTER DEFAULT PRIVILEGES FOR ROLE shop GRANT SELECT ON TABLES TO shop;\n",
        b"CREATE FUNCTION f(int) RETURNS int\n BEGIN ATOMIC\n SELECT CASE WHEN true THEN $1 END;\n"
        b" INSERT INTO t VALUES (1);\nEND;\nCOPY t FROM stdin;\n1\n\\.\n",
        b"CREATE RULE r AS ON INSERT TO t DO (DELETE FROM l; NOTIFY x);\nCOPY t FROM stdin;\n\\.\n",
        b"CREATE FUNCTION g() RETURNS int SET client_encoding TO 'SQL_ASCII' AS 'SELECT 1' LANGUAGE sql;\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_passes_on_harmless_text_unchanged(text: bytes, size: int) -> None:
    assert await passed(text + END, size) == text + END


async def test_what_follows_copied_rows_is_read_again() -> None:
    with pytest.raises(Refused):
        await passed(b"COPY t FROM stdin;\n1\n2\n\\.\nDROP DATABASE app;\n" + END)


async def test_a_dump_without_its_last_words_was_cut_off() -> None:
    with pytest.raises(Corrupt, match="cut off"):
        await passed(b"CREATE TABLE t (i int);\nCOPY t FROM stdin;\n1\n")
