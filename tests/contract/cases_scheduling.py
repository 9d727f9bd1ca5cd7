"""Who waits, and who may not."""

import asyncio

from tests.contract.case import JSON_TYPE, Case
from tests.serving import Running

BUSY = {"error": "server busy, please try again.  maximum pending requests exceeded"}


async def all_but_one_are_turned_away(server: Running) -> None:
    """Four requests for models that are not loaded, where one may wait."""

    async def generate(model: str) -> tuple[int, str, object]:
        async with server.client.post("/api/generate", json={"model": model, "stream": False, "prompt": "hi"}) as sent:
            return sent.status, sent.headers["Content-Type"], await sent.json()

    server.loader.gate = asyncio.Event()
    waiting = {asyncio.create_task(generate(model)) for model in ("gen", "sys", "think", "tool")}
    refused: list[tuple[int, str, object]] = []
    while len(refused) < 3:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused += [task.result() for task in done]
    assert refused == [(503, JSON_TYPE, BUSY)] * 3
    server.loader.gate.set()
    [last] = waiting
    assert (await last)[0] == 200


SHORT_QUEUE = [Case(69, "queue full", (all_but_one_are_turned_away,))]
