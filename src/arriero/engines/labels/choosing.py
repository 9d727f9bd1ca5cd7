"""Finds labels that are one token each where an answer begins, by the engine's own tokenizer."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct, field

from arriero.engines.labels.pools import label_sets, pool
from arriero.errors import EngineFailed
from arriero.types.system_one import Question

# The tokens of a text that goes on from others. Raises EngineFailed.
Tokenize = Callable[[str], Awaitable[Sequence[int]]]

_MUCH_SPACE = 2


class Label(Struct, frozen=True):
    """What an option is called in the prompt. token: its number where the answer begins."""

    text: str
    token: int


class Place(Struct, frozen=True):
    """Where an answer begins: the end of the prompt, and what stands between that and a label, as in running text.

    is_chat: the end is a chat template's.
    """

    tail: str
    gap: str = ""
    is_chat: bool = False


class Checked(Struct):
    """What is known of a place. before: tokens of its ends. tokens: of labels looked at; None: it is not one."""

    place: Place
    before: dict[str, tuple[int, ...]] = field(default_factory=dict)
    tokens: dict[str, int | None] = field(default_factory=dict)


async def choose_labels(checked: Checked, tokenize: Tokenize, question: Question) -> tuple[Label, ...]:
    """A label for each option: distinct ones, each a token of its own. What is found out is put into ``checked``.

    Raises EngineFailed where the vocabulary has too few.
    """
    count = len(question.options)
    if found := await whole_set(checked, tokenize, label_sets(question.kind, count)):
        return found
    labels: dict[int, Label] = {}
    for text in pool():
        token = await label_token(checked, tokenize, text)
        if token is not None and token not in labels:
            labels[token] = Label(text, token)
        if len(labels) == count:
            return tuple(labels.values())
    raise EngineFailed(
        f"questions.{question.id} has {count} options, and the model's vocabulary has single tokens to tell "
        f"{len(labels)} apart: ask with fewer",
        400,
    )


async def whole_set(checked: Checked, tokenize: Tokenize, sets: Sequence[Sequence[str]]) -> tuple[Label, ...]:
    """The first set of labels that are distinct tokens, each of its own; nothing where there is none."""
    for texts in sets:
        found = {text: await label_token(checked, tokenize, text) for text in texts}
        tokens = {token for token in found.values() if token is not None}
        if len(tokens) == len(texts):
            return tuple(Label(text, token) for text, token in found.items() if token is not None)
    return ()


async def label_token(checked: Checked, tokenize: Tokenize, text: str) -> int | None:
    """The token that a label is at its place; None where it is not one, or changes those before it."""
    if text not in checked.tokens:
        # Put there only when it is known: others look meanwhile, and whoever asks may go before the answer comes.
        checked.tokens[text] = await _token(checked, tokenize, text)
    return checked.tokens[text]


async def _token(checked: Checked, tokenize: Tokenize, text: str) -> int | None:
    for end in _ends(checked.place):
        if end not in checked.before:
            checked.before[end] = tuple(await tokenize(end))
        before, behind = checked.before[end], tuple(await tokenize(end + checked.place.gap + text))
        if len(behind) == len(before) + 1 and behind[:-1] == before:
            return behind[-1]
    return None


def _ends(place: Place) -> tuple[str, ...]:
    """The end of the prompt, and the same with less space where it has much.

    Tokenizers cut a run of space otherwise where a word follows it. But a prompt is tokens by the time the answer
    comes: its first token is the word alone, as it is behind less space.
    """
    word = place.tail.rstrip()
    return (place.tail,) if len(place.tail) - len(word) < _MUCH_SPACE else (place.tail, f"{word}\n", word)
