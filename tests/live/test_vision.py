"""Pictures in a conversation, with a model and a projector that were sent as files."""

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# An answer of the API under test is any JSON.
from typing import Any
from urllib.error import HTTPError

import ollama
import pytest

from tests.live.launching import MODEL, Server
from tests.live.projector import IMAGE_TOKENS
from tests.live.seeing import SEEING, seeing_server

pytestmark = pytest.mark.live

ASKED = "What is this?"
OPTIONS = {"temperature": 0, "num_predict": 4, "num_ctx": 512}


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(colour) * width) * height
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def as_text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


RED, BLUE = as_text(png(80, 40, (255, 0, 0))), as_text(png(30, 90, (0, 0, 255)))


@pytest.fixture(scope="module")
def seeing(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seeing_server(model_home, tmp_path_factory.mktemp("seeing")) as server:
        yield server


def chat(server: Server, *images: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": ASKED, "images": images}]
    body = {"model": SEEING, "messages": messages, "stream": False, "options": OPTIONS, **fields}
    answer: dict[str, Any] = server.post("/api/chat", body)
    return answer


def refusal(server: Server, *images: str, **fields: Any) -> tuple[int, str]:
    with pytest.raises(HTTPError) as error:
        chat(server, *images, **fields)
    with error.value as answer:
        return answer.code, json.load(answer)["error"]


def test_a_model_with_a_projector_sees(seeing: Server) -> None:
    shown = seeing.post("/api/show", {"model": SEEING})
    assert shown["capabilities"] == ["completion", "vision"]
    assert shown["details"]["families"] == ["llama", "clip"]
    assert shown["projector_info"]["clip.projector_type"] == "mlp"


def test_pictures_of_a_message_are_counted_before_it_is_answered(seeing: Server) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": RED}}
    turns = [{"role": "user", "content": [picture, {"type": "text", "text": ASKED}]}]
    asked = {"model": SEEING, "messages": turns, "options": OPTIONS}
    counted = seeing.post("/v1/messages/count_tokens", asked)["input_tokens"]
    usage = seeing.post("/v1/messages", {**asked, "max_tokens": 4})["usage"]
    assert counted == usage["input_tokens"] + usage.get("cache_read_input_tokens", 0) > IMAGE_TOKENS


def test_each_picture_takes_its_place_in_the_prompt(seeing: Server) -> None:
    counts = [chat(seeing, *images)["prompt_eval_count"] for images in ((), (RED,), (RED, BLUE))]
    assert counts == [counts[0], counts[0] + IMAGE_TOKENS, counts[0] + 2 * IMAGE_TOKENS]


def test_generate_sees_the_same(seeing: Server) -> None:
    body = {"model": SEEING, "prompt": ASKED, "images": [RED], "stream": False, "options": OPTIONS}
    answer, chatted = seeing.post("/api/generate", body), chat(seeing, RED)
    assert answer["response"] == chatted["message"]["content"]
    assert answer["prompt_eval_count"] == chatted["prompt_eval_count"]
    # A picture has no tokens of its own that could be sent back.
    assert "context" not in answer


def test_a_real_client_sends_a_file(seeing: Server, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(png(20, 20, (255, 0, 0)))
    messages = [ollama.Message(role="user", content=ASKED, images=[ollama.Image(value=path)])]
    with ollama.Client(seeing.url) as client:
        parts = list(client.chat(SEEING, messages, stream=True, options=OPTIONS))
    assert parts[-1].prompt_eval_count == chat(seeing, RED)["prompt_eval_count"]
    assert "".join(part.message.content or "" for part in parts)


def test_base64_may_come_in_lines(seeing: Server) -> None:
    assert chat(seeing, f"{RED[:40]}\r\n{RED[40:]}\n")["done"] is True


def test_pictures_go_with_the_turns_that_are_left_out(seeing: Server) -> None:
    turn = [{"role": "user", "content": ASKED, "images": [RED]}, {"role": "assistant", "content": "A thing."}]
    messages = [*turn * 6, {"role": "user", "content": "And this?", "images": [BLUE]}]
    answer = chat(seeing, messages=messages, options={**OPTIONS, "num_ctx": 160})
    assert answer["truncated"]["dropped_messages"] > 0
    assert answer["prompt_eval_count"] == answer["truncated"]["prompt_tokens"] < 160


def test_more_pictures_than_fit_are_refused(seeing: Server) -> None:
    status, told = refusal(seeing, *[RED] * 40)
    assert (status, "exceeds the context of 512" in told) == (400, True)


def test_many_clients_show_pictures_at_once(seeing: Server) -> None:
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda number: chat(seeing, RED if number % 2 else BLUE), range(6)))
    assert len({answer["prompt_eval_count"] for answer in answers}) == 1


@pytest.mark.parametrize("is_streaming", [False, True])
@pytest.mark.parametrize(
    ("picture", "told"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"rubbish" * 20, "cannot be read", id="png"),
        pytest.param(png(80, 40, (1, 2, 3))[:60], "cannot be read", id="half a png"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"rubbish" * 20, "cannot be read", id="jpeg"),
        pytest.param(b"RIFF\0\0\0\0WAVEfmt " + b"rubbish" * 20, "takes no sound", id="sound"),
        pytest.param(b"RIFF\0\0\0\0WEBPVP8 " + b"rubbish" * 20, "convert it first", id="webp"),
        pytest.param(b"rubbish" * 20, "convert it first", id="rubbish"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_and_the_next_is_answered(
    seeing: Server, picture: bytes, told: str, *, is_streaming: bool
) -> None:
    workers = seeing.workers()
    status, message = refusal(seeing, as_text(picture), stream=is_streaming)
    assert (status, told in message) == (400, True)
    assert chat(seeing, RED)["done_reason"] == "length"
    assert seeing.workers() == workers


def test_a_model_without_a_projector_refuses(seeing: Server) -> None:
    assert refusal(seeing, RED, model=MODEL) == (400, f'"{MODEL}" does not support image input')
