"""The HTTP service. A connection per request: a demo's load, and no pool that
would have to survive the database being swapped under it."""

import json
import os
import signal
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
from database import connect
from migrations import expected_schema, expected_tables

STARTED = time.monotonic()
# After the first HEALTHCHECK, one second after the start: green once, then red.
TURNS_BAD_AFTER_SECONDS = 1.5


def serve(version: str, *, turns_bad: bool) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Handler.version, Handler.turns_bad = version, turns_bad
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()


class Handler(BaseHTTPRequestHandler):
    version: str
    turns_bad: bool

    def do_GET(self) -> None:
        if self.path == "/api/v1/health":
            self._answer(*health(self.version, turns_bad=self.turns_bad))
        elif self.path == "/api/v1/version":
            self._answer(200, {"version": self.version})
        elif self.path == "/api/v1/orders/count":
            self._from_database(count_orders)
        elif self.path == "/auth/oidc/login":
            self.send_response(302)
            self.send_header("Location", "/keycloak/realms/shop/protocol/openid-connect/auth")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        if self.path != "/api/v1/orders":
            self._answer(404, {"error": "not found"})
            return
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            number = int(json.loads(body)["number"])
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"error": 'expected {"number": 123}'})
            return
        self._from_database(lambda cursor: insert_order(cursor, number, self.version))

    def _from_database(self, work) -> None:
        """Answers after the commit only: an answered row is an acknowledged row."""
        try:
            with closing(connect()) as connection, connection, connection.cursor() as cursor:
                status, body = work(cursor)
        except psycopg2.errors.UniqueViolation:
            status, body = 409, {"error": "this number exists"}
        except psycopg2.Error as error:
            status, body = 503, {"error": str(error).strip()}
        self._answer(status, body)

    def _answer(self, status: int, body: dict) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args) -> None:
        if os.environ.get("LOG_FORMAT") == "json":
            print(json.dumps({"event": "request", "request": args[0], "status": args[1]}))
        else:
            print(format % args)


def health(version: str, *, turns_bad: bool) -> tuple[int, dict]:
    if turns_bad and time.monotonic() - STARTED > TURNS_BAD_AFTER_SECONDS:
        return 500, {"status": "error", "reason": "session cache is corrupt"}
    schema = expected_schema(version)
    try:
        with closing(connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT max(version) FROM schema_migrations")
            found = cursor.fetchone()[0]
            cursor.execute(
                "SELECT name FROM unnest(%s) name WHERE to_regclass(name) IS NULL",
                (expected_tables(schema),),
            )
            missing = [row[0] for row in cursor.fetchall()]
    except psycopg2.Error as error:
        return 503, {"status": "unavailable", "reason": str(error).strip()}
    if found != schema or missing:
        reason = f"schema is {found}, expected {schema}; missing tables: {missing}"
        return 503, {"status": "unavailable", "reason": reason}
    return 200, {"status": "ok", "version": version, "schema": schema}


def count_orders(cursor) -> tuple[int, dict]:
    cursor.execute("SELECT count(*) FROM orders")
    return 200, {"count": cursor.fetchone()[0]}


def insert_order(cursor, number: int, version: str) -> tuple[int, dict]:
    cursor.execute(
        "INSERT INTO orders (number, user_id, product_id, quantity)"
        " VALUES (%s, 1 + %s %% 50, 1 + %s %% 40, 1) RETURNING id",
        (number, number, number),
    )
    order = cursor.fetchone()[0]
    if expected_schema(version) >= 2:
        cursor.execute(
            "INSERT INTO invoices (order_id, gross_cents) SELECT orders.id, price_cents"
            " FROM orders JOIN products ON products.id = product_id WHERE orders.id = %s",
            (order,),
        )
    return 201, {"id": order, "number": number}
