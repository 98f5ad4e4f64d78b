"""What must be known of a database before it may be swapped, and what of it stands in the way.

`inspect` asks, `blockers` judges; the preflight refuses with every reason at once, each with its remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from watchdog.database import sql
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster, Session
from watchdog.database.properties import Properties, read_properties

PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = "
SLOTS = "SELECT slot_name::text FROM pg_replication_slots WHERE database = "
SUBSCRIPTIONS = (
    "SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = "
)


SET_ROLE_SINCE = 160000
"""From then on a membership says apart whether it gives the role's rights (INHERIT) and its name (SET)."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What our own role may do.

    Attributes:
        owner: Has the rights of the role that owns the database.
        become_owner: May create a database for that role.
        inherits: Has the rights of the roles that it is a member of, before they are granted one by one.
    """

    user: str
    superuser: bool
    create_databases: bool
    end_sessions: bool
    owner: bool
    become_owner: bool = True
    inherits: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """A session from an address outside of the stack: the fence cuts it off too, so the plan names it."""

    address: str
    user: str
    application: str


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One database as its server describes it.

    Attributes:
        server_version: As in `server_version_num`: 150018 is 15.18.
        prepared_transactions: Global IDs of those prepared in this database.
        logical_slots: Replication slots that follow this database; a swap takes them along with it.
        superuser_sessions: Sessions of superusers, which others cannot end.
    """

    name: str
    size_bytes: int
    server_version: int
    allows_connections: bool
    properties: Properties
    rights: Rights
    prepared_transactions: tuple[str, ...] = ()
    logical_slots: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    superuser_sessions: int = 0
    outside: tuple[Client, ...] = ()


async def inspect(cluster: Cluster, database: str, inside: Collection[str] = ()) -> DatabaseFacts | None:
    """Look at one database from another of the same cluster; None where it does not exist.

    `inside`: the addresses of the stack's own containers.
    """
    async with cluster.connect(control_database([database])) as session:
        properties = await read_properties(session, database)
        if properties is None:
            return None
        name = sql.literal(database)
        [(size, version, allowed)] = await session.rows(
            "SELECT pg_database_size(oid), current_setting('server_version_num')::int, datallowconn"
            f" FROM pg_database WHERE datname = {name}"
        )
        return DatabaseFacts(
            name=database,
            size_bytes=int(size),
            server_version=version,
            allows_connections=allowed,
            properties=properties,
            rights=await _rights(session, name, version),
            prepared_transactions=await _names(session, PREPARED + name),
            logical_slots=await _names(session, SLOTS + name),
            subscriptions=await _names(session, SUBSCRIPTIONS + name),
            superuser_sessions=await _superuser_sessions(session, name),
            outside=await _outside(session, name, inside),
        )


def blockers(facts: DatabaseFacts, free_bytes: int) -> tuple[str, ...]:
    """Every reason why this database cannot be restored beside and swapped now, with what to do about it."""
    return (*_missing_rights(facts), *_obstacles(facts, free_bytes))


def room(databases: Sequence[DatabaseFacts], free_bytes: int) -> tuple[str, ...]:
    """Why the databases of one cluster, all restored beside themselves at once, do not fit together.

    What a single one lacks is among its `blockers` already.
    """
    needed = sum(facts.size_bytes for facts in databases)
    if len(databases) < 2 or needed <= free_bytes:
        return ()
    names = ", ".join(facts.name for facts in databases)
    return (
        f"restoring {names} beside themselves needs {_mib(needed)} MiB together and the server has "
        f"{_mib(free_bytes)} MiB free; make room on its data volume",
    )


def grant(role: str, facts: DatabaseFacts) -> str:
    """The statements that make our role a full member of another one."""
    user, needed = sql.identifier(facts.rights.user), sql.identifier(role)
    if facts.server_version >= SET_ROLE_SINCE:
        return f"GRANT {needed} TO {user} WITH INHERIT TRUE, SET TRUE"
    inherit = "" if facts.rights.inherits else f"; ALTER ROLE {user} INHERIT"
    return f"GRANT {needed} TO {user}{inherit}"


def _missing_rights(facts: DatabaseFacts) -> list[str]:
    rights, user = facts.rights, sql.identifier(facts.rights.user)
    if rights.superuser:
        return []
    reasons = []
    if not rights.create_databases:
        reasons.append(f"role {user} may not create databases; grant it: ALTER ROLE {user} CREATEDB")
    if not rights.end_sessions:
        grants = grant("pg_signal_backend", facts)
        reasons.append(f"role {user} may not end sessions; grant it: {grants}")
    if not (rights.owner and rights.become_owner):
        grants = grant(facts.properties.owner, facts)
        reasons.append(f"role {user} does not own database {facts.name}; grant it: {grants}")
    if facts.superuser_sessions:
        reasons.append(
            f"{facts.superuser_sessions} sessions of superusers hold database {facts.name} and role {user}"
            " cannot end them; close them, or give ops-watchdog a superuser"
        )
    return reasons


def _obstacles(facts: DatabaseFacts, free_bytes: int) -> list[str]:
    reasons = [
        f"the prepared transaction {prepared!r} blocks renaming database {facts.name}; connected to it, run"
        f" COMMIT PREPARED {sql.literal(prepared)} or ROLLBACK PREPARED {sql.literal(prepared)}"
        for prepared in facts.prepared_transactions
    ]
    if free_bytes < facts.size_bytes:
        reasons.append(
            f"restoring {facts.name} beside itself needs {_mib(facts.size_bytes)} MiB and the server has "
            f"{_mib(free_bytes)} MiB free; make room on its data volume"
        )
    return reasons


async def _rights(session: Session, name: str, version: int) -> Rights:
    """USAGE: has its rights, which count for ownership. Who creates a database for a role must become it."""
    become = "SET" if version >= SET_ROLE_SINCE else "MEMBER"
    [row] = await session.rows(
        "SELECT r.rolname::text, r.rolsuper, r.rolcreatedb,"
        " pg_has_role(r.oid, 'pg_signal_backend', 'USAGE'), pg_has_role(r.oid, d.datdba, 'USAGE'),"
        f" pg_has_role(r.oid, d.datdba, '{become}'), r.rolinherit"
        f" FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = {name}"
    )
    return Rights(*row)


async def _names(session: Session, query: str) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in await session.rows(f"{query} ORDER BY 1"))


async def _superuser_sessions(session: Session, name: str) -> int:
    [(count,)] = await session.rows(
        "SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid"
        f" WHERE a.datname = {name} AND r.rolsuper AND a.pid <> pg_backend_pid()"
    )
    return int(count)


async def _outside(session: Session, name: str, inside: Collection[str]) -> tuple[Client, ...]:
    clients = await session.rows(
        "SELECT DISTINCT host(client_addr), coalesce(usename, '')::text, coalesce(application_name, '')"
        f" FROM pg_stat_activity WHERE datname = {name} AND client_addr IS NOT NULL"
        " AND NOT starts_with(coalesce(application_name, ''), 'ops-watchdog-') ORDER BY 1, 2, 3"
    )
    return tuple(Client(*row) for row in clients if row[0] not in inside)


def _mib(size_bytes: int) -> int:
    return size_bytes // 1024**2
