"""Builds SQL, runs none: pure functions from names to text, so that each statement is tested by equality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

OUTPUT_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "search_path": "",
    "row_security": "off",
}
"""What the text of a row depends on; equal on both sides of a comparison."""


def identifier(name: str) -> str:
    """A quoted identifier."""
    _refuse_nul(name)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted string, whatever `standard_conforming_strings` says."""
    _refuse_nul(text)
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def literals(texts: Iterable[str]) -> str:
    """A parenthesised list for IN; never empty, because IN () is no SQL."""
    return "(" + ", ".join([literal(text) for text in texts] or ["NULL"]) + ")"


def together(statements: Iterable[str]) -> str:
    """All or nothing in one round trip: the server makes one transaction of a message of several."""
    return "; ".join(statements)


def set_where_known(settings: dict[str, str]) -> str:
    """Settings of the session; those that this major version does not know yet are left out."""
    wanted = ", ".join(f"({literal(name)}, {literal(value)})" for name, value in settings.items())
    return (
        f"SELECT set_config(name, wanted.value, false) FROM (VALUES {wanted}) AS wanted (name, value)"
        " JOIN pg_settings USING (name)"
    )


def set_locally(settings: dict[str, str]) -> str:
    """Settings that hold until the end of the transaction."""
    calls = (f"set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items())
    return "SELECT " + ", ".join(calls)


PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
"""As the catalog says it, and as CREATE DATABASE does."""


def create_database(
    name: str,
    *,
    owner: str,
    encoding: str,
    collate: str,
    ctype: str,
    tablespace: str | None = None,
    provider: str | None = None,
    locale: str | None = None,
    icu_rules: str | None = None,
) -> str:
    """An empty database with these properties, fenced: nobody's until it is opened.

    `provider`: c, i (ICU) or b (builtin), as in the catalog; None where the server knows none, since it would
    mean template0's elsewhere.
    """
    parts = [
        f"CREATE DATABASE {identifier(name)} TEMPLATE template0 ALLOW_CONNECTIONS false",
        f"OWNER {identifier(owner)}",
        f"ENCODING {literal(encoding)} LC_COLLATE {literal(collate)} LC_CTYPE {literal(ctype)}",
    ]
    if provider is not None:
        word = PROVIDERS[provider]
        parts.append(f"LOCALE_PROVIDER {word}")
        parts += [f"{word.upper()}_LOCALE {literal(locale)}"] if locale is not None else []
    if icu_rules is not None:
        parts.append(f"ICU_RULES {literal(icu_rules)}")
    if tablespace is not None:
        parts.append(f"TABLESPACE {identifier(tablespace)}")
    return " ".join(parts)


COPY = "ops-watchdog: a copy at work; dropped when its work is over"


def open_copy(name: str) -> str:
    """Let clients into a copy of ours, marked: any other open one is somebody's, whatever it is called."""
    return together(
        [f"COMMENT ON DATABASE {identifier(name)} IS {literal(COPY)}", allow_connections(name, True)]
    )


def drop_database(name: str) -> str:
    return f"DROP DATABASE IF EXISTS {identifier(name)}"


def allow_connections(name: str, allowed: bool) -> str:
    """The fence: it refuses superusers too, but leaves existing sessions alone."""
    return f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS {str(allowed).lower()}"


def rename_database(old: str, new: str) -> str:
    return f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}"


def terminate(databases: Sequence[str]) -> str:
    """End every session of the databases in bulk, and count those found.

    Autovacuum workers make room for a rename by themselves within 0.1 s; only a superuser may end them.
    """
    return (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        f" WHERE datname IN {literals(databases)} AND pid <> pg_backend_pid()"
        " AND (backend_type IS DISTINCT FROM 'autovacuum worker'"
        " OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))"
    )


def terminate_application(prefix: str) -> str:
    """End the sessions whose application name starts with `prefix`, and count them."""
    return (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        f" WHERE starts_with(application_name, {literal(prefix)}) AND pid <> pg_backend_pid()"
    )


def databases_named(names: Iterable[str]) -> str:
    """Name and whether it accepts connections, of those that exist."""
    return f"SELECT datname, datallowconn FROM pg_database WHERE datname IN {literals(names)}"


def prepared_in(names: Iterable[str]) -> str:
    """Database and global ID of each prepared transaction."""
    return f"SELECT database, gid FROM pg_prepared_xacts WHERE database IN {literals(names)} ORDER BY 1, 2"


TABLES = """\
SELECT n.nspname, c.relname, array_agg(a.attname::text) FILTER (WHERE a.attname IS NOT NULL)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 GROUP BY 1, 2 ORDER BY 1, 2"""
"""Schema, name and columns of every table whose rows a dump holds, partitions instead of their parents."""

SEQUENCES = """\
SELECT schemaname, sequencename, last_value FROM pg_sequences
 WHERE last_value IS NOT NULL AND increment_by > 0 AND NOT cycle ORDER BY 1, 2"""
"""Sequences that only grow, with their last value."""

LARGE_OBJECTS = "SELECT count(*) FROM pg_largeobject_metadata"


def measure_table(schema: str, table: str, columns: Iterable[str]) -> str:
    """Count the rows of one table and add an order-free hash of their text; kept as part of fingerprints."""
    row = ", ".join("t." + identifier(column) for column in sorted(columns))
    return (
        f"SELECT count(*), coalesce(sum(hashtextextended(ROW({row})::text, 0)), 0)::text"
        f" FROM ONLY {identifier(schema)}.{identifier(table)} t"
    )


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise ValueError("PostgreSQL knows no text with a NUL character")
