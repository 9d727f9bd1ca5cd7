"""Bodies that come packed, as Codex and some proxies send them. Pure."""

import sys
import zlib

from arriero.errors import BodyTooLarge, InvalidRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Ollama's limits: some hundred bytes can be packed gigabytes.
MAX_UNPACKED_BYTES = 20 << 20
_WINDOW_BITS = 23
_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS


def unpack(body: bytes, encoding: str) -> bytes:
    """A body as it was before it was packed. encoding: the header ``Content-Encoding``.

    Raises InvalidRequest for what cannot be unpacked, and BodyTooLarge beyond ``MAX_UNPACKED_BYTES``.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case _ if not body:
            return body
        case "zstd":
            return _unpack_zstd(body)
        case "gzip" | "x-gzip":
            return _unpack_gzip(body)
        case other:
            raise InvalidRequest(
                f"content-encoding {other[:40]!r} is not supported: send zstd, gzip, or no packed body"
            )


def _unpack_zstd(body: bytes) -> bytes:
    packed = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_BITS})
    try:
        unpacked = packed.decompress(body, MAX_UNPACKED_BYTES + 1)
    except zstd.ZstdError as error:
        raise InvalidRequest(str(error)) from error
    return _checked(unpacked, is_whole=packed.eof and not packed.unused_data)


def _unpack_gzip(body: bytes) -> bytes:
    packed = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        unpacked = packed.decompress(body, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise InvalidRequest(str(error)) from error
    return _checked(unpacked, is_whole=packed.eof and not packed.unused_data)


def _checked(unpacked: bytes, *, is_whole: bool) -> bytes:
    """What was unpacked, where that was all of one frame: nobody sends several, and millions would take for ever."""
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise BodyTooLarge(f"the request is larger than {MAX_UNPACKED_BYTES >> 20} MiB when it is unpacked")
    if not is_whole:
        raise InvalidRequest("the packed request breaks off, or goes on behind its end: send it as one frame")
    return unpacked
