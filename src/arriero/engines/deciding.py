"""Has a model answer questions by probabilities: by its server, where that can, and else by the labels' own."""

from arriero.engines.base import Decides, Engine
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.deciding import decide_by_labels
from arriero.errors import EngineDied, EngineFailed, PromptTooLong
from arriero.types.system_one import Decided, DecisionRequest

# How a server says that it does not take a question.
_REFUSED = 400


async def decide(
    engine: Engine, request: DecisionRequest, book: LabelBook, *, has_template: bool, is_decider: bool = False
) -> Decided:
    """A reading for each question. Raises EngineFailed, PromptTooLong.

    has_template: the model is for chat. is_decider: it was made to decide, and what it refuses is not for labels.
    """
    if isinstance(engine, Decides):
        try:
            return await engine.decide(request)
        except (EngineDied, PromptTooLong):
            raise
        except EngineFailed as error:
            is_refused = error.status == _REFUSED and not is_decider
            if not (error.has_no_route or is_refused):
                raise
    return await decide_by_labels(engine, request, book, has_template=has_template)
