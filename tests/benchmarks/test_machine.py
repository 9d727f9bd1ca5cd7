import os
import time

from benchmarks.machine import cpu_ns, describe_machine


def test_the_clock_of_a_process_counts_its_cpu_time() -> None:
    before_ns, own_before_ns = cpu_ns(os.getpid()), time.process_time_ns()
    sum(range(200_000))
    own_ns = time.process_time_ns() - own_before_ns
    assert cpu_ns(os.getpid()) - before_ns >= own_ns > 0


def test_a_machine_is_told_by_its_cores() -> None:
    assert "cores, " in describe_machine()
