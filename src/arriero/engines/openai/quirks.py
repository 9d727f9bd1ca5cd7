"""How engines that speak OpenAI's API differ from each other: data, one constant a kind. Pure."""

from dataclasses import dataclass

from arriero.types.upstreams import UpstreamKind

_MANY = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a kind of server takes, has and does.

    health_path: answers 200 when it can answer, and costs it nothing. tokenizes: it has ``/tokenize`` and
    ``/detokenize``. samples: the sampling parameters that it takes beside those of OpenAI. most_stops: texts of
    ``stop`` that it takes. most_temperature, most_repeat_penalty: larger ones are refused. takes_template_arguments:
    values for the chat template come with a request. is_strict: a call that is forced is held to its schema where the
    function says ``strict``, and any schema will do for that. continues: a last message of the model's own is gone on
    from where the request says so; counts_open_turns: so it does for ``/tokenize`` only where nothing is said of the
    prompt for a new message. thinking_keys: under which messages may say what was thought. tells_usage_early: every
    chunk tells the usage where that is asked for. seeds_by_flag: a seed has an effect only where the server was started
    for that, as ``/server_info`` says. names_end_token: log probabilities come with that of the token that ends the
    answer. passes: its streams are to the letter what OpenAI's clients expect; is_vouched_for: somebody only says so.
    generates_natively: it has ``/generate``, which tells how likely given tokens are. takes: of
    ``TextRequest.engine_fields``.
    """

    health_path: str = "/v1/models"
    tokenizes: bool = False
    samples: frozenset[str] = frozenset()
    most_stops: int = _MANY
    most_temperature: float = 2.0
    most_repeat_penalty: float = float(_MANY)
    takes_template_arguments: bool = False
    is_strict: bool = False
    continues: bool = False
    counts_open_turns: bool = False
    thinking_keys: tuple[str, ...] = ()
    tells_usage_early: bool = False
    seeds_by_flag: bool = False
    names_end_token: bool = False
    passes: bool = False
    is_vouched_for: bool = False
    takes: frozenset[str] = frozenset()
    generates_natively: bool = False


_SAMPLES = frozenset({"top_k", "min_p", "repeat_penalty"})
_TAKES = frozenset({"top_k", "min_p", "repetition_penalty", "min_tokens", "ignore_eos", "stop_token_ids"})

VLLM = Quirks(
    health_path="/health",
    tokenizes=True,
    samples=_SAMPLES,
    most_stops=4,
    takes_template_arguments=True,
    is_strict=True,
    continues=True,
    thinking_keys=("reasoning", "reasoning_content"),
    tells_usage_early=True,
    names_end_token=True,
    passes=True,
    takes=_TAKES,
)
SGLANG = Quirks(
    # Its /health generates a token.
    health_path="/model_info",
    tokenizes=True,
    samples=_SAMPLES,
    most_stops=32,
    most_temperature=float(_MANY),
    most_repeat_penalty=2.0,
    takes_template_arguments=True,
    is_strict=True,
    continues=True,
    counts_open_turns=True,
    thinking_keys=("reasoning_content",),
    tells_usage_early=True,
    names_end_token=True,
    seeds_by_flag=True,
    passes=True,
    takes=_TAKES,
    generates_natively=True,
)
# It hands all fields on to workers of either kind: what both take.
SMG = Quirks(
    health_path="/readiness",
    samples=_SAMPLES,
    most_stops=4,
    most_repeat_penalty=2.0,
    takes_template_arguments=True,
    is_strict=True,
    thinking_keys=("reasoning", "reasoning_content"),
    tells_usage_early=True,
    names_end_token=True,
    passes=True,
    takes=_TAKES,
)
# OpenAI itself refuses fields that it does not know.
OPENAI = Quirks(most_stops=4)

_QUIRKS: dict[UpstreamKind, Quirks] = {"vllm": VLLM, "sglang": SGLANG, "smg": SMG}


def quirks_of(kind: UpstreamKind) -> Quirks:
    """What is particular to a kind of server."""
    return _QUIRKS.get(kind, OPENAI)
