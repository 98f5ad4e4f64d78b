"""What is true of a shop at one moment: what runs, what lies on disk, what the database holds.

Taken before the deployment and after the rollback, by other means than ops-watchdog's own (docker, pg_dump),
so that the comparison would also see a fault of ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.images import docker
from demo.shop import Shop

Row = tuple[str, ...]

COPY = re.compile(r"COPY (?:public\.)?(?P<table>\S+) \((?P<columns>.*)\) FROM stdin;")
# Comments carry versions, `SET` and `\restrict` the session: none of them is schema.
NO_SCHEMA = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict ")
DISPLACED = "shop\\_pre\\_rollback\\_%"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as pg_dump writes them, in the order of `columns`; the first column is the key."""

    columns: tuple[str, ...]
    rows: frozenset[Row]

    def column(self, name: str) -> set[str]:
        place = self.columns.index(name)
        return {row[place] for row in self.rows}


@dataclass(frozen=True, slots=True)
class OnDisk:
    content: bytes
    mode: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{len(self.content)} bytes, {self.mode & 0o7777:04o}, {self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True)
class Truth:
    """`images`: running service to image ID. `mounted`: the site file as the frontend sees it."""

    images: Mapping[str, str]
    files: Mapping[str, OnDisk]
    mounted: bytes
    schema: str
    tables: Mapping[str, Table]


def read_truth(shop: Shop) -> Truth:
    return Truth(
        images=running_images(shop),
        files={path.name: on_disk(path) for path in (shop.compose_file, shop.env_file, shop.site_file)},
        mounted=_exec(shop, "frontend", "cat", "/etc/nginx/sites-enabled/site.conf").encode(),
        schema=read_schema(shop),
        tables=read_tables(shop, "shop"),
    )


def running_images(shop: Shop) -> dict[str, str]:
    form = '{{index .Config.Labels "com.docker.compose.service"}} {{.Image}}'
    found = _containers(shop)
    lines = docker("inspect", "--format", form, *found).splitlines() if found else []
    return dict(sorted((line.split()[0], line.split()[1]) for line in lines))


def on_disk(path: Path) -> OnDisk:
    facts = path.stat()
    return OnDisk(path.read_bytes(), facts.st_mode, facts.st_uid, facts.st_gid)


def read_schema(shop: Shop) -> str:
    """The schema as DDL, without what differs between two dumps of the same schema."""
    dumped = _exec(shop, "database", "pg_dump", "--username", "shop", "--schema-only", "shop")
    return "\n".join(line for line in dumped.splitlines() if line and not NO_SCHEMA.match(line))


def fingerprint(schema: str) -> str:
    return hashlib.sha256(schema.encode()).hexdigest()[:12]


def read_tables(shop: Shop, database: str) -> dict[str, Table]:
    """Every row of every table, all under one snapshot."""
    dumped = _exec(shop, "database", "pg_dump", "--username", "shop", "--data-only", database)
    return dict(_tables(iter(dumped.split("\n"))))


def displaced_databases(shop: Shop) -> list[str]:
    """What a rollback moved aside, the newest last."""
    query = f"SELECT datname FROM pg_database WHERE datname LIKE '{DISPLACED}' ORDER BY datname"
    asked = ("--username", "shop", "--dbname", "postgres", "--no-align", "--tuples-only", "--command", query)
    return _exec(shop, "database", "psql", *asked).split()


def _tables(lines: Iterator[str]) -> Iterator[tuple[str, Table]]:
    for line in lines:
        if begins := COPY.fullmatch(line):
            rows = frozenset(tuple(row.split("\t")) for row in iter(lambda: next(lines), "\\."))
            yield begins["table"], Table(tuple(begins["columns"].split(", ")), rows)


def _exec(shop: Shop, service: str, *command: str) -> str:
    found = _containers(shop, service)
    if not found:
        raise RuntimeError(f"service {service} of project {shop.project} does not run")
    return docker("exec", found[0], *command)


def _containers(shop: Shop, service: str | None = None) -> list[str]:
    labels = [f"com.docker.compose.project={shop.project}"]
    if service:
        labels.append(f"com.docker.compose.service={service}")
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    return docker("ps", "--quiet", "--filter", "status=running", *filters).split()
