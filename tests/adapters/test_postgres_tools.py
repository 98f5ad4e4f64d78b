"""Commands are built word for word, and a password is never one of the words."""

from __future__ import annotations

import pytest

from watchdog.adapters import postgres_tools as tools


def test_runs_a_tool_in_the_servers_container() -> None:
    assert tools.in_container("c1", ["pg_dump", "x"], application_name="ops-watchdog-backup") == [
        *("docker", "exec", "--env", "PGPASSWORD", "--env", "PGAPPNAME=ops-watchdog-backup", "c1"),
        *("pg_dump", "x"),
    ]
    assert tools.in_container("c1", ["psql"], application_name="a", with_input=True)[:3] == [
        *("docker", "exec", "--interactive"),
    ]


def test_dumps_uncompressed_under_a_snapshot() -> None:
    assert tools.pg_dump("shop", "app", "00000003-1") == [
        *("pg_dump", "--format=custom", "--compress=0", "--snapshot=00000003-1", "--lock-wait-timeout=30000"),
        *("--no-password", "--username=shop", "--dbname=dbname='app'"),
    ]


def test_restores_and_stops_at_the_first_error() -> None:
    assert tools.pg_restore("shop", "app", tools.JOBS, tools.ARCHIVE) == [
        *("pg_restore", "--exit-on-error", "--no-password", "--username=shop"),
        "--dbname=dbname='app' options='-c synchronous_commit=off -c maintenance_work_mem=128MB'",
        *("--jobs=2", "/proc/self/fd/3"),
    ]
    assert tools.psql("shop", "app") == [
        *("psql", "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"),
        *("--no-password", "--username=shop", "--dbname=dbname='app'"),
    ]


def test_dumps_globals_without_passwords_where_the_role_may_not_read_them() -> None:
    common = ["--no-password", "--username=shop", "--database=app"]
    assert tools.pg_dumpall_globals("shop", "app", passwords=True) == [
        "pg_dumpall",
        "--globals-only",
        *common,
    ]
    assert tools.pg_dumpall_globals("shop", "app", passwords=False)[2] == "--no-role-passwords"


def test_a_name_is_never_taken_for_a_connection_string() -> None:
    assert tools.connection_string("host=evil") == "dbname='host=evil'"
    assert tools.connection_string("it's\\") == "dbname='it\\'s\\\\'"


def test_reads_the_free_room() -> None:
    output = "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 100 40 60 40% /\n"
    assert tools.parse_free_bytes(output) == 60 * 1024
    with pytest.raises((ValueError, IndexError)):
        tools.parse_free_bytes("df: no such file")
