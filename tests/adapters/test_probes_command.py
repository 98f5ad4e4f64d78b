"""A command in a service's containers: its exit code is the answer, and what it cannot say is not made up."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.conftest import Docker
from tests.adapters.probing import Rows, check, found
from tests.fakes import MORNING, FakeClock, FakeEngine
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.adapters.probes import Probes
from watchdog.health.check import Answer, Command, Http
from watchdog.stack import Container

ARGV = ("redis-cli", "-a", "s3cret", "ping")
PROBE = Command("redis", ARGV)


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.put("shop", container("1"))
    return engine


@pytest.fixture
def probes(engine: FakeEngine) -> Probes:
    return Probes(engine, "shop", Rows(), FakeClock())


def container(number: str, **fields: object) -> Container:
    ordinary = {"id": number, "name": f"shop-redis-{number}", "service": "redis", "image": "i"}
    rest = {"image_id": "i", "config_hash": "h", "state": "running", "created_at": MORNING}
    return Container(**{**ordinary, **rest, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "answer", "detail"),
    [
        (0, Answer.OK, "exited with code 0"),
        (1, Answer.BAD, "the command in shop-redis-1 exited with code 1"),
        (None, Answer.BAD, "the command in shop-redis-1 did not end within 5 s"),
        (
            *(126, Answer.INCONCLUSIVE),
            "the command cannot be executed in shop-redis-1 (code 126): is it part of the image?",
        ),
        (
            *(127, Answer.INCONCLUSIVE),
            "the command cannot be executed in shop-redis-1 (code 127): is it part of the image?",
        ),
    ],
)
async def test_the_exit_code_is_the_answer(
    probes: Probes, engine: FakeEngine, code: int | None, answer: Answer, detail: str
) -> None:
    engine.commands[ARGV] = code
    assert found(await probes.probe(check(PROBE))) == (answer, detail)
    assert engine.calls == [("execute", "1", *ARGV)]


@pytest.mark.parametrize("state", ["restarting", "exited", "created", "paused", "dead"])
async def test_what_does_not_run_is_bad_and_not_asked(probes: Probes, engine: FakeEngine, state: str) -> None:
    engine.change("1", state=state)
    assert found(await probes.probe(check(PROBE))) == (Answer.BAD, f"redis is {state}")
    assert engine.calls == []


async def test_a_service_without_a_container_is_bad(probes: Probes, engine: FakeEngine) -> None:
    engine.change("1", one_off=True)
    assert found(await probes.probe(check(PROBE))) == (Answer.BAD, "redis has no container")


async def test_every_container_is_asked_and_the_worst_one_decides(probes: Probes, engine: FakeEngine) -> None:
    class Scaled(FakeEngine):
        async def execute(self, container: str, argv: object, timeout: timedelta) -> int | None:
            return {"1": 0, "2": 127, "3": 4}[container]

    scaled = Scaled()
    scaled.put("shop", container("1"), container("2"))
    probes = Probes(scaled, "shop", Rows(), clock := FakeClock())
    assert found(await probes.probe(check(PROBE)))[0] is Answer.INCONCLUSIVE
    scaled.put("shop", container("3"))
    clock.tick(timedelta(seconds=1))
    expected = (Answer.BAD, "the command in shop-redis-3 exited with code 4")
    assert found(await probes.probe(check(PROBE))) == expected


async def test_an_engine_that_does_not_answer_says_nothing(probes: Probes, engine: FakeEngine) -> None:
    engine.unreachable = True
    assert found(await probes.probe(check(PROBE))) == (Answer.INCONCLUSIVE, "the engine does not answer")


async def test_a_container_that_went_away_meanwhile_is_no_evidence(
    probes: Probes, engine: FakeEngine
) -> None:
    assert found(await probes.probe(check(PROBE)))[0] is Answer.INCONCLUSIVE  # 126: nothing is scripted
    engine.remove("1")  # within the time in which a look is shared
    answer, detail = found(await probes.probe(check(PROBE)))
    assert (answer, detail) == (Answer.INCONCLUSIVE, "container 1 does not run")


def test_its_arguments_are_never_shown() -> None:
    assert "s3cret" not in repr(check(PROBE))


@pytest.mark.parametrize("token", [b"\xff\xfe", "pässword".encode(), b"one\ntwo"])
async def test_a_token_that_no_header_can_carry_is_our_own_fault(
    probes: Probes, tmp_path: Path, token: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(token)
    sample = await probes.probe(check(Http("http://127.0.0.1:1/", bearer_file=file)))
    expected = "the token file cannot be read: it is not one line of ASCII"
    assert found(sample) == (Answer.INCONCLUSIVE, expected)


@pytest.mark.engine
async def test_asks_a_real_container(
    docker: Docker, project: str, run_service: object, engine_environment: dict[str, str]
) -> None:
    run_service("redis", "sleep", "1000")  # type: ignore[operator]
    engine = DockerEngine(engine_environment["DOCKER_HOST"])
    probes = Probes(engine, project, Rows(), FakeClock())
    asked = [
        found(await probes.probe(check(Command("redis", tuple(shlex.split(text))), timeout=10)))[0]
        for text in ("test -d /etc", "test -e /nowhere", "curl http://localhost/")
    ]
    await engine.close()
    assert asked == [Answer.OK, Answer.BAD, Answer.INCONCLUSIVE]
