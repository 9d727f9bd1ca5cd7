"""The models of the golden cases, and what their engines say."""

import json
from pathlib import Path

from arriero.engines.fake import FakeEngine, Script, prompt_text
from arriero.errors import EngineFailed
from arriero.store.blobs import Blobs
from arriero.store.layout import Store
from arriero.store.manifest import LAYER_PREFIX
from arriero.types.chat import ChatPrompt, TextRequest, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from tests.factories_store import stored

INFILL_TOKENS = {f"tokenizer.ggml.{place}_token_id": n for n, place in enumerate(("prefix", "suffix", "middle"))}
TOOL_TEMPLATE = "{% if tools %}{{ tools }}{% endif %}{{ messages }}"
THINKING_TEMPLATE = "{% if enable_thinking %}<think>{{ thoughts }}</think>{% endif %}{{ messages }}"
SYSTEM = "You are a mule driver."

PIECES = (("Hel", "lo"), (" there",), (".",))
TEXT = "Hello there."
LONG_STORY = [f" word{n}" for n in range(50)]


def store_golden_models(root: Path) -> Path:
    """Put the models of the golden cases below ``root``, and return it."""
    store = Store(root / "models")
    stored(store, "gen")
    add_layer(store, stored(store, "sys"), "system", SYSTEM)
    stored(store, "fim", INFILL_TOKENS)
    stored(store, "tool", {"tokenizer.chat_template": TOOL_TEMPLATE})
    stored(store, "think", {"tokenizer.chat_template": THINKING_TEMPLATE})
    stored(store, "emb", {"llama.pooling_type": 1})
    return root


def add_layer(store: Store, manifest: Path, kind: str, content: str | bytes) -> None:
    """Give a stored model one more layer."""
    blob = Blobs(store.blobs).add_bytes(content if isinstance(content, bytes) else content.encode())
    written = json.loads(manifest.read_bytes())
    layer = {"mediaType": f"{LAYER_PREFIX}{kind}", "digest": blob.digest, "size": blob.size_bytes}
    written["layers"].append(layer)
    manifest.write_bytes(json.dumps(written).encode())


def golden_engines() -> dict[str, FakeEngine]:
    """Return an engine for each model; what the user says decides whether it works."""
    return {
        "emb:latest": FakeEngine(input_limit=128),
        "gen:latest": FakeEngine(_answer),
        "sys:latest": FakeEngine(_answer),
        "fim:latest": FakeEngine(Script(PIECES)),
        "tool:latest": FakeEngine(_call_of_the_first_tool),
        "think:latest": FakeEngine(_answer_with_thinking),
    }


def _answer(request: TextRequest) -> Script:
    match prompt_text(request):
        case "fail at once":
            return Script(error=EngineFailed("rate limited", 429))
        case "fail in the middle":
            return Script(PIECES, error=EngineFailed("out of memory"), fail_after=1)
        case "hang":
            return Script(PIECES[:1], hang=True)
        case "Write a long story.":
            return Script(tuple((word,) for word in LONG_STORY[: request.sampling.max_tokens]))
        case _ if request.json_format and request.json_format.schema:
            return Script((('{"age"', ": 22}"),))
        case _:
            return Script(PIECES)


def _call_of_the_first_tool(request: TextRequest) -> Script:
    assert isinstance(request.prompt, ChatPrompt)
    if not request.prompt.tools:
        return Script(PIECES)
    call = ToolCall(request.prompt.tools[0]["function"]["name"], {"location": "Boston"}, "call_1")
    return Script(((ToolCallDelta(0, call),),))


def _answer_with_thinking(request: TextRequest) -> Script:
    assert isinstance(request.prompt, ChatPrompt)
    thoughts = () if request.prompt.think is False else ((ThinkingDelta("Let me "), ThinkingDelta("think.")),)
    return Script((*thoughts, *PIECES))
