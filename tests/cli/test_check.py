"""`check`: what it asks, in whose words, and what it says of the answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.operator import Operator
from watchdog.cli.check import select
from watchdog.errors import UsageError
from watchdog.settings import load

COMPOSE = "services: {shop-backend: {}, shop-frontend: {}, big-postgresql: {}, big-redis: {}}\n"


@pytest.fixture
def port() -> Iterator[int]:
    """Accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def shop(operator: Operator, port: int) -> Operator:
    """As the guide's stack is: services with longer names than people use."""
    checks: list[dict[str, Any]] = [
        {"name": "api", "service": "shop-backend", "tcp": f"127.0.0.1:{port}"},
        {"name": "admin", "service": "shop-frontend", "tcp": "127.0.0.1:1", "severity": "wanted"},
        {"name": "users", "sql": "select 1"},
        {"name": "redis", "docker": "big-redis"},
    ]
    databases = [{"service": "big-postgresql", "name": "shop", "user": "shop"}]
    stack = operator.stack("shop", checks=checks, databases=databases)
    operator.write(stacks={"shop": stack})
    (operator.root / "shop" / "compose.yaml").write_text(COMPOSE)
    return operator


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("database", ["users"]),
        ("redis", ["redis"]),
        ("backend", ["api"]),
        ("shop-backend", ["api"]),
        ("big-postgresql", ["users"]),
    ],
)
def test_knows_the_guides_words_for_services(shop: Operator, word: str, asked: list[str]) -> None:
    (settings,) = load(shop.configuration, {}).stacks
    assert [check.name for check in select(settings, word)] == asked


def test_a_word_for_several_services_is_answered_with_them(shop: Operator) -> None:
    (settings,) = load(shop.configuration, {}).stacks
    with pytest.raises(UsageError, match="'shop' may be shop-backend or shop-frontend: name one of them"):
        select(settings, "shop")


def test_an_unknown_word_is_answered_with_the_services_that_have_checks(shop: Operator) -> None:
    done = shop.types("check", "--service", "end")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "no check belongs to service 'end'; services with checks: big-postgresql, big-redis, shop-backend, "
        "shop-frontend\n"
    )


def test_shows_who_decides_how_long_it_took_and_why(shop: Operator) -> None:
    done = shop.types("check", "--json")
    rows = {row["check"]: row for row in json.loads(done.stdout)}
    assert done.exit_code == 1
    assert all(0 <= row.pop("seconds") < 60 for row in rows.values())
    assert rows["api"] == {
        "check": "api",
        "service": "shop-backend",
        "severity": "required",
        "answer": "ok",
        "detail": "connected",
    }
    assert (rows["admin"]["severity"], rows["admin"]["answer"]) == ("wanted", "bad")
    assert (rows["users"]["answer"], rows["redis"]["answer"]) == ("inconclusive", "inconclusive")


def test_only_what_is_required_decides_the_exit_code(shop: Operator) -> None:
    frontend = shop.types("check", "--service", "frontend")
    assert frontend.exit_code == 0
    mark, name, severity, *_, refused = frontend.stdout.strip().split(None, 5)
    assert (mark, name, severity, refused) == ("BAD", "admin", "wanted", "connection refused")
    assert shop.types("check", "--service", "redis").exit_code == 1
