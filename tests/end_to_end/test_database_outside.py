"""A stack whose database lies on a server outside of it, reached by address and with this host's tools."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.end_to_end import engine
from tests.end_to_end.guarded import guarding, identity
from tests.end_to_end.site import Site
from tests.postgres_server import PASSWORD, Server

pytestmark = pytest.mark.engine


def test_a_migration_is_undone_there_too(site: Site, server: Server, database: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    outside = {
        "host": server.container.addresses[0],
        "name": database,
        "user": "shop",
        "password_file": str(password),
        "free_space": "1GiB",
    }
    before = identity(site.compose_file)
    with guarding(tmp_path, {"site": site.section(tmp_path / "backups", databases=[outside])}) as guarded:
        guarded.watch()
        site.write_version("2.0", breaks=True)
        statement = "DROP TABLE measures; INSERT INTO users (email) VALUES ('later@example.com')"
        inside = [
            "docker",
            "exec",
            server.container.id,
            "psql",
            "-U",
            "shop",
            "-d",
            database,
            "-c",
            statement,
        ]
        command = f"{shlex.join(inside)} && {shlex.join(site.up_command())}"
        done = guarded.run("deploy", "--", "sh", "-c", command)
        assert (done.exit_code, done.stdout.split()[-2:]) == (1, ["rolled", "back"]), done
        (operation,) = guarded.operations()
    assert (operation["plan"], operation["outcome"]) == ("full", "succeeded")
    assert identity(site.compose_file) == before
    assert engine.containers(site.project)["web"].state == "running"
    assert server.sql(database, "SELECT count(*) FROM measures") == [(300,)]
    assert server.sql(database, "SELECT count(*) FROM users") == [(1000,)]
    assert len(server.databases(f"{database}_pre_rollback_")) == 1
