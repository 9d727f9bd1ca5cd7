"""Labels by an engine that tells how likely any token is: each is checked to be one token where an answer begins."""

from collections.abc import Sequence
from os.path import commonprefix
from typing import Protocol

from msgspec import Struct

from arriero.engines.base import Engine, NextTokens, Renders, TellsNext, Tokenizes, TokenizesChats
from arriero.engines.labels.book import LabelBook
from arriero.engines.labels.choosing import Label, Place, choose_labels
from arriero.engines.labels.prompt import CUE, CUE_GAP, END, as_chat, prompt_text
from arriero.engines.labels.reading import exact_reading
from arriero.errors import EngineFailed
from arriero.types.chat import TextPrompt
from arriero.types.system_one import Decided, DecisionRequest, Question, Reading

_OPEN_THINKING = "<think>"
# A shorter beginning is computed sooner than it is asked for.
_LEAST_SHARED = 64


class Exact(Engine, TellsNext, Tokenizes, Protocol):
    """An engine that can tell how likely any label is."""


class _Asked(Struct):
    prompt: TextPrompt
    labels: Sequence[Label]


async def decide_exactly(engine: Exact, request: DecisionRequest, book: LabelBook, *, has_template: bool) -> Decided:
    """A reading for each question, one after another, so that each finds the state in the engine's cache.

    has_template: the model is for chat, and the engine ``Renders``. Raises EngineFailed, PromptTooLong.
    """
    place = await _place(engine, has_template=has_template)
    asked = [await _asked(engine, request.state, question, place, book) for question in request.questions]
    texts = [each.prompt.text for each in asked[:2]]
    # Character by character is what is wanted of texts.
    shared = commonprefix(texts) if len(texts) > 1 else ""  # noqa: RUF071
    is_prepared = bool(shared) and book.forgets(engine)
    if is_prepared:
        await engine.next_tokens(TextPrompt(shared), ())
    readings: list[Reading] = []
    took: list[NextTokens] = []
    for each in asked:
        took.append(await engine.next_tokens(each.prompt, [label.token for label in each.labels]))
        readings.append(exact_reading(took[-1].logprobs))
    if shared:
        tokens = took[1].prompt_tokens * len(shared) // len(asked[1].prompt.text)
        if tokens >= _LEAST_SHARED:
            # What is still forgotten after it was asked for alone need not be asked for again.
            book.note(engine, forgets=is_prepared != (took[1].cached_tokens < tokens // 2))
    return Decided(tuple(readings), sum(each.prompt_tokens for each in took), sum(each.cached_tokens for each in took))


async def _place(engine: Engine, *, has_template: bool) -> Place:
    """Where an answer begins. Raises EngineFailed where thinking would come first."""
    if not has_template:
        return Place(END + CUE, CUE_GAP)
    assert isinstance(engine, Renders)
    rendered = await engine.render(as_chat(END))
    if rendered.rstrip().endswith(_OPEN_THINKING):
        raise EngineFailed("the model's template has it think before every answer: ask another model", 400)
    return Place(END + rendered.rpartition(END)[2], is_chat=True)


async def _asked(engine: Exact, state: str, question: Question, place: Place, book: LabelBook) -> _Asked:
    async def tokenize(text: str) -> Sequence[int]:
        return await engine.tokenize(text, is_rendered=True, is_first=False)

    labels = await choose_labels(book.checked(engine, place), tokenize, question)
    text = prompt_text(state, question, [label.text for label in labels])
    return _Asked(await _prompt(engine, text, place), labels)


async def _prompt(engine: Engine, text: str, place: Place) -> TextPrompt:
    if not place.is_chat:
        return TextPrompt(text + CUE)
    if isinstance(engine, TokenizesChats):
        return TextPrompt("", tuple(await engine.tokenize_chat(as_chat(text))))
    assert isinstance(engine, Renders)
    rendered = await engine.render(as_chat(text))
    if not rendered.endswith(place.tail):
        raise EngineFailed("the model's chat template changes what is asked: ask another model", 400)
    return TextPrompt(rendered)
