"""What an answer, a row or a container's state says of a service."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.adapters.probing import Rows, check, found
from tests.fakes import MORNING, FakeClock, FakeEngine
from watchdog.adapters.answers import judge_containers, judge_response, judge_row
from watchdog.adapters.http import Response
from watchdog.adapters.probes import Probes
from watchdog.errors import StepFailed, Unreachable
from watchdog.health.check import Answer, EngineHealth, Http, Sql
from watchdog.stack import Container, Database, Health

DATABASE = Database("db", "shop", "shop")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def probes(engine: FakeEngine, rows: Rows) -> Probes:
    return Probes(engine, "shop", rows, FakeClock())


@pytest.mark.parametrize(
    ("probe", "status", "location", "body", "expected"),
    [
        (Http("u"), 204, "", "", (Answer.OK, "HTTP 204")),
        (Http("u"), 302, "/login", "", (Answer.BAD, "HTTP 302")),
        (Http("u", statuses=(401,)), 401, "", "", (Answer.OK, "HTTP 401")),
        (Http("u", statuses=(401,)), 200, "", "", (Answer.BAD, "HTTP 200")),
        (Http("u", redirects_to="sso"), 200, "", "", (Answer.BAD, "HTTP 200")),
        (
            *(Http("u", redirects_to="sso"), 303, "/login?token=s3cret", ""),
            (Answer.BAD, "HTTP 303, but it does not redirect to sso"),
        ),
        (Http("u", contains="^ok$"), 200, "", "ok", (Answer.OK, "HTTP 200")),
        (
            *(Http("u", contains="^ok$"), 200, "", "broken: s3cret"),
            (Answer.BAD, "HTTP 200, but nothing in the body matches ^ok$"),
        ),
    ],
)
def test_judges_an_answer(
    probe: Http, status: int, location: str, body: str, expected: tuple[Answer, str]
) -> None:
    assert judge_response(probe, Response(status, body, location)) == expected


def sql(minimum: float | None = None, equals: str | None = None) -> Sql:
    return Sql("select 1", DATABASE, minimum, equals)


@pytest.mark.parametrize(
    ("probe", "row", "expected"),
    [
        (sql(), (0,), (Answer.OK, "the query returned what is expected")),
        (sql(), None, (Answer.BAD, "the query returned no row")),
        (sql(minimum=1), (5,), (Answer.OK, "5, at least 1 expected")),
        (sql(minimum=1), (0,), (Answer.BAD, "0, at least 1 expected")),
        (sql(minimum=1), ("s3cret",), (Answer.BAD, "the query did not return a number")),
        (sql(equals="3"), (3,), (Answer.OK, "the query returned what is expected")),
        (sql(equals="yes"), ("s3cret",), (Answer.BAD, "the query did not return yes")),
    ],
)
def test_judges_a_row(probe: Sql, row: tuple[object, ...] | None, expected: tuple[Answer, str]) -> None:
    assert judge_row(probe, row) == expected


async def test_a_database_that_is_down_is_bad_unless_the_engine_is_down_too(
    probes: Probes, rows: Rows, engine: FakeEngine
) -> None:
    rows.error = Unreachable("shop on db does not answer")
    assert found(await probes.probe(check(sql()))) == (Answer.BAD, "shop on db does not answer")


async def test_a_query_through_an_engine_that_is_down_is_inconclusive(
    probes: Probes, rows: Rows, engine: FakeEngine
) -> None:
    rows.error, engine.unreachable = Unreachable("the engine does not answer"), True
    assert found(await probes.probe(check(sql())))[0] is Answer.INCONCLUSIVE


async def test_a_query_that_fails_is_bad(probes: Probes, rows: Rows) -> None:
    rows.error = StepFailed('relation "users" does not exist')
    assert found(await probes.probe(check(sql()))) == (Answer.BAD, 'relation "users" does not exist')


def container(**fields: object) -> Container:
    ordinary = {"id": "1", "name": "shop-backend-1", "service": "backend", "image": "i", "image_id": "i"}
    rest = {"config_hash": "h", "state": "running", "created_at": MORNING}
    return Container(**{**ordinary, **rest, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ((), (Answer.BAD, "backend has no container")),
        ((container(one_off=True),), (Answer.BAD, "backend has no container")),
        ((container(),), (Answer.OK, "backend is running")),
        ((container(health=Health.HEALTHY),), (Answer.OK, "backend is healthy")),
        ((container(health=Health.STARTING),), (Answer.INCONCLUSIVE, "backend is starting")),
        ((container(health=Health.UNHEALTHY),), (Answer.BAD, "backend is unhealthy")),
        ((container(), container(state="exited")), (Answer.BAD, "backend is exited")),
    ],
)
def test_judges_containers(containers: tuple[Container, ...], expected: tuple[Answer, str]) -> None:
    assert judge_containers("backend", containers) == expected


async def test_an_engine_that_does_not_answer_is_inconclusive(probes: Probes, engine: FakeEngine) -> None:
    engine.unreachable = True
    sample = await probes.probe(check(EngineHealth("backend")))
    assert found(sample) == (Answer.INCONCLUSIVE, "the engine does not answer")


class CountingEngine(FakeEngine):
    looks = 0

    async def containers(self, project: str) -> tuple[Container, ...]:
        self.looks += 1
        return await super().containers(project)


async def test_checks_at_one_time_share_one_look_at_the_engine(rows: Rows) -> None:
    clock, engine = FakeClock(), CountingEngine()
    engine.put("shop", container())
    probes = Probes(engine, "shop", rows, clock)
    await asyncio.gather(*(probes.probe(check(EngineHealth("backend"))) for _ in range(5)))
    assert engine.looks == 1
    clock.tick(timedelta(milliseconds=200))
    await probes.probe(check(EngineHealth("backend")))
    assert engine.looks == 2
