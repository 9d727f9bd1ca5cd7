from arriero.client.verbose import Commentary, reason_text, reasons_of
from arriero.router.scoring import ScorerFailed
from arriero.types.routing import Decision, Reason, Score, Side


def locate(side: Side) -> str:
    return {"local": "Local Ollama", "remote": "Remote vLLM"}[side]


def scored(side: Side, probability: float, scorer: str, verdict: str = "", threshold: float = 0.5) -> Decision:
    return Decision(side, "m", Reason.SCORE, score=Score(probability, scorer, verdict=verdict), threshold=threshold)


def test_the_judges_word_is_told_only_where_a_judge_spoke() -> None:
    assert reasons_of(scored("remote", 0.9, "judge", "COMPLEX")) == ["LLM Judge: COMPLEX"]
    assert reasons_of(scored("local", 0.31, "linear")) == ["Score: 0.31 (linear)"]
    assert reasons_of(Decision("local", "m", Reason.FORCED)) == ["Rule: forced local"]


def test_a_score_that_the_word_does_not_explain_is_told_beside_it() -> None:
    assert reasons_of(scored("local", 0.6, "judge", "COMPLEX", 0.7)) == [
        "LLM Judge: COMPLEX",
        "Score: 0.60 (judge), threshold 0.70",
    ]
    assert reasons_of(scored("local", 0.41, "cascade", "SIMPLE")) == ["LLM Judge: SIMPLE", "Score: 0.41 (cascade)"]


def test_a_request_without_anything_to_judge_was_not_judged() -> None:
    decision = Decision("local", "m", Reason.SCORE, score=Score(0.05, "judge", notes=("empty",)), threshold=0.5)
    assert reasons_of(decision) == ["Score: 0.05 (nothing to judge)"]


def test_a_rule_is_told_with_what_there_is_to_tell_of_it() -> None:
    rule = Decision("remote", "m", Reason.TOOLS, "the local model lacks tools")
    assert reasons_of(rule) == ["Rule: tools (the local model lacks tools)"]
    assert reasons_of(Decision("local", "m", Reason.PRIVATE_RULE, "salary")) == ["Rule: private rule (salary)"]


def test_every_reason_has_its_words() -> None:
    texts = {reason: reason_text(Decision("remote", "m", reason), locate) for reason in Reason}
    assert all(text and text[0].isupper() for text in texts.values())
    assert texts[Reason.SCORE] == "Complex task"
    assert texts[Reason.FORCED] == "Forced remote"
    assert texts[Reason.FAILOVER] == "Fallback from Local Ollama"
    assert texts[Reason.UNHEALTHY] == "Local Ollama cannot answer"


def test_what_happens_is_told_in_order() -> None:
    lines: list[str] = []
    told = Commentary(lines.append)
    first = scored("local", 0.2, "linear")
    told.judge_failed(ScorerFailed("no answer within 2 s"))
    told.decided(first, locate, "a")
    told.began(first, locate, "a")
    told.began(Decision("remote", "b", Reason.FAILOVER, "it is gone", chosen="local"), locate, "b")
    told.began(Decision("local", "a", Reason.SECOND_LOOK, "empty", chosen="remote"), locate, "a")
    told.failed(ValueError("no more"))
    assert lines == [
        "[Router] LLM Judge failed: no answer within 2 s",
        "[Router] Score: 0.20 (linear)",
        "[Router] -> Local Ollama | Model: a",
        "[Router] Local Ollama failed: it is gone, falling back...",
        "[Router] -> Remote vLLM | Model: b",
        "[Router] Rule: second look (empty)",
        "[Router] -> Local Ollama | Model: a",
        "[Router] Failed: no more",
    ]
