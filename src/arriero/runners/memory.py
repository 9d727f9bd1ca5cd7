"""How much memory there is, and what processes hold of it."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil


def available_bytes() -> int:
    """Memory that a new process can have now, also inside a container with a limit of its own."""
    free = psutil.virtual_memory().available
    limit, used = _cgroup(Path("/sys/fs/cgroup"))
    return max(0, min(free, limit - used)) if limit is not None else free


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_count() -> int:
    """GPUs that NVIDIA's driver for Linux tells of; those of others are not counted."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What a process and those it has started hold.

    resident_bytes: with files that are mapped. private_bytes: what the machine has more of when the process is gone:
    what is mapped from files counts as available on Linux even while it is in use. Other systems do not tell it apart.
    """

    resident_bytes: int
    private_bytes: int


def process_memory(pid: int) -> ProcessMemory:
    """What a process and those it has started hold; nothing when they are gone."""
    measured = [_measured(process) for process in _family(pid)]
    return ProcessMemory(sum(resident for _, resident, _ in measured), sum(private for _, _, private in measured))


def process_activity(pid: int) -> float:
    """A number that changes as long as a process or one that it has started does something; 0 when it is gone."""
    return sum(seconds + size_bytes for seconds, size_bytes, _ in map(_measured, _family(pid)))


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _measured(process: psutil.Process) -> tuple[float, int, int]:
    """Seconds of processor time, bytes held, and bytes of them that no file backs."""
    try:
        times = process.cpu_times()
        memory = process.memory_info()
    except psutil.Error:
        return 0.0, 0, 0
    return float(times.user + times.system), int(memory.rss), int(memory.rss - getattr(memory, "shared", 0))


def _cgroup(root: Path) -> tuple[int | None, int]:
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
        # Pages of files count as used until somebody needs them, and then they are given up.
        used -= int(dict(line.split() for line in (root / "memory.stat").read_text().splitlines())["inactive_file"])
    except (OSError, ValueError, KeyError):
        return None, 0
    return (int(limit), used) if limit.isdecimal() else (None, used)
