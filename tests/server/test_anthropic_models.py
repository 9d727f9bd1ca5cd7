"""``/v1/models`` with Anthropic's own client, on the path that OpenAI's has as well."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anthropic
import pytest

from arriero.server.app import Access
from arriero.store.layout import Store
from tests.contract.models import THINKING_TEMPLATE, add_layer
from tests.factories_store import stored, tiny_gguf
from tests.serving import Running, running_server

KEY = "secret"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    store = Store(root / "models")
    stored(store, "gen")
    stored(store, "hf.co/user/think-GGUF:Q4_K_M", {"tokenizer.chat_template": THINKING_TEMPLATE})
    projector = tiny_gguf(root / "p", {"clip.has_vision_encoder": True}, architecture="clip")
    add_layer(store, stored(store, "vis"), "projector", projector.read_bytes())
    return root


@pytest.fixture
async def server(root: Path) -> AsyncIterator[Running]:
    async with running_server(root, access=Access(api_key=KEY)) as server:
        yield server


@pytest.fixture
async def client(server: Running) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_all_models_are_listed_in_one_page(client: anthropic.AsyncAnthropic) -> None:
    page = await client.models.list()
    names = {"gen:latest", "vis:latest", "hf.co/user/think-GGUF:Q4_K_M"}
    assert {model.id for model in page.data} == names
    assert (page.has_more, page.first_id, page.last_id) == (False, page.data[0].id, page.data[-1].id)
    assert {model.id async for model in client.models.list(limit=1)} == names


async def test_a_model_tells_what_it_can(client: anthropic.AsyncAnthropic) -> None:
    model = await client.models.retrieve("gen")
    assert (model.type, model.id, model.display_name, model.lifecycle) == ("model", "gen", "gen", "active")
    assert model.created_at <= datetime.now(UTC)
    assert model.max_input_tokens == model.max_tokens == 128
    can = {each.id: each.capabilities async for each in client.models.list()}
    thinks, sees = can["hf.co/user/think-GGUF:Q4_K_M"], can["vis:latest"]
    assert thinks
    assert sees
    assert (thinks.thinking.supported, sees.thinking.supported) == (True, False)
    assert (thinks.image_input.supported, sees.image_input.supported) == (False, True)


async def test_a_name_with_slashes_is_found_and_an_unknown_one_is_told(client: anthropic.AsyncAnthropic) -> None:
    assert (await client.models.retrieve("hf.co/user/think-GGUF:Q4_K_M")).type == "model"
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.models.retrieve("nope")
    assert caught.value.type == "not_found_error"
    with pytest.raises(anthropic.AuthenticationError) as refused:
        await client.with_options(api_key="wrong").models.list()
    assert refused.value.type == "authentication_error"


async def test_without_anthropics_header_the_list_is_openais(server: Running) -> None:
    async with server.client.get("/v1/models", headers={"Authorization": f"Bearer {KEY}"}) as response:
        told = await response.json()
    assert told["object"] == "list"
    async with server.client.get("/v1/models/gen") as response:
        assert (response.status, "param" in (await response.json())["error"]) == (401, True)


async def test_no_models_are_a_page_of_none(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        server.client.get("/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}) as response,
    ):
        assert json.loads(await response.read()) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
