"""Sends an engine's answer to a client, in pieces or in one, in whatever dialect."""

import logging
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from msgspec.structs import asdict, replace

from arriero.protocol.timestamps import utc_now
from arriero.runners.carrier import Answer, Carrier
from arriero.server.exchange import Exchange
from arriero.types.chat import Passing, TextRequest
from arriero.types.events import Event, Finished, Passed, Truncated
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.routing import Decision
from arriero.types.times import Times

logger = logging.getLogger(__name__)

TRUNCATED_HEADER = b"x-arriero-truncated"
IGNORED_HEADER = b"x-arriero-ignored"
ROUTE_HEADER = b"x-arriero-route"
REASON_HEADER = b"x-arriero-reason"
SCORE_HEADER = b"x-arriero-score"
MODEL_HEADER = b"x-arriero-model"
_PLAIN = string.punctuation + " "


class AnswerEncoder(Protocol):
    """Writes the events of one answer in a dialect. Times are told in its own terms, where it tells any."""

    @property
    def content_type(self) -> bytes:
        """Of the stream."""

    @property
    def whole_content_type(self) -> bytes:
        """Of the answer in one piece."""

    def chunk(self, events: Sequence[Event], created_at: str) -> bytes:
        """A batch of events of a stream; ``Finished`` among them is passed over."""

    def last(self, finished: Finished, created_at: str, times: Times) -> bytes:
        """The end of a stream."""

    def whole(self, events: Sequence[Event], finished: Finished, created_at: str, times: Times) -> bytes:
        """All events in one object."""

    def failure(self, message: str) -> bytes:
        """What ends a stream that broke off."""


@dataclass(frozen=True, slots=True)
class Job:
    """A checked request, and how its answer goes out.

    ignored: what of it nobody here can do, by its own names. passing: its stream, in a dialect that engines speak, too.
    """

    record: ModelRecord
    request: TextRequest
    demand: Demand
    encoder: AnswerEncoder
    is_stream: bool
    asked_ns: int
    ignored: Sequence[str] = ()
    passing: Passing | None = None


async def send_answer(exchange: Exchange, carrier: Carrier, job: Job) -> None:
    """Have the answer generated and send it. Errors before its first byte are raised."""
    request = replace(job.request, passing=job.passing) if job.is_stream and job.passing else job.request
    async with exchange.while_connected(), carrier.answer(job.record, request, job.demand) as answer:
        headers = told_headers(job, answer)
        last = await (_stream(exchange, answer, job, headers) if job.is_stream else _collect(answer, job))
    # The engine has been given back: the last piece may tell the client so.
    if job.is_stream:
        await exchange.finish(last)
    else:
        await exchange.reply(last, job.encoder.whole_content_type, extra=headers)


def told_headers(job: Job, answer: Answer) -> Sequence[tuple[bytes, bytes]]:
    """Tell, before anything else, what the first events say, and what was asked for and cannot be done."""
    headers = first_headers(job, answer.first)
    ignored = [*answer.ignored, *job.ignored]
    if not ignored:
        return headers
    # For every request of some clients: the header has to do.
    logger.debug("engine cannot do all that was asked", extra={"model": job.record.name, "ignored": ignored})
    return (*headers, (IGNORED_HEADER, quote(", ".join(ignored), safe=_PLAIN).encode()))


def first_headers(job: Job, first: Sequence[Event]) -> Sequence[tuple[bytes, bytes]]:
    """Tell, before anything else, who answers, and what was left out of the prompt."""
    match first[:2]:
        case [Decision() as decision, Truncated() as truncated]:
            return (*_route_headers(decision), _truncated_header(job, truncated))
        case [Decision() as decision, *_]:
            return _route_headers(decision)
        case [Truncated() as truncated, *_]:
            return (_truncated_header(job, truncated),)
        case _:
            return ()


def _truncated_header(job: Job, truncated: Truncated) -> tuple[bytes, bytes]:
    facts = {name: number for name, number in asdict(truncated).items() if number}
    logger.warning("prompt truncated", extra={"model": job.record.name, **facts})
    return TRUNCATED_HEADER, ", ".join(f"{name}={number}" for name, number in facts.items()).encode()


def _route_headers(decision: Decision) -> list[tuple[bytes, bytes]]:
    told = {ROUTE_HEADER: decision.side, REASON_HEADER: decision.reason.value, MODEL_HEADER: decision.model}
    if decision.score is not None:
        told[SCORE_HEADER] = f"{decision.score.probability:.4f}"
    # Names of models may have any letters.
    return [(name, quote(value, safe=_PLAIN).encode()) for name, value in told.items()]


async def _stream(exchange: Exchange, answer: Answer, job: Job, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Send the events as they come, but for the last piece, which is returned."""
    encoder, events = job.encoder, answer.first
    first_ns = time.perf_counter_ns()
    await exchange.start(encoder.content_type, encoder.failure, headers)
    if any(type(event) is Passed for event in events):
        while type(events[-1]) is not Finished:
            await exchange.write(_passed(events))
            events = await anext(answer.rest)
        return _passed(events)
    while type(last := events[-1]) is not Finished:
        await exchange.write(encoder.chunk(events, utc_now()))
        events = await anext(answer.rest)
    created_at = utc_now()
    text = encoder.chunk(events, created_at) if len(events) > 1 else b""
    return text + encoder.last(last, created_at, _times(job, answer, first_ns))


def _passed(events: Sequence[Event]) -> bytes:
    """What is in the client's dialect already."""
    first = events[0]
    if len(events) == 1 and type(first) is Passed and type(first.data) is bytes:
        return first.data
    return b"".join([event.data for event in events if type(event) is Passed])


async def _collect(answer: Answer, job: Job) -> bytes:
    """The whole answer in one piece."""
    first_ns = time.perf_counter_ns()
    collected = await answer.all_events()
    finished = collected[-1]
    assert isinstance(finished, Finished)
    return job.encoder.whole(collected, finished, utc_now(), _times(job, answer, first_ns))


def _times(job: Job, answer: Answer, first_ns: int) -> Times:
    return Times(job.asked_ns, answer.ready_ns, first_ns, time.perf_counter_ns())
