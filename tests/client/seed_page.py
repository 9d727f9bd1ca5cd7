"""The code on SGLang's page about its Smart Router, which runs here as it stands there, but for the import."""

import ast
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass

# The names that the page's code makes, whatever they are.
from typing import Any

LOCAL_HOST, REMOTE_HOST = "http://localhost:11434", "http://localhost:30001"
LOCAL_MODEL, REMOTE_MODEL = "llama3.2", "Qwen/Qwen2.5-1.5B-Instruct"

CONFIGURATION = """
from sglang.srt.entrypoints.ollama.smart_router import SmartRouter

router = SmartRouter(
    # Local Ollama
    local_host="http://localhost:11434",
    local_model="llama3.2",  # or any Ollama model

    # Remote SGLang
    remote_host="http://localhost:30001",
    remote_model="Qwen/Qwen2.5-1.5B-Instruct",  # or any HuggingFace model

    # LLM Judge (optional, defaults to local_model)
    judge_model="llama3.2",
)
"""
USAGE = """
# Auto-routing via LLM judge
response = router.chat("Hello!", verbose=True)
# [Router] LLM Judge: SIMPLE
# [Router] -> Local Ollama | Model: llama3.2

response = router.chat("Explain quantum computing in detail", verbose=True)
# [Router] LLM Judge: COMPLEX
# [Router] -> Remote SGLang | Model: Qwen/Qwen2.5-1.5B-Instruct

# Force routing (skip LLM judge)
response = router.chat("question", force_local=True)
response = router.chat("question", force_remote=True)

# Streaming
for chunk in router.chat_stream("Tell me a story"):
    print(chunk['message']['content'], end='')
"""
JUDGED = re.compile(r"\[Router\] LLM Judge: (SIMPLE|COMPLEX)")
ASKED = re.compile(r"\[Router\] -> (?P<side>Local|Remote) (?P<kind>\w+) \| Model: (?P<model>\S+)")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that has run: what it printed, and the names there are now."""

    code: str
    printed: str
    names: Mapping[str, Any]


def steps(changes: Mapping[str, str]) -> Iterator[Step]:
    """Run the page, statement by statement. changes: the reader's own hosts and models in place of the page's."""
    code = CONFIGURATION.replace("sglang.srt.entrypoints.ollama.smart_router", "arriero.smart_router") + USAGE
    for text, own in changes.items():
        code = code.replace(f'"{text}"', f'"{own}"')
    names: dict[str, Any] = {}
    try:
        for statement in ast.parse(code).body:
            printed = io.StringIO()
            with redirect_stdout(printed):
                exec(compile(ast.Module([statement], []), "page", "exec"), names)
            yield Step(ast.unparse(statement), printed.getvalue(), {**names})
    finally:
        if "router" in names:
            names["router"].close()


def check_with_real_models(changes: Mapping[str, str], remote_kind: str) -> None:
    """Run the page with models that say what they say, and look at the shape of what it prints; tell what they said."""
    changed = {text: changes.get(text, text) for text in (LOCAL_MODEL, REMOTE_MODEL)}
    here, there = ("Local", "Ollama", changed[LOCAL_MODEL]), ("Remote", remote_kind, changed[REMOTE_MODEL])
    done = steps(changes)
    next(done), next(done)
    for step in (next(done), next(done)):
        print(f">>> {step.code}\n{step.printed}{step.names['response'].content}")  # noqa: T201  # pytest shows it
        judged, asked = step.printed.splitlines()
        verdict, where = JUDGED.fullmatch(judged), ASKED.fullmatch(asked)
        assert verdict is not None
        assert where is not None
        assert where.groups() == (there if verdict[1] == "COMPLEX" else here)
        assert step.names["response"]["message"]["content"]
        assert step.names["response"]["reason"] == ("Complex task" if verdict[1] == "COMPLEX" else "Simple task")
    for place, step in ((here, next(done)), (there, next(done))):
        response = step.names["response"]
        assert step.printed == ""
        assert (response["location"], response["model"]) == (f"{place[0]} {place[1]}", place[2])
        assert response["content"]
        assert response.eval_count
    step = next(done)
    assert len(step.printed) > 20
    chunk = step.names["chunk"]
    assert chunk.done
    assert chunk.decision is not None
    print(f">>> {step.code}\n{step.printed}")  # noqa: T201  # pytest shows it
    assert not list(done)
