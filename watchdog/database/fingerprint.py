"""One hash for the schema of a database, migrations' own tables included.

The policy `rollback.database: if_changed` compares the hash kept with a backup with the live database's.
"""

from __future__ import annotations

import hashlib

from watchdog.database import sql
from watchdog.database.contents import frozen
from watchdog.database.ports import LONG, Session

MIGRATION_TABLES = (
    "__EFMigrationsHistory",
    "__diesel_schema_migrations",
    "__drizzle_migrations",
    "_prisma_migrations",
    "_sqlx_migrations",
    "alembic_version",
    "atlas_schema_revisions",
    "databasechangelog",
    "django_migrations",
    "flyway_schema_history",
    "goose_db_version",
    "kysely_migration",
    "knex_migrations",
    "migrations",
    "phinxlog",
    "refinery_schema_history",
    "schema_migrations",
    "schema_version",
    "SequelizeMeta",
    "typeorm_metadata",
    "yoyo_migration",
)
"""Where the common migration tools note what they applied: a data-only migration shows here."""

_OURS = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
_LINES = f"""\
SELECT 'relation', n.nspname, c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND {_OURS}
UNION ALL
SELECT 'column', n.nspname, c.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND {_OURS}
UNION ALL
SELECT 'constraint', n.nspname, coalesce(c.relname, '') || '.' || k.conname, pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
  LEFT JOIN pg_class c ON c.oid = k.conrelid WHERE {_OURS}
UNION ALL
SELECT 'index', n.nspname, c.relname, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {_OURS}
UNION ALL
SELECT 'view', n.nspname, c.relname, pg_get_viewdef(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {_OURS}
UNION ALL
SELECT 'function', n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       concat_ws(' ', p.prokind, pg_get_function_result(p.oid), md5(p.prosrc))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS}
UNION ALL
SELECT 'trigger', n.nspname, c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND {_OURS}
UNION ALL
SELECT 'enum', n.nspname, t.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
  FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE {_OURS} GROUP BY 1, 2, 3
UNION ALL
SELECT 'domain', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND {_OURS}
UNION ALL
SELECT 'extension', '', extname, extversion FROM pg_extension"""


async def schema_fingerprint(session: Session) -> str:
    """SHA-256 in hex; the same for equal schemas and migration tables, whatever the order of creation."""
    async with frozen(session):
        return await fingerprint_in(session)


async def fingerprint_in(session: Session) -> str:
    """As `schema_fingerprint`, inside `contents.frozen`: of the same snapshot as the dump."""
    lines = [" | ".join(part or "" for part in row) for row in await session.rows(_LINES, LONG)]
    for schema, name, columns in await session.rows(_migration_tables()):
        [(rows, digest)] = await session.rows(sql.measure_table(schema, name, columns or []), LONG)
        lines.append(f"applied | {schema} | {name} | {rows} {digest}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _migration_tables() -> str:
    return f"SELECT * FROM ({sql.TABLES}) t WHERE relname IN {sql.literals(MIGRATION_TABLES)}"
