"""The machine that is measured on, and the CPU time of its processes."""

import platform
import time
from pathlib import Path

import psutil

from arriero.runners.memory import available_cores


def describe_machine() -> str:
    """Return cores, model of the CPU, system and Python in one line."""
    return f"{available_cores()} cores, {_cpu_model()}, {platform.system()}, Python {platform.python_version()}"


def cpu_ns(pid: int) -> int:
    """Return the CPU time, user and system, that all threads of a process have had.

    On Linux the kernel keeps a clock for each process that counts nanoseconds; elsewhere there are ticks of 10 ms.
    """
    if platform.system() == "Linux":
        # CPUCLOCK_SCHED of another process, as clock_getcpuclockid(3) makes it; Python has no name for that call.
        return time.clock_gettime_ns((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return round((times.user + times.system) * 1e9)


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
