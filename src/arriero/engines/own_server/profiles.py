"""Which parsers of SGLang's and vLLM's read a model's thinking and its tool calls, by what the model is.

The names are those of SGLang 0.5.23 and vLLM 0.32. A family is told by its type in ``config.json`` and by marks in its
chat template, since people keep models under names of their own; where there is no template, by its name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from arriero.engines.own_server.flags import OwnServerKind


@dataclass(frozen=True, slots=True)
class Parsers:
    """Names of parsers, as one engine knows them; None: it needs none, or has none that fits."""

    reasoning: str | None = None
    tools: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Models that write alike.

    types: as ``config.json`` has them in ``model_type``; empty for any. mark: a pattern in the chat template; name: one
    in the model's name, for where there is no template, or no mark.
    """

    types: tuple[str, ...]
    name: str
    sglang: Parsers
    vllm: Parsers
    mark: str = ""

    def has(self, model_type: str, name: str, template: str) -> bool:
        """Whether a model is one of them."""
        if model_type and self.types and model_type not in self.types:
            return False
        if self.mark and template:
            return bool(re.search(self.mark, template))
        # Of a type that these alone have, the name need not say anything.
        is_told_by_type = bool(model_type and self.types) and not self.name
        return is_told_by_type or bool(self.name and re.search(self.name, name, re.IGNORECASE))


_NONE = Parsers()
_QWEN_TYPES = ("qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_vl")
_QWEN3 = (*_QWEN_TYPES[4:], "qwen3_vl_moe")
_QWEN35 = ("qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text")
_HERMES = Parsers(None, "hermes")
# What a template writes in front of an answer that begins by thinking, whatever is asked for.
_OPENS_THINKING = r"assistant(\\n|\n)<think>|<\uff5cAssistant\uff5c><think>"

# The first that fits counts.
FAMILIES: Sequence[Family] = (
    Family(("gpt_oss",), "", Parsers("gpt-oss", "gpt-oss"), Parsers("openai_gptoss", "openai")),
    Family(
        (), r"gpt-?oss", Parsers("gpt-oss", "gpt-oss"), Parsers("openai_gptoss", "openai"), r"<\|channel\|>analysis"
    ),
    Family(_QWEN35, "", Parsers("qwen3", "qwen3_coder"), Parsers("qwen3", "qwen3_coder")),
    Family(_QWEN3, r"qwen3.*coder", Parsers(None, "qwen3_coder"), Parsers(None, "qwen3_coder"), r"<function="),
    Family(_QWEN3, r"qwen3.*thinking", Parsers("qwen3-thinking", "qwen"), Parsers("qwen3", "hermes"), _OPENS_THINKING),
    Family(_QWEN3, r"qwen3(?!.*instruct)", Parsers("qwen3", "qwen"), Parsers("qwen3", "hermes"), r"enable_thinking"),
    Family(_QWEN3, "qwen3", Parsers(None, "qwen"), _HERMES, r"<tool_call>"),
    Family(("qwen2",), r"qwq", Parsers("deepseek-r1", "qwen"), Parsers("deepseek_r1", "hermes"), _OPENS_THINKING),
    Family(
        ("qwen2", "llama"),
        r"deepseek-r1.*distill",
        Parsers("deepseek-r1"),
        Parsers("deepseek_r1"),
        r"<\uff5cAssistant\uff5c>",
    ),
    Family(_QWEN_TYPES, r"qwen-?2", Parsers(None, "qwen"), _HERMES, r"<tool_call>"),
    Family(
        ("deepseek_v4",), r"deepseek-v4", Parsers("deepseek-v4", "deepseekv4"), Parsers("deepseek_v4", "deepseek_v4")
    ),
    # The experimental one still has the template of the version before it; the final one has no template at all.
    Family(
        ("deepseek_v32", "deepseek_v3"),
        r"deepseek-v3\.1|deepseek-v3\.2-exp",
        Parsers("deepseek-v3", "deepseekv31"),
        Parsers("deepseek_v3", "deepseek_v31"),
        r"\bthinking\b",
    ),
    Family(
        ("deepseek_v32",),
        r"deepseek-v3\.2",
        Parsers("deepseek-v3", "deepseekv32"),
        Parsers("deepseek_v3", "deepseek_v32"),
    ),
    Family(
        ("deepseek_v3",),
        r"deepseek-r1",
        Parsers("deepseek-r1", "deepseekv3"),
        Parsers("deepseek_r1", "deepseek_v3"),
        _OPENS_THINKING,
    ),
    Family(
        ("deepseek_v3",), r"deepseek-v3", Parsers(None, "deepseekv3"), Parsers(None, "deepseek_v3"), r"tool▁calls▁begin"
    ),
    Family(("llama4",), r"llama-?4", Parsers(None, "pythonic"), Parsers(None, "llama4_pythonic")),
    Family(
        ("llama", "mllama"),
        r"llama-?3\.[1-3]",
        Parsers(None, "llama3"),
        Parsers(None, "llama3_json"),
        r"ipython|python_tag",
    ),
    Family(
        ("mistral", "mistral3", "ministral3"),
        r"magistral|ministral.*reasoning",
        Parsers("mistral", "mistral"),
        Parsers("mistral", "mistral"),
        r"\[THINK\]",
    ),
    Family(
        ("mistral", "mistral3", "ministral3", "mixtral"),
        r"mistral|ministral|devstral|mixtral",
        Parsers(None, "mistral"),
        Parsers(None, "mistral"),
        r"\[TOOL_CALLS\]|\[AVAILABLE_TOOLS\]",
    ),
    Family(("glm4_moe_lite", "glm_moe_dsa"), "", Parsers("glm45", "glm47"), Parsers("glm47", "glm47")),
    Family(("glm4_moe",), r"glm-?(4\.7|5)", Parsers("glm45", "glm47"), Parsers("glm47", "glm47")),
    Family(("glm4_moe", "glm4v_moe"), "", Parsers("glm45", "glm"), Parsers("glm45", "glm45")),
    Family((), r"glm-?4\.[56]", Parsers("glm45", "glm"), Parsers("glm45", "glm45"), r"\[gMASK\]<sop>[\s\S]*<arg_key>"),
    Family(("kimi_k25",), "", Parsers("kimi_k2", "kimi_k2"), Parsers("kimi_k2", "kimi_k2")),
    Family(
        ("kimi_k2",), r"kimi-k2.*thinking", Parsers("kimi_k2", "kimi_k2"), Parsers("kimi_k2", "kimi_k2"), r"<think>"
    ),
    Family(("kimi_k2",), r"kimi-k2", Parsers(None, "kimi_k2"), Parsers(None, "kimi_k2"), r"tool_calls_section_begin"),
    Family(
        ("minimax_m3", "minimax_m3_vl"), "", Parsers("minimax-m3", "minimax-m3"), Parsers("minimax_m3", "minimax_m3")
    ),
    Family(
        ("minimax_m2", "minimax"), r"minimax-m2", Parsers("minimax", "minimax-m2"), Parsers("minimax_m2", "minimax_m2")
    ),
    Family(("gemma4", "gemma4_text"), "", Parsers("gemma4", "gemma4"), Parsers("gemma4", "gemma4")),
    # Gemma 3 was taught no form of its own for calls; its little sibling was.
    Family(("gemma3_text",), r"functiongemma", _NONE, Parsers(None, "functiongemma"), r"<start_function_call>"),
    Family(
        ("hunyuan_v1_moe", "hunyuan_v1_dense", "hunyuan"),
        r"hunyuan.*(a13b|instruct)",
        Parsers("hunyuan", "hunyuan"),
        Parsers("hunyuan_a13b", "hunyuan_a13b"),
        r"<tool_calls>",
    ),
    Family(("granitemoehybrid",), r"granite-?4", _HERMES, Parsers(None, "granite4"), r"<tool_call>"),
    Family(("granite", "granitemoe"), r"granite-?3", _NONE, Parsers("granite", "granite"), r"<\|tool_call\|>"),
    Family(("phi3", "phi4mm"), r"phi-?4-(mini|multi)", _NONE, Parsers(None, "phi4_mini_json"), r"<\|tool\|>"),
    Family(("step3p5",), r"step-?3\.5", Parsers("step3p5", "step3p5"), Parsers("step3p5", "step3p5")),
    Family(("step3_vl", "step3_text"), "", Parsers("step3", "step3"), Parsers("step3", "step3")),
    Family(
        ("nemotron_h",),
        r"nemotron-3",
        Parsers("nemotron_3", "qwen3_coder"),
        Parsers("nemotron_v3", "qwen3_coder"),
        r"<function=",
    ),
    Family(("seed_oss",), r"seed-oss", _NONE, Parsers("seed_oss", "seed_oss")),
    Family(("mimo_v2", "mimo_v2_flash"), r"mimo-v2", Parsers("mimo", "mimo"), Parsers("mimo", "mimo")),
    Family(("olmo3",), r"olmo-?3", _NONE, Parsers("olmo3", "olmo3"), r"<functions>|<function_calls>"),
    Family(("lfm2", "lfm2_moe"), r"lfm2", Parsers(None, "lfm2"), Parsers(None, "lfm2")),
    Family(("interns1", "interns1_pro"), r"interns1", Parsers("interns1", "interns1"), _NONE),
    Family((), r"hermes-[234]", _HERMES, _HERMES, r"<tool_call>(\\n|\s)*\{"),
)


def parsers_for(kind: OwnServerKind, model_type: str, name: str, template: str) -> Parsers:
    """The parsers for a model; none for one that no family claims. Each of its traits may be "" where it is unknown."""
    for family in FAMILIES:
        if family.has(model_type, name, template):
            return family.sglang if kind == "sglang" else family.vllm
    return _NONE
