"""Rows of text: chat, generate, and what is written in them."""

import json

from tests.contract.claim import CHAT, GENERATE, said
from tests.live.launching import PARIS
from tests.matrix.bench import ANSWER, GREEDY, STORY, TURN, Bench, text_of
from tests.matrix.row import Row

# A family of three joined by zero-width joiners, an accent of its own, Chinese, and a flag of two letters.
SIGNS = "👩\u200d👩\u200d👧 e\u0301 你好 🇫🇷"


def chat(bench: Bench) -> str:
    answer = bench.client.chat(bench.model, TURN, options=GREEDY)
    assert answer.message.content == ANSWER, answer.message.content
    assert (answer.message.role, answer.done, answer.done_reason, answer.model) == (
        *("assistant", True, "stop"),
        bench.model,
    )
    return repr(answer.message.content)


def stream(bench: Bench) -> str:
    parts = bench.parts()
    assert text_of(parts) == ANSWER, text_of(parts)
    assert len(parts) > 4, f"{len(parts)} parts"
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop"
    assert all(part.eval_count is None for part in parts[:-1])
    return f"{len(parts)} parts, joined as in one piece"


def generate(bench: Bench) -> str:
    whole = bench.generate()
    pieces = list(bench.client.generate(bench.model, PARIS, options=GREEDY, stream=True))
    assert whole.response == ANSWER, whole.response
    assert "".join(piece.response or "" for piece in pieces) == ANSWER
    return f"{whole.response!r}, streamed in {len(pieces)} pieces"


def raw(bench: Bench) -> str:
    answer = bench.generate("The capital of France is", raw=True, options={"temperature": 0, "num_predict": 2})
    assert (answer.response or "").startswith(" Paris"), answer.response
    assert answer.prompt_eval_count == 5, f"{answer.prompt_eval_count} tokens of prompt, where the text has 5"
    assert answer.context is None
    return f"{answer.response!r}, 5 tokens of prompt"


def system(bench: Bench) -> str:
    texts = ("Be brief.", "Answer like a pirate who has lost his ship in a storm, and be brief.")
    short, long = (bench.generate(system=text).prompt_eval_count or 0 for text in texts)
    assert long > short, f"{short} and {long} tokens"
    turns = [{"role": "system", "content": texts[1]}, *TURN]
    told = bench.client.chat(bench.model, turns, options=GREEDY).prompt_eval_count
    assert told == long, f"{told} tokens in a chat, {long} in generate"
    return f"{short} tokens with a short one, {long} with a long one, in generate and in a chat"


def context(bench: Bench) -> str:
    first = bench.generate()
    assert first.context, "no context"
    second = bench.generate("And the capital of Spain?", context=first.context)
    assert second.context, "no second context"
    assert list(second.context[: len(first.context)]) == list(first.context), "the second does not begin with the first"
    assert (second.prompt_eval_count or 0) > len(first.context), f"{second.prompt_eval_count} tokens of prompt"
    streamed = list(bench.client.generate(bench.model, PARIS, options=GREEDY, stream=True))[-1].context
    assert streamed == first.context, f"streamed {streamed}, else {first.context}"
    assert "Madrid" in (second.response or ""), second.response
    return f"{len(first.context)} tokens, then {len(second.context)}; {second.response!r}"


def unicode(bench: Bench) -> str:
    schema = {"type": "string", "enum": [SIGNS]}
    options = {"temperature": 0, "num_predict": 100}
    whole = bench.client.chat(bench.model, TURN, format=schema, options=options).message.content or ""
    assert json.loads(whole) == SIGNS, repr(whole)
    parts = bench.parts(format=schema, options=options)
    assert json.loads(text_of(parts)) == SIGNS, repr(text_of(parts))
    assert not any("\ufffd" in (part.message.content or "") for part in parts)
    return f"{SIGNS} written by the model, in {len(parts)} parts"


def unicode_in(bench: Bench) -> str:
    prompts = (SIGNS, "Repeat: 你好世界 🎉🎊", "é\u0301 ñ 👩‍👩‍👧")
    texts = {}
    for prompt in prompts:
        whole = bench.say(prompt, num_predict=40)
        streamed = text_of(bench.parts(prompt, options={**GREEDY, "num_predict": 40}))
        assert streamed == whole, f"{whole!r}, streamed {streamed!r}"
        assert "\ufffd" not in whole, repr(whole)
        texts[prompt] = whole
    assert any(not text.isascii() for text in texts.values()), texts
    return f"three prompts, streamed as in one piece; {texts[prompts[1]][:40]!r}"


def turns(bench: Bench) -> str:
    messages = [
        *TURN,
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": "And the capital of Spain?"},
    ]
    answer = bench.client.chat(bench.model, messages, options=GREEDY).message.content or ""
    assert "Madrid" in answer, answer
    return repr(answer)


def openai(bench: Bench) -> str:
    body = {"model": bench.model, "messages": TURN, "temperature": 0, "max_tokens": 24}
    answer = bench.plain.post("/v1/chat/completions", body)
    assert answer.status == 200, answer.body[:200]
    found = answer.json["choices"][0]
    assert (found["message"]["content"], found["finish_reason"]) == (ANSWER, "stop"), found
    text = bench.plain.post("/v1/completions", {**body, "prompt": PARIS}).json
    assert text["choices"][0]["text"] == ANSWER, text
    return f"chat/completions {found['message']['content']!r}, completions {text['choices'][0]['text']!r}"


def anthropic(bench: Bench) -> str:
    body = {"model": bench.model, "messages": TURN, "temperature": 0, "max_tokens": 24}
    answer = bench.plain.post("/v1/messages", body)
    assert answer.status == 200, answer.body[:200]
    assert answer.json["content"] == [{"type": "text", "text": ANSWER}], answer.json
    return f"{answer.json['content'][0]['text']!r}, {answer.json['usage']}"


def rendered(bench: Bench) -> str:
    info = bench.plain.answer(CHAT, _debug_render_only=True).get("_debug_info", {})
    assert f"<|im_start|>user\n{PARIS}<|im_end|>" in info.get("rendered_template", ""), info
    return "the prompt, with the template's marks"


def template(bench: Bench) -> str:
    options = {"temperature": 0, "num_predict": 2}
    given = bench.plain.answer(GENERATE, "of France is", template="The capital {{ .Prompt }}", options=options)
    assert said(given).startswith(" Paris"), given
    assert given["prompt_eval_count"] == 5, given
    return f"{said(given)!r}, 5 tokens of prompt"


def same_on_both(bench: Bench) -> str:
    chats = bench.client.chat(bench.model, [{"role": "user", "content": STORY}], options=GREEDY)
    generated = bench.generate(STORY)
    assert chats.message.content == generated.response, f"{chats.message.content!r} and {generated.response!r}"
    assert chats.prompt_eval_count == generated.prompt_eval_count
    return f"{(generated.response or '')[:40]!r} on both, {chats.prompt_eval_count} tokens"


TEXT = (
    Row("chat", chat),
    Row("chat, streamed", stream),
    Row("chat of several turns", turns),
    Row("generate, streamed or not", generate),
    Row("generate says what chat says", same_on_both),
    Row("generate raw", raw),
    Row("generate with a template", template),
    Row("system text", system),
    Row("context of generate", context),
    Row("emoji and combining signs, written", unicode),
    Row("emoji and combining signs, read", unicode_in),
    Row("/v1/chat/completions, /v1/completions", openai),
    Row("/v1/messages", anthropic),
    Row("the rendered prompt", rendered),
)
