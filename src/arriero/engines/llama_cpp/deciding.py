"""A model in llama.cpp that was made to decide."""

from arriero.engines.llama_cpp.engine import LlamaCppEngine
from arriero.engines.system_one import ask_server
from arriero.types.system_one import Decided, DecisionRequest


class LlamaCppDecider(LlamaCppEngine):
    """One whose server answers by the model's own head (see ``Decides``).

    For any other model it has the route as well, and answers 501.
    """

    async def decide(self, request: DecisionRequest) -> Decided:
        """A reading for each question."""
        return await ask_server(self._wire, "", request)
