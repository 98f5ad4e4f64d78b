"""HTTP, and the only module that knows httpx: used by the probes and by the alert webhook.

No URL ever occurs in an error or a log line: a webhook's is a secret, and a probe's may carry a token. httpx
is imported on the first request (9 MiB).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from watchdog.adapters.http_body import unpacked
from watchdog.errors import Unreachable

if TYPE_CHECKING:
    import httpcore
    import httpx

BODY_LIMIT_BYTES = 64 * 1024
OUR_HEADERS = {
    "User-Agent": "ops-watchdog",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
OURSELVES = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})
"""Errors of our own host: no network, no free port or descriptor. They say nothing about the other side."""

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # at INFO httpx logs whole URLs


class OwnNetworkDown(Unreachable):
    """The request could not leave this host, or the resolver did not answer: the peer is not to blame."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. `body`: its first 64 KiB, decoded; `retry_after` where the peer named seconds.

    `unread`: why `body` is not all of it, in words that follow "it is"; empty where it is.
    """

    status: int
    body: str
    location: str = ""
    retry_after: timedelta | None = None
    unread: str = ""


class HttpClient:
    """Requests without redirects, cookies, proxies of the environment or kept connections.

    A kept connection would hide that nobody accepts new ones, and break when a container is replaced. So each
    request has a connection of its own (`http_wire`). Only the TLS contexts are kept.
    """

    def __init__(self) -> None:
        self._contexts: dict[bool, ssl.SSLContext] = {}

    async def get(
        self, url: str, timeout: timedelta, headers: Mapping[str, str] | None = None, verify: bool = True
    ) -> Response:
        """Raises `Unreachable` for everything but an answer; `timeout` is total, the body included."""
        return await _request(self._context(verify), "GET", url, timeout, headers=headers or {})

    async def post_json(self, url: str, payload: object, timeout: timedelta) -> Response:
        """Raises as `get` does."""
        return await _request(self._context(True), "POST", url, timeout, payload=payload)

    def _context(self, verify: bool) -> ssl.SSLContext:
        if verify not in self._contexts:
            self._contexts[verify] = ssl.create_default_context() if verify else _trusting_context()
        return self._contexts[verify]


def _trusting_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def post_json(url: str, payload: object, timeout: timedelta) -> Response:
    """One request with a client of its own, for the rare sender. Raises `Unreachable`."""
    return await HttpClient().post_json(url, payload, timeout)


async def _request(
    context: ssl.SSLContext,
    method: str,
    url: str,
    timeout: timedelta,
    *,
    headers: Mapping[str, str] | None = None,
    payload: object = None,
) -> Response:
    import httpx

    from watchdog.adapters.http_wire import FAILURES, answer

    seconds = timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            request = httpx.Request(method, url, headers={**OUR_HEADERS, **(headers or {})}, json=payload)
            _authorize(request)
            async with answer(request, context) as response:
                head = httpx.Response(response.status, headers=response.headers)
                return _response(head, await _start_of_body(response))
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} s") from None
    except (*FAILURES, OSError, LookupError) as error:
        raise failure(error) from None  # the cause's text holds the URL


def _authorize(request: httpx.Request) -> None:
    """By the name and password in the URL, as httpx's client would."""
    import httpx

    if request.url.userinfo:
        next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))


def _response(head: httpx.Response, raw: bytes) -> Response:
    body, unread = unpacked(raw, head.headers.get("content-encoding", ""), BODY_LIMIT_BYTES)
    return Response(
        status=head.status_code,
        body=body.decode(head.charset_encoding or "utf-8", errors="replace"),
        unread=unread,
        location=head.headers.get("location", ""),
        retry_after=_retry_after(head.headers.get("retry-after", "")),
    )


async def _start_of_body(response: httpcore.Response) -> bytes:
    """As it came, and one byte more than is looked at where there is more."""
    body = b""
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            break
    return body[: BODY_LIMIT_BYTES + 1]


def failure(error: BaseException) -> Unreachable:
    """What went wrong with a connection, in words of ours."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return _unresolved(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(f"TLS certificate: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return Unreachable(f"TLS: {cause.reason}")
        if isinstance(cause, OSError) and (number := _number(cause)):
            words = os.strerror(number).lower()
            return OwnNetworkDown(f"this host: {words}") if number in OURSELVES else Unreachable(words)
    return Unreachable(f"no valid answer ({type(error).__name__})")


def _number(error: OSError) -> int | None:
    """The errno; of several attempts (IPv6, IPv4) asyncio keeps it in the text only."""
    if error.errno is not None:
        return error.errno
    quoted = re.search(r"\[Errno (\d+)\]", str(error))
    return int(quoted[1]) if quoted else None


def _unresolved(error: socket.gaierror) -> Unreachable:
    if error.errno == socket.EAI_AGAIN:
        return OwnNetworkDown("the name server does not answer")
    return Unreachable("the host name is not known")


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and what it wraps, outermost first; several attempts to connect come as a group."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                found += _causes(part)
        error = error.__cause__ or error.__context__
    return found


def _retry_after(value: str) -> timedelta | None:
    return timedelta(seconds=int(value)) if value.isdecimal() else None
