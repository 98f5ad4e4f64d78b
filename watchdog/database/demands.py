"""What a database asks of the server and the role that restore it: read with the dump, judged at preflight.

Kept in the backup's account, because the live database may ask for other things by then; see `offer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchdog.database.ports import LONG, Session
from watchdog.errors import Corrupt

FIRST_OID = 16384
"""PostgreSQL's FirstNormalObjectId: what has a smaller one came with the server."""
_IN_SCHEMAS = (
    ("pg_class", "relowner", "relnamespace", "o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')"),
    ("pg_proc", "proowner", "pronamespace", "true"),
    ("pg_type", "typowner", "typnamespace", "o.typtype IN ('d', 'e', 'r')"),
    ("pg_operator", "oprowner", "oprnamespace", "true"),
    ("pg_collation", "collowner", "collnamespace", "true"),
    ("pg_ts_config", "cfgowner", "cfgnamespace", "true"),
    ("pg_ts_dict", "dictowner", "dictnamespace", "true"),
    ("pg_statistic_ext", "stxowner", "stxnamespace", "true"),
)
_ELSEWHERE = (
    ("pg_namespace", "nspowner", "o.nspname !~ '^pg_'"),
    ("pg_foreign_server", "srvowner", "true"),
    ("pg_publication", "pubowner", "true"),
    ("pg_largeobject_metadata", "lomowner", "true"),
    ("pg_default_acl", "defaclrole", "true"),
)
_FOR_SUPERUSERS = (
    ("event trigger", "evtname", "pg_event_trigger", "true"),
    ("publication of all tables", "pubname", "pg_publication", "o.puballtables"),
    ("foreign-data wrapper", "fdwname", "pg_foreign_data_wrapper", "true"),
    ("operator class", "opcname", "pg_opclass", "true"),
    ("base type", "typname", "pg_type", "o.typtype = 'b' AND o.typelem = 0"),
    (
        "function in an untrusted language",
        "proname",
        "pg_proc",
        "o.prolang IN (SELECT oid FROM pg_language WHERE NOT lanpltrusted)",
    ),
)
_GUESTS = """\
SELECT 'objects of ' || pg_get_userbyid({owner}) || ' in schema ' || n.nspname
  FROM {catalog} o JOIN pg_namespace n ON n.oid = o.{schema}
 WHERE n.nspname !~ '^pg_' AND NOT pg_has_role({owner}, n.nspowner, 'USAGE')
   AND (n.nspname <> 'public' OR current_setting('server_version_num')::int >= 150000)
   AND {condition} AND {own}"""
"""Their owner was let in by a grant, which a restore repeats at its end only. Before 15, `public` was open to
everybody."""
_OWN = (
    f"o.oid >= {FIRST_OID} AND NOT EXISTS (SELECT FROM pg_depend e"
    " WHERE e.classid = o.tableoid AND e.objid = o.oid AND e.deptype = 'e')"
)
"""Of the user's, and not part of an extension."""
_ROLES = """\
SELECT DISTINCT r.rolname::text FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
 WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype IN ('o', 'a', 'r')
   AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_EXTENSIONS = f"SELECT extname::text, extversion FROM pg_extension WHERE oid >= {FIRST_OID} ORDER BY 1"
_TABLESPACES = """\
SELECT DISTINCT t.spcname::text FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
 WHERE t.spcname !~ '^pg_' ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Demands:
    """Attributes:
    roles: Must exist: they own objects, or have rights on some.
    owners: Those of them that own objects; who restores must be able to give the objects to them.
    extensions: Name and version of those that a restore creates.
    for_superusers: What only a superuser may create, in words.
    """

    roles: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()
    tablespaces: tuple[str, ...] = ()
    for_superusers: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Demands:
        """The inverse of `dataclasses.asdict`, through JSON. Raises `Corrupt`."""
        try:
            extensions = tuple((str(name), str(version)) for name, version in data["extensions"])
            rest = ("roles", "owners", "tablespaces", "for_superusers")
            return cls(extensions=extensions, **{name: tuple(data[name]) for name in rest})
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"the saved demands of the database cannot be read: {error}") from error


async def read_demands(session: Session) -> Demands:
    """Of the database that the session is connected to."""
    owners = await _column(session, f"SELECT DISTINCT pg_get_userbyid(owner)::text FROM ({_owners()}) x")
    roles = await _column(session, _ROLES)
    return Demands(
        roles=tuple(sorted({*roles, *owners})),
        owners=tuple(sorted(owners)),
        extensions=tuple((name, version) for name, version in await session.rows(_EXTENSIONS)),
        tablespaces=await _column(session, _TABLESPACES),
        for_superusers=await _column(session, _for_superusers()),
    )


async def _column(session: Session, query: str) -> tuple[str, ...]:
    return tuple(str(value) for (value,) in await session.rows(query, LONG))


def _owners() -> str:
    in_schemas = (
        f"SELECT o.{owner} FROM {catalog} o JOIN pg_namespace n ON n.oid = o.{schema}"
        f" WHERE n.nspname !~ '^pg_' AND {condition} AND {_OWN}"
        for catalog, owner, schema, condition in _IN_SCHEMAS
    )
    elsewhere = (
        f"SELECT o.{owner} AS owner FROM {catalog} o WHERE {condition} AND {_OWN}"
        for catalog, owner, condition in _ELSEWHERE
    )
    return " UNION ".join((*elsewhere, *in_schemas))


def _for_superusers() -> str:
    parts = (
        f"SELECT '{kind} ' || o.{name} FROM {catalog} o WHERE {condition} AND {_OWN}"
        for kind, name, catalog, condition in _FOR_SUPERUSERS
    )
    guests = (
        _GUESTS.format(catalog=catalog, owner=f"o.{owner}", schema=schema, condition=condition, own=_OWN)
        for catalog, owner, schema, condition in _IN_SCHEMAS[:2]
    )
    return " UNION ".join((*parts, *guests)) + " ORDER BY 1"
