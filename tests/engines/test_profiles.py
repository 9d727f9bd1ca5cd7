import pytest

from arriero.engines.own_server.profiles import FAMILIES, Parsers, parsers_for

HERMES_TEMPLATE = '{%- if tools %}<tool_call>\\n{"name": ...}\\n</tool_call>{% endif %}'
# Type, name, a mark of the template; SGLang's parsers, vLLM's.
MODELS = [
    ("qwen2", "Qwen2.5-1.5B-Instruct", "<tool_call>", (None, "qwen"), (None, "hermes")),
    ("qwen2", "QwQ-32B", "<tool_call> assistant\\n<think>\\n", ("deepseek-r1", "qwen"), ("deepseek_r1", "hermes")),
    ("qwen2", "my-own", "no tools", (None, None), (None, None)),
    ("qwen3", "Qwen3-8B", "<tool_call> enable_thinking <think>", ("qwen3", "qwen"), ("qwen3", "hermes")),
    ("qwen3_moe", "a-name-of-mine", "<tool_call> enable_thinking", ("qwen3", "qwen"), ("qwen3", "hermes")),
    ("qwen3_moe", "Qwen3-30B-A3B-Instruct-2507", "<tool_call>", (None, "qwen"), (None, "hermes")),
    (
        "qwen3_moe",
        "Qwen3-30B-A3B-Thinking-2507",
        "<tool_call> assistant\n<think>",
        ("qwen3-thinking", "qwen"),
        ("qwen3", "hermes"),
    ),
    ("qwen3_moe", "Qwen3-Coder-30B-A3B", "<tool_call>\n<function=", (None, "qwen3_coder"), (None, "qwen3_coder")),
    ("qwen3_5_moe", "Qwen3.5-35B-A3B", "<function=", ("qwen3", "qwen3_coder"), ("qwen3", "qwen3_coder")),
    ("deepseek_v3", "DeepSeek-V3-0324", "tool▁calls▁begin", (None, "deepseekv3"), (None, "deepseek_v3")),
    (
        "deepseek_v3",
        "DeepSeek-V3.1",
        "tool▁calls▁begin {% if thinking %}",
        ("deepseek-v3", "deepseekv31"),
        ("deepseek_v3", "deepseek_v31"),
    ),
    ("deepseek_v32", "DeepSeek-V3.2", "", ("deepseek-v3", "deepseekv32"), ("deepseek_v3", "deepseek_v32")),
    ("deepseek_v32", "DeepSeek-V3.2-Exp", "", ("deepseek-v3", "deepseekv31"), ("deepseek_v3", "deepseek_v31")),
    (
        "deepseek_v3",
        "DeepSeek-R1-0528",
        "tool▁calls▁begin <\uff5cAssistant\uff5c><think>",
        ("deepseek-r1", "deepseekv3"),
        ("deepseek_r1", "deepseek_v3"),
    ),
    (
        "llama",
        "DeepSeek-R1-Distill-Llama-8B",
        "<\uff5cAssistant\uff5c><think>",
        ("deepseek-r1", None),
        ("deepseek_r1", None),
    ),
    ("llama", "Llama-3.1-8B-Instruct", "<|python_tag|>", (None, "llama3"), (None, "llama3_json")),
    ("llama", "smollm2-hf", "<|im_start|>", (None, None), (None, None)),
    ("llama", "Hermes-3-Llama-3.1-8B", HERMES_TEMPLATE, (None, "hermes"), (None, "hermes")),
    ("llama4", "Llama-4-Scout-17B-16E-Instruct", "", (None, "pythonic"), (None, "llama4_pythonic")),
    ("mistral", "Mistral-7B-Instruct-v0.3", "[TOOL_CALLS]", (None, "mistral"), (None, "mistral")),
    ("mistral3", "Magistral-Small-2509", "[THINK] [TOOL_CALLS]", ("mistral", "mistral"), ("mistral", "mistral")),
    ("gpt_oss", "gpt-oss-20b", "<|channel|>", ("gpt-oss", "gpt-oss"), ("openai_gptoss", "openai")),
    ("glm4_moe", "GLM-4.6", "[gMASK]", ("glm45", "glm"), ("glm45", "glm45")),
    ("glm4_moe", "GLM-4.7", "[gMASK]", ("glm45", "glm47"), ("glm47", "glm47")),
    ("kimi_k2", "Kimi-K2-Instruct", "tool_calls_section_begin", (None, "kimi_k2"), (None, "kimi_k2")),
    ("kimi_k2", "Kimi-K2-Thinking", "<think>", ("kimi_k2", "kimi_k2"), ("kimi_k2", "kimi_k2")),
    ("minimax_m2", "MiniMax-M2", "", ("minimax", "minimax-m2"), ("minimax_m2", "minimax_m2")),
    ("gemma3", "gemma-3-4b-it", "<start_of_turn>", (None, None), (None, None)),
    ("gemma4", "gemma-4-12b-it", "", ("gemma4", "gemma4"), ("gemma4", "gemma4")),
    ("hunyuan_v1_moe", "Hunyuan-A13B-Instruct", "<tool_calls>", ("hunyuan",) * 2, ("hunyuan_a13b",) * 2),
    ("granitemoehybrid", "granite-4.0-h-tiny", "<tool_call>", (None, "hermes"), (None, "granite4")),
    ("phi3", "Phi-4-mini-instruct", "<|tool|>", (None, None), (None, "phi4_mini_json")),
    ("phi3", "Phi-3-mini-4k-instruct", "<|user|>", (None, None), (None, None)),
    ("step3_vl", "step3", "", ("step3", "step3"), ("step3", "step3")),
    (
        "nemotron_h",
        "NVIDIA-Nemotron-3-Nano",
        "<function=",
        ("nemotron_3", "qwen3_coder"),
        ("nemotron_v3", "qwen3_coder"),
    ),
]


@pytest.mark.parametrize(("kind", "name", "template", "sglang", "vllm"), MODELS, ids=[model[1] for model in MODELS])
def test_a_model_is_known_by_its_type_and_its_template(
    kind: str,
    name: str,
    template: str,
    sglang: tuple[str | None, str | None],
    vllm: tuple[str | None, str | None],
) -> None:
    assert parsers_for("sglang", kind, name, template) == Parsers(*sglang)
    assert parsers_for("vllm", kind, name, template) == Parsers(*vllm)


@pytest.mark.parametrize(
    ("name", "sglang"),
    [
        ("Qwen2.5-1.5B-Instruct", (None, "qwen")),
        ("Qwen3-8B", ("qwen3", "qwen")),
        ("Qwen3-4B-Instruct-2507", (None, "qwen")),
        ("Qwen3-Coder-30B-A3B-Instruct", (None, "qwen3_coder")),
        ("DeepSeek-R1", ("deepseek-r1", "deepseekv3")),
        ("DeepSeek-R1-Distill-Qwen-7B", ("deepseek-r1", None)),
        ("Llama-3.2-1B-Instruct", (None, "llama3")),
        ("Magistral-Small-2509", ("mistral", "mistral")),
        ("gpt-oss-120b", ("gpt-oss", "gpt-oss")),
        ("GLM-4.5-Air", ("glm45", "glm")),
        ("SmolLM2-135M-Instruct", (None, None)),
    ],
)
def test_a_model_of_which_nothing_can_be_read_is_known_by_its_name(
    name: str, sglang: tuple[str | None, str | None]
) -> None:
    assert parsers_for("sglang", "", name, "") == Parsers(*sglang)


def test_every_family_has_something_to_be_known_by() -> None:
    assert all(family.types or family.name for family in FAMILIES)
