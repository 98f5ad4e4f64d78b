"""What the body of an answer says, from real servers on the loopback that send all sorts of bodies."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest

from tests.adapters.probing import Rows, Serve, answering, check, found, raw, serve
from tests.fakes import FakeClock, FakeEngine
from watchdog.adapters.http import BODY_LIMIT_BYTES
from watchdog.adapters.probes import Probes
from watchdog.health.check import Answer, Http
from watchdog.health.json_path import Scalar

__all__ = ["serve"]

HEALTHY = {"status": "ok", "checks": {"database": True, "queue": 0}, "nodes": [{"state": "up", "load": 1.5}]}
LARGE = b" " * BODY_LIMIT_BYTES
MIB = 2**20
BOMB_MIB = 64
"""What 64 KiB of gzip, which we read at most, can become."""
PATIENT = 20.0


@pytest.fixture
def probes() -> Probes:
    return Probes(FakeEngine(), "shop", Rows(), FakeClock())


async def ask(probes: Probes, port: int, **expected: object) -> tuple[Answer, str]:
    probe = Http(f"http://127.0.0.1:{port}/", **expected)  # type: ignore[arg-type]
    return found(await probes.probe(check(probe, timeout=PATIENT)))


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        ({"status": "ok", "checks.database": True, "nodes[0].load": 1.5}, None),
        ({"status": "down"}, 'status is another text, expected "down"'),
        ({"status": "ok", "checks.queue": 1}, "checks.queue is 0, expected 1"),
        ({"checks.database": 1}, "checks.database is true, expected 1"),
        ({"checks.cache": True}, "checks.cache is missing"),
        ({"nodes[1].state": "up"}, "nodes[1].state is missing"),
        ({"checks": None}, "checks is an object, expected null"),
        ({"nodes": "up"}, 'nodes is a list, expected "up"'),
    ],
)
async def test_values_in_a_json_body(
    probes: Probes, serve: Serve, expected: dict[str, Scalar], complaint: str | None
) -> None:
    port = await serve(answering("200 OK", json.dumps(HEALTHY).encode()))
    answer = (Answer.BAD, f"HTTP 200, but {complaint}") if complaint else (Answer.OK, "HTTP 200")
    assert await ask(probes, port, json=tuple(expected.items())) == answer


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"status": "ok"', b"\xff\xfe", b"[" * 60_000, b"1" * 5000]
)
async def test_what_is_no_json_is_bad_and_not_quoted(probes: Probes, serve: Serve, body: bytes) -> None:
    port = await serve(answering("200 OK", body))
    answer, detail = await ask(probes, port, json=(("status", "ok"),))
    assert answer is Answer.BAD
    assert detail in {"HTTP 200, but the body is not JSON", "HTTP 200, but status is missing"}


@pytest.mark.parametrize("expected", [{"json": (("status", "ok"),)}, {"contains": "ok"}])
async def test_what_is_beyond_the_limit_is_unknown_not_bad(
    probes: Probes, serve: Serve, expected: dict[str, object]
) -> None:
    port = await serve(answering("200 OK", LARGE + b'{"status": "ok"}'))
    unknown = "HTTP 200, but the body cannot be judged: it is longer than 64 KiB"
    assert await ask(probes, port, **expected) == (Answer.INCONCLUSIVE, unknown)


async def test_a_body_as_long_as_the_limit_is_all_of_it(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("200 OK", LARGE))
    assert (await ask(probes, port, contains="ok"))[0] is Answer.BAD


async def test_what_is_found_before_the_limit_is_good(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("200 OK", b"all is ok" + LARGE))
    assert await ask(probes, port, contains="is ok") == (Answer.OK, "HTTP 200")


async def test_an_answer_without_a_body_matches_nothing(probes: Probes, serve: Serve) -> None:
    port = await serve(raw(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert await ask(probes, port, contains=".") == (
        Answer.BAD,
        "HTTP 204, but nothing in the body matches .",
    )


async def test_an_old_server_ends_its_body_with_the_connection(probes: Probes, serve: Serve) -> None:
    port = await serve(raw(b"HTTP/1.0 200 OK\r\n\r\nall is ok"))
    assert await ask(probes, port, contains="ok$") == (Answer.OK, "HTTP 200")


async def test_a_body_that_breaks_off_is_no_answer(probes: Probes, serve: Serve) -> None:
    port = await serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is ok"))
    answer, detail = await ask(probes, port, contains="ok")
    assert answer is Answer.BAD
    assert detail.startswith("no valid answer")


def packed(coding: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_server_that_compresses_unasked_is_understood(
    probes: Probes, serve: Serve, coding: str, pack: object
) -> None:
    port = await serve(raw(packed(coding, pack(b"all is ok"))))  # type: ignore[operator]
    assert await ask(probes, port, contains="^all is ok$") == (Answer.OK, "HTTP 200")


@pytest.mark.parametrize(
    ("coding", "body", "why"),
    [
        ("br", b"\x8b\x02\x80ok\x03", "compressed in a way that was not asked for"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"ok")), "compressed in a way that was not asked for"),
        ("gzip", b"this is no gzip: ok", "damaged: it does not unpack"),
        ("gzip", gzip.compress(b"a" * 9000)[:-9], "damaged: its end is missing"),
    ],
)
async def test_what_cannot_be_unpacked_is_unknown(
    probes: Probes, serve: Serve, coding: str, body: bytes, why: str
) -> None:
    port = await serve(raw(packed(coding, body)))
    unknown = (Answer.INCONCLUSIVE, f"HTTP 200, but the body cannot be judged: it is {why}")
    assert await ask(probes, port, contains="ok") == unknown
    assert await ask(probes, port) == (Answer.OK, "HTTP 200")


async def test_a_small_answer_cannot_take_all_memory(probes: Probes, serve: Serve) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(BOMB_MIB)) + packer.flush()
    port = await serve(raw(packed("gzip", bomb)))
    await ask(probes, port)  # what is imported with the first request is not meant
    tracemalloc.start()
    try:
        answer, detail = await ask(probes, port, contains="ok")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer, detail.rpartition(" it is ")[2]) == (Answer.INCONCLUSIVE, "longer than 64 KiB")
    assert peak < 4 * MIB


@pytest.mark.parametrize("location", ["/realms/keycloak", "../auth?to=keycloak", "//sso/keycloak"])
async def test_a_redirects_target_may_be_relative(probes: Probes, serve: Serve, location: str) -> None:
    port = await serve(answering(f"302 Found\r\nLocation: {location}"))
    assert await ask(probes, port, redirects_to="keycloak") == (Answer.OK, "HTTP 302")


async def test_a_redirect_to_nowhere_is_bad(probes: Probes, serve: Serve) -> None:
    port = await serve(answering("302 Found"))
    assert await ask(probes, port, redirects_to="keycloak") == (
        Answer.BAD,
        "HTTP 302, but it does not redirect to keycloak",
    )


async def test_an_answer_that_is_only_announced_is_none(probes: Probes, serve: Serve) -> None:
    port = await serve(raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 3))
    answer, detail = await ask(probes, port)
    assert answer is Answer.BAD
    assert detail.startswith("no valid answer")
