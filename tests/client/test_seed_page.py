import sys

from tests.cli.servers import in_thread
from tests.client.seed_page import LOCAL_HOST, REMOTE_HOST, REMOTE_MODEL, steps
from tests.client.servers import StandIn, listening, remote


def test_the_page_of_sglangs_router_runs_as_it_stands() -> None:
    here, there = StandIn(), remote()
    with in_thread(listening(here, there)):
        done = steps({LOCAL_HOST: here.url, REMOTE_HOST: there.url})
        next(done), next(done)

        step = next(done)
        assert step.printed == "[Router] LLM Judge: SIMPLE\n[Router] -> Local Ollama | Model: llama3.2\n"
        assert step.names["response"]["content"] == "Hello there."

        step = next(done)
        assert step.printed == f"[Router] LLM Judge: COMPLEX\n[Router] -> Remote SGLang | Model: {REMOTE_MODEL}\n"
        assert step.names["response"]["content"] == "Quantum computing is ..."

        step = next(done)
        assert (step.printed, step.names["response"]["location"]) == ("", "Local Ollama")
        assert step.names["response"]["reason"] == "Forced local"

        step = next(done)
        assert (step.printed, step.names["response"]["location"]) == ("", "Remote SGLang")
        assert step.names["response"]["reason"] == "Forced remote"

        step = next(done)
        assert step.printed == "Hello there."
        assert list(done) == []
    assert "sglang" not in sys.modules
    # SGLang's own Ollama routes, which are broken, are left alone.
    assert not there.bodies("/api/chat")
    assert len(here.bodies("/api/generate")) == 3
