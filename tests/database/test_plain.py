"""A plain dump is read as psql would read it, and refused where it reaches beyond its own database."""

from __future__ import annotations

import pytest

from tests.postgres_server import collected, pieces
from watchdog.database.plain import guarded
from watchdog.errors import Corrupt, Refused

END = b"--\n-- PostgreSQL database dump complete\n--\n"


async def passed(dump: bytes, size: int = 7) -> bytes:
    return await collected(guarded(pieces(dump, size)))


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
