import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import MORNING, FakeClock, FakeEngine
from watchdog.adapters.http import BODY_LIMIT_BYTES, HttpClient, OwnNetworkDown, Response, failure, post_json
from watchdog.adapters.probes import Probes, judge_containers, judge_response, judge_row
from watchdog.errors import StepFailed, Unreachable
from watchdog.health.check import Answer, Check, EngineHealth, Http, Probe, Sample, Sql, Tcp
from watchdog.stack import Container, Database, Health

DATABASE = Database("db", "shop", "shop")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Handler], Awaitable[int]]


class Rows:
    """A database that answers every query with the same row, or error."""

    def __init__(self) -> None:
        self.row: tuple[object, ...] | None = (1,)
        self.error: Exception | None = None

    async def __call__(self, database: Database, query: str, timeout: timedelta) -> tuple[object, ...] | None:
        if self.error is not None:
            raise self.error
        return self.row


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
async def probes(engine: FakeEngine, rows: Rows) -> AsyncIterator[Probes]:
    probes = Probes(engine, "shop", rows, FakeClock())
    yield probes
    await probes.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Listen on a free port of loopback, with the given handler."""
    servers = []

    async def start(handler: Handler) -> int:
        async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(closing, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


def answering(head: str, body: bytes = b"") -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return handle


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def check(probe: Probe, timeout: float = 5) -> Check:
    return Check("it", probe, timeout=timedelta(seconds=timeout))


def found(sample: Sample) -> tuple[Answer, str]:
    assert sample.check == "it"
    return sample.answer, sample.detail


async def test_an_expected_answer_is_ok(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("200 OK", b'{"status": "ok"}'))
    probe = Http(f"http://127.0.0.1:{port}/", contains='"status": "ok"')
    assert found(await probes.probe(check(probe))) == (Answer.OK, "HTTP 200")


async def test_an_unexpected_status_is_bad(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("500 Internal Server Error"))
    assert found(await probes.probe(check(Http(f"http://127.0.0.1:{port}/")))) == (Answer.BAD, "HTTP 500")


async def test_a_redirect_is_looked_at_and_never_followed(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("302 Found\r\nLocation: http://127.0.0.1:1/realms/keycloak"))
    probe = Http(f"http://127.0.0.1:{port}/", redirects_to="keycloak")
    assert found(await probes.probe(check(probe))) == (Answer.OK, "HTTP 302")


async def test_sends_headers_and_the_token_from_its_file(
    probes: Probes, serve: Serve, tmp_path: Path
) -> None:
    seen = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    token = tmp_path / "token"
    token.write_text("s3cret\n")
    url = f"http://127.0.0.1:{await serve(handle)}/"
    probe = Http(url, headers=(("X-Tenant", "a"),), bearer_file=token)
    assert found(await probes.probe(check(probe)))[0] is Answer.OK
    assert "authorization: bearer s3cret\r\n" in seen[0]
    assert "x-tenant: a\r\n" in seen[0]


async def test_an_unreadable_token_is_our_own_fault(probes: Probes, tmp_path: Path) -> None:
    probe = Http("http://127.0.0.1:1/", bearer_file=tmp_path / "missing")
    answer, detail = found(await probes.probe(check(probe)))
    assert answer is Answer.INCONCLUSIVE
    assert "token file" in detail


async def test_a_dripping_server_does_not_hold_a_check_beyond_its_timeout(
    probes: Probes, serve: Serve
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    port = await serve(drip)
    began = time.monotonic()
    sample = await probes.probe(check(Http(f"http://127.0.0.1:{port}/"), timeout=0.2))
    assert found(sample) == (Answer.BAD, "no answer within 0.2 s")
    assert time.monotonic() - began < 2


async def test_a_huge_body_is_read_up_to_the_limit(serve: Serve) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    client = HttpClient()
    response = await client.get(f"http://127.0.0.1:{await serve(flood)}/", timedelta(seconds=5))
    assert len(response.body) == BODY_LIMIT_BYTES
    await client.close()


async def test_a_server_that_talks_nonsense_is_bad(probes: Probes, serve: Serve) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")

    answer, detail = found(await probes.probe(check(Http(f"http://127.0.0.1:{await serve(nonsense)}/"))))
    assert answer is Answer.BAD
    assert detail.startswith("no valid answer")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nobody_listening_is_bad_for_http_and_tcp(probes: Probes, host: str) -> None:
    port = unused_port()
    refused = (Answer.BAD, "connection refused")
    assert found(await probes.probe(check(Http(f"http://{host}:{port}/")))) == refused
    assert found(await probes.probe(check(Tcp(host, port)))) == refused


async def test_tcp_is_ok_once_it_is_accepted(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("200 OK"))
    assert found(await probes.probe(check(Tcp("127.0.0.1", port)))) == (Answer.OK, "connected")


@pytest.mark.parametrize(
    ("error", "ours", "words"),
    [
        (OSError(errno.ENETUNREACH, "x"), True, "this host: network is unreachable"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), True, "the name server does not answer"),
        (socket.gaierror(socket.EAI_NONAME, "x"), False, "the host name is not known"),
        (OSError(errno.EHOSTUNREACH, "x"), False, "no route to host"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), False, "connection refused"),
        (
            ExceptionGroup("both", [ConnectionRefusedError(errno.ECONNREFUSED, "x")]),
            False,
            "connection refused",
        ),
    ],
)
def test_only_a_failure_of_our_own_network_is_ours(error: Exception, ours: bool, words: str) -> None:
    reason = failure(error)
    assert (isinstance(reason, OwnNetworkDown), str(reason)) == (ours, words)


async def test_an_error_never_names_the_url(serve: Serve) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    for url in (
        f"http://127.0.0.1:{await serve(hang_up)}/hooks/s3cret",
        f"http://127.0.0.1:{unused_port()}/hooks/s3cret",
        "http://s3cret.invalid/hooks/s3cret",
        "gopher://s3cret/",
        "http://s3cret\x00/",
    ):
        with pytest.raises(Unreachable) as raised:
            await post_json(url, {}, timedelta(seconds=5))
        chained = f"{raised.value} {raised.value.__cause__}"
        assert "s3cret" not in chained
        assert raised.value.__suppress_context__


async def test_posts_json_and_returns_what_the_receiver_wants(serve: Serve) -> None:
    bodies = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(len(b'{"text":"hi"}')))
        writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow")

    response = await post_json(
        f"http://127.0.0.1:{await serve(handle)}/", {"text": "hi"}, timedelta(seconds=5)
    )
    assert (response.status, response.body, response.retry_after) == (429, "slow", timedelta(seconds=7))
    assert bodies == [b'{"text":"hi"}']


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
