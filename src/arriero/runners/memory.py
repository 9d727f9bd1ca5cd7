"""How much memory there is, and what of it a model gets."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from arriero.engines.base import Plan
from arriero.types.models import Architecture

# What a model whose file does not say is taken to need: one of 8 billion parameters with grouped attention.
_TYPICAL_KV_BYTES_PER_TOKEN = 128 * 1024
_TYPICAL_CONTEXT = 4096
_LEAST_CONTEXT = 512
# Keys and values may take this share of what is free beside the weights: the rest is for compute buffers, for other
# models and for whatever else runs on the machine.
_KV_SHARE = 0.25
# A context beyond this is given only to those who ask for it: on most machines it costs memory that nobody uses.
_LARGEST_DEFAULT_CONTEXT = 32768
# More slots than this decode no more tokens a second on a processor, and each costs a context's memory.
_SLOTS_PER_CORE = 2
_MOST_DEFAULT_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for; None leaves it to the model and the memory. context: tokens of each slot."""

    context: int | None = None
    slots: int | None = None


def make_plan(architecture: Architecture, free_bytes: int, cores: int, wishes: Wishes) -> Plan:
    """Context and slots for a model: what is wished for, else what fits.

    Every slot has its whole context to itself. llama.cpp would also share one cache among more slots than it has room
    for, but when that cache is full, it ends every answer that is under way with an error.
    """
    per_token = architecture.kv_bytes_per_token or _TYPICAL_KV_BYTES_PER_TOKEN
    room = int(max(0, free_bytes - architecture.weights_size_bytes) * _KV_SHARE / per_token)
    trained = max(1, architecture.trained_context or _TYPICAL_CONTEXT)
    room_for_each = max(_LEAST_CONTEXT, room // (wishes.slots or 1))
    context = min(wishes.context or min(_LARGEST_DEFAULT_CONTEXT, room_for_each), trained)
    most = min(_MOST_DEFAULT_SLOTS, max(1, cores) * _SLOTS_PER_CORE)
    slots = wishes.slots or max(1, min(most, room // context))
    return Plan(context=context, slots=slots)


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


def process_bytes(pid: int) -> int:
    """Memory that a process and those it has started hold, mapped weights included; 0 when they are gone."""
    return sum(_measured(process)[1] for process in _family(pid))


def process_activity(pid: int) -> float:
    """A number that changes as long as a process or one that it has started does something; 0 when it is gone."""
    return sum(seconds + size_bytes for seconds, size_bytes in map(_measured, _family(pid)))


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _measured(process: psutil.Process) -> tuple[float, int]:
    try:
        times = process.cpu_times()
        return float(times.user + times.system), int(process.memory_info().rss)
    except psutil.Error:
        return 0.0, 0


def _cgroup(root: Path) -> tuple[int | None, int]:
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
        # Pages of files count as used until somebody needs them, and then they are given up.
        used -= int(dict(line.split() for line in (root / "memory.stat").read_text().splitlines())["inactive_file"])
    except (OSError, ValueError, KeyError):
        return None, 0
    return (int(limit), used) if limit.isdecimal() else (None, used)
