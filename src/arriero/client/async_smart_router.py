"""A router between a local model and a remote one, for programs with an event loop."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ollama

from arriero.client.connected import Connected, decision_of
from arriero.client.question import FormatLike, ImageLike, MessageLike, Question, ThinkLike, ToolLike
from arriero.client.response import Responder, RoutedResponse
from arriero.client.settings import ClientSettings, checked, model_at
from arriero.client.verbose import Commentary, Tell, reason_text
from arriero.errors import ConfigError
from arriero.router.decision_log import DecisionLog
from arriero.router.rule_tables import parse_share, read_rules
from arriero.router.rules import Rule
from arriero.runners.carrier import Answer
from arriero.types.events import Finished
from arriero.types.times import Times

LOCAL_HOST, REMOTE_HOST = "http://localhost:11434", "http://localhost:30001"
LOCAL_MODEL, REMOTE_MODEL = "llama3.2", "Qwen/Qwen2.5-1.5B-Instruct"


class AsyncSmartRouter:
    """Has a small local model answer what is simple, and a powerful remote one the rest.

    A host is an Ollama, arriero, SGLang, vLLM or any server that speaks OpenAI's API: which one, is found out. It is
    connected with the first request, and looked at now and then until ``aclose``.
    """

    def __init__(  # noqa: PLR0913  # the first six in the order of SGLang's router, the others by name
        self,
        local_host: str = LOCAL_HOST,
        remote_host: str = REMOTE_HOST,
        local_model: str = LOCAL_MODEL,
        remote_model: str = REMOTE_MODEL,
        judge_model: str | None = None,
        judge_host: str | None = None,
        *,
        scorer: str | None = None,
        threshold: float | None = None,
        remote_share: float | str | None = None,
        rules: Sequence[Rule | Mapping[str, Any]] = (),
        local_api_key: str | None = None,
        remote_api_key: str | None = None,
        judge_api_key: str | None = None,
        judge_timeout_s: float = 2.0,
        judge_load_timeout_s: float = 30.0,
        weights: str | PathLike[str] | None = None,
        log: str | PathLike[str] | None = None,
        out: Tell = print,
    ) -> None:
        """Say which models there are. Raises ConfigError for what cannot be meant; nothing is connected yet.

        judge_model, judge_host: who says how hard a request is; the local model and its host, unless named.
        scorer: ``judge`` (the default: the judge is asked about every request), ``cascade`` (only where the built-in
        ``linear`` is not sure), ``linear``, ``fitted`` (by ``weights``, a file that ``arriero route fit`` has made), or
        the name of an entry point. threshold: the probability that the remote model is worth it from which on it
        answers; 0.5 unless given. remote_share: the share of requests that shall go remote, in place of a threshold
        that stays, such as 0.3 or ``30%``. rules: each a ``Rule``, or a mapping as in the configuration file. How long
        is waited for the judge: judge_timeout_s; judge_load_timeout_s while its model may have to be loaded. log: a
        file in which decisions are written down, without prompts. out: takes the lines that ``verbose`` tells.
        """
        local = model_at(local_model, local_host, local_api_key, "local")
        remote = model_at(remote_model, remote_host, remote_api_key, "remote")
        is_local = not judge_host or judge_host == local_host
        judge_key = judge_api_key or (local_api_key if is_local else None)
        judge = model_at(judge_model or local_model, judge_host or local_host, judge_key, "judge")
        self.local_model, self.remote_model, self.judge_model = local.model, remote.model, judge.model
        self.judge_host = judge.url
        self._settings = checked(
            ClientSettings(
                local,
                remote,
                judge,
                scorer=scorer or ("fitted" if weights else "judge"),
                threshold=threshold,
                remote_share=None if remote_share is None else parse_share(remote_share, "remote_share"),
                rules=read_rules(rules, "rules"),
                judge_timeout_s=judge_timeout_s,
                judge_load_timeout_s=judge_load_timeout_s,
                weights=Path(weights) if weights else None,
                log=Path(log) if log else None,
            )
        )
        self._out = out
        self._loop: asyncio.AbstractEventLoop | None = None
        self._known: Connected | None = None
        self._log: DecisionLog | None = None
        self._is_closed = False

    async def chat(  # noqa: PLR0913  # as ollama.Client has them
        self,
        prompt: str,
        messages: Sequence[MessageLike] | None = None,
        verbose: bool = False,
        force_local: bool = False,
        force_remote: bool = False,
        *,
        tools: Sequence[ToolLike] | None = None,
        format: FormatLike = None,  # noqa: A002  # the client library's word
        options: Mapping[str, Any] | ollama.Options | None = None,
        think: ThinkLike = None,
        images: Sequence[ImageLike] | None = None,
        keep_alive: float | str | None = None,
        logprobs: bool | None = None,
        top_logprobs: int | None = None,
    ) -> RoutedResponse:
        """Have the model that is right for it answer.

        prompt: counts where there are no messages. force_local: nobody but the local model is asked, whatever happens,
        nor is a judge; it wins over force_remote. verbose: tell what is decided, and why. The others are as in
        ``ollama.Client.chat``. Raises ArrieroError: UpstreamsDown where nobody can answer, InvalidRequest for what
        nobody can.
        """
        question = Question(
            prompt, messages, force_local, force_remote, tools, format, options, think, images,
            keep_alive, logprobs, top_logprobs,
        )  # fmt: skip
        return await self.ask(question, self._out if verbose else None)

    async def chat_stream(  # noqa: PLR0913  # as ollama.Client has them
        self,
        prompt: str,
        messages: Sequence[MessageLike] | None = None,
        verbose: bool = False,
        force_local: bool = False,
        force_remote: bool = False,
        *,
        tools: Sequence[ToolLike] | None = None,
        format: FormatLike = None,  # noqa: A002  # the client library's word
        options: Mapping[str, Any] | ollama.Options | None = None,
        think: ThinkLike = None,
        images: Sequence[ImageLike] | None = None,
        keep_alive: float | str | None = None,
        logprobs: bool | None = None,
        top_logprobs: int | None = None,
    ) -> AsyncGenerator[RoutedResponse, None]:
        """Have the model that is right for it answer, in pieces as they come; see ``chat``.

        Closing the generator stops the model. Before the first piece, the other model may take over.
        """
        question = Question(
            prompt, messages, force_local, force_remote, tools, format, options, think, images,
            keep_alive, logprobs, top_logprobs,
        )  # fmt: skip
        async with aclosing(self.stream(question, self._out if verbose else None)) as pieces:
            async for piece in pieces:
                yield piece

    async def should_use_remote(self, prompt: str, verbose: bool = False) -> tuple[bool, str]:
        """Whether a prompt would be answered by the remote model now, and why."""
        return await self.classify(Question(prompt), self._out if verbose else None)

    async def ask(self, question: Question, tell: Tell | None = None) -> RoutedResponse:
        """The whole answer to a question; tell: takes lines on what is decided."""
        asked_ns = time.perf_counter_ns()
        connected = self._connected()
        request, demand = question.read(connected.record)
        async with connected.answer(request, demand, Commentary(tell)) as answer:
            first_ns = time.perf_counter_ns()
            events = await answer.all_events()
            times = Times(asked_ns, answer.ready_ns, first_ns, time.perf_counter_ns())
        finished = events[-1]
        assert isinstance(finished, Finished)
        return _responder(connected, answer).whole(events, finished, times)

    async def stream(self, question: Question, tell: Tell | None = None) -> AsyncGenerator[RoutedResponse, None]:
        """The answer to a question in pieces; tell: takes lines on what is decided."""
        asked_ns = time.perf_counter_ns()
        connected = self._connected()
        request, demand = question.read(connected.record)
        async with connected.answer(request, demand, Commentary(tell)) as answer:
            responder, first_ns, events = _responder(connected, answer), time.perf_counter_ns(), answer.first
            while True:
                for piece in responder.pieces(events):
                    yield piece
                if isinstance(finished := events[-1], Finished):
                    break
                events = await anext(answer.rest)
        yield responder.last(finished, Times(asked_ns, answer.ready_ns, first_ns, time.perf_counter_ns()))

    async def classify(self, question: Question, tell: Tell | None = None) -> tuple[bool, str]:
        """Whether a question would be answered by the remote model now, and why; tell: takes lines on that."""
        connected = self._connected()
        request, _ = question.read(connected.record)
        decision = await connected.explain(request, Commentary(tell))
        return decision.side == "remote", reason_text(decision, connected.location)

    async def aclose(self) -> None:
        """Close all connections. What is under way ends with an error."""
        self._is_closed = True
        known, self._known = self._known, None
        if known is not None and self._loop is asyncio.get_running_loop():
            await known.aclose()
        # At the end of the interpreter there are no threads to wait in; it then closes itself.
        with suppress(RuntimeError):
            if self._log is not None:
                await self._log.aclose()

    async def __aenter__(self) -> Self:
        """Nothing is connected before it is used."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.aclose()

    def _connected(self) -> Connected:
        """The servers, as this event loop knows them."""
        if self._is_closed:
            raise ConfigError("this router is closed: make another one")
        loop = asyncio.get_running_loop()
        if self._known is None or self._loop is not loop:
            if self._log is None and self._settings.log is not None:
                # One for all event loops: it has a thread of its own.
                self._log = DecisionLog(self._settings.log)
            self._loop, self._known = loop, Connected(self._settings, self._log)
        return self._known


def _responder(connected: Connected, answer: Answer) -> Responder:
    decision = decision_of(answer)
    model, location = connected.model(decision.side), connected.location(decision.side)
    return Responder(model, location, reason_text(decision, connected.location), decision)
