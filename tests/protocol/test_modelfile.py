import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.modelfile import Modelfile, parse_modelfile, print_modelfile, quoted
from arriero.protocol.ollama_create import create_request
from arriero.types.chat import Message

EVERYTHING = r'''# A comment
FROM ./model.gguf
from   base:1   # no comment here
Adapter lora.gguf
TEMPLATE """{{ .System }}
{{ .Prompt }}"""
SYSTEM "You say "hi" \
to everyone."
PARAMETER stop <|end|>
PARAMETER stop "a b "
PARAMETER temperature 0.5
PARAMETER num_ctx 4096
PARAMETER use_mmap true
PARAMETER mirostat 1
  LICENSE MIT
LICENSE """as is"""
MESSAGE user hi
MESSAGE assistant "hello
there"
RENDERER qwen3
PARSER qwen3
REQUIRES v0.14.0
'''


def test_every_instruction_is_read() -> None:
    assert parse_modelfile(EVERYTHING) == Modelfile(
        origins=("./model.gguf", "base:1   # no comment here"),
        adapters=("lora.gguf",),
        template="{{ .System }}\n{{ .Prompt }}",
        system='You say "hi" \\\nto everyone.',
        renderer="qwen3",
        parser="qwen3",
        requires="0.14.0",
        parameters={"stop": ["<|end|>", "a b "], "temperature": 0.5, "num_ctx": 4096, "use_mmap": True},
        licenses=("MIT", "as is"),
        messages=(Message("user", "hi"), Message("assistant", "hello\nthere")),
        deprecated=("mirostat",),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_byte_order_mark_says_how_to_read(encoding: str) -> None:
    assert parse_modelfile("FROM ä\r\nSYSTEM ö\r\n".encode(encoding)) == Modelfile(origins=("ä",), system="ö")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no FROM line"),
        ("# FROM x", "no FROM line"),
        ("FROM \n", "no FROM line"),
        ("FROM x\n\nFOO bar", '(line 3): command must be one of "from", "license", "template", "system", "adapter"'),
        ("FROM x\nSYSTEM\n", "(line 2): command must be one of"),
        ('FROM x\nSYSTEM """a\n"', "unexpected EOF"),
        ("FROM x\nSYSTEM", "unexpected EOF"),
        ("FROM x\nMESSAGE tool hi", '(line 2): message role must be one of "system", "user", or "assistant"'),
        ('FROM x\nSYSTEM "a\nb"\nPARAMETER foo 1', "(line 4): unknown parameter 'foo'"),
        ("FROM x\nPARAMETER temperature\n", "(line 2): unexpected EOF: temperature"),
        ("FROM x\r\nPARAMETER temperature warm", "(line 2): invalid float value [warm]"),
        ("FROM x\nPARAMETER temperature nan", "(line 2): invalid float value [nan]"),
        ("FROM x\nPARAMETER num_ctx 4k", "(line 2): invalid int value [4k]"),
        ("FROM x\nPARAMETER use_mmap yes", "(line 2): invalid bool value [yes]"),
        ("FROM x\nREQUIRES soon", "(line 2): requires must be a valid semver"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_modelfile(text)
    assert raised.value.message.startswith(message)


def test_the_command_error_names_all_commands() -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_modelfile("X y")
    assert raised.value.message == (
        '(line 1): command must be one of "from", "license", "template", "system", "adapter", "draft", "renderer", '
        '"parser", "parameter", "message", or "requires"'
    )


VALUES = st.text(st.sampled_from([*'ab "\n\r\t#\\', "é"]), max_size=12) | st.text(max_size=8)
LINES = st.sampled_from(
    ["FROM", "SYSTEM", "TEMPLATE", "LICENSE", "MESSAGE user", "PARAMETER stop", "ADAPTER", "PARAMETER seed", "PARSER"]
)


@given(st.lists(st.tuples(LINES, VALUES), max_size=5), st.sampled_from(["\n", "\r\n", '"\n', '"""\n']))
def test_printing_what_was_read_and_reading_it_again_changes_nothing(lines: list[tuple[str, str]], end: str) -> None:
    try:
        read = parse_modelfile("FROM x\n" + "".join(f"{command} {value}{end}" for command, value in lines))
    except InvalidRequest:
        return
    printed = print_modelfile(read)
    assert parse_modelfile(printed) == read
    assert print_modelfile(parse_modelfile(printed)) == printed


@given(VALUES)
def test_a_value_reads_back_unless_three_quotes_end_a_line_of_it(value: str) -> None:
    written = quoted(value)
    if '"""' not in value:
        assert parse_modelfile(f"FROM x\nMESSAGE user {written}\n").messages == (Message("user", value),)


def test_a_long_value_is_read_and_written_in_one_pass() -> None:
    licence = "a line of it\n" * 100_000
    began = time.process_time()
    assert parse_modelfile(f"FROM x\nLICENSE {quoted(licence)}\n").licenses == (licence,)
    assert time.process_time() - began < 2


def test_two_files_of_one_name_are_both_sent() -> None:
    files = {"a/m.gguf": {"m.gguf": "sha256:a"}, "b/m.gguf": {"m.gguf": "sha256:b"}}
    request = create_request("mine", parse_modelfile("FROM a/m.gguf\nFROM b/m.gguf"), files)
    assert request.files == {"m.gguf": "sha256:a", "1/m.gguf": "sha256:b"}


def test_a_modelfile_becomes_a_request() -> None:
    request = create_request("mine", parse_modelfile(EVERYTHING), {"./model.gguf": {"m.gguf": "sha256:a"}}, "Q8_0")
    assert (request.model, request.origin, request.quantize) == ("mine", "base:1   # no comment here", "Q8_0")
    assert (request.files, request.adapters, request.draft_files) == ({"m.gguf": "sha256:a"}, UNSET, UNSET)
    assert request.license == ["MIT", "as is"]
    assert request.requires == "0.14.0"
    assert isinstance(request.messages, list)
    assert [(message.role, message.content) for message in request.messages] == [
        ("user", "hi"),
        ("assistant", "hello\nthere"),
    ]
