"""Has a model answer questions by probabilities: by its server, where that can, and else by the labels' own."""

from arriero.engines.base import Decides, Engine
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.deciding import decide_by_labels
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.system_one import Decided, DecisionRequest

# How a server says that it has no such route, that its model does not decide, or that it does not take this question.
_NOT_TAKEN = frozenset({400, 404, 405, 501})


async def decide(engine: Engine, request: DecisionRequest, book: LabelBook, *, has_template: bool) -> Decided:
    """A reading for each question. has_template: the model is for chat. Raises EngineFailed, PromptTooLong."""
    if isinstance(engine, Decides):
        try:
            return await engine.decide(request)
        except (EngineDied, PromptTooLong):
            raise
        except EngineFailed as error:
            if error.status not in _NOT_TAKEN:
                raise
    return await decide_by_labels(engine, request, book, has_template=has_template)
