"""The words of a request, and the cues of how it is asked: what a model fitted to labels looks at. Pure."""

import re
from collections import Counter
from math import log, log1p
from statistics import fmean, pstdev

from arriero.router.choices import without_choices

# A text is looked at up to here: what a request is about is said early, and a decision must not wait for a long one.
SEEN_CHARS = 4000

_TERM = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+|[=+*/^<>√∑∫]")
_WORD = re.compile(r"[A-Za-z']+")
_SHORT = re.compile(r"[\s$€%\d.,/+°a-zA-Z\u2212-]{1,12}")
_NAME = re.compile(r"[A-Z][a-z]")
_PATTERNS = {
    "asks_not": r"\bnot\b|except|least",
    "has_blank": r"_{2,}",
    "asks_statements": r"statement 1|statement i\b",
    "asks_of_following": r"\bwhich of the following",
    "asks_if": r"\bif\b",
    "asks_number": r"how many|how much|what is the (?:value|number|probability)|calculate|find the|compute",
    "asks_combination": r"\bII\b.{0,200}\bIII\b",
    "asks_according": r"according to",
    "asks_best": r"\bmost likely|best|primarily",
    "asks_why": r"\bwhy\b",
    "asks_how": r"\bhow\b",
    "asks_what": r"\bwhat\b",
    "asks_who": r"\bwho\b",
    "asks_when": r"\bwhen\b|\bin (?:1\d|20)\d\d",
}
_ASKED = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _PATTERNS.values())
CUE_NAMES = (
    *_PATTERNS,
    "ends_with_question",
    "ends_with_colon",
    "has_no_choices",
    "log_chars",
    "log_body_chars",
    "log_words",
    "log_choice_chars",
    "log_longest_choice",
    "uneven_choices",
    "choices_with_numbers",
    "short_choices",
    "log_digits",
    "digits",
    "log_symbols",
    "symbols",
    "log_brackets",
    "lines",
    "commas",
    "word_chars",
    "distinct_words",
    "names",
    "has_quotes",
    "has_dollars",
    "is_not_ascii",
)


def terms_of(text: str) -> dict[str, float]:
    """Return how much is said of each word: 1 for once, 1 + log n for n times. Choices count, their letters do not."""
    body, choices = without_choices(text[:SEEN_CHARS])
    counts = Counter(_TERM.findall("\n".join((body, *choices)).lower()))
    return {term: 1 + log(count) for term, count in counts.items()}


def cues_of(text: str) -> list[float]:
    """Return the cues in the order of CUE_NAMES, each about 0 to 1."""
    body, choices = without_choices(text[:SEEN_CHARS])
    body = body.rstrip()
    return [
        *(float(asked.search(body) is not None) for asked in _ASKED),
        float(body.endswith("?")),
        float(body.endswith(":")),
        float(not choices),
        *_sizes(body, choices),
        *_signs("\n".join((body, *choices))),
        *_wording(body),
    ]


def _sizes(body: str, choices: list[str]) -> list[float]:
    sizes = list(map(len, choices)) or [0]
    mean = fmean(sizes)
    many = len(sizes)
    return [
        log1p(len(body) + sum(sizes)) / 8,
        log1p(len(body)) / 8,
        log1p(body.count(" ")) / 6,
        log1p(mean) / 6,
        log1p(max(sizes)) / 6,
        pstdev(sizes) / (1 + mean),
        sum(any(map(choice.__contains__, "0123456789")) for choice in choices) / many,
        sum(_SHORT.fullmatch(choice) is not None for choice in choices) / many,
    ]


def _signs(whole: str) -> list[float]:
    digits = sum(map(whole.count, "0123456789"))
    symbols = sum(map(whole.count, "=+*/^<>√∑∫\\"))
    return [
        log1p(digits) / 5,
        10 * digits / (len(whole) + 40),
        log1p(symbols) / 4,
        10 * symbols / (len(whole) + 40),
        log1p(sum(map(whole.count, "(){}[]"))) / 4,
    ]


def _wording(body: str) -> list[float]:
    words = _WORD.findall(body)
    count = len(words) + 1
    return [
        log1p(body.count("\n")) / 3,
        body.count(",") / count,
        sum(map(len, words)) / count / 10,
        len({word.lower() for word in words}) / count,
        len(_NAME.findall(body)) / count,
        float('"' in body or "“" in body),
        float("$" in body),
        float(not body.isascii()),
    ]
