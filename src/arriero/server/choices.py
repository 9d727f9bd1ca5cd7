"""Sends several answers to one request, in dialects that know such a thing."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from arriero.protocol.timestamps import utc_now
from arriero.runners.carrier import Carrier
from arriero.server.exchange import Exchange
from arriero.server.streaming import AnswerEncoder, Job, first_headers, send_answer
from arriero.types.chat import TextRequest
from arriero.types.events import Event, Finished
from arriero.types.usage import Usage

_Pieces = asyncio.Queue[tuple[int, Sequence[Event]]]


class ChoiceEncoder(AnswerEncoder, Protocol):
    """Writes one of several answers; what belongs to all of them is written by the first one's."""

    def end(self, finished: Finished) -> bytes:
        """The end of this answer in a stream."""

    def close(self, usages: Sequence[Usage]) -> bytes:
        """The end of the stream."""

    def together(self, answers: Sequence[tuple[Sequence[Event], Finished]]) -> bytes:
        """All answers in one object."""


async def send_choices(exchange: Exchange, carrier: Carrier, job: Job, encoders: Sequence[ChoiceEncoder]) -> None:
    """Have an answer for each encoder generated, at once as far as there are slots, and send them.

    The pieces of a stream come as they are made, those of all answers mixed. Where one fails, all of them end.
    """
    if len(encoders) == 1:
        await send_answer(exchange, carrier, job)
        return
    pieces: _Pieces = asyncio.Queue(len(encoders))
    try:
        async with exchange.while_connected(), asyncio.TaskGroup() as group:
            for index in range(len(encoders)):
                group.create_task(_feed(pieces, carrier, job, index))
            answers = await (_stream(exchange, pieces, job, encoders) if job.is_stream else _collect(pieces, encoders))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    finished = [_finished(events) for events in answers]
    if job.is_stream:
        await exchange.finish(encoders[0].close([each.usage for each in finished]))
    else:
        body = encoders[0].together(list(zip(answers, finished, strict=True)))
        await exchange.reply(body, encoders[0].whole_content_type, extra=first_headers(job, answers[0]))


async def _feed(pieces: _Pieces, carrier: Carrier, job: Job, index: int) -> None:
    """Have one answer generated, and hand on its events."""
    async with carrier.answer(job.record, _another(job.request, index), job.demand) as answer:
        await pieces.put((index, answer.first))
        async for events in answer.rest:
            await pieces.put((index, events))


def _another(request: TextRequest, index: int) -> TextRequest:
    """The request for one of several answers: with the same seed they would be the same."""
    seed = request.sampling.seed
    if seed is None or seed < 0:
        return request
    return replace(request, sampling=replace(request.sampling, seed=seed + index))


async def _stream(
    exchange: Exchange, pieces: _Pieces, job: Job, encoders: Sequence[ChoiceEncoder]
) -> list[Sequence[Event]]:
    """Send the pieces as they come, each answer with its end; the last events of each."""
    ends: dict[int, Sequence[Event]] = {}
    while len(ends) < len(encoders):
        index, events = await pieces.get()
        encoder = encoders[index]
        if not exchange.has_started:
            await exchange.start(encoder.content_type, encoder.failure, first_headers(job, events))
        text = encoder.chunk(events, utc_now())
        if type(last := events[-1]) is Finished:
            text += encoder.end(last)
            ends[index] = events
        await exchange.write(text)
    return [ends[index] for index in range(len(encoders))]


async def _collect(pieces: _Pieces, encoders: Sequence[ChoiceEncoder]) -> list[Sequence[Event]]:
    """All events of each answer."""
    collected: list[list[Event]] = [[] for _ in encoders]
    while not all(events and type(events[-1]) is Finished for events in collected):
        index, events = await pieces.get()
        collected[index] += events
    return [*collected]


def _finished(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last
