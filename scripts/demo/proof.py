"""Is everything back, and is nothing lost? Pure comparisons of two truths, each with its figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from demo.truth import Row, Table, Truth, fingerprint

Tables = Mapping[str, Table]

ALERTS = ("rollback started", "rollback succeeded")


@dataclass(frozen=True, slots=True)
class Comparison:
    what: str
    holds: bool
    figures: str


@dataclass(frozen=True, slots=True)
class Promises:
    """Numbers of the orders that the shop acknowledged, by the moment at which it did.

    `early`: before the deployment began. `later`: after the backup was complete and before the failure was
    detected; a rollback takes these out of the live database. `every`: all of them, until the end.
    """

    early: Collection[int]
    later: Collection[int]
    every: Collection[int]


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a table of the displaced database holds beyond the restored one. `new_table`: all of it."""

    new_rows: int
    changed_rows: int
    new_table: bool = False

    def __str__(self) -> str:
        counts = (("new", self.new_rows), ("changed", self.changed_rows))
        words = [f"{count} {what} row{'s' * (count != 1)}" for what, count in counts if count]
        return ", ".join(words) + (
            " in a table that the restored one does not have" if self.new_table else ""
        )


def compare(before: Truth, after: Truth, displaced: Tables, promises: Promises) -> list[Comparison]:
    return [
        _images(before, after),
        *_files(before, after),
        _schema(before, after),
        _rows(before.tables, after.tables),
        *_promises(promises, _numbers(after.tables), _numbers(displaced)),
    ]


def beyond(before: Tables, live: Tables, displaced: Tables) -> dict[str, Beyond]:
    """By table. Seen on the columns that both databases have; a known key with another row has changed."""
    found = {}
    for name, table in sorted(displaced.items()):
        if name not in live:
            found[name] = Beyond(len(table.rows), 0, new_table=True)
            continue
        columns = [column for column in live[name].columns if column in table.columns]
        more = _projected(table, columns) - _projected(live[name], columns)
        known = {row[0] for row in before[name].rows} if name in before else set()
        changed = sum(row[0] in known for row in more)
        if more:
            found[name] = Beyond(len(more) - changed, changed)
    return found


def alerts(titles: Collection[str]) -> Comparison:
    """People heard of the beginning and of the end."""
    heard = [words for words in ALERTS if any(words in title for title in titles)]
    return Comparison("alerts on Slack", len(heard) == len(ALERTS), ", ".join(heard) or "none")


def _images(before: Truth, after: Truth) -> Comparison:
    same = [service for service, image in before.images.items() if after.images.get(service) == image]
    holds = bool(before.images) and before.images == after.images
    return Comparison("running image IDs", holds, f"{len(same)} of {len(before.images)} services as before")


def _files(before: Truth, after: Truth) -> Iterator[Comparison]:
    for name, file in before.files.items():
        now = after.files[name]
        yield Comparison(f"{name}: bytes, mode, owner", file == now, str(now))
    seen = before.mounted == after.mounted
    yield Comparison("site.conf inside the frontend", seen, f"{len(after.mounted)} bytes")


def _schema(before: Truth, after: Truth) -> Comparison:
    was, now = fingerprint(before.schema), fingerprint(after.schema)
    return Comparison("database schema", was == now, now if was == now else f"{now}, not {was}")


def _rows(before: Tables, after: Tables) -> Comparison:
    """Rows may have been added since (the shop takes orders again), but none be gone or changed."""
    total = sum(len(table.rows) for table in before.values())
    back = sum(len(table.rows & _same(after, name, table).rows) for name, table in before.items())
    figures = f"{back} of {total} rows in {len(before)} tables"
    return Comparison("every row of before the deployment", 0 < total == back, figures)


def _same(tables: Tables, name: str, like: Table) -> Table:
    found = tables.get(name)
    return found if found and found.columns == like.columns else Table(like.columns, frozenset())


def _promises(promises: Promises, live: set[int], displaced: set[int]) -> Iterator[Comparison]:
    cases = (
        ("orders acknowledged before the deployment: live", promises.early, live),
        ("orders acknowledged after the backup: displaced", promises.later, displaced),
        ("every acknowledged order: live or displaced", promises.every, live | displaced),
    )
    for what, promised, held in cases:
        kept = sum(number in held for number in promised)
        # An empty set of early orders would prove nothing; of later ones there may be none.
        holds = kept == len(promised) and (bool(promised) or promised is promises.later)
        yield Comparison(what, holds, f"{kept} of {len(promised)}")


def _numbers(tables: Tables) -> set[int]:
    orders = tables.get("orders")
    return {int(number) for number in orders.column("number")} if orders else set()


def _projected(table: Table, columns: list[str]) -> set[Row]:
    places = [table.columns.index(column) for column in columns]
    return {tuple(row[place] for place in places) for row in table.rows}
