"""A multiple-choice question without its choices: their form tells of a benchmark, not of how hard the question is."""

import re

_FIRST = re.compile(r"\n[ \t]*(?:(?:options|choices|answer choices)\s*:\s*)?[(\[]?[Aa1][).:\]][ \t]", re.IGNORECASE)
_LABEL = re.compile(r"^[ \t]*[(\[]?([A-Pa-p])[).:\]][ \t]*(.*)$", re.MULTILINE)
# What stands before it is cut off by itself: a pattern that begins with white space looks at a long run of it from each
# of its places.
_CUE = re.compile(r"\bAnswer\s*:\s*$")
_MOST_CHOICES = 16


def without_choices(text: str) -> tuple[str, list[str]]:
    """Return the question and its choices; the whole text and none where it is no multiple-choice question."""
    start = _FIRST.search(text)
    if start is None:
        return text, []
    choices: list[str] = []
    end = start.start()
    for found in _LABEL.finditer(text, start.start()):
        if len(choices) == _MOST_CHOICES or found[1].upper() != "ABCDEFGHIJKLMNOP"[len(choices)]:
            break
        choices.append(found[2])
        end = found.end()
    if len(choices) < 2:
        return text, []
    return _without_cue(text[: start.start()] + text[end:]), choices


def _without_cue(text: str) -> str:
    found = _CUE.search(text)
    return text if found is None else text[: found.start()].rstrip()
