"""The worker process: llama.cpp's own HTTP server for one model, out of the xllamacpp wheel or a llama-server binary.

Run as ``python -m arriero.engines.llama_cpp.worker``. The first line of standard input is JSON:

    {"parent": 4711, "watch": "signal", "params": {"model.path": "…", "n_ctx": 8192, …}}     the wheel
    {"parent": 4711, "watch": "signal", "argv": ["/usr/bin/llama-server", …]}                a binary, which it becomes

so that the key in it shows up in no list of processes. Standard input then stays open, and its end means that the
parent is gone. The worker must never outlive its parent, not even one killed while the model loads, when the wheel's
constructor holds Python's lock: on Linux the kernel sends SIGKILL ("signal"), elsewhere a second process waits for
the end of standard input ("stdin"). Windows has neither: there a thread waits, and sees the end once the lock is free.

This file imports nothing of arriero's: it is all that a worker loads besides the wheel.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1
# Unless the user says otherwise.
DEFAULT_VARIABLES = {
    # Threads that wait for each other look so often before they sleep. The default is for programs that have all cores
    # to themselves: two engines at once gave 20 + 20 tokens/s on two cores, and 53 + 53 with this; one alone 165 either
    # way.
    "GOMP_SPINCOUNT": "500",
    # What fails is told before: the backtrace takes a debugger seconds, and says nothing to a user.
    "GGML_NO_BACKTRACE": "1",
}


def die_with_parent(parent: int, watch: str) -> None:
    """Make sure that this process ends when ``parent`` does, whatever it is doing then."""
    if watch == "signal":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have died before the call: then nobody will ever send the signal.
        if os.getppid() != parent:
            sys.exit("the parent is gone")
    elif hasattr(os, "fork"):
        _watch_from_a_fork()
    else:
        threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()


def _watch_from_a_fork() -> None:
    worker = os.getpid()
    if os.fork():
        return
    try:
        # The parent reads the worker's output to its end, which would never come while this process has it open.
        os.close(1)
        os.close(2)
        while os.read(0, 4096):
            pass
        if os.getppid() == worker:
            os.kill(worker, signal.SIGKILL)
    finally:
        os._exit(0)


def _exit_at_end_of_stdin() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)


def serve_wheel(params: dict[str, Any]) -> None:
    """Load the model and serve it until this process is killed. Dots in a name lead into nested settings."""
    import xllamacpp

    common = xllamacpp.CommonParams()
    # Fitting layers to a GPU's memory loads the model twice: worth it only where there is one.
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    common.fit_params = any(device["type"] != cpu for device in xllamacpp.get_device_info())
    for name, value in params.items():
        *path, attribute = name.split(".")
        target = common
        for step in path:
            target = getattr(target, step)
        if attribute == "lora_adapters":
            value = [xllamacpp.CommonAdapterLoraInfo(path=path) for path in value]  # noqa: PLW2901
        setattr(target, attribute, value)
    # The server lives as long as this object: it must have a name until the process ends.
    server = xllamacpp.Server(common)
    print("listening at", server.listening_address, flush=True)
    threading.Event().wait()


def main() -> None:
    """Read the settings and serve."""
    settings = json.loads(sys.stdin.readline())
    for name, value in DEFAULT_VARIABLES.items():
        os.environ.setdefault(name, value)
    die_with_parent(settings["parent"], settings["watch"])
    if "argv" in settings:
        os.execvp(settings["argv"][0], settings["argv"])
    serve_wheel(settings["params"])


if __name__ == "__main__":
    main()
