"""One request on one connection of its own: httpcore speaks the protocol, on asyncio's own streams.

httpx's transport does the same by a pool and anyio's streams, which cost as much again: a thousand checks
each five seconds are two hundred requests a second. Used by `http` only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx

FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL)
"""What a request may fail with, beside OSError and LookupError (an encoding nobody knows)."""
PORTS = {"http": 80, "https": 443}


class Streams(httpcore.AsyncNetworkStream):
    """A connection by asyncio's streams. Deadlines are the caller's: `timeout` is never given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        """Without waiting for the other side's last word."""
        self._writer.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except OSError as error:
            self._writer.close()
            raise httpcore.ConnectError from error
        except asyncio.CancelledError:
            self._writer.close()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._writer.get_extra_info(info)


class Sockets(httpcore.AsyncNetworkBackend):
    """Connects by asyncio, one address after the other."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return Streams(*await asyncio.open_connection(host, port))
        except OSError as error:
            raise httpcore.ConnectError from error


_SOCKETS = Sockets()


@contextlib.asynccontextmanager
async def answer(request: httpx.Request, context: ssl.SSLContext) -> AsyncIterator[httpcore.Response]:
    """The answer, its body yet to be read; the connection is closed at the end."""
    url = request.url
    if url.scheme not in PORTS:
        raise httpx.InvalidURL("only http and https can be asked")
    port = url.port or PORTS[url.scheme]
    origin = httpcore.Origin(url.raw_scheme, url.raw_host, port)
    connection = httpcore.AsyncHTTPConnection(origin, ssl_context=context, network_backend=_SOCKETS)
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path)
    asked = httpcore.Request(request.method, target, headers=request.headers.raw, content=request.content)
    try:
        response = await connection.handle_async_request(asked)
        try:
            yield response
        finally:
            await response.aclose()
    finally:
        await connection.aclose()
