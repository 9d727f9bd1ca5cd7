import gzip
import sys
from contextlib import suppress

import pytest

from arriero.errors import BodyTooLarge, InvalidRequest
from arriero.protocol.content_encoding import MAX_UNPACKED_BYTES, unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = b'{"model":"gen"}'
WIDE: dict[int, int] = {zstd.CompressionParameter.window_log: 24}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (zstd.compress(BODY), "zstd"),
        (zstd.compress(BODY), "ZSTD "),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "x-gzip"),
    ],
)
def test_a_body_is_what_it_was(body: bytes, encoding: str) -> None:
    assert unpack(body, encoding) == BODY


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_nothing_is_nothing(encoding: str) -> None:
    assert unpack(b"", encoding) == b""


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (BODY, "zstd", "Unable to decompress Zstandard data"),
        (zstd.compress(b"abc" * (4 << 20), options=WIDE), "zstd", "requires too much memory"),
        (zstd.compress(BODY)[:-3], "zstd", "breaks off"),
        (zstd.compress(BODY) * 2, "zstd", "goes on behind its end"),
        (BODY, "gzip", "incorrect header check"),
        (gzip.compress(BODY)[:-3], "gzip", "breaks off"),
        (gzip.compress(BODY) * 2, "gzip", "goes on behind its end"),
        (BODY, "br", "content-encoding 'br' is not supported"),
        (BODY, "gzip, zstd", "is not supported"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(body: bytes, encoding: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        unpack(body, encoding)


@pytest.mark.parametrize(("pack", "encoding"), [(zstd.compress, "zstd"), (gzip.compress, "gzip")])
def test_there_is_a_limit_to_what_comes_out(pack: type, encoding: str) -> None:
    assert len(unpack(pack(bytes(MAX_UNPACKED_BYTES)), encoding)) == MAX_UNPACKED_BYTES
    with pytest.raises(BodyTooLarge, match="larger than 20 MiB"):
        unpack(pack(bytes(MAX_UNPACKED_BYTES + 1)), encoding)


def test_any_bytes_are_unpacked_or_refused() -> None:
    for encoding, packed in (("zstd", zstd.compress(BODY)), ("gzip", gzip.compress(BODY))):
        for place in range(len(packed)):
            spoilt = packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]
            with suppress(InvalidRequest, BodyTooLarge):
                unpack(spoilt, encoding)
