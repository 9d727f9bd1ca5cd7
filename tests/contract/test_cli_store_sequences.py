"""What the commands of Ollama's own command line send that change which models there are."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.cases_transfer import ENDING, PULLED, SOME, status
from tests.contract.go_client import STREAMED, Answered, GoClient
from tests.contract.matching import REST, line_differences
from tests.contract.models import SYSTEM, golden_engines, store_golden_models
from tests.factories_store import tiny_gguf
from tests.serving import FakeLoader, running_server
from tests.store.registry import FakeRegistry, running_registry

ONE_LINE_OR_MORE = ({"status": "*", "…": None}, REST)


@pytest.fixture
async def go(tmp_path: Path) -> AsyncIterator[GoClient]:
    async with running_server(store_golden_models(tmp_path), FakeLoader(golden_engines())) as server:
        yield GoClient(server)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with running_registry() as registry:
        yield registry


async def names(go: GoClient) -> set[str]:
    return {model["name"] for model in (await go.send("GET", "/api/tags")).json()["models"]}


def insecurely(name: str) -> bytes:
    return b'{"model":"","insecure":true,"username":"","password":"","name":"%s"}' % name.encode()


async def pull(go: GoClient, name: str) -> Answered:
    return await go.stream("/api/pull", insecurely(name))


async def test_cp(go: GoClient) -> None:
    await go.heartbeat()
    answer = await go.send("POST", "/api/copy", b'{"source":"gen","destination":"g2"}')
    assert answer.status == 200
    assert "g2:latest" in await names(go)


async def test_cp_of_what_is_not_there(go: GoClient) -> None:
    answer = await go.send("POST", "/api/copy", b'{"source":"nope","destination":"g2"}')
    assert (answer.status, answer.json()) == (404, {"error": 'model "nope" not found'})


async def test_rm_unloads_each_model_first(go: GoClient) -> None:
    await go.load("gen")
    await go.heartbeat()
    for name, body in (("gen", b'{"model":"","name":"gen"}'), ("sys", b'{"model":"","name":"sys"}')):
        assert (await go.show(name)).status == 200
        assert (await go.unload(name)).json()["done_reason"] == "unload"
        answer = await go.send("DELETE", "/api/delete", body)
        assert answer.status == 200
    assert not {"gen:latest", "sys:latest"} & await names(go)
    assert (await go.send("GET", "/api/ps")).json() == {"models": []}


async def test_rm_of_what_is_not_there(go: GoClient) -> None:
    assert (await go.show("nope")).status == 404
    answer = await go.send("DELETE", "/api/delete", b'{"model":"","name":"nope"}')
    assert (answer.status, answer.json()) == (404, {"error": "model 'nope' not found"})


async def test_create_from_a_model(go: GoClient) -> None:
    await go.heartbeat()
    body = b'{"model":"c","from":"gen","system":"You are a mule driver.","parameters":{"stop":["a"]},"name":""}'
    answer = await go.stream("/api/create", body)
    assert (answer.status, answer.headers["Content-Type"]) == (200, STREAMED)
    assert line_differences([*ONE_LINE_OR_MORE, status("success")], answer.body) == []
    shown = (await go.show("c")).json()
    assert (shown["system"], shown["details"]["parent_model"]) == (SYSTEM, "gen:latest")


async def test_create_from_files_sends_them_first_in_pieces(go: GoClient, tmp_path: Path) -> None:
    content = tiny_gguf(tmp_path / "new.gguf", {"general.name": "New"}).read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 500):
            yield content[at : at + 500]

    await go.heartbeat()
    assert (await go.send("POST", f"/api/blobs/{digest}", pieces())).status == 201
    body = b'{"model":"c","files":{"new.gguf":"%s"},"template":"{{ .Prompt }}","license":["Do as you like."],"name":""}'
    answer = await go.stream("/api/create", body % digest.encode())
    assert line_differences([*ONE_LINE_OR_MORE, status("success")], answer.body) == []
    shown = (await go.show("c")).json()
    assert shown["license"] == "Do as you like."


async def test_slash_save(go: GoClient) -> None:
    body = (
        b'{"model":"mine","from":"gen","system":"Be brief.","parameters":{"temperature":0.5,"num_ctx":2048},'
        b'"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello there."}],"name":""}'
    )
    answer = await go.stream("/api/create", body)
    assert answer.lines()[-1] == status("success")
    shown = (await go.show("mine")).json()
    assert shown["messages"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there."}]


async def test_slash_save_under_no_name(go: GoClient) -> None:
    answer = await go.stream("/api/create", b'{"model":"a b","from":"gen","name":""}')
    # These words do not end the session.
    assert "invalid model name" in answer.json()["error"]


async def test_pull(go: GoClient, registry: FakeRegistry) -> None:
    registry.put("library/gen:latest", bytes(100_000), b"Do as you like.")
    await go.heartbeat()
    answer = await pull(go, f"{registry.host}/library/gen")
    assert answer.headers["Content-Type"] == STREAMED
    assert line_differences(PULLED.body, answer.body) == []


async def test_run_of_a_model_that_is_not_there_pulls_it(go: GoClient, registry: FakeRegistry, tmp_path: Path) -> None:
    name = f"{registry.host}/library/new"
    content = tiny_gguf(tmp_path / "new.gguf", {"general.name": "New"}).read_bytes()
    registry.put("library/new:latest", content)
    await go.heartbeat()
    assert (await go.show(name)).status == 404
    answer = await pull(go, name)
    assert line_differences([status("pulling manifest"), SOME, REST, *ENDING], answer.body) == []
    assert (await go.show(name)).status == 200


async def test_run_of_a_model_that_is_nowhere_asks_for_the_cloud(go: GoClient, registry: FakeRegistry) -> None:
    answer = await pull(go, f"{registry.host}/library/nope")
    # On these words the command looks whether the cloud has it, and else shows them.
    assert answer.lines()[-1] == {"error": "pull model manifest: file does not exist"}
    assert (await go.show("nope:cloud")).status in {403, 404}


async def test_push(go: GoClient, registry: FakeRegistry) -> None:
    name = f"{registry.host}/library/gen"
    await go.send("POST", "/api/copy", b'{"source":"gen","destination":"%s"}' % name.encode())
    await go.heartbeat()
    answer = await go.stream("/api/push", insecurely(name))
    steps = answer.lines()
    # A step without a digest has to be among them: the command stops the spinner that it began with it.
    assert (steps[0], steps[-1]) == (status("retrieving manifest"), status("success"))
    assert line_differences([steps[0], {"status": "pushing *", "…": None}, REST, steps[-1]], answer.body) == []
    assert "library/gen:latest" in registry.manifests


async def test_push_to_ollamas_registry_asks_first_who_is_there(go: GoClient) -> None:
    await go.heartbeat()
    me = await go.send("POST", "/api/me")
    # The command tells the user to sign in, at this address.
    assert (me.status, "signin_url" in me.json()) == (401, True)


async def test_push_of_what_is_not_there(go: GoClient) -> None:
    answer = await go.stream("/api/push", b'{"model":"","username":"","password":"","name":"nope"}')
    assert answer.lines()[0] == status("retrieving manifest")
    assert "error" in answer.lines()[-1]
