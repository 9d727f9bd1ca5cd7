"""Scenarios: what a server says of itself, and plain answers."""

from collections.abc import Sequence

from msgspec.structs import replace

from arriero.types.chat import Message, TextPrompt, TextRequest
from tests.upstreams.scenario import ANY, CAPITAL, PARIS, SITES, Scenario, Situation, ask, chat, greedy, user


async def facts(at: Situation) -> None:
    """The server is recognized, and tells of its model what it can."""
    assert at.server.kind == at.kind
    assert at.model.context == 2048
    assert "completion" in at.model.capabilities
    assert await at.engine.health()
    assert [model.name for model in await at.server.look()] == [at.model.name]


async def chat_answer(at: Situation) -> None:
    """A chat goes through the model's template, and its tokens are counted."""
    said = await ask(at.engine, chat())
    assert said.text == PARIS
    assert said.finished.reason == "stop"
    assert said.finished.usage.prompt_tokens == 36
    assert said.finished.usage.completion_tokens == 8
    assert (said.thinking, said.calls, said.logprobs, said.truncated) == ("", [], [], None)


async def chat_pieces(at: Situation) -> None:
    """An answer comes as it is made, and not at its end."""
    said = await ask(at.engine, chat(user("Count from one to ten.")))
    assert said.text == "1. 1\n2. 2\n3. 3\n4. 4\n5. 5"
    assert said.pieces > 2


async def system_message(at: Situation) -> None:
    """A system message takes the place of the template's own."""
    said = await ask(at.engine, chat(Message("system", "You are terse."), user(CAPITAL)))
    assert said.text == PARIS
    assert said.finished.usage.prompt_tokens == 25


async def raw_text(at: Situation) -> None:
    """A text without a template goes on where it ends, its first space and all."""
    said = await ask(at.engine, TextRequest(TextPrompt("The sky is"), greedy(max_tokens=4)))
    assert said.text.startswith(" a canvas of ")
    assert said.finished.reason == "length"
    assert said.finished.usage.completion_tokens == 4
    assert said.finished.usage.prompt_tokens == 3


async def options(at: Situation) -> None:
    """Every setting of the sampler is taken: the server has nothing against it."""
    sampling = greedy(
        top_k=40,
        top_p=0.9,
        min_p=0.05,
        typical_p=0.7,
        repeat_penalty=1.1,
        repeat_last_n=64,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        num_keep=4,
        max_tokens=8,
    )
    assert (await ask(at.engine, chat(sampling=sampling))).text


async def extreme_options(at: Situation) -> None:
    """What Ollama takes and the server does not is brought into its bounds."""
    for sampling in (
        greedy(top_k=0, max_tokens=2),
        greedy(top_p=0.0, max_tokens=2),
        greedy(presence_penalty=5.0, frequency_penalty=-5.0, max_tokens=2),
        greedy(temperature=-1.0, max_tokens=2),
        greedy(seed=-1, max_tokens=2),
        greedy(seed=2**40, max_tokens=2),
    ):
        assert (await ask(at.engine, chat(sampling=sampling))).finished.reason == "length"


async def one_stop_text(at: Situation) -> None:
    """The answer ends before a text, and which one is told."""
    request = replace(chat(sampling=greedy(stop=(" France",))), wants_stop_text=True)
    said = await ask(at.engine, request)
    assert said.text == "The capital of"
    assert said.finished.reason == "stop"
    assert said.finished.stop_text == " France"


async def six_stop_texts(at: Situation) -> None:
    """More texts than OpenAI allows end an answer, too."""
    stop = ("Berlin", "Rome", "Madrid", "Lisbon", "Vienna", " is P")
    said = await ask(at.engine, chat(sampling=greedy(stop=stop)))
    assert said.text == "The capital of France"
    assert said.finished.reason == "stop"


async def seed(at: Situation) -> None:
    """A seed is taken, and the answer is the same again."""
    request = chat(sampling=greedy(temperature=0.0, seed=42, max_tokens=8))
    first, second = await ask(at.engine, request), await ask(at.engine, request)
    assert first.text
    assert first.text == second.text


async def num_predict(at: Situation) -> None:
    """An answer is no longer than it may be."""
    said = await ask(at.engine, chat(sampling=greedy(max_tokens=3)))
    assert said.text == "The capital of"
    assert said.finished.reason == "length"
    assert said.finished.usage.completion_tokens == 3


async def unlimited(at: Situation) -> None:
    """An answer without a limit ends where the model ends it."""
    said = await ask(at.engine, chat(sampling=greedy(max_tokens=None)))
    assert said.text == PARIS
    assert said.finished.reason == "stop"


async def unicode(at: Situation) -> None:
    """Letters of every script reach the model, and its own come in whole characters."""
    said = await ask(at.engine, chat(user("Repeat: Ñandú, Привет, 東京, 😀👩‍👩‍👧 e\u0301")))
    assert said.text == "Ñandú, Привет, 東京, 😀👩\u200d"
    raw = TextRequest(TextPrompt("Emoji: 😀 😃 😄 😁 😆 😅 😀 😃 😄 😁"), greedy(max_tokens=12))
    assert (await ask(at.engine, raw)).text == " 😊" * 6


async def conversation(at: Situation) -> None:
    """Earlier turns are shown to the model."""
    said = await ask(at.engine, chat(user(CAPITAL), Message("assistant", PARIS), user("Say it again.")))
    assert said.text
    assert said.finished.usage.prompt_tokens > 50


ANSWERS: Sequence[Scenario] = [
    Scenario(facts, SITES),
    Scenario(chat_answer, ANY),
    Scenario(chat_pieces),
    Scenario(system_message),
    Scenario(raw_text, ANY),
    Scenario(options, ANY),
    Scenario(extreme_options, ANY),
    Scenario(one_stop_text),
    Scenario(six_stop_texts, ANY),
    Scenario(seed),
    Scenario(num_predict),
    Scenario(unlimited, ANY),
    Scenario(unicode),
    Scenario(conversation),
]
