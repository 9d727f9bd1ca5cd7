"""Sends several answers to one request, in dialects that know such a thing."""

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from arriero.protocol.timestamps import utc_now
from arriero.runners.carrier import Answer, Carrier
from arriero.server.exchange import Exchange
from arriero.server.streaming import AnswerEncoder, Job, send_answer, told_headers
from arriero.types.chat import TextRequest
from arriero.types.events import Event, Finished, Truncated
from arriero.types.usage import Usage


class ChoiceEncoder(AnswerEncoder, Protocol):
    """Writes one of several answers; what belongs to all of them is written by the first one's."""

    def end(self, finished: Finished) -> bytes:
        """The end of this answer in a stream."""

    def close(self, usages: Sequence[Usage]) -> bytes:
        """The end of the stream."""

    def together(self, answers: Sequence[tuple[Sequence[Event], Finished]]) -> bytes:
        """All answers in one object."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers: what is asked for it, and who writes it."""

    request: TextRequest
    encoder: ChoiceEncoder


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some events of one of the answers."""

    index: int
    events: Sequence[Event]
    answer: Answer


_Pieces = asyncio.Queue[_Piece]


def with_seeds(request: TextRequest, count: int) -> list[TextRequest]:
    """The request for each of several answers to one prompt: with the same seed they would be the same."""
    seed = request.sampling.seed
    if seed is None or seed < 0:
        return [request] * count
    return [replace(request, sampling=replace(request.sampling, seed=seed + number)) for number in range(count)]


async def send_choices(exchange: Exchange, carrier: Carrier, job: Job, choices: Sequence[Choice]) -> None:
    """Have all answers generated, at once as far as there are slots, and send them. job: what they have in common.

    The pieces of a stream come as they are made, those of all answers mixed. Where one fails, all of them end.
    """
    if len(choices) == 1:
        await send_answer(exchange, carrier, job)
        return
    encoders = [choice.encoder for choice in choices]
    pieces: _Pieces = asyncio.Queue(len(choices))
    try:
        async with exchange.while_connected(), asyncio.TaskGroup() as group:
            for index, choice in enumerate(choices):
                group.create_task(_feed(pieces, carrier, dataclasses.replace(job, request=choice.request), index))
            if job.is_stream:
                finished = await _stream(exchange, pieces, job, encoders)
            else:
                answers, collected = await _collect(pieces, len(choices))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    if job.is_stream:
        await exchange.finish(encoders[0].close([each.usage for each in finished]))
    else:
        body = encoders[0].together([(events, _finished(events)) for events in collected])
        await exchange.reply(body, encoders[0].whole_content_type, extra=told_headers(job, _telling(answers)))


async def _feed(pieces: _Pieces, carrier: Carrier, job: Job, index: int) -> None:
    """Have one answer generated, and hand on its events."""
    async with carrier.answer(job.record, job.request, job.demand) as answer:
        await pieces.put(_Piece(index, answer.first, answer))
        async for events in answer.rest:
            await pieces.put(_Piece(index, events, answer))


async def _stream(
    exchange: Exchange, pieces: _Pieces, job: Job, encoders: Sequence[ChoiceEncoder]
) -> Sequence[Finished]:
    """Send the pieces as they come, each answer with its end, and return what ended each."""
    ends: dict[int, Finished] = {}
    while len(ends) < len(encoders):
        piece = await pieces.get()
        encoder = encoders[piece.index]
        if not exchange.has_started:
            await exchange.start(encoder.content_type, encoder.failure, told_headers(job, piece.answer))
        text = encoder.chunk(piece.events, utc_now())
        if type(last := piece.events[-1]) is Finished:
            text += encoder.end(last)
            ends[piece.index] = last
        await exchange.write(text)
    return [ends[index] for index in range(len(encoders))]


async def _collect(pieces: _Pieces, count: int) -> tuple[list[Answer], list[Sequence[Event]]]:
    """The answers, and all events of each."""
    answers: dict[int, Answer] = {}
    collected: list[list[Event]] = [[] for _ in range(count)]
    while not all(events and type(events[-1]) is Finished for events in collected):
        piece = await pieces.get()
        answers.setdefault(piece.index, piece.answer)
        collected[piece.index] += piece.events
    return [answers[index] for index in range(count)], [*collected]


def _telling(answers: Sequence[Answer]) -> Answer:
    """The answer whose headers are told: the first to a prompt that was cut, if any was."""
    return next((each for each in answers if any(type(event) is Truncated for event in each.first)), answers[0])


def _finished(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last
