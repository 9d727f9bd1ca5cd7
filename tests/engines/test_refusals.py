import pytest

from arriero.engines.openai.refusals import AnswerTooLong, misled, read_refusal
from arriero.errors import EngineFailed, PromptTooLong

VLLM_LONG = (
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, "
    "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt."
)
VLLM_CHARACTERS = (
    "This model's maximum context length is 2048 tokens. However, your prompt contains 90000 characters (more than "
    "65504 characters, which is the upper bound for 2047 input tokens). Please reduce the length of the input prompt."
)
SGLANG_TOTAL = (
    "Requested token count exceeds the model's maximum context length of 2048 tokens. You requested a total of 2067 "
    "tokens: 37 tokens from the input messages and 2030 tokens for the completion. Please reduce the number of tokens"
)
VLLM_TOTAL = (
    "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 2048 tokens "
    "and your request has 37 input tokens (4000 > 2048 - 37)."
)
OPENAI_TOTAL = (
    "This model's maximum context length is 4097 tokens. However, you requested 4120 tokens (120 in the messages, 4000 "
    "in the completion). Please reduce the length of the messages or completion."
)


def refusal(message: str, status: int = 400) -> EngineFailed:
    return read_refusal(status, b'{"object":"error","message":' + _quoted(message) + b"}")


def _quoted(text: str) -> bytes:
    return b'"' + text.replace('"', '\\"').replace("\n", "\\n").encode() + b'"'


@pytest.mark.parametrize(
    ("message", "has", "limit"),
    [
        (VLLM_LONG, 2049, 2048),
        (VLLM_CHARACTERS, 2049, 2048),
        ("the prompt has 3031 tokens, which exceeds the context of 2048 tokens: send less", 3031, 2048),
        ("The input (3031 tokens) is longer than the model's context length (2048 tokens).", 3031, 2048),
        (
            "Input length (3031 tokens) exceeds the maximum allowed length (2042 tokens). Use a shorter input",
            3031,
            2042,
        ),
        ("Input length (3031) exceeds model's maximum context length (2048).", 3031, 2048),
        (
            "The decoder prompt (length 3031) is longer than the maximum model length of 2048. Make sure",
            3031,
            2048,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            9000,
            8192,
        ),
        (
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
            300000,
            272000,
        ),
        (OPENAI_TOTAL.replace("(120 in", "(5000 in"), 5000, 4097),
    ],
)
def test_a_prompt_that_is_too_long_is_known_in_every_servers_words(message: str, has: int, limit: int) -> None:
    error = refusal(message)
    assert isinstance(error, PromptTooLong)
    assert (error.prompt_tokens, error.num_ctx) == (has, limit)


@pytest.mark.parametrize(
    ("message", "has", "limit"),
    [
        (SGLANG_TOTAL, 37, 2048),
        (OPENAI_TOTAL, 120, 4097),
        (VLLM_TOTAL, 37, 2048),
        ("max_tokens=4000 cannot be greater than max_model_len=2048. Please request fewer output tokens.", 0, 2048),
        ("max_completion_tokens is too large: 4000.This model supports at most 2048 completion tokens.", 0, 2048),
    ],
)
def test_an_answer_that_does_not_fit_behind_the_prompt_is_told_apart(message: str, has: int, limit: int) -> None:
    error = refusal(message)
    assert isinstance(error, AnswerTooLong)
    assert (error.prompt_tokens, error.limit, error.status) == (has, limit, 400)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'Failed to transform json schema into a grammar: [02:15:50] <path>:4944: Unsupported type "strange"',
            'invalid JSON schema: Unsupported type "strange"',
        ),
        (
            "Failed to compile json grammar: [02:15:50] /project/cpp/json_schema_converter.cc:4175: Unsupported type\n",
            "invalid JSON schema: Unsupported type",
        ),
    ],
)
def test_a_schema_that_cannot_be_read_is_the_callers_fault(message: str, told: str) -> None:
    error = refusal(message, 500)
    assert (error.message, error.status) == (told, 400)


def test_a_key_that_the_server_refuses_is_no_fault_of_the_client() -> None:
    error = read_refusal(401, b'{"error":"Unauthorized"}')
    assert (error.message, error.status) == (
        "the engine refuses this server's key, or wants one: Unauthorized",
        502,
    )
    assert read_refusal(403, b"no").status == 502


@pytest.mark.parametrize("key", ["sk-proj-********abcd.", "sk-...abcd,", f"(Token) ={'0a' * 32}"])
def test_a_key_that_a_server_refuses_is_not_told(key: str) -> None:
    message = refusal(f"Incorrect API key: {key} See the site", 401).message
    assert "See the site" in message
    assert not any(part in message for part in ("abcd", "0a0a"))


def test_what_a_login_adds_to_an_address_is_not_told() -> None:
    assert "points to https://login.example/start: give" in misled(302, "https://login.example/start?state=x").message


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_full_is_busy(status: int) -> None:
    assert read_refusal(status, b'{"error":{"message":"slow down","code":%d}}' % status).status == 503


def test_tools_that_vllm_was_not_started_for_say_how_to_start_it() -> None:
    error = refusal('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    assert "start vLLM with --enable-auto-tool-choice and --tool-call-parser" in error.message


def test_what_fastapi_finds_wrong_is_a_bad_request_in_a_line() -> None:
    error = read_refusal(422, b'{"detail":[{"loc":["body","stop"],"msg":"Input should be a list","type":"x"}]}')
    assert (error.message, error.status) == ("body.stop: Input should be a list", 400)


def test_a_route_that_is_not_there_is_no_missing_model() -> None:
    error = read_refusal(404, b'{"detail":"Not Found"}', "/v1/embeddings")
    assert (error.message, error.status) == ("the engine has no /v1/embeddings", 501)


def test_no_line_of_an_engines_source_reaches_the_user() -> None:
    assert refusal('bad prompt\n\n  File "/root/x.py", line 3\n    POST').message == "bad prompt"
