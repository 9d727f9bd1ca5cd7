"""Writes the answer of ``/v1/systemone``. Pure."""

from msgspec import UNSET

from arriero.protocol.systemone import ChoiceAnswer, NoulAnswer, ScoreAnswer, SystemOneResponse, SystemOneUsage
from arriero.types.system_one import Decided, DecisionRequest, Question, Reading, confidence


def to_response(model: str, request: DecisionRequest, decided: Decided) -> SystemOneResponse:
    """All answers. model: as asked for."""
    asked = zip(request.questions, decided.readings, strict=True)
    answers = {question.id: _answer(question, reading) for question, reading in asked}
    return SystemOneResponse(model, answers, SystemOneUsage(decided.input_tokens, len(answers)))


def _answer(question: Question, reading: Reading) -> NoulAnswer | ChoiceAnswer | ScoreAnswer:
    probabilities = {option.name: each for option, each in zip(question.options, reading.probabilities, strict=True)}
    mass = UNSET if reading.label_mass is None else reading.label_mass
    bounded = True if reading.is_bounded else UNSET
    match question.kind:
        case "noul":
            return NoulAnswer("noul", probabilities["true"], mass, bounded)
        case "choice":
            # Of several that are as likely, the first.
            choice = max(probabilities, key=probabilities.__getitem__)
            sure = confidence(reading.probabilities)
            return ChoiceAnswer("choice", choice, probabilities, sure, mass, bounded)
        case "score":
            score = sum(level * each for level, each in enumerate(reading.probabilities))
            legend = {option.name: option.text for option in question.options}
            sure = confidence(reading.probabilities)
            return ScoreAnswer("score", score, legend, probabilities, sure, mass, bounded)
