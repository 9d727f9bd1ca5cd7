"""Which answers of a server that speaks OpenAI's API may go to a client of that API as they come. Pure."""

from arriero.types.chat import ChatPrompt, TextPrompt, TextRequest


def is_passable(request: TextRequest, model: str, most_stops: int) -> bool:
    """Whether nothing of the answer need be looked for, put right or told otherwise but what its reader sees to.

    model: what the server calls it, as every chunk says. most_stops: texts that it looks for itself. Thinking, calls
    and log probabilities are told in ways of their own by each server; JSON is watched for white space without end.
    """
    if request.passing is None or request.passing.model != model or len(request.sampling.stop) > most_stops:
        return False
    if request.top_logprobs is not None or request.json_format is not None:
        return False
    if request.wants_context or request.wants_stop_text:
        return False
    match request.prompt:
        case ChatPrompt(think=None, tools=(), context=()):
            return request.passing.dialect == "chat"
        case TextPrompt(thinks=False, context=()):
            return request.passing.dialect == "completions"
        case _:
            return False
