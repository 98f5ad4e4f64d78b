"""The schema, version by version. Each is applied once and recorded."""

import sys

import psycopg2

SCHEMA_1 = """
CREATE TABLE users (
    id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE);
CREATE TABLE products (
    id serial PRIMARY KEY, name text NOT NULL, price_cents integer NOT NULL);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    number bigint NOT NULL UNIQUE,
    user_id integer NOT NULL REFERENCES users,
    product_id integer NOT NULL REFERENCES products,
    quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    ordered_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE audit (
    id bigserial PRIMARY KEY, order_number bigint NOT NULL, action text NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION audit_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (order_number, action) VALUES (NEW.number, lower(TG_OP));
    RETURN NEW;
END $$;
CREATE TRIGGER orders_audited AFTER INSERT OR UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION audit_order();
CREATE VIEW turnover AS
    SELECT product_id, sum(quantity * price_cents) AS cents
    FROM orders JOIN products ON products.id = product_id GROUP BY product_id;
INSERT INTO users (name, email)
    SELECT 'Customer ' || n, 'Customer' || n || '@Example.org' FROM generate_series(1, 50) n;
INSERT INTO products (name, price_cents)
    SELECT 'Article ' || n, 100 + n * 5 FROM generate_series(1, 40) n;
INSERT INTO orders (number, user_id, product_id, quantity)
    SELECT n, 1 + n % 50, 1 + n % 40, 1 + n % 3 FROM generate_series(1, 300) n;
"""

# A column, a table that refers to an old one, and changed rows: a rollback that
# left any of them behind would be seen.
SCHEMA_2 = """
ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT 'web';
CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    order_id bigint NOT NULL UNIQUE REFERENCES orders,
    gross_cents bigint NOT NULL);
INSERT INTO invoices (order_id, gross_cents)
    SELECT orders.id, quantity * price_cents * 119 / 100
    FROM orders JOIN products ON products.id = product_id;
UPDATE products SET price_cents = price_cents * 119 / 100;
UPDATE users SET email = lower(email);
"""

# Statement by statement, each committed: what makes half a migration so nasty.
BROKEN_3 = (
    "UPDATE products SET price_cents = 0",
    "ALTER TABLE orders DROP COLUMN quantity CASCADE",
    "ALTER TABLE shipments ADD COLUMN carrier text",
)

MIGRATIONS = {1: SCHEMA_1, 2: SCHEMA_2}
TABLES = {1: ("users", "products", "orders", "audit"), 2: ("invoices",)}


def expected_schema(version: str) -> int:
    return int(version.split(".")[0])


def expected_tables(schema: int) -> list[str]:
    return [table for since, tables in TABLES.items() if since <= schema for table in tables]


def migrate(connection, version: str, *, fails_halfway: bool) -> int:
    done = _applied(connection)
    for number in range(1, expected_schema(version) + 1):
        if number not in done:
            _apply(connection, number)
    return _apply_broken(connection) if fails_halfway else 0


def _applied(connection) -> set[int]:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        cursor.execute("SELECT version FROM schema_migrations")
        return {row[0] for row in cursor.fetchall()}


def _apply(connection, number: int) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(MIGRATIONS[number])
        cursor.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (number,))
    print(f"migration {number} applied")


def _apply_broken(connection) -> int:
    for statement in BROKEN_3:
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
        except psycopg2.Error as error:
            print(f"migration 3 failed: {error}", file=sys.stderr)
            return 1
    return 0
