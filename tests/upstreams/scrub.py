"""What is taken out of recordings: paths of the machine that recorded, and what would differ every time."""

import json
import re
from collections.abc import Collection

# Bodies are foreign JSON.
from typing import Any

_TIME = 1_700_000_000
_RANDOM = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z]{16,}"
_ID = re.compile(rf'("(?:id|request_id)":\s?"[a-z_-]*?)({_RANDOM})"')
_REPLACED = (
    (re.compile(r"/[^\s\"':]*/([^\s\"'/:]*(?:smollm2|\.jinja)[^\s\"'/:]*)"), r"/models/\1"),
    (re.compile(r'("(?:created|created_at|modified)":\s?)\d{10}\b'), rf"\g<1>{_TIME}"),
    (re.compile(r'("\w+_(?:ms|per_second)":\s?)[0-9.e+-]+'), r"\g<1>12.5"),
    (re.compile(r"\[\d\d:\d\d:\d\d\]"), "[00:00:00]"),
    (re.compile(r'"modelperm-\w+"'), '"modelperm"'),
    (re.compile(r"<__media_\w+?__>"), "<__media__>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:1"),
)
# Of answers with hundreds of settings and counters: those that say what the model is and what it can take. Names count
# at every depth.
_KEPT = {
    "/server_info": {
        *("model_path", "tokenizer_path", "served_model_name", "context_length", "is_embedding", "enable_multimodal"),
        *("dtype", "quantization", "kv_cache_dtype", "max_running_requests", "max_total_tokens", "chat_template"),
        *("reasoning_parser", "tool_call_parser", "sampling_defaults", "weight_version", "version", "device"),
        *("max_total_num_tokens", "max_req_input_len", "incremental_streaming_output", "tp_size", "dp_size"),
        *("constrained_json_disable_any_whitespace", "allow_auto_truncate", "enable_deterministic_inference"),
    },
    "/model_info": {
        *("model_path", "tokenizer_path", "served_model_name", "is_generation", "weight_version", "architectures"),
        *("reasoning_parser", "tool_call_parser", "has_image_understanding", "has_audio_understanding", "model_type"),
    },
    "/v1/loads": {"version", "loads", "memory", "weight_gb", "kv_cache_gb", "graph_gb", "token_capacity"},
    "/workers": {
        *("workers", "id", "model_id", "url", "models", "model_type", "hf_model_type", "context_length", "labels"),
        *("worker_type", "connection_mode", "runtime_type", "model_path", "version", "served_model_name"),
        *("max_model_len", "reasoning_parser", "has_image_understanding", "is_healthy", "status"),
    },
}
HEADERS = ("content-type", "server")


class Scrub:
    """Cleans what one tape holds: the same id gives the same number in all of it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def clean(self, path: str, data: bytes) -> bytes:
        """A body, or a piece of one, that came from a path."""
        text = data.decode("utf-8", "surrogateescape")
        if path in _KEPT:
            text = _without_the_rest(text, _KEPT[path])
        for pattern, replacement in _REPLACED:
            text = pattern.sub(replacement, text)
        return _ID.sub(self._numbered, text).encode("utf-8", "surrogateescape")

    def _numbered(self, match: re.Match[str]) -> str:
        number = self._numbers.setdefault(match[2], len(self._numbers) + 1)
        return f'{match[1]}{number}"'


def _without_the_rest(text: str, kept: Collection[str]) -> str:
    try:
        return json.dumps(_only(json.loads(text), kept))
    except ValueError:
        return text


# Whatever the server has written.
def _only(value: Any, kept: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {name: _only(item, kept) for name, item in sorted(value.items()) if name in kept}
    return [_only(item, kept) for item in value] if isinstance(value, list) else value
