"""A router between a local model and a remote one, for programs without an event loop: as SGLang's, and more."""

import weakref
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar

import ollama

from arriero.client.async_smart_router import LOCAL_HOST, LOCAL_MODEL, REMOTE_HOST, REMOTE_MODEL, AsyncSmartRouter
from arriero.client.loop_thread import LoopThread, Work
from arriero.client.question import FormatLike, ImageLike, MessageLike, Question, ThinkLike, ToolLike
from arriero.client.response import RoutedResponse
from arriero.client.verbose import Tell
from arriero.router.rules import Rule

_T = TypeVar("_T")


class SmartRouter:
    """Has a small local model answer what is simple, and a powerful remote one the rest.

    All threads may use it at once, also where an event loop runs. What it needs of one lives in a thread of its own,
    which begins with the first request, and ends with ``close``, with the router or with the program.
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
        """Say which models there are (see ``AsyncSmartRouter``). Raises ConfigError; nothing is connected yet."""
        self._router = AsyncSmartRouter(
            local_host,
            remote_host,
            local_model,
            remote_model,
            judge_model,
            judge_host,
            scorer=scorer,
            threshold=threshold,
            remote_share=remote_share,
            rules=rules,
            local_api_key=local_api_key,
            remote_api_key=remote_api_key,
            judge_api_key=judge_api_key,
            judge_timeout_s=judge_timeout_s,
            judge_load_timeout_s=judge_load_timeout_s,
            weights=weights,
            log=log,
        )
        self.local_model, self.remote_model = self._router.local_model, self._router.remote_model
        self.judge_model, self.judge_host = self._router.judge_model, self._router.judge_host
        self._out = out
        self._thread = LoopThread(self._router.aclose)
        # Also called at the end of the program.
        self._close = weakref.finalize(self, self._thread.close)

    def chat(  # noqa: PLR0913  # as ollama.Client has them
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
        """Have the model that is right for it answer (see ``AsyncSmartRouter.chat``)."""
        question = Question(
            prompt, messages, force_local, force_remote, tools, format, options, think, images,
            keep_alive, logprobs, top_logprobs,
        )  # fmt: skip

        async def work(tell: Tell) -> AsyncGenerator[RoutedResponse, None]:
            yield await self._router.ask(question, tell if verbose else None)

        return self._result(work)

    def chat_stream(  # noqa: PLR0913  # as ollama.Client has them
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
    ) -> Generator[RoutedResponse]:
        """Have the model that is right for it answer, in pieces (see ``AsyncSmartRouter.chat_stream``)."""
        question = Question(
            prompt, messages, force_local, force_remote, tools, format, options, think, images,
            keep_alive, logprobs, top_logprobs,
        )  # fmt: skip

        def work(tell: Tell) -> AsyncGenerator[RoutedResponse, None]:
            return self._router.stream(question, tell if verbose else None)

        yield from self._thread.follow(work, self._out)

    def should_use_remote(self, prompt: str, verbose: bool = False) -> tuple[bool, str]:
        """Whether a prompt would be answered by the remote model now, and why."""

        async def work(tell: Tell) -> AsyncGenerator[tuple[bool, str], None]:
            yield await self._router.classify(Question(prompt), tell if verbose else None)

        return self._result(work)

    def close(self) -> None:
        """Close all connections. What is under way ends with an error."""
        self._close()

    def __enter__(self) -> Self:
        """Nothing is connected before it is used."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    def _result(self, work: Work[_T]) -> _T:
        [result] = self._thread.follow(work, self._out)
        return result
