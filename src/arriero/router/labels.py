"""What the user says of pairs of answers, in the decision log; and what comes out of it for training."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from arriero.errors import InvalidRequest
from arriero.router.decision_database import reading
from arriero.router.pairs import Pair, labelled


def read_pairs(path: Path, since_s: float = 0.0) -> list[Pair]:
    """The pairs since a moment (seconds since 1970), the oldest first; none where there is no log.

    Raises ConfigError where it cannot be read.
    """
    with reading(path) as connection:
        statement = "SELECT * FROM pairs WHERE at_s >= ? ORDER BY id"
        found = connection.execute(statement, (since_s,)) if connection else ()
        return [Pair(**values) for values in found]


def label(path: Path, number: int, local_quality: float, remote_quality: float) -> None:
    """Say how good the two answers of a pair are, 0 to 1, in place of what was said before.

    Raises InvalidRequest where there is no such pair or quality, and ConfigError where the log cannot be written.
    """
    if not (0 <= local_quality <= 1 and 0 <= remote_quality <= 1):
        raise InvalidRequest("a quality is a number from 0 (useless) to 1 (as good as can be)")
    with reading(path, to_write=True) as connection:
        statement = "UPDATE pairs SET local_quality = ?, remote_quality = ? WHERE id = ?"
        values = (local_quality, remote_quality, number)
        if connection is None or connection.execute(statement, values).rowcount == 0:
            raise InvalidRequest(f"the decision log has no pair {number}")


def export_jsonl(path: Path, since_s: float = 0.0) -> Iterator[bytes]:
    """The labelled pairs whose prompts are kept, each a line of JSON: what ``arriero route fit`` reads.

    Raises ConfigError where the log cannot be read.
    """
    for prompt in labelled(read_pairs(path, since_s)):
        yield msgspec.json.encode(prompt) + b"\n"
