"""Servers that launch SGLang or vLLM, for which a script stands in."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.live.launching import Server, is_alive, launched, started

STAND_INS = Path(__file__).parent.parent / "stand_in_engines"


@dataclass(frozen=True, slots=True)
class Launched:
    """A server, and the file in which the stand-in tells how it was started, a line each time."""

    server: Server
    record: Path

    # The stand-in's JSON.
    def starts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def processes(self) -> list[psutil.Process]:
        """What runs of the engine that was started last."""
        last = self.starts()[-1]
        return [psutil.Process(pid) for pid in (last["pid"], *last["children"])]


@contextmanager
def engine_launched(tmp_path: Path, engine: str, *flags: str) -> Iterator[Launched]:
    """A server with a stand-in behind it, ready to answer."""
    record = tmp_path / "starts"
    with launched(tmp_path / "home", *words(tmp_path, engine, record), *flags, PYTHONPATH=str(STAND_INS)) as server:
        yield Launched(server, record)


@contextmanager
def engine_started(tmp_path: Path, engine: str, *flags: str) -> Iterator[Server]:
    """A server with a stand-in behind it, that may not be ready."""
    given = words(tmp_path, engine, tmp_path / "starts")
    with started(tmp_path / "home", *given, *flags, PYTHONPATH=str(STAND_INS)) as server:
        yield server


def words(tmp_path: Path, engine: str, record: Path) -> list[str]:
    """The flags of such a server. Its model is an empty directory: the stand-in does not look."""
    model = tmp_path / "tiny"
    model.mkdir(exist_ok=True)
    return ["--engine", engine, "--model", str(model), "--stand-in-record", str(record)]


def until_dead(processes: list[psutil.Process]) -> None:
    for _ in range(1000):
        if not any(is_alive(process) for process in processes):
            return
        psutil.wait_procs(processes, 0.01)
    alive = [process for process in processes if is_alive(process)]
    raise AssertionError(f"still there after 10 s: {alive}, of {os.getpid()}'s")
