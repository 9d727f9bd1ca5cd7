import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import arriero
from arriero import SmartRouter
from arriero.errors import ConfigError, UpstreamsDown
from tests.cli.servers import in_thread
from tests.client.servers import StandIn, listening, remote

_PATIENCE_S = 60.0


@contextmanager
def routed(here: StandIn | None = None, there: StandIn | None = None) -> Iterator[SmartRouter]:
    here, there = here or StandIn(), there or remote()
    with in_thread(listening(here, there)), SmartRouter(here.url, there.url) as router:
        yield router


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_it_is_arrieros_own_and_the_seeds_by_module() -> None:
    from arriero.smart_router import SmartRouter as ByModule

    assert arriero.SmartRouter is ByModule is SmartRouter
    with pytest.raises(AttributeError, match="has no attribute 'StupidRouter'"):
        arriero.StupidRouter  # noqa: B018  # it is asked for
    router = SmartRouter()
    assert (router.local_model, router.remote_model) == ("llama3.2", "Qwen/Qwen2.5-1.5B-Instruct")
    assert (router.judge_model, router.judge_host) == ("llama3.2", "http://localhost:11434")
    assert "smart-router" not in names_of_threads()


def test_it_answers_streams_and_classifies(capsys: pytest.CaptureFixture[str]) -> None:
    with routed() as router:
        assert router.chat("Hello!").content == "Hello there."
        assert [piece.content for piece in router.chat_stream("Hello!")] == ["Hello", " there", ".", ""]
        assert router.should_use_remote("Hello!", verbose=True) == (False, "Simple task")
        assert capsys.readouterr().out == "[Router] LLM Judge: SIMPLE\n"


def test_lines_are_told_in_the_thread_that_asks() -> None:
    told: list[tuple[str, str]] = []
    here, there = StandIn(), remote()
    with (
        in_thread(listening(here, there)),
        SmartRouter(
            here.url, there.url, out=lambda line: told.append((threading.current_thread().name, line))
        ) as router,
    ):
        thread = threading.Thread(target=lambda: router.chat("Hello!", verbose=True), name="asks")
        thread.start()
        thread.join(_PATIENCE_S)
    assert [name for name, _ in told] == ["asks", "asks"]


def test_many_threads_use_it_at_once() -> None:
    with routed() as router, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: router.chat(f"Hello {number}").content, range(64)))
    assert answers == ["Hello there."] * 64


def test_it_works_where_an_event_loop_runs() -> None:
    with routed() as router:

        async def cell() -> str:
            return router.chat("Hello!").content

        assert asyncio.run(cell()) == "Hello there."


def test_what_goes_wrong_is_raised_where_it_was_asked() -> None:
    with (
        routed(StandIn(refuses=(503, "loading")), remote(refuses=(503, "starting"))) as router,
        pytest.raises(UpstreamsDown),
    ):
        router.chat("Hello!")


def test_a_stream_that_is_left_stops_the_model() -> None:
    here = StandIn(waits=asyncio.Event())
    with routed(here) as router:
        stream = router.chat_stream("Hello!")
        assert next(stream).content == "Hello"
        stream.close()
        # The next answer comes from the same loop, behind the end of the first one.
        here.waits = None
        router.chat("Hello!")
        assert here.running == 0


def test_it_is_closed_once_and_for_all() -> None:
    with routed() as router:
        router.chat("Hello!")
        assert "smart-router" in names_of_threads()
    assert "smart-router" not in names_of_threads()
    router.close()
    with pytest.raises(ConfigError, match="closed"):
        router.chat("Hello!")


def test_one_that_is_forgotten_takes_its_thread_with_it() -> None:
    here, there = StandIn(), remote()
    with in_thread(listening(here, there)):
        router = SmartRouter(here.url, there.url)
        router.chat("Hello!")
        forgotten = weakref.ref(router)
        del router
        gc.collect()
        assert forgotten() is None
        assert "smart-router" not in names_of_threads()


_ENDINGS = {
    "as it is": "router.chat('Hello!')",
    "in the middle of a stream": "stream = router.chat_stream('Hello!'); next(stream)",
    "with a thread that asks": "import threading; threading.Thread(target=router.chat, args=('Hello!',)).start()",
    "never used": "",
    "in a child": """
router.chat('Hello!')
import os
if os.fork() == 0:
    assert router.chat('Hello!').content == 'Hello there.'
    sys.exit(0)
assert os.wait()[1] == 0
router.chat('Hello!')
""",
}


@pytest.mark.parametrize("code", _ENDINGS.values(), ids=_ENDINGS.keys())
def test_a_program_ends_at_once_and_without_a_word(code: str) -> None:
    if "fork" in code and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    here, there = StandIn(), remote()
    with in_thread(listening(here, there)):
        start = f"import sys; from arriero import SmartRouter; router = SmartRouter({here.url!r}, {there.url!r})\n"
        command = [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore::DeprecationWarning", "-c", start + code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
