"""Fields that only some engines have beside OpenAI's API."""

from pathlib import Path

import pytest

from arriero.engines.fake import FakeEngine
from arriero.store.layout import Store
from tests.factories_store import stored
from tests.serving import FakeLoader, running_server

FIELDS = {"top_k": 7, "min_tokens": "three", "ignore_eos": True, "stop_token_ids": [1, 2]}


@pytest.mark.parametrize(
    ("path", "asked"),
    [("chat/completions", {"messages": [{"role": "user", "content": "hi"}]}), ("completions", {"prompt": "hi"})],
)
async def test_they_reach_the_engine_as_they_are(tmp_path: Path, path: str, asked: dict[str, object]) -> None:
    stored(Store(tmp_path / "models"), "gen")
    engine = FakeEngine()
    body = {"model": "gen", **asked, **FIELDS, "min_p": None, "chat_template": "x", "n": 2}
    async with (
        running_server(tmp_path, FakeLoader({"gen:latest": engine})) as server,
        server.client.post(f"/v1/{path}", json=body) as answer,
    ):
        assert answer.status == 200
    assert [request.engine_fields for request in engine.requests] == [FIELDS, FIELDS]
