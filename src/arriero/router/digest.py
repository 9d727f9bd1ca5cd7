"""A conversation, made short enough for a judge to read. Pure.

What is asked often stands at the end of a long text, and "yes, do it" means what was talked about before: the last
request is kept with its beginning and its end, and of those before it as much as tells what the talk is about.
"""

import re

from arriero.router.subject import Subject
from arriero.types.chat import Message

# Characters; a token is about four.
MOST_CHARACTERS = 1600
_MOST_EARLIER = 3
_EARLIER_CHARACTERS = 160
# The beginning of a text tells more than its end, and both tell more than what lies between.
_HEAD_SHARE = 2 / 3
ELIDED, IMAGE, ANSWERED, TOOL = "[…]", "[image]", "[answered]", "[tool]"
_MARKS = {"assistant": ANSWERED, "tool": TOOL}
# What pretends to be the judge's own prompt or answer, or the end of a turn.
_CLAIM = re.compile(
    r"\b(?:(?:category|difficulty|level|verdict|label|class|answer)\s*[:=]\W*(?:simple|complex|easy|hard|low|high)\b"
    r"|request\s*:)|<[|\uff5c][^<>\s]{1,40}[|\uff5c]>|</?s>|\[/?INST\]",
    re.IGNORECASE,
)
# Special tokens have brackets of one kind or another around their names; so have our own marks.
_OPENING = re.compile(r"([<\[])(?=\S)|(>)(?=>)")
# What is, or looks like, the mark that ends the fence.
_QUOTES = str.maketrans(dict.fromkeys('"“”„‟«»\uff02\u2033', "'"))


def digest(subject: Subject) -> str:
    """The conversation on one line of at most about MOST_CHARACTERS, the latest last; "" where nothing is said.

    Whatever it is about, there is no quotation mark in it, no line break and no special token's name.
    """
    asked = [place for place, turn in enumerate(subject.turns) if turn.role == "user"]
    if not any(subject.turns[place].content.strip() or subject.turns[place].images for place in asked):
        return ""
    kept = asked[-1 - _MOST_EARLIER :]
    pieces: list[str] = []
    for place, turn in enumerate(subject.turns[kept[0] :], kept[0]):
        if place == kept[-1]:
            piece = _request(turn, MOST_CHARACTERS - sum(len(each) + 1 for each in pieces))
        else:
            piece = _request(turn, _EARLIER_CHARACTERS) if turn.role == "user" else _MARKS.get(turn.role, "")
        if piece and pieces[-1:] != [piece]:
            pieces.append(piece)
    return " ".join(pieces)


def _request(turn: Message, most: int) -> str:
    """What a turn of the user's asks for, in at most so many characters."""
    text = turn.content
    if len(text) > 8 * most:
        # Of a book, nobody looks at more than is shown; white space may be half of it.
        text = f"{text[: 4 * most]}\n{text[-4 * most :]}"
    images = " ".join([IMAGE] * min(len(turn.images), 3))
    return " ".join(filter(None, (images, shortened(plain(text), most - len(images)))))


def plain(text: str) -> str:
    """A text on one line, without what could end the fence around it, be read as a special token or as a verdict."""
    claimless = _CLAIM.sub(" ", text.translate(_QUOTES))
    printable = "".join(letter if letter.isprintable() else " " for letter in claimless)
    return _OPENING.sub(lambda found: f"{found[0]} ", " ".join(printable.split())).strip("' \\")


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text, together of at most so many characters."""
    if len(text) <= most:
        return text
    kept = most - len(ELIDED) - 2
    head = int(kept * _HEAD_SHARE)
    return f"{text[:head].rstrip()} {ELIDED} {text[len(text) - (kept - head) :].lstrip()}"
