"""Stands beside an engine that knows nothing of us, and takes it along when we are gone.

Run as ``python -m arriero.engines.own_server.supervisor COMMAND...``. Standard input stays open for as long as the
parent lives; at its end the engine is killed, and with it all that it has started, also what has a session or a group
of its own. It ends as the engine does, with the same exit code or by the same signal.

Imports nothing of arriero's: it is a process of its own, and a small one.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import NoReturn

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# An engine that is told to end may finish its answers for so long. Who has told it waits a second longer.
_GRACE_S = 4.0
_IS_LINUX = sys.platform == "linux"


def supervise(argv: list[str]) -> NoReturn:
    """Run a command to its end, or to the end of standard input."""
    if _IS_LINUX:
        # What loses its parent becomes our child: so none of the engine's descendants is ever out of sight.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # The engine goes with us even where we are killed.
    prepare = _die_with_parent if _IS_LINUX else None
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=prepare)  # noqa: PLW1509  # no threads yet

    def end(_number: int, _frame: FrameType | None) -> None:
        child.terminate()
        timer = threading.Timer(_GRACE_S, _kill_all)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_kill_all_at_end_of_stdin, daemon=True).start()
    code = _wait(child)
    _kill_descendants()
    _end_as(code)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(child: "subprocess.Popen[bytes]") -> int:
    """Wait for the engine; its exit code, negative for a signal. Orphans of its that end meanwhile are reaped."""
    if not hasattr(os, "waitid"):
        return child.wait()
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended is None or ended.si_pid == child.pid:
            return child.wait()
        os.waitpid(ended.si_pid, 0)


def _end_as(code: int) -> NoReturn:
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def _kill_all_at_end_of_stdin() -> None:
    while os.read(0, 4096):
        pass
    _kill_all()


def _kill_all() -> NoReturn:
    _kill_descendants()
    os._exit(1)


def _kill_descendants() -> None:
    """Kill until nothing is left: what is being killed may be starting something just now."""
    while living := [process for process in psutil.Process().children(recursive=True) if _is_alive(process)]:
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(living, 0.05)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


if __name__ == "__main__":
    supervise(sys.argv[1:])
