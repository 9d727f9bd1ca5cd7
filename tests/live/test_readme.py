"""The README's examples do what it says they do."""

import json
import shlex
import subprocess
import sys

import pytest

from tests.documents import blocks
from tests.live.launching import Server

pytestmark = pytest.mark.live

README_ADDRESS = "http://127.0.0.1:11434"


@pytest.mark.parametrize("example", blocks("README.md", "python"), ids=lambda text: text.split()[1])
def test_python_examples_print_the_answer(server: Server, example: str) -> None:
    script = example.replace(README_ADDRESS, server.url)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)

    assert done.stdout.strip() == "The capital of France is Paris.", done.stderr


def test_the_curl_example_streams_an_answer(server: Server) -> None:
    [example] = [text for text in blocks("README.md", "sh") if text.startswith("curl")]
    curl, url, flag, body = shlex.split(example)
    assert (curl, flag) == ("curl", "-d")

    with server.open(url.removeprefix(README_ADDRESS), json.loads(body)) as answer:
        lines = [json.loads(line) for line in answer]

    assert lines[-1]["done"]
    assert "".join(line["message"]["content"] for line in lines)
