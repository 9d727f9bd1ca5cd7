import base64

import pytest

from arriero.protocol.media import media_kind, media_part


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"BM" + bytes(20), "image/bmp"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(20), "audio/mpeg"),
        (b"\xff\xff" + bytes(20), ""),
        (b"%PDF-1.7", ""),
        (b"", ""),
    ],
)
def test_the_first_bytes_tell_what_it_is(content: bytes, kind: str) -> None:
    assert media_kind(base64.b64encode(content).decode()) == kind


def test_lines_in_the_base64_do_not_matter() -> None:
    assert media_kind("iVBO\r\nRw0KGg\r\noAAAA=") == "image/png"


def test_sound_is_a_part_of_its_own() -> None:
    wave = base64.b64encode(b"RIFF\x00\x00\x00\x00WAVEfmt ").decode()
    assert media_part(wave) == {"type": "input_audio", "input_audio": {"data": wave, "format": "wav"}}


def test_a_part_has_its_base64_in_one_line() -> None:
    assert media_part("iVBO\r\nRw0KGg\noAAAA=")["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgoAAAA="
