import json
import os
import sys

from arriero.engines.base import LaunchSpec
from arriero.runners.process import EngineProcess

TELL = "import os; print(os.environ['GGML_NO_BACKTRACE'])"


async def told_to_engine(**ours: str) -> str:
    watch = "signal" if sys.platform == "linux" else "stdin"
    settings = {"parent": os.getpid(), "watch": watch, "argv": [sys.executable, "-c", TELL]}
    argv = (sys.executable, "-P", "-m", "arriero.engines.llama_cpp.worker")
    process = await EngineProcess.start(LaunchSpec(argv, ours, json.dumps(settings) + "\n"), "tiny")
    await process.wait()
    return process.last_words


async def test_an_engine_that_crashes_calls_no_debugger_unless_the_user_says_so() -> None:
    assert await told_to_engine() == "1"
    assert await told_to_engine(GGML_NO_BACKTRACE="0") == "0"
