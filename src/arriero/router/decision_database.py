"""The database in which decisions are written down. Blocks; one thread at a time."""

import hmac
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from arriero.errors import ConfigError
from arriero.router.decision_rows import DecisionRow, Outcome, Value, columns_of, outcome_columns, row_of
from arriero.router.decision_schema import check_version, create_tables
from arriero.router.pairs import Pair

# Of a prompt that is kept: longer ones are no questions that somebody will learn from.
_MOST_PROMPT_CHARS = 32_768


class DecisionDatabase:
    """Open to write; made where there is none, for the eyes of its owner only.

    keeps_prompts_of, busy_timeout_s: see ``LogSettings``. Raises sqlite3.Error and OSError for what is wrong with the
    disk, and ConfigError where a newer version has made it.
    """

    def __init__(self, path: Path, *, keeps_prompts_of: frozenset[str], busy_timeout_s: float) -> None:
        _make_private(path)
        self._keeps_prompts_of = keeps_prompts_of
        self._connection = sqlite3.connect(path, busy_timeout_s, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
            (self._salt,) = self._connection.execute("SELECT salt FROM secrets").fetchone()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path) -> None:
        check_version(self._connection, path)
        for setting in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "secure_delete = ON",
        ):
            self._connection.execute(f"PRAGMA {setting}")
        with self.transaction():
            create_tables(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def insert(self, row: DecisionRow) -> int:
        """Add a decision; its number."""
        session = self._hash(row.session) if row.session else ""
        row = msgspec.structs.replace(
            row, session=session, prompt_hash=self._hash(row.prompt), prompt=self._kept(row.prompt, row.router)
        )
        return self._insert("decisions", columns_of(row))

    def finish(self, number: int, outcome: Outcome) -> None:
        """Tell what became of a decision."""
        columns = outcome_columns(outcome)
        assigned = ", ".join(f"{name} = ?" for name in columns)
        statement = f"UPDATE decisions SET {assigned} WHERE id = ?"  # noqa: S608  # our own names
        self._connection.execute(statement, (*map(_storable, columns.values()), number))

    def insert_pair(self, pair: Pair) -> None:
        """Add two answers to one request."""
        pair = msgspec.structs.replace(
            pair,
            prompt_hash=self._hash(pair.prompt),
            prompt=self._kept(pair.prompt, pair.router),
            local_answer=self._kept(pair.local_answer, pair.router),
            remote_answer=self._kept(pair.remote_answer, pair.router),
            local_chars=len(pair.local_answer),
            remote_chars=len(pair.remote_answer),
        )
        columns = msgspec.structs.asdict(pair)
        del columns["id"]
        self._insert("pairs", columns)

    def prune(self, before_s: float, max_bytes: int) -> None:
        """Remove what is older, and the oldest beyond a size. What the user has labelled stays."""
        with self.transaction():
            self._connection.execute("DELETE FROM decisions WHERE at_s < ?", (before_s,))
            self._connection.execute("DELETE FROM pairs WHERE at_s < ? AND local_quality IS NULL", (before_s,))
            while self._size_bytes() > max_bytes and self._remove_oldest():
                pass
        # As a script, since this frees a page a step, and a statement without columns is stepped through only once.
        self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _remove_oldest(self) -> bool:
        """Remove an eighth, at least one; whether there was any."""
        removed = 0
        for table, condition in (("decisions", "1"), ("pairs", "local_quality IS NULL")):
            (count,) = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()  # noqa: S608
            oldest = f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {count // 8 + 1}"  # noqa: S608
            removed += self._connection.execute(f"DELETE FROM {table} WHERE id IN ({oldest})").rowcount  # noqa: S608
        return removed > 0

    def _size_bytes(self) -> int:
        page_bytes, pages, free = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
        return int(page_bytes * (pages - free))

    def _insert(self, table: str, columns: Mapping[str, Value]) -> int:
        places = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608  # our own names
        number = self._connection.execute(statement, tuple(map(_storable, columns.values()))).lastrowid
        assert number is not None
        return number

    def _hash(self, text: str) -> str:
        return hmac.digest(self._salt, text.encode(errors="replace"), "sha256").hex()

    def _kept(self, text: str, router: str) -> str:
        return text[:_MOST_PROMPT_CHARS] if router in self._keeps_prompts_of else ""


def _storable(value: Value) -> Value:
    # Half a character, which JSON can hold, is nothing that a database takes.
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def read_rows(path: Path, since_s: float = 0.0) -> list[DecisionRow]:
    """The decisions since a moment (seconds since 1970), the oldest first; usable while a server writes.

    No file has no decisions. Raises ConfigError where it cannot be read.
    """
    with reading(path) as connection:
        statement = "SELECT * FROM decisions WHERE at_s >= ? ORDER BY at_s, id"
        found = connection.execute(statement, (since_s,)) if connection else ()
        return [row for values in found if (row := row_of(values))]


@contextmanager
def reading(path: Path, *, to_write: bool = False) -> Iterator[sqlite3.Connection | None]:
    """The database for a command that looks at it, or changes a little; None where there is none.

    Raises ConfigError where it cannot be read.
    """
    if not path.exists():
        yield None
        return
    try:
        address = f"{path.resolve().as_uri()}?mode={'rw' if to_write else 'ro'}"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            check_version(connection, path)
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        raise ConfigError(
            f"the decision log {path} cannot be read: {error}; move it away to begin a new one"
        ) from error


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
    with suppress(PermissionError):  # it is somebody else's, and open to us
        if path.is_file():
            path.chmod(path.stat().st_mode & 0o600)
