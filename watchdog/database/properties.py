"""What belongs to a database as such and is lost by a restore without `--create`: owner, rights, settings.

Read from the live database's catalog entry by the backup and by the restore; applied to the side database,
and by the undo to a database that had been opened read-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchdog.database import sql
from watchdog.database.ports import LONG, Session
from watchdog.errors import Corrupt

QUOTED_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""PostgreSQL's GUC_LIST_QUOTE settings: stored as a quoted list, to be given item by item."""
STAND_IN = "ops-watchdog: empty, for a database that was gone; displaced as"
"""Begins the comment of a database that stands for one that was gone (see `ground`); no copy inherits it."""
_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]+))\s*(?:,|$)')

_DEFAULT_RIGHTS = 8
"""Where `_base_query` says whether the access list is the default one."""
_PROVIDER_SINCE = 150000
_RULES_SINCE = 160000
_LOCALE_COLUMN_SINCE = 170000


@dataclass(frozen=True, slots=True)
class Grant:
    """One entry of the access list; `grantee` empty means PUBLIC."""

    grantee: str
    privilege: str
    grantable: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """`ALTER DATABASE … SET`; with a role, `ALTER ROLE … IN DATABASE … SET`."""

    role: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Properties:
    """`grants` None means PostgreSQL's default rights; `connection_limit` -1 means none.

    `provider` and `locale` as in the catalog (c, i, b); `tablespace` None means the cluster's default.
    """

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str | None
    tablespace: str | None
    connection_limit: int
    grants: tuple[Grant, ...] | None
    settings: tuple[Setting, ...]
    comment: str | None
    icu_rules: str | None = None

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Properties:
        """The inverse of `dataclasses.asdict`, through JSON. Raises `Corrupt`."""
        try:
            grants = data["grants"]
            return cls(
                **{
                    **data,
                    "grants": None if grants is None else tuple(Grant(**grant) for grant in grants),
                    "settings": tuple(Setting(**setting) for setting in data["settings"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise Corrupt(f"the saved database properties cannot be read: {error}") from error


async def read_properties(session: Session, database: str) -> Properties | None:
    """From any database of the cluster; None where no such database exists."""
    found = await session.rows(_base_query(database, await _version(session)))
    if not found:
        return None
    owner, encoding, collate, ctype, provider, locale, tablespace, limit, default_rights, comment, rules = (
        found[0]
    )
    grants = (
        None if default_rights else tuple(Grant(*row) for row in await session.rows(_grants_query(database)))
    )
    settings = [
        Setting(role, *entry.split("=", 1)) for role, entry in await session.rows(_settings_query(database))
    ]
    return Properties(
        owner=owner,
        encoding=encoding,
        collate=collate,
        ctype=ctype,
        provider=provider,
        locale=locale,
        tablespace=tablespace,
        connection_limit=limit,
        grants=grants,
        settings=tuple(settings),
        comment=comment,
        icu_rules=rules,
    )


async def create_like(session: Session, name: str, properties: Properties) -> None:
    """Create an empty database with these properties, as far as creation goes."""
    await session.execute(create_statement(name, properties, await _version(session)), LONG)


async def apply_properties(session: Session, database: str, properties: Properties) -> None:
    """Give a database these properties and no others (encoding, locale and tablespace are for creation)."""
    async with session.transaction():
        for role, _ in await session.rows(_settings_query(database)):
            await session.execute(_reset(database, role))
        name = sql.identifier(database)
        for grantee in sorted({str(grantee) for grantee, *_ in await session.rows(_grants_query(database))}):
            to = sql.identifier(grantee) if grantee else "PUBLIC"
            await session.execute(f"REVOKE ALL ON DATABASE {name} FROM {to} CASCADE")
        for statement in statements(database, properties):
            await session.execute(statement)
        [base] = await session.rows(_base_query(database, 0))
        if properties.grants is None and not base[_DEFAULT_RIGHTS]:
            await session.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC")
            await session.execute(f"GRANT ALL ON DATABASE {name} TO {sql.identifier(properties.owner)}")


def create_statement(name: str, properties: Properties, version: int) -> str:
    """`CREATE DATABASE` of an empty one alike, in the words of this server version."""
    provider = properties.provider if version >= _PROVIDER_SINCE else None
    return sql.create_database(
        name,
        owner=properties.owner,
        encoding=properties.encoding,
        collate=properties.collate,
        ctype=properties.ctype,
        tablespace=properties.tablespace,
        provider=provider,
        locale=properties.locale,
        icu_rules=properties.icu_rules,
    )


def statements(database: str, properties: Properties) -> tuple[str, ...]:
    """The statements that give an existing database the properties; its own settings are reset before."""
    name = sql.identifier(database)
    comment = "NULL" if properties.comment is None else sql.literal(properties.comment)
    return (
        f"ALTER DATABASE {name} OWNER TO {sql.identifier(properties.owner)}",
        f"ALTER DATABASE {name} CONNECTION LIMIT {properties.connection_limit}",
        f"COMMENT ON DATABASE {name} IS {comment}",
        *(_set(database, setting) for setting in properties.settings),
        *_grant(database, properties),
    )


def list_items(value: str) -> tuple[str, ...]:
    """The items of a stored list setting: `"$user", public` gives `$user` and `public`."""
    return tuple(quoted.replace('""', '"') or plain.strip() for quoted, plain in _LIST_ITEM.findall(value))


def _set(database: str, setting: Setting) -> str:
    if setting.name in QUOTED_LISTS:
        value = ", ".join(sql.literal(item) for item in list_items(setting.value)) or "''"
    else:
        value = sql.literal(setting.value)
    name = ".".join(sql.identifier(part) for part in setting.name.split("."))
    return f"{_target(database, setting.role)} SET {name} TO {value}"


def _reset(database: str, role: str) -> str:
    return f"{_target(database, role)} RESET ALL"


def _target(database: str, role: str) -> str:
    name = sql.identifier(database)
    return f"ALTER ROLE {sql.identifier(role)} IN DATABASE {name}" if role else f"ALTER DATABASE {name}"


def _grant(database: str, properties: Properties) -> Iterator[str]:
    if properties.grants is None:
        return
    name = sql.identifier(database)
    yield f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"
    yield f"REVOKE ALL ON DATABASE {name} FROM {sql.identifier(properties.owner)}"
    for grant in properties.grants:
        to = sql.identifier(grant.grantee) if grant.grantee else "PUBLIC"
        option = " WITH GRANT OPTION" if grant.grantable else ""
        yield f"GRANT {grant.privilege} ON DATABASE {name} TO {to}{option}"


async def _version(session: Session) -> int:
    [(version,)] = await session.rows("SELECT current_setting('server_version_num')::int")
    return int(version)


def _base_query(database: str, version: int) -> str:
    provider = "d.datlocprovider::text" if version >= _PROVIDER_SINCE else "'c'"
    locale, rules = "NULL", "d.daticurules" if version >= _RULES_SINCE else "NULL"
    if version >= _PROVIDER_SINCE:
        locale = "d.datlocale" if version >= _LOCALE_COLUMN_SINCE else "d.daticulocale"
    return (
        "SELECT pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text, d.datcollate::text,"
        f" d.datctype::text, {provider}, {locale}, nullif(t.spcname, 'pg_default')::text, d.datconnlimit,"
        f" d.datacl IS NULL, shobj_description(d.oid, 'pg_database'), {rules}"
        " FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace"
        f" WHERE d.datname = {sql.literal(database)}"
    )


def _grants_query(database: str) -> str:
    return (
        "SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type,"
        " a.is_grantable FROM pg_database d, aclexplode(d.datacl) a"
        f" WHERE d.datname = {sql.literal(database)} ORDER BY 1, 2"
    )


def _settings_query(database: str) -> str:
    return (
        "SELECT CASE WHEN s.setrole = 0 THEN '' ELSE pg_get_userbyid(s.setrole)::text END, c.entry"
        " FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase,"
        " unnest(s.setconfig) WITH ORDINALITY c (entry, position)"
        f" WHERE d.datname = {sql.literal(database)} ORDER BY 1, c.position"
    )
