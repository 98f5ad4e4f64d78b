"""What the server offers to a restore and our role may do, and what of a backup's demands they do not meet.

Asked at preflight, so that nothing stops for a restore that must fail. `unmet` asks, `shortfalls` judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchdog.database import sql
from watchdog.database.demands import Demands, read_demands
from watchdog.database.facts import SET_ROLE_SINCE, DatabaseFacts, grant
from watchdog.database.names import control_database
from watchdog.database.ports import Cluster, Session

PARAMETER_RIGHTS_SINCE = 150000
"""`GRANT SET ON PARAMETER`."""
SUPERUSER = "give ops-watchdog a superuser"


@dataclass(frozen=True, slots=True)
class Offer:
    """Attributes:
    roles: Those that exist; True where we may give objects to them.
    settable: Roles whose settings we may change.
    extensions: Those available; True where our role may create them.
    tablespaces: Those that exist; True where our role may create in them.
    locked: Names of settings of the database that only a superuser may set.
    """

    roles: Mapping[str, bool]
    settable: frozenset[str]
    extensions: Mapping[str, bool]
    tablespaces: Mapping[str, bool]
    locked: tuple[str, ...] = ()


async def unmet(
    cluster: Cluster, facts: DatabaseFacts, recorded: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Why a backup of this database could not be restored here, each with its remedy.

    `recorded`: its demands, as the backup's account keeps them; without, the live database's are taken.
    """
    demands = Demands.from_mapping(recorded) if recorded else await _live_demands(cluster, facts)
    async with cluster.connect(control_database([facts.name])) as session:
        return shortfalls(facts, demands, await read_offer(session, facts, demands))


async def _live_demands(cluster: Cluster, facts: DatabaseFacts) -> Demands:
    if not facts.allows_connections:
        return Demands()
    async with cluster.connect(facts.name) as session:
        return await read_demands(session)


def shortfalls(facts: DatabaseFacts, demands: Demands, offer: Offer) -> tuple[str, ...]:
    """What is missing on the server, and what our role may not do."""
    forbidden = () if facts.rights.superuser else _forbidden(facts, demands, offer)
    return (*_missing(facts, demands, offer), *forbidden)


def _missing(facts: DatabaseFacts, demands: Demands, offer: Offer) -> Iterator[str]:
    name, major = facts.name, facts.server_version // 10000
    for role in demands.roles:
        if role not in offer.roles:
            yield (
                f"role {sql.identifier(role)}, which {name} needs, does not exist; create it again: the"
                " backup's globals_*.sql has it"
            )
    for extension, version in demands.extensions:
        if extension not in offer.extensions:
            yield (
                f"the server no longer offers extension {extension}, which {name} needs (it had {version});"
                f" install its package for PostgreSQL {major} where the server runs (in its image), or choose"
                " another backup"
            )
    for space in demands.tablespaces:
        if space not in offer.tablespaces:
            yield (
                f"tablespace {sql.identifier(space)}, which {name} needs, does not exist; create it again:"
                f" CREATE TABLESPACE {sql.identifier(space)} LOCATION '…'"
            )


def _forbidden(facts: DatabaseFacts, demands: Demands, offer: Offer) -> Iterator[str]:
    name, user = facts.name, sql.identifier(facts.rights.user)
    for owner in demands.owners:
        if offer.roles.get(owner) is False:
            grants = grant(owner, facts)
            yield f"role {user} may not give objects of {name} to their owner {owner}; grant it: {grants}"
    for extension, _ in demands.extensions:
        if offer.extensions.get(extension) is False:
            yield f"role {user} may not create extension {extension} of {name}; {SUPERUSER}"
    for thing in demands.for_superusers:
        yield f"role {user} may not create the {thing} of {name}; {SUPERUSER}"
    for space in demands.tablespaces:
        if offer.tablespaces.get(space) is False:
            grants = f"GRANT CREATE ON TABLESPACE {sql.identifier(space)} TO {user}"
            yield f"role {user} may not create in tablespace {space} of {name}; grant it: {grants}"
    yield from _settings(facts, offer)


def _settings(facts: DatabaseFacts, offer: Offer) -> Iterator[str]:
    """ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET, which the copy gets as well."""
    user, name = sql.identifier(facts.rights.user), facts.name
    for setting in offer.locked:
        reset = f"ALTER DATABASE {sql.identifier(name)} RESET {setting}"
        yield f"role {user} may not set {setting} for database {name}; {SUPERUSER}, or reset it: {reset}"
    for role in sorted({s.role for s in facts.properties.settings if s.role} - offer.settable):
        yield f"role {user} may not change the settings of role {role} in database {name}; {SUPERUSER}"


async def read_offer(session: Session, facts: DatabaseFacts, demands: Demands) -> Offer:
    """From any database of the cluster."""
    settings = facts.properties.settings
    wanted = {*demands.roles, *demands.owners, *(setting.role for setting in settings)}
    roles = await session.rows(_roles(wanted, facts.server_version))
    return Offer(
        roles={name: given for name, given, _ in roles},
        settable=frozenset(name for name, _, settable in roles if settable),
        extensions=dict(await session.rows(_EXTENSIONS)),
        tablespaces=dict(await session.rows(_TABLESPACES)),
        locked=tuple(
            name for (name,) in await session.rows(_locked([s.name for s in settings], facts.server_version))
        ),
    )


_EXTENSIONS = (
    "SELECT a.name::text, bool_or(v.trusted OR NOT v.superuser) FROM pg_available_extensions a"
    " JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version GROUP BY 1"
)
_TABLESPACES = "SELECT spcname::text, has_tablespace_privilege(oid, 'CREATE') FROM pg_tablespace"


def _roles(names: set[str], version: int) -> str:
    """Name, whether we may become it, whether we may change its settings."""
    become, admin = "MEMBER", "true"
    if version >= SET_ROLE_SINCE:
        become, admin = "SET", "pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')"
    return (
        f"SELECT r.rolname::text, pg_has_role(r.oid, '{become}'),"
        f" r.oid = me.oid OR (me.rolcreaterole AND NOT r.rolsuper AND {admin})"
        " FROM pg_roles r, pg_roles me WHERE me.rolname = current_user"
        f" AND r.rolname IN {sql.literals(sorted(names))}"
    )


def _locked(names: list[str], version: int) -> str:
    allowed = "false"
    if version >= PARAMETER_RIGHTS_SINCE:
        allowed = "has_parameter_privilege(name, 'SET')"
    return (
        f"SELECT name FROM pg_settings WHERE name IN {sql.literals(names)}"
        f" AND context IN ('superuser', 'superuser-backend') AND NOT {allowed} ORDER BY 1"
    )
