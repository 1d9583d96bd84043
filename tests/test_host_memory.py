"""Freed memory stays with the process; a machine with an accelerator is left alone."""

import subprocess
import sys

import pytest

from jaxcmp.host_memory import is_cpu_only

# Takes and touches 256 MB three times, and prints the page faults of each time.
TOUCH = """
import resource, sys
from jaxcmp.host_memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = bytearray(256 << 20)
    block[:: 4096] = bytes(len(block) // 4096)
    del block
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> list[int]:
    command = [sys.executable, "-c", TOUCH, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="the C library's own setting, on Linux alone")
def test_memory_taken_again_is_there_already():
    first, second, third = faults("keep")
    assert first > 1000
    assert max(second, third) < 100
    assert min(faults("give back")) > 1000


def test_a_machine_told_to_use_its_cpu_has_nothing_else():
    assert is_cpu_only({"JAX_PLATFORMS": "cpu"})
    assert is_cpu_only({}) == is_cpu_only({"JAX_PLATFORMS": "cuda"})
