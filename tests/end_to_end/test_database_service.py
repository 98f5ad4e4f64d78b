"""The database's own service was taken down, emptied or changed: it comes back with everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.images import build_database, docker
from demo.shop import Shop
from demo.truth import displaced_databases, read_tables, read_truth
from demo.versions import DATABASE_IMAGE

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded, guarding
from tests.end_to_end.sections import shop_section

pytestmark = pytest.mark.engine
NEWER = 17


@pytest.fixture
def guarded(own_shop: Shop, tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path, {"shop": shop_section(own_shop, tmp_path / "backups")}) as guarded:
        yield guarded


def compose(shop: Shop, *words: str) -> list[str]:
    return ["docker", "compose", "--file", str(shop.compose_file), *words]


def with_database_image(shop: Shop, image: str) -> None:
    text = shop.compose_file.read_text()
    assert DATABASE_IMAGE in text
    shop.compose_file.write_text(text.replace(DATABASE_IMAGE, image))


@pytest.mark.long
def test_a_deployment_that_takes_the_database_down_is_rolled_back(own_shop: Shop, guarded: Guarded) -> None:
    before = read_truth(own_shop)
    done = guarded.run("deploy", "--", *compose(own_shop, "stop", "database"))
    assert (done.exit_code, guarded.operations()[-1]["plan"]) == (1, "full after recovery"), done
    assert guarded.operations()[-1]["outcome"] == "succeeded", guarded.operations()[-1]
    assert read_truth(own_shop) == before
    assert engine.policies(own_shop.project) == engine.POLICIES


@pytest.mark.long
def test_an_emptied_server_gets_its_roles_and_its_rows_back(own_shop: Shop, guarded: Guarded) -> None:
    """`down -v` by the deployment: containers, volume and all."""
    grant = "CREATE ROLE reporter LOGIN PASSWORD 'it''s; -- secret'"
    engine.sql(own_shop.project, grant, "CREATE ROLE readers", "GRANT readers TO reporter")
    database = engine.containers(own_shop.project)["database"].id
    docker("exec", database, "psql", "-U", "shop", "-c", "GRANT SELECT ON users TO readers")
    before = read_truth(own_shop)
    timestamp = guarded.backup()
    docker(*compose(own_shop, "down", "--volumes")[1:])
    plan = guarded.ok("rollback", "--backup-timestamp", timestamp, "--plan", "--json").json
    assert plan["obstacles"] == []
    done = guarded.ok("rollback", "--yes", "--backup-timestamp", timestamp)
    assert guarded.steps_begun()[3:6] == ["pull_images", "recover_database_service", "restore_database"], done
    after = read_truth(own_shop)
    assert (after.schema, after.tables, after.images) == (before.schema, before.tables, before.images)
    asked = "SELECT pg_has_role('reporter', 'readers', 'MEMBER'), rolcanlogin FROM pg_roles"
    assert engine.sql(own_shop.project, f"{asked} WHERE rolname = 'reporter'") == ["t|t"]
    assert "secret" not in done.stdout + done.stderr


def test_a_changed_image_of_the_database_goes_back_and_its_rows_are_kept(
    own_shop: Shop, guarded: Guarded
) -> None:
    before, image = read_truth(own_shop), f"{own_shop.project}/database:15-next"
    label = f"LABEL ops-watchdog.demo.project={own_shop.project}"
    docker("build", "--quiet", "--tag", image, "-", stdin=f"FROM {DATABASE_IMAGE}\n{label}\n")
    timestamp = guarded.backup()
    own_shop.write_version("2.0")
    with_database_image(own_shop, image)
    own_shop.up()
    assert engine.containers(own_shop.project)["database"].image_id != before.images["database"]
    guarded.ok("rollback", "--yes", "--backup-timestamp", timestamp)
    assert read_truth(own_shop) == before
    (displaced,) = displaced_databases(own_shop)
    assert "invoices" in read_tables(own_shop, displaced), "what version 2.0 wrote is kept"


@pytest.mark.long
def test_a_newer_server_that_could_not_read_the_volume_is_replaced_again(
    own_shop: Shop, guarded: Guarded
) -> None:
    """It never started: the volume is still the older one's."""
    before, timestamp = read_truth(own_shop), guarded.backup()
    with_database_image(own_shop, build_database(NEWER))
    docker(*compose(own_shop, "up", "--detach", "--no-deps", "database")[1:])
    guarded.ok("rollback", "--yes", "--backup-timestamp", timestamp)
    assert read_truth(own_shop) == before


@pytest.mark.long
def test_a_volume_of_another_major_version_is_left_alone_with_the_reason(
    own_shop: Shop, guarded: Guarded
) -> None:
    timestamp = guarded.backup()
    docker(*compose(own_shop, "down", "--volumes")[1:])
    with_database_image(own_shop, build_database(NEWER))
    own_shop.up()
    before = engine.containers(own_shop.project)
    done = guarded.run("rollback", "--yes", "--json", "--backup-timestamp", timestamp)
    assert (done.exit_code, done.json["outcome"]) == (3, "refused"), done
    assert f"keeps data of PostgreSQL {NEWER} now" in done.json["detail"]
    assert "everything stays as it is" in done.json["detail"]
    assert engine.containers(own_shop.project) == before
