"""What an emptied server gets before a restore, on a real one: its roles, a stand-in for what is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.postgres_server import Server
from watchdog.clock import SystemClock
from watchdog.database.ground import create_missing_roles, make_placeholder
from watchdog.database.properties import STAND_IN, Properties, read_properties
from watchdog.database.swap import Swap, SwapState, observe, swap
from watchdog.errors import StepFailed

pytestmark = pytest.mark.engine
TIMESTAMP = "20261120_090000"
CLOCK = SystemClock()


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """The name of a role that does not exist; dropped afterwards."""
    name = f"reporter_{os.getpid()}"
    yield name
    server.sql("postgres", f"DROP ROLE IF EXISTS {name}")


async def test_a_missing_role_is_created_as_it_was_and_others_stay_as_they_are(
    server: Server, role: str
) -> None:
    text = f"CREATE ROLE {role};\nALTER ROLE {role} WITH LOGIN PASSWORD 'a; b';\n"
    text += "CREATE ROLE shop;\nALTER ROLE shop WITH NOLOGIN;\n"
    assert await create_missing_roles(server.cluster("postgres"), text) == (role,)
    asked = f"SELECT rolname::text, rolcanlogin FROM pg_roles WHERE rolname IN ('{role}', 'shop') ORDER BY 1"
    assert server.sql("postgres", asked) == [(role, True), ("shop", True)]
    assert await create_missing_roles(server.cluster("postgres"), text) == ()


async def test_what_cannot_be_created_is_named_without_its_password_and_leaves_nothing(
    server: Server, role: str
) -> None:
    text = f"CREATE ROLE {role};\nALTER ROLE {role} WITH NONSENSE PASSWORD 'sekrit';\n"
    with pytest.raises(StepFailed, match=f"the roles {role}.*globals file") as raised:
        await create_missing_roles(server.cluster("postgres"), text)
    assert "sekrit" not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert server.sql("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'") == []


async def test_a_stand_in_is_empty_fenced_and_alike_and_is_displaced_by_the_swap(
    server: Server, database: str
) -> None:
    cluster = server.cluster("postgres")
    server.sql("postgres", f"COMMENT ON DATABASE \"{database}\" IS 'the shop'")
    properties = await properties_of(server, database)
    pair = Swap(database, f"{database}_standby_{TIMESTAMP}", f"{database}_pre_rollback_{TIMESTAMP}")
    assert not await make_placeholder(cluster, pair, TIMESTAMP, properties, CLOCK)
    server.sql("postgres", f'ALTER DATABASE "{database}" RENAME TO "{pair.side}"')

    assert await make_placeholder(cluster, pair, TIMESTAMP, properties, CLOCK)
    assert server.databases(database) == {database: False, pair.side: True}
    found = await properties_of(server, database)
    assert replace(found, comment="the shop") == properties
    assert (found.comment or "").startswith(STAND_IN)
    assert await observe(cluster, pair) is SwapState.NOT_SWAPPED
    again = "a process that died, and came back"
    assert await make_placeholder(cluster, pair, TIMESTAMP, properties, CLOCK), again
    await swap(cluster, [pair], CLOCK)
    assert await observe(cluster, pair) is SwapState.SWAPPED
    assert await make_placeholder(cluster, pair, TIMESTAMP, properties, CLOCK), again
    other = replace(pair, displaced=f"{pair.displaced}1")
    assert not await make_placeholder(cluster, other, TIMESTAMP, properties, CLOCK), "another rollback's"
    assert set(server.databases(database)) == {database, pair.displaced}


async def properties_of(server: Server, database: str) -> Properties:
    async with server.cluster("postgres").connect("postgres") as session:
        found = await read_properties(session, database)
    assert found is not None
    return found
