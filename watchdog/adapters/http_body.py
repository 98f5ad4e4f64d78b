"""A body as it came over the line, into at most so many bytes: pure, used by `http` only.

httpx would unpack what it received at once, a thousand times its size for each coding and as many codings as
the peer names: one small answer could take all of the daemon's memory.
"""

from __future__ import annotations

import zlib

GZIP_OR_ZLIB = 47
"""zlib's word for: find out which of both it is."""


def unpacked(raw: bytes, coding: str, limit: int) -> tuple[bytes, str]:
    """The first `limit` bytes, and why that is not all: words that follow "it is", or nothing.

    `coding` is the Content-Encoding. `raw` holds more than `limit` bytes where not everything was read.
    """
    too_long = f"longer than {limit // 1024} KiB"
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return raw[:limit], too_long if len(raw) > limit else ""
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return b"", "compressed in a way that was not asked for"
    unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        return b"", "damaged: it does not unpack"
    if len(body) > limit or len(raw) > limit:
        return body[:limit], too_long
    return body, "" if unpacker.eof else "damaged: its end is missing"
