"""What is counted in a request's text: a few dozen numbers for a linear model. Pure, and quick on any text.

Multiple-choice questions are looked at without their choices, and a long text at its ends only, so that neither form
nor size drowns what is asked.
"""

import re
from collections import Counter
from math import log1p

from arriero.router.choices import without_choices
from arriero.router.lexicon import COMMON, FOREIGN, GROUPS, PLACES

HEAD_CHARS = 2000
TAIL_CHARS = 1000

_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"\d[\d,.]*")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|[。？！]+|\n[ \t]*\n")  # noqa: RUF001 - of Chinese and Japanese
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_CODE = re.compile(
    r"```|^[ \t]*(?:def|class|import|from|for|while|if|return|public|private|const|let|var|func|fn|select|#include)\b"
    r".*[:;({][ \t]*$|[;{}][ \t]*$|\w\(\)|=>|->|==|!=|\w\.\w+\(|</\w+>",
    re.MULTILINE | re.IGNORECASE,
)
_LATEX = re.compile(
    r"\\[a-zA-Z]+|\$[^$\n]{1,80}\$|[a-zA-Z0-9)]\s?(?:\^\s?[{\w(-]|_[{\d])"  # TeX, and what people write of it
    r"|[∑∫√≤≥≠∞∂∇∈∀∃→⇒±×÷·°πθλμσΔΩ]"  # noqa: RUF001 - a formula's signs are meant
)
_OPERATORS = "=+*/<>^|~%"
_BLANKS = ("__", "...", "[blank]")
_LOUD = re.compile(r"\b[A-Z]{2,}\b")
_LOOK_UP = re.compile(
    r"\b(?:what(?:'s| is| are| was| does)|who(?:'s| is| was)?|when (?:is|was|did|does)|where(?:'s| is| are| was)"
    r"|capital of|meaning of|how do you (?:say|spell)|tell me (?:about|the|what|if)|(?:can|could|will|would) you|do you"
    r"|are you)\b"
)
_FORMAL = re.compile(
    r"\b(?:such that|so that|for (?:all|any|every|each)|at (?:least|most)|if and only if|(?:prove|show) (?:that|the)"
    r"|suppose|assum(?:e|ing)|let [a-z]\b|given (?:that|a|an|the)|in terms of|as a function of|with respect to|must be"
    r"|step by step|explain (?:why|your)|justify|compared (?:to|with)|in order to|subject to|exactly)"
)
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")

_SIZE_NAMES = ("log_bytes", "is_tiny", "is_long", "log_sentences", "log_sentence_words", "log_lines", "log_items")
_WORDING_NAMES = ("word_chars", "long_words", "rare_words", "distinct_words", "foreign_words", "names", "loud_words")
_ASKING_NAMES = ("look_up", "formal", "how_many", "questions", "asks_at_end", "blank")
_SIGN_NAMES = (
    *("log_numbers", "digits", "operators", "latex", "code"),
    *("brackets", "quotes", "commas", "money_signs", "non_ascii"),
)
_CHOICE_NAMES = ("is_multiple_choice", "numeric_choices", "log_choice_chars")
FEATURE_NAMES: tuple[str, ...] = (
    *_SIZE_NAMES,
    *_WORDING_NAMES,
    *_ASKING_NAMES,
    *_SIGN_NAMES,
    *_CHOICE_NAMES,
    *GROUPS,
)


def features_of(text: str) -> list[float]:
    """Return the features in the order of FEATURE_NAMES; each is 0 to about 1, and 0 where there is nothing of it."""
    seen = text if len(text) <= HEAD_CHARS + TAIL_CHARS else text[:HEAD_CHARS] + "\n" + text[-TAIL_CHARS:]
    body, choices = without_choices(seen)
    cased = _WORD.findall(body)
    words = [word.lower() for word in cased]
    return [
        *_size(body, len(words), len(text) - len(seen)),
        *_wording(body, words),
        *_asking(body.lower(), len(words)),
        *_signs(body),
        *_choices(choices),
        *_groups(words),
    ]


def _size(body: str, words: int, unseen_chars: int) -> tuple[float, ...]:
    # Bytes: a Chinese sign says about as much as three letters.
    size_bytes = len(body.encode("utf-8", "surrogatepass")) + unseen_chars
    sentences = len(_SENTENCE_END.findall(body)) or 1
    return (
        log1p(size_bytes) / 8,
        max(0.0, 1 - size_bytes / 60) if size_bytes else 0.0,
        max(0.0, log1p(size_bytes) - 6.4) / 2,
        log1p(sentences) / 4 if words else 0.0,
        log1p(words / sentences) / 4,
        log1p(body.count("\n")) / 4,
        log1p(len(_ITEM.findall(body))) / 3,
    )


def _wording(body: str, words: list[str]) -> tuple[float, ...]:
    count = max(1, len(words))
    first = words[:100]
    foreign = len(FOREIGN.intersection(words))
    return (
        min(1.0, sum(map(len, words)) / count / 10),
        sum(len(word) > 8 for word in words) / (count + 4),
        sum(word not in COMMON for word in words) / (count + 4),
        len(set(first)) / (len(first) + 4),
        min(1.0, 4 * max(0, foreign - 1) / (count + 8)),
        min(1.0, 5 * len(_NAME.findall(body)) / (count + 8)),
        log1p(len(_LOUD.findall(body))) / 4,
    )


def _asking(lowered: str, words: int) -> tuple[float, ...]:
    end = lowered[-3:]
    return (
        min(1.0, 10 * len(_LOOK_UP.findall(lowered)) / (words + 8)),
        log1p(len(_FORMAL.findall(lowered))) / 3,
        float("how many" in lowered or "how much" in lowered),
        log1p(lowered.count("?") + lowered.count("？")) / 2,  # noqa: RUF001 - Chinese and Japanese ask with it
        float("?" in end or "？" in end),  # noqa: RUF001
        float(any(map(lowered.__contains__, _BLANKS))),
    )


def _signs(body: str) -> tuple[float, ...]:
    size = len(body) + 40
    ascii_chars = len(body.encode("ascii", "ignore"))
    return (
        log1p(len(_NUMBER.findall(body))) / 4,
        min(1.0, 10 * _count(body, "0123456789") / size),
        min(1.0, 20 * (_count(body, _OPERATORS) + body.count(" - ")) / size),
        log1p(len(_LATEX.findall(body))) / 4,
        log1p(len(_CODE.findall(body))) / 3,
        min(1.0, 10 * _count(body, "()[]{}") / size),
        log1p(_count(body, "\"'“”`")) / 4,
        min(1.0, 20 * body.count(",") / size),
        log1p(_count(body, "$€£%")) / 3,
        min(1.0, 3 * (len(body) - ascii_chars) / max(1, len(body))),
    )


def _choices(choices: list[str]) -> tuple[float, ...]:
    count = max(1, len(choices))
    return (
        float(bool(choices)),
        sum(map(_is_numeric, choices)) / count,
        log1p(sum(map(len, choices)) / count) / 6,
    )


def _groups(words: list[str]) -> list[float]:
    counts = [0] * len(GROUPS)
    tally = Counter(words)
    for word in PLACES.keys() & tally.keys():
        for place in PLACES[word]:
            counts[place] += tally[word]
    room = len(words) + 8
    return [min(1.0, 5 * count / room) for count in counts]


def _is_numeric(choice: str) -> bool:
    return len(choice) < 40 and _count(choice, "0123456789") > 0


def _count(text: str, signs: str) -> int:
    return sum(map(text.count, signs))
