import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.engines.streams import DONE, chat_chunk
from tests.engines.test_openai_wire import drop, says, upstream
from tests.upstreams.recording import recording
from tests.upstreams.replay import NO_RECORDING, replaying
from tests.upstreams.tape import Exchange, Tape

PARTS = (chat_chunk({"content": "Ha"}), chat_chunk({"content": "l\u00f3 \U0001f600"}) + chat_chunk({}, "stop"), DONE)


async def read(url: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, list[bytes]]:
    """The status of an answer, and what each read of it brought."""
    async with (
        aiohttp.ClientSession() as session,
        session.request("POST" if body is not None else "GET", url + path, json=body) as answer,
    ):
        return answer.status, [data async for data in answer.content.iter_any()]


async def record(url: str, asked: Sequence[tuple[str, Mapping[str, Any] | None]]) -> list[Exchange]:
    async with recording(url) as recorder:
        for path, body in asked:
            await read(recorder.url, path, body)
    return recorder.exchanges


async def served_stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in PARTS:
        await response.write(part)
    return response


async def test_a_recorded_answer_is_replayed_in_the_same_pieces() -> None:
    async with upstream(served_stream) as url:
        exchanges = await record(url, [("/v1/chat/completions", {"stream": True})])
    async with replaying(Tape("x", tuple(exchanges))) as replay:
        _, pieces = await read(replay.url, "/v1/chat/completions", {"stream": True})
    assert len(pieces) == len(PARTS)
    assert b"".join(pieces).replace(b'"chatcmpl-x"', b"") == b"".join(PARTS).replace(b'"chatcmpl-x"', b"").replace(
        b"1755820000", b"1700000000"
    )
    assert replay.unknown == []


async def test_answers_to_the_same_request_come_in_order_and_the_last_one_stays() -> None:
    count = 0

    async def counted(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.json_response({"n": count})

    async with upstream(counted) as url:
        exchanges = await record(url, [("/x", None), ("/x", None)])
    async with replaying(Tape("x", tuple(exchanges))) as replay:
        seen = [json.loads((await read(replay.url, "/x"))[1][0])["n"] for _ in range(3)]
    assert seen == [1, 2, 2]


async def test_a_refusal_keeps_its_status() -> None:
    async with upstream(says(b'{"error":{"message":"no"}}', 404)) as url:
        exchanges = await record(url, [("/v1/models", None)])
    async with replaying(Tape("x", tuple(exchanges))) as replay:
        status, pieces = await read(replay.url, "/v1/models")
    assert (status, json.loads(b"".join(pieces))) == (404, {"error": {"message": "no"}})


@pytest.mark.parametrize("body", [{"temperature": 0.5}, {"temperature": 0, "seed": 1}, None])
async def test_another_request_than_the_recorded_one_is_refused_with_a_word_on_recording(
    body: dict[str, Any] | None,
) -> None:
    async with upstream(says(b"{}")) as url:
        exchanges = await record(url, [("/v1/completions", {"temperature": 0})])
    async with replaying(Tape("x", tuple(exchanges))) as replay:
        status, pieces = await read(replay.url, "/v1/completions", body)
    assert status == NO_RECORDING
    assert b"scripts/record-engines" in b"".join(pieces)
    assert [key.split()[1] for key in replay.unknown] == ["/v1/completions"]


async def test_a_connection_that_broke_breaks_again() -> None:
    async with upstream(served_stream) as url, recording(url) as recorder:
        recorder.cut_after = 1
        with pytest.raises(aiohttp.ClientError):
            await read(recorder.url, "/v1/chat/completions", {})
    async with replaying(Tape("x", tuple(recorder.exchanges))) as replay:
        with pytest.raises(aiohttp.ClientError):
            await read(replay.url, "/v1/chat/completions", {})
    assert recorder.exchanges[0].answer.is_cut


async def test_an_engine_that_breaks_off_by_itself_is_recorded_as_such() -> None:
    async def as_events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(PARTS[0])
        await drop(request)
        return response

    async with upstream(as_events) as url, recording(url) as recorder:
        with pytest.raises(aiohttp.ClientError):
            await read(recorder.url, "/v1/chat/completions", {})
    answer = recorder.exchanges[0].answer
    assert answer.is_cut
    assert len(answer.chunks) == 1


async def test_a_client_that_leaves_early_costs_the_tape_nothing() -> None:
    released = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(PARTS[0])
        await released.wait()
        await response.write(PARTS[1])
        await response.write(PARTS[2])
        return response

    async with upstream(slow) as url, recording(url) as recorder:
        async with (
            aiohttp.ClientSession() as session,
            session.post(recorder.url + "/v1/chat/completions", json={}) as answer,
        ):
            await answer.content.readany()
        released.set()
    # Closed by now, for which it has waited for the engine.
    assert len(recorder.exchanges[0].answer.chunks) == len(PARTS)


async def test_the_key_is_passed_on_and_kept_off_the_tape() -> None:
    async def guarded(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("Authorization") == "Bearer s3cret" else 401)

    async with (
        upstream(guarded) as url,
        recording(url) as recorder,
        aiohttp.ClientSession(headers={"Authorization": "Bearer s3cret"}) as session,
        session.get(recorder.url + "/v1/models") as answer,
    ):
        assert answer.status == 200
    assert "s3cret" not in repr(recorder.exchanges)
