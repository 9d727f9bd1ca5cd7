"""Log probabilities as OpenAI's newer APIs tell them. Pure."""

from collections.abc import Iterable

from arriero.protocol.openai_chat import OutTokenLogprob, OutTopLogprob
from arriero.types.events import TokenLogprob


def to_logprobs(tokens: Iterable[TokenLogprob]) -> list[OutTokenLogprob]:
    """Tokens with their bytes."""
    return [
        OutTokenLogprob(
            token.token,
            token.logprob,
            list(token.token.encode()),
            [OutTopLogprob(top.token, top.logprob, list(top.token.encode())) for top in token.top],
        )
        for token in tokens
    ]
