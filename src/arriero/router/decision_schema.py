"""The tables in which decisions are written down, and their version."""

import secrets
import sqlite3
from pathlib import Path

from arriero.errors import ConfigError

VERSION = 1
_STATEMENTS = (
    "CREATE TABLE secrets (salt BLOB NOT NULL)",
    """CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        at_s REAL NOT NULL,
        request_id TEXT NOT NULL,
        router TEXT NOT NULL,
        session TEXT NOT NULL,
        prompt_hash TEXT NOT NULL,
        prompt TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        is_shadow INTEGER NOT NULL,
        side TEXT NOT NULL,
        chosen TEXT,
        model TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        score REAL,
        scorer TEXT NOT NULL,
        score_ms REAL,
        verdict TEXT NOT NULL,
        notes TEXT NOT NULL,
        threshold REAL,
        took_ms REAL NOT NULL,
        is_finished INTEGER NOT NULL DEFAULT 0,
        ttft_ms REAL,
        total_ms REAL,
        answer_prompt_tokens INTEGER,
        completion_tokens INTEGER,
        finish_reason TEXT,
        error TEXT,
        second_look TEXT
    )""",
    "CREATE INDEX decisions_at_s ON decisions (at_s)",
    """CREATE TABLE pairs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s REAL NOT NULL,
        router TEXT NOT NULL,
        request_id TEXT NOT NULL,
        prompt_hash TEXT NOT NULL,
        prompt TEXT NOT NULL,
        local_answer TEXT NOT NULL,
        remote_answer TEXT NOT NULL,
        local_chars INTEGER NOT NULL,
        remote_chars INTEGER NOT NULL,
        score REAL,
        scorer TEXT NOT NULL,
        local_quality REAL,
        remote_quality REAL
    )""",
    f"PRAGMA user_version = {VERSION}",
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none, in a transaction that has begun; another process may have made them."""
    if _version(connection) == 0:
        for statement in _STATEMENTS:
            connection.execute(statement)
        connection.execute("INSERT INTO secrets VALUES (?)", (secrets.token_bytes(32),))


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ConfigError where the tables are of a newer version of this program."""
    if (version := _version(connection)) > VERSION:
        raise ConfigError(
            f"the decision log {path} is of a newer arriero (version {version}, known is {VERSION}): update arriero, "
            "or move the file away to begin a new one"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
