"""The SQL that fills a database with what products store: narrow and wide rows, JSON, bytea, money, time.

About 350 MB for each unit of `scale`, a third of it indexes; no two rows alike, the same in every run.
"""

from __future__ import annotations

TABLES = """\
CREATE TABLE customer (id bigint, email text, name text, joined timestamptz, balance numeric(12, 2));
CREATE TABLE purchase (id bigint, customer_id bigint, at timestamptz, total numeric(12, 2), note text);
CREATE TABLE item (purchase_id bigint, line int, sku int, quantity int, price numeric(10, 2));
CREATE TABLE event (id uuid, at timestamptz, kind text, body jsonb);
CREATE TABLE article (id int, title text, body text, tags text[], updated timestamp);
CREATE TABLE document (id int, name text, content bytea, large bool);
"""

KEYS = """\
ALTER TABLE customer ADD PRIMARY KEY (id);
ALTER TABLE purchase ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customer;
ALTER TABLE item ADD PRIMARY KEY (purchase_id, line), ADD FOREIGN KEY (purchase_id) REFERENCES purchase;
ALTER TABLE event ADD PRIMARY KEY (id);
ALTER TABLE article ADD PRIMARY KEY (id);
ALTER TABLE document ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX ON customer (email);
CREATE INDEX ON purchase (customer_id);
CREATE INDEX ON purchase (at);
CREATE INDEX ON event (kind, at);
CREATE INDEX ON article (updated);
"""

SENTENCE = "'the quick brown fox jumps over the lazy dog and runs away from order '"


def rows(scale: int) -> tuple[str, ...]:
    """One statement a table, in an order that suits the foreign keys."""
    return (
        f"""INSERT INTO customer SELECT n, 'customer' || n || '@example.com', initcap(left(md5(n::text), 12)),
            timestamptz '2020-01-01' + n * interval '97 s', (n * 7919 % 1000000) / 100.0
            FROM generate_series(1, {scale * 100_000}) n""",
        f"""INSERT INTO purchase SELECT n, 1 + n * 31 % {scale * 100_000},
            timestamptz '2024-01-01' + n * interval '61 s', (n::bigint * 104729 % 10000000) / 100.0,
            CASE WHEN n % 5 = 0 THEN {SENTENCE} || md5(n::text) END
            FROM generate_series(1, {scale * 400_000}) n""",
        f"""INSERT INTO item SELECT 1 + n / 3, n % 3, n * 7 % 100000, 1 + n % 9, (n * 13 % 100000) / 100.0
            FROM generate_series(0, {scale * 1_199_999}) n""",
        f"""INSERT INTO event SELECT md5('e' || n)::uuid, timestamptz '2025-01-01' + n * interval '3 s',
            (ARRAY['click', 'view', 'buy', 'login'])[1 + n % 4],
            jsonb_build_object('user', n % 50000, 'page', '/shop/' || md5((n % 9000)::text), 'ms', n % 3000,
                               'agent', {SENTENCE}, 'ok', n % 7 > 0, 'trace', md5('t' || n))
            FROM generate_series(1, {scale * 200_000}) n""",
        f"""INSERT INTO article SELECT n, 'Article ' || n,
            (SELECT string_agg({SENTENCE} || md5(n || '/' || m), ' ')
            FROM generate_series(1, 5 + n % 20) m), ARRAY['tag' || n % 10, 'tag' || n % 100],
            timestamp '2025-01-01' + n * interval '11 s' FROM generate_series(1, {scale * 40_000}) n""",
        f"""INSERT INTO document SELECT n, 'scan' || n || '.pdf',
            (SELECT decode(string_agg(md5(n || '-' || m), ''), 'hex')
               FROM generate_series(1, CASE WHEN n % 500 = 0 THEN 65536 ELSE 500 END) m), n % 500 = 0
            FROM generate_series(1, {scale * 5_000}) n""",
    )  # fmt: skip
