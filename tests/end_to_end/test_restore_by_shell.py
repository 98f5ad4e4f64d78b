"""RESTORE_TS.txt is true: bash follows it to the letter, without ops-watchdog, and everything is back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from demo.images import docker
from demo.shop import Shop
from demo.truth import displaced_databases, read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import guarding
from tests.end_to_end.sections import RHYTHM, shop_section
from tests.end_to_end.waiting import until

pytestmark = pytest.mark.engine
SERVER = {"service": "database", "user": "shop"}


def follow(backups: Path, timestamp: str) -> str:
    text = (backups / f"RESTORE_{timestamp}.txt").read_text()
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_failed_release_goes_and_the_former_data_configuration_and_images_come(
    own_shop: Shop, tmp_path: Path
) -> None:
    with guarding(tmp_path, {"shop": shop_section(own_shop, tmp_path / "backups")}) as guarded:
        before, timestamp = read_truth(own_shop), guarded.backup()
    own_shop.write_version("2.0")
    own_shop.up()
    assert read_truth(own_shop) != before
    follow(tmp_path / "backups", timestamp)
    assert read_truth(own_shop) == before
    assert len(displaced_databases(own_shop)) == 1


@pytest.mark.long
def test_an_empty_server_gets_its_roles_and_databases_with_their_settings(
    own_shop: Shop, tmp_path: Path
) -> None:
    """Two databases; then `down -v`, and a server as its image makes it."""
    project = own_shop.project
    engine.sql(
        project,
        "CREATE ROLE reporter LOGIN PASSWORD 'it''s; -- secret'",
        'CREATE ROLE "Odd role"',
        'GRANT "Odd role" TO reporter',
        'CREATE DATABASE auth OWNER "Odd role"',
        'ALTER DATABASE auth SET search_path TO a, "B c"',
        "ALTER ROLE reporter IN DATABASE auth SET work_mem = '8MB'",
        "REVOKE CONNECT ON DATABASE auth FROM PUBLIC",
        "COMMENT ON DATABASE auth IS 'it''s: :name \\ theirs'",
    )
    in_auth(project, "CREATE TABLE t AS SELECT 7 AS n; ALTER TABLE t OWNER TO reporter")
    databases = [{**SERVER, "name": name} for name in ("shop", "auth")]
    checks = [{"http": own_shop.health_url, "name": "health", "service": "backend", **RHYTHM}]
    section = shop_section(own_shop, tmp_path / "backups", databases=databases, checks=checks)
    asked = (
        "SELECT datdba::regrole, datacl, shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = 'auth'",
        "SELECT setrole::regrole, setconfig FROM pg_db_role_setting ORDER BY 1",
        "SELECT rolname, rolcanlogin, rolpassword FROM pg_authid WHERE rolname !~ '^pg_|^shop$' ORDER BY 1",
    )
    with guarding(tmp_path, {"shop": section}) as guarded:
        before, properties = read_truth(own_shop), engine.sql(project, *asked)
        timestamp = guarded.backup()
    compose = ("compose", "--file", str(own_shop.compose_file))
    docker(*compose, "down", "--volumes")
    docker(*compose, "up", "--detach", "database")
    until(lambda: answers(project), lambda: "the server")
    said = follow(tmp_path / "backups", timestamp)
    after = read_truth(own_shop)
    assert (after.schema, after.tables, after.images) == (before.schema, before.tables, before.images)
    assert engine.sql(project, *asked) == properties
    assert in_auth(project, "SELECT n FROM public.t") == "7"
    assert "secret" not in said


def in_auth(project: str, statement: str) -> str:
    psql = ("psql", "--username=shop", "--dbname=auth", "--quiet", "--no-align", "--tuples-only")
    container = engine.containers(project)["database"].id
    return docker("exec", container, *psql, "--command", f"SET search_path TO public; {statement}").strip()


def answers(project: str) -> bool:
    """Through the network: the server of an image's first start listens elsewhere."""
    container = engine.containers(project)["database"].id
    done = subprocess.run(
        ["docker", "exec", container, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=shop"],
        check=False,
        capture_output=True,
    )
    return done.returncode == 0
