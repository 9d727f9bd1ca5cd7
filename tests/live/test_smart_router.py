"""SGLang's page on its Smart Router, with real models: an arriero plays the local Ollama, another server the remote."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ollama
import pytest

from arriero import AsyncSmartRouter, SmartRouter
from arriero.errors import UpstreamsDown
from tests.client.seed_page import LOCAL_HOST, LOCAL_MODEL, REMOTE_HOST, REMOTE_MODEL, check_with_real_models
from tests.live.homes import copy_home
from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.models import qwen

pytestmark = pytest.mark.live

# The page sets no limit to answers, and small models come to no end.
_ANSWER_TOKENS = 48
AT_ZERO = {"temperature": 0}
PARIS_IT_IS = "The capital of France is Paris."


@contextmanager
def serving(model_home: Path, home: Path, name: str) -> Iterator[Server]:
    """A server with SmolLM2 under a name, which says no more than it is told to."""
    with launched(copy_home(model_home, home)) as server, ollama.Client(server.url) as client:
        client.create(name, from_=MODEL, parameters={"num_predict": _ANSWER_TOKENS})
        yield server


@pytest.fixture(scope="module")
def local(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(model_home, tmp_path_factory.mktemp("local"), LOCAL_MODEL) as server:
        yield server


@pytest.fixture(scope="module")
def other(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(model_home, tmp_path_factory.mktemp("other"), REMOTE_MODEL) as server:
        yield server


def test_the_page_runs_with_two_real_models(local: Server, other: Server) -> None:
    check_with_real_models({LOCAL_HOST: local.url, REMOTE_HOST: other.url}, "Ollama")


@pytest.mark.models
def test_the_page_runs_with_qwen_as_the_remote_model(local: Server, tmp_path: Path) -> None:
    with launched(
        tmp_path, "--context-length", "1024", "--model", str(qwen()), "--served-model-name", REMOTE_MODEL
    ) as remote:
        check_with_real_models({LOCAL_HOST: local.url, REMOTE_HOST: remote.url}, "Ollama")


def test_a_conversation_and_its_settings_reach_the_model(local: Server, other: Server) -> None:
    asked = [{"role": "user", "content": PARIS}]
    with SmartRouter(local.url, other.url) as router:
        answer = router.chat("", asked, options=AT_ZERO)
        assert answer.content == PARIS_IT_IS
        assert answer.prompt_eval_count
        pieces = [piece.content for piece in router.chat_stream("", asked, options=AT_ZERO, force_remote=True)]
        assert len(pieces) > 2
        assert "".join(pieces) == PARIS_IT_IS
        brief = router.chat("", asked, options={**AT_ZERO, "num_predict": 2}, force_local=True)
        assert (brief.done_reason, brief.eval_count) == ("length", 2)


async def test_the_judges_opinion_comes_with_probabilities(local: Server, other: Server) -> None:
    async with AsyncSmartRouter(local.url, other.url) as router:
        scores = []
        for prompt in ("Hello!", "Prove that the square root of 2 is irrational, and explain every step in detail."):
            decision = (await router.chat(prompt, options={"num_predict": 1})).decision
            assert decision is not None
            assert decision.score is not None
            assert (decision.score.scorer, decision.score.notes) == ("judge", ())
            scores.append(decision.score.probability)
    assert scores[0] < scores[1]


def test_what_is_private_is_not_answered_elsewhere_once_the_local_server_has_gone(
    model_home: Path, tmp_path: Path, other: Server
) -> None:
    with serving(model_home, tmp_path, LOCAL_MODEL) as local:
        router = SmartRouter(local.url, other.url)
        assert router.chat(PARIS, force_local=True, options=AT_ZERO).content == PARIS_IT_IS
    with router:
        with pytest.raises(UpstreamsDown, match="can answer now"):
            router.chat(PARIS, force_local=True)
        assert router.chat(PARIS, options=AT_ZERO).location == "Remote Ollama"
