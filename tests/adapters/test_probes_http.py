"""HTTP and TCP checks against real servers on the loopback, well-behaved and not."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.probing import Rows, Serve, answering, check, found, serve
from tests.fakes import FakeClock, FakeEngine
from watchdog.adapters.http import BODY_LIMIT_BYTES, HttpClient, OwnNetworkDown, failure, post_json
from watchdog.adapters.probes import STALL, Probes
from watchdog.errors import Unreachable
from watchdog.health.check import Answer, Http, Tcp

__all__ = ["serve"]


@pytest.fixture
def probes() -> Probes:
    return Probes(FakeEngine(), "shop", Rows(), FakeClock())


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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


async def test_a_timeout_that_our_own_host_was_too_busy_to_notice_speaks_against_nobody(
    probes: Probes, serve: Serve
) -> None:
    """The answer may have lain there for long: all the loop's time went to somebody else."""

    async def keep_us_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        time.sleep((STALL * 3).total_seconds())  # noqa: ASYNC251 # blocks the loop: that is the point

    port = await serve(keep_us_busy)
    sample = await probes.probe(check(Http(f"http://127.0.0.1:{port}/"), timeout=0.1))
    assert found(sample) == (Answer.INCONCLUSIVE, "this host was too busy to ask in time")


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
