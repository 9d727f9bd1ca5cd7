"""The servers that faults are looked for in: SGLang's own layer, and arriero in front of the same SGLang."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.engines_live.fault import Stage
from tests.engines_live.servers import MODEL, embedding_engine, plain_engine, sglang_with, thinking_engine
from tests.engines_live.subject import Subject
from tests.live.launching import Server, started


@contextmanager
def front(url: str) -> Iterator[Server]:
    """An arriero that has this upstream, and no model of its own."""
    flags = ("serve", "--upstream", url)
    with tempfile.TemporaryDirectory() as home, started(Path(home), *flags, module=("arriero",)) as server:
        server.url = server.wait_for_line(" at http://").rpartition(" at ")[2]
        yield server


@contextmanager
def _running(url: str) -> Iterator[str]:
    """An engine of somebody else's."""
    yield url


class Stages:
    """Starts what is asked for, once; all ends on leaving. given: URLs of SGLangs that run already."""

    def __init__(self, given: Mapping[Stage, str]) -> None:
        self._stack = ExitStack()
        self._subjects: dict[Stage, tuple[Subject, Subject]] = {}
        self._engines: dict[Stage, Callable[[], AbstractContextManager[str]]] = {
            "plain": partial(plain_engine, "sglang"),
            "thinking": partial(thinking_engine, "sglang"),
            "templated": partial(sglang_with, "--chat-template", "chatml"),
            "embedding": embedding_engine,
        }
        for stage, url in given.items():
            self._engines[stage] = partial(_running, url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def subjects(self, stage: Stage) -> tuple[Subject, Subject]:
        """Arriero, and SGLang's own layer."""
        if stage not in self._subjects:
            engine = self._stack.enter_context(self._engines[stage]())
            arriero = self._stack.enter_context(front(engine))
            self._subjects[stage] = Subject(arriero.url, MODEL, engine), Subject(engine, MODEL, engine)
        return self._subjects[stage]
