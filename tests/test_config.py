import pytest

from arriero.config import Config, config_from
from arriero.errors import ConfigError

FOREVER = float("inf")


def test_without_variables_everything_has_its_default() -> None:
    assert config_from({}) == Config()
    assert (Config().host, Config().port, Config().keep_alive_s) == ("127.0.0.1", 11434, 300.0)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "127.0.0.1", 11434),
        ("1.2.3.4", "1.2.3.4", 11434),
        ("1.2.3.4:5678", "1.2.3.4", 5678),
        (":5678", "0.0.0.0", 5678),
        ("http://h", "h", 80),
        ("https://h", "h", 443),
        ("http://h:5678", "h", 5678),
        ("http://h:5678/ollama", "h", 5678),
        ("example.com/ollama", "example.com", 11434),
        ("[::1]", "::1", 11434),
        ("[::1]:5678", "::1", 5678),
        ("[::1]/x", "::1", 11434),
        ("::1", "::1", 11434),
        ("::", "::", 11434),
        ("0.0.0.0", "0.0.0.0", 11434),
        ("h:99999", "h", 11434),
        ("h:-1", "h", 11434),
        ("h:x", "h", 11434),
        ("h:", "h", 11434),
        ("h:0", "h", 0),
        ("  1.2.3.4  ", "1.2.3.4", 11434),
        ('"1.2.3.4:5678"', "1.2.3.4", 5678),
        ("'1.2.3.4' ", "1.2.3.4", 11434),
    ],
)
def test_the_address_is_read_as_ollama_reads_it(text: str, host: str, port: int) -> None:
    config = config_from({"OLLAMA_HOST": text})
    assert (config.host, config.port) == (host, port)


def test_an_address_with_another_scheme_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        config_from({"OLLAMA_HOST": "ftp://h"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 300.0),
        ("10", 10.0),
        ("0", 0.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("-1", FOREVER),
        ("-5m", FOREVER),
        ("often", 300.0),
        (' "30s" ', 30.0),
    ],
)
def test_keep_alive_is_a_duration_or_seconds(text: str, seconds: float) -> None:
    assert config_from({"OLLAMA_KEEP_ALIVE": text}).keep_alive_s == seconds


@pytest.mark.parametrize(("text", "seconds"), [("", 300.0), ("90s", 90.0), ("0", 0.0), ("-1", 0.0), ("x", 300.0)])
def test_a_load_timeout_of_zero_or_less_is_none(text: str, seconds: float) -> None:
    assert config_from({"OLLAMA_LOAD_TIMEOUT": text}).load_timeout_s == seconds


@pytest.mark.parametrize(
    ("text", "number"), [("", None), ("0", None), ("8", 8), ("-1", None), ("x", None), ("1.5", None)]
)
def test_numbers_that_make_no_sense_are_left_to_the_model(text: str, number: int | None) -> None:
    config = config_from({"OLLAMA_CONTEXT_LENGTH": text, "OLLAMA_NUM_PARALLEL": text})
    assert (config.context, config.slots) == (number, number)


def test_limits_are_read() -> None:
    config = config_from(
        {
            "OLLAMA_MAX_QUEUE": "7",
            "OLLAMA_MAX_LOADED_MODELS": "2",
            "OLLAMA_GPU_OVERHEAD": "1024",
            "OLLAMA_KV_CACHE_TYPE": "Q8_0",
            "OLLAMA_FLASH_ATTENTION": "1",
            "OLLAMA_NOPRUNE": "1",
            "ARRIERO_MEMORY": "6GiB",
        }
    )
    assert (config.max_queue, config.max_loaded_models, config.gpu_overhead_bytes) == (7, 2, 1024)
    assert (config.kv_cache_type, config.flash_attention, config.is_pruning) == ("q8_0", True, False)
    assert config.memory_bytes == 6 << 30
    assert config.notes == ()


def test_limits_that_are_not_set_have_ollamas_defaults() -> None:
    config = config_from({"OLLAMA_MAX_QUEUE": "0", "OLLAMA_MAX_LOADED_MODELS": "0", "ARRIERO_MEMORY": "0"})
    assert (config.max_queue, config.max_loaded_models, config.memory_bytes) == (512, None, None)
    assert (config.kv_cache_type, config.flash_attention, config.is_pruning) == ("f16", None, True)


@pytest.mark.parametrize(("text", "flag"), [("", None), ("0", False), ("false", False), ("1", True), ("x", True)])
def test_flash_attention_is_left_to_the_engine_unless_it_is_set(text: str, flag: bool | None) -> None:
    assert config_from({"OLLAMA_FLASH_ATTENTION": text}).flash_attention is flag


@pytest.mark.parametrize(
    ("text", "level"),
    [("", "info"), ("0", "info"), ("false", "info"), ("1", "debug"), ("true", "debug"), ("2", "debug")],
)
def test_debug_logs_more(text: str, level: str) -> None:
    assert config_from({"OLLAMA_DEBUG": text}).log_level == level


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OLLAMA_KEEP_ALIVE", "soon"),
        ("OLLAMA_LOAD_TIMEOUT", "x"),
        ("OLLAMA_CONTEXT_LENGTH", "big"),
        ("OLLAMA_NUM_PARALLEL", "-3"),
        ("OLLAMA_MAX_QUEUE", "many"),
        ("OLLAMA_MAX_LOADED_MODELS", "all"),
        ("OLLAMA_KV_CACHE_TYPE", "q9"),
        ("OLLAMA_GPU_OVERHEAD", "-1"),
        ("ARRIERO_MEMORY", "lots"),
        ("OLLAMA_HOST", "127.0.0.1:99999"),
        ("OLLAMA_HOST", ":abc"),
    ],
)
def test_what_cannot_be_read_is_noted(name: str, text: str) -> None:
    [note] = config_from({name: text}).notes
    assert name in note


@pytest.mark.parametrize("text", ["h", "h:1", ":1", "[::1]:1", "::1", "http://h:1/x", "http://h", ""])
def test_an_address_that_can_be_read_is_not_noted(text: str) -> None:
    assert config_from({"OLLAMA_HOST": text}).notes == ()
