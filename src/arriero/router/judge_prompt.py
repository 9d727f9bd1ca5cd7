"""What a judge is asked. Pure.

All that is the same for every request comes first, byte for byte, so that the engine has it in its cache; the request
comes last, between quotation marks that it cannot have itself (``digest``). The wording, the examples and their order
were chosen by what three small models made of them; ``benchmarks.routing.judge`` measures it.
"""

from collections.abc import Mapping

from arriero.router.digest import ELIDED
from arriero.router.label_tokens import Labels

CUE = "Difficulty:"
QUESTION = "How hard is this request to answer?"
# Where an answer goes on with a request of its own, it is over.
NEXT = "\nRequest:"
_SIMPLE, _COMPLEX = 0, 1
# Some of the complex ones are long, since a judge that sees only short ones takes a long text for something else.
_EXAMPLES = (
    (_SIMPLE, "hi, how are you?"),
    (_COMPLEX, "Write a Python function that finds the longest path in a weighted graph, and explain its complexity."),
    (_SIMPLE, "turn the volume down a little"),
    (_COMPLEX, "How do I fix the error that a variable may be used before it is assigned?"),
    (_SIMPLE, "what time is it in tokyo"),
    (
        _COMPLEX,
        (
            "I have a table of orders with customer, date and amount, and I want to see for each month which customers "
            f"bought less than in the month before. The query that I have takes minutes: select {ELIDED} group by "
            "customer. How can I make it faster, and what index do I need?"
        ),
    ),
    (_SIMPLE, "can you tell me how to say thank you in german"),
    (
        _COMPLEX,
        (
            "Given the following text about the history of canals in Europe, list the dates that it names, and say for "
            f"each of them what changed for trade and why. {ELIDED} Answer with a table, and end with a short summary "
            "in French."
        ),
    ),
    (_SIMPLE, "set an alarm for 7 am"),
    (_COMPLEX, "What is the best way to learn how to draw portraits? Make a plan for four weeks."),
    (_SIMPLE, "how much money do i have in my bank account"),
    (_COMPLEX, "Prove that there are infinitely many primes."),
)


def judge_prompt(digested: str, labels: Labels) -> str:
    """The text whose next token is the verdict."""
    return static_part(labels) + _fenced(digested)


def static_part(labels: Labels) -> str:
    """What every prompt of a judge begins with."""
    meanings = (f"{meaning.capitalize()} are {word}." for word, meaning in criteria(labels).items())
    head = " ".join(["Requests are sorted by how hard they are to answer.", *meanings])
    words = (labels.simple, labels.complex)
    return "\n\n".join([head, *(f"{_fenced(text)} {words[label]}" for label, text in _EXAMPLES), ""])


def criteria(labels: Labels) -> Mapping[str, str]:
    """What the labels mean."""
    return {
        labels.simple: "small talk, commands and short questions",
        labels.complex: "code, mathematics, analysis, planning and long texts",
    }


def _fenced(digested: str) -> str:
    return f'Request: "{digested}"\n{CUE}'
