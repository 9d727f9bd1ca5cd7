import json
from pathlib import Path

import pytest

from tests.upstreams.scrub import Scrub
from tests.upstreams.tape import Answer, Exchange, Request, Tape, read_tape, without_repeats, write_tape

STREAM = {"content-type": "text/event-stream"}
CHAT = Request("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "señal 😀"}], "stream": True})


def exchange(*chunks: bytes, request: Request = CHAT, is_stream: bool = True, is_cut: bool = False) -> Exchange:
    return Exchange(request, Answer(200, STREAM, chunks, is_stream, is_cut))


@pytest.mark.parametrize(
    "chunks",
    [
        (b'data: {"a":1}\n\n', b'data: {"b":"\xc3\xb1"}\n\ndata: [DONE]\n\n'),
        (b'data: {"a": 1}\n\n', b'data:{"a":1}\n\n', b'data: {"a":1e-05}\r\n\r\n'),
        (b'data: {"text":"\xf0\x9f', b'\x98\x80"}\n\n'),
        (b": waiting\n\n", b'data: {"n":1e-5,"m":1.0}\n\n', b'{"data":2}\n\n', b'data: "text"\n\n'),
        (),
    ],
)
def test_chunks_come_back_as_they_were(tmp_path: Path, chunks: tuple[bytes, ...]) -> None:
    tape = Tape("vLLM 1", (exchange(*chunks), exchange(*chunks, is_cut=True)), "made by hand")
    write_tape(tmp_path / "vllm" / "chat.json", tape)
    assert read_tape(tmp_path / "vllm" / "chat.json") == tape


def test_an_event_is_json_that_people_can_read_on_a_line_of_its_own(tmp_path: Path) -> None:
    write_tape(tmp_path / "tape.json", Tape("vLLM 1", (exchange(b'data: {"text":"ol\xc3\xa1"}\n\ndata: [DONE]\n\n'),)))
    text = (tmp_path / "tape.json").read_text()
    assert '        [{"text": "olá"}, "data: [DONE]\\n\\n"]\n' in text


@pytest.mark.parametrize(("body", "field"), [(b'{"a":[1,2]}', "json"), (b"Not Found", "text"), (b"", "text")])
def test_an_answer_in_one_piece_keeps_its_meaning(tmp_path: Path, body: bytes, field: str) -> None:
    tape = Tape("vLLM 1", (exchange(body, request=Request("GET", "/version"), is_stream=False),))
    write_tape(tmp_path / "tape.json", tape)
    assert read_tape(tmp_path / "tape.json") == tape
    assert field in json.loads((tmp_path / "tape.json").read_text())["exchanges"][0]


def test_requests_are_the_same_in_any_order_of_their_fields() -> None:
    assert Request("POST", "/x", {"a": 1, "b": 2}).key == Request("POST", "/x", {"b": 2, "a": 1}).key
    assert Request("POST", "/x", {"a": 1}).key != Request("POST", "/x", {"a": 1.5}).key
    assert Request("POST", "/x", {"a": [1, 2]}).key != Request("POST", "/x", {"a": [2, 1]}).key


def test_what_repeats_and_what_another_tape_tells_is_left_out() -> None:
    version, health = Request("GET", "/version"), Request("GET", "/health")
    first, second = exchange(b"1", request=version), exchange(b"2", request=version)
    elsewhere = exchange(b"", request=health)
    assert without_repeats([first, first, elsewhere, second, second, first], [elsewhere]) == (first, second, first)


def test_nothing_of_the_machine_is_left_and_nothing_that_changes() -> None:
    scrub = Scrub()
    first = scrub.clean("/x", b'{"id":"chatcmpl-ba1fb8a46092ada7","created":1795313711,"root":"/home/me/smollm2-hf"}')
    assert first == b'{"id":"chatcmpl-1","created":1700000000,"root":"/models/smollm2-hf"}'
    assert scrub.clean("/x", b'{"id": "125598aa4844424ab6fb067c393460a2"}') == b'{"id": "2"}'
    assert scrub.clean("/x", b'{"id":"chatcmpl-ba1fb8a46092ada7"}') == b'{"id":"chatcmpl-1"}'
    assert scrub.clean("/x", b'{"id":"smollm2","prompt_ms":3.25}') == b'{"id":"smollm2","prompt_ms":12.5}'
    assert scrub.clean("/x", b'{"text":"half \xf0\x9f') == b'{"text":"half \xf0\x9f'


def test_of_hundreds_of_settings_those_are_left_that_matter() -> None:
    told = b'{"context_length":2048,"port":8102,"internal_states":[{"context_length":2048}]}'
    assert Scrub().clean("/server_info", told) == b'{"context_length": 2048}'
    assert Scrub().clean("/server_info", b"Not Found") == b"Not Found"
