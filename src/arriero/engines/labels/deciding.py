"""Has any model for text answer questions: how likely is each label as the first token of its answer?"""

from arriero.engines.base import Engine, Renders, TellsNext, Tokenizes
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.exact import decide_exactly
from arriero.engines.labels.listed import decide_by_list
from arriero.errors import EngineFailed
from arriero.types.system_one import Decided, DecisionRequest


async def decide_by_labels(engine: Engine, request: DecisionRequest, book: LabelBook, *, has_template: bool) -> Decided:
    """A reading for each question. has_template: the model is for chat. Raises EngineFailed, PromptTooLong."""
    is_written = isinstance(engine, Renders) or not has_template
    if is_written and not request.images and isinstance(engine, TellsNext) and isinstance(engine, Tokenizes):
        try:
            return await decide_exactly(engine, request, book, has_template=has_template)
        except EngineFailed as error:
            # One of its kind may be too old for it, or too new.
            if not error.has_no_route:
                raise
    return await decide_by_list(engine, request, has_template=has_template)
