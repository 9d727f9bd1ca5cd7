import os
import subprocess
import sys
from pathlib import Path

from tests.cli.servers import in_thread
from tests.client.servers import StandIn, listening, remote

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_of_the_smart_router_runs() -> None:
    here, there = StandIn(), remote()
    with in_thread(listening(here, there)):
        done = subprocess.run(
            [sys.executable, EXAMPLES / "smart_router.py"],
            env={**os.environ, "LOCAL_HOST": here.url, "REMOTE_HOST": there.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "(Simple task: Local Ollama)" in done.stdout
    assert "(Complex task: Remote SGLang)" in done.stdout
    assert "swordfish" not in str(there.asked)
