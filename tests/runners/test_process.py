import asyncio
import os
import signal
import sys

import pytest

from arriero.engines.base import LaunchSpec
from arriero.runners.process import EngineProcess, device_bytes

WAITS = "import sys; sys.stdin.read()"
# Does not listen to SIGTERM, and says so by a connection.
DEAF = """
import signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_connection(("127.0.0.1", int(sys.stdin.readline()))):
    sys.stdin.read()
"""
READS = """
import select, sys
print("got", sys.stdin.readline().strip())
print("closed" if select.select([sys.stdin], [], [], 0)[0] else "open")
"""


async def started(script: str, *, stdin: str = "", **environment: str) -> EngineProcess:
    return await EngineProcess.start(LaunchSpec((sys.executable, "-c", script), environment, stdin), "tiny")


async def test_the_exit_code_and_the_last_line_are_kept() -> None:
    process = await started("print('one'); print('two'); raise SystemExit(3)")
    assert await process.wait() == 3
    assert process.last_words == "two"


async def test_errors_are_the_last_words_where_there_are_any() -> None:
    lines = ["error: 1", "fine", "Failed: 2", "ERROR 3", "error 4", "bye"]
    process = await started(f"print(*{lines!r}, sep='\\n')")
    await process.wait()
    assert process.last_words == "Failed: 2; ERROR 3; error 4"


async def test_what_follows_an_error_does_not_push_it_out() -> None:
    process = await started("print('GGML_ASSERT(x) failed'); print('frame\\n' * 100)")
    await process.wait()
    assert process.last_words == "GGML_ASSERT(x) failed"


async def test_of_a_long_line_only_the_beginning_is_told() -> None:
    process = await started("print('error ' + 'x' * 100_000)")
    await process.wait()
    assert len(process.last_words) == 500


async def test_standard_error_is_read_too() -> None:
    process = await started("import sys; sys.exit('no such model')")
    assert await process.wait() == 1
    assert process.last_words == "no such model"


async def test_settings_arrive_on_standard_input_which_stays_open() -> None:
    process = await started(READS, stdin="settings with an error in it\n")
    assert await process.wait() == 0
    assert process.last_words == "got settings with an error in it"
    process = await started(READS, stdin="settings\n")
    await process.wait()
    assert process.last_words == "open"


async def test_the_environment_is_on_top_of_our_own() -> None:
    process = await started("import os; print(os.environ['KEY'], os.environ['PATH'])", KEY="x")
    await process.wait()
    assert process.last_words == f"x {os.environ['PATH']}"


async def test_a_child_that_exits_at_once_can_be_started() -> None:
    process = await started("raise SystemExit(0)", stdin="x" * 1_000_000)
    assert await process.wait() == 0


async def test_a_line_beyond_all_limits_is_passed_over() -> None:
    process = await started("print('x' * 3_000_000); print('end')")
    await process.wait()
    assert process.last_words == "end"


async def test_output_that_is_no_utf_8_does_no_harm() -> None:
    process = await started("import os; os.write(1, b'\\xff\\n')")
    await process.wait()
    assert process.last_words == "\ufffd"


async def test_stop_asks_the_child_to_go() -> None:
    process = await started(WAITS)
    await asyncio.wait_for(process.stop(), 10)
    assert await process.wait() == -signal.SIGTERM


async def test_stop_ends_a_child_that_does_not_listen() -> None:
    is_deaf = asyncio.Event()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_deaf.set()
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        process = await started(DEAF, stdin=f"{server.sockets[0].getsockname()[1]}\n")
        await asyncio.wait_for(is_deaf.wait(), 5)
        await asyncio.wait_for(process.stop(timeout_s=0.05), 5)
    assert await process.wait() == -signal.SIGKILL


async def test_stop_of_a_child_that_is_gone_does_nothing() -> None:
    process = await started("pass")
    await process.wait()
    await process.stop()


async def test_a_command_that_is_not_there_cannot_be_started() -> None:
    with pytest.raises(OSError, match="nothing-here"):
        await EngineProcess.start(LaunchSpec(("/nothing-here",)), "tiny")


async def test_the_users_keys_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "s3cret")
    process = await started("import os; print(os.environ.get('SOME_API_KEY'), os.environ.get('LLAMA_API_KEY'))")
    await process.wait()
    assert process.last_words == "None None"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("load_tensors:        CUDA0 model buffer size =  4403.50 MiB", {"CUDA0 model": 4617404416}),
        ("0.01.2 I llama_kv_cache:      CUDA1 KV buffer size =     1.00 MiB", {"CUDA1 KV": 1 << 20}),
        ("load_tensors:   CPU_Mapped model buffer size =   281.81 MiB", {}),
        ("sched_reserve:  CUDA_Host compute buffer size =     8.01 MiB", {}),
        ("main: server is listening", {}),
    ],
)
def test_what_llama_cpp_takes_on_devices_is_read_from_its_output(line: str, found: dict[str, int]) -> None:
    assert device_bytes(line) == found


def test_a_long_line_that_tells_nothing_is_gone_through_once() -> None:
    assert device_bytes("x" * (1 << 20)) == {}
    assert device_bytes("x" * (1 << 20) + " buffer size = ") == {}
