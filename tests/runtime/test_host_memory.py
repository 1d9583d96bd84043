"""The host's memory: how much there is, and when freed memory is kept."""

import os
import subprocess
import sys

import pytest

from jaxcmp.runtime.host_memory import (
    available_bytes,
    container_bytes,
    is_cpu_only,
    left_in_container,
    peak_bytes,
)

# Takes and touches 256 MB three times, and prints the page faults of each time.
TOUCH = """
import resource, sys
from jaxcmp.runtime.host_memory import keep_for_steps
if sys.argv[1] == "keep":
    keep_for_steps()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = bytearray(256 << 20)
    block[:: 4096] = bytes(len(block) // 4096)
    del block
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> list[int]:
    command = [sys.executable, "-c", TOUCH, mode]
    cpu_only = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=cpu_only, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="the C library's own setting, on Linux alone")
def test_freed_memory_is_reused_without_page_faults():
    first, second, third = faults("keep")
    assert first > 1000
    assert max(second, third) < 100
    assert min(faults("give back")) > 1000


def test_the_peak_memory_excludes_the_parent_process():
    block = bytearray(1 << 30)
    assert peak_bytes() > len(block)
    code = "from jaxcmp.runtime.host_memory import peak_bytes; print(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 << 20 < int(done.stdout) < 1 << 29


def test_freed_memory_is_kept_only_without_an_accelerator(monkeypatch, tmp_path):
    (tmp_path / "jax_plugins").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_cpu_only({})
    assert not is_cpu_only({"JAX_PLATFORMS": "cuda"})
    assert is_cpu_only({"JAX_PLATFORMS": "cpu"})


@pytest.mark.skipif(sys.platform != "linux", reason="the C library's own setting, on Linux alone")
@pytest.mark.parametrize(
    ("module", "words", "said"),
    [
        (
            "jaxcmp.main",
            ("--config=configs/vit.py:digits", "--config.init.checkpoint=best"),
            "vit, seed 0: loading JAX and the images\n",
        ),
        ("jaxcmp.study", ("--config=configs/study.py:digits", "--task=999"), ""),
    ],
)
def test_a_run_keeps_its_memory(module, words, said):
    # The command's own way: JAX is imported after it, and by nothing before.
    code = (
        "import runpy, sys, jaxcmp.runtime.host_memory as memory\n"
        "memory.keep_for_steps = lambda: print('jax' in sys.modules)\n"
        f"sys.argv[1:] = {words}\n"
        f"runpy.run_module('{module}', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"False\n{said}", done.stderr


def test_free_memory_is_less_than_total_memory():
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 2**20 < available_bytes() <= there


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used", "unused"),
    [
        ("0::", "", "memory.max", "memory.current", "inactive_file"),
        (
            "4:cpu,memory:",
            "memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ],
)
def test_a_container_limits_memory_and_what_it_uses_is_not_free_but_for_unused_pages(
    tmp_path, line, folder, limit, used, unused
):
    def write(place, most, taken, pages):
        group = tmp_path / folder / place
        group.mkdir(parents=True, exist_ok=True)
        (group / limit).write_text(f"{most}\n")
        (group / used).write_text(f"{taken}\n")
        (group / "memory.stat").write_text(f"anon 5\n{unused} {pages}\nfile 9\n")

    own = tmp_path / "own"
    assert container_bytes(tmp_path, own) == left_in_container(tmp_path, own) == sys.maxsize
    write("", "max", 0, 0)
    assert container_bytes(tmp_path, own) == sys.maxsize
    write("", 1_000_000, 0, 0)
    assert container_bytes(tmp_path, own) == 1_000_000
    own.write_text(f"9:pids:/other\n{line}/outer/inner\n")
    write("outer/inner", 1000, 700, 100)
    assert container_bytes(tmp_path, own) == 1000
    assert left_in_container(tmp_path, own) == 400
    # A group above leaves less.
    write("outer", 5000, 4700, 0)
    assert container_bytes(tmp_path, own) == 1000
    assert left_in_container(tmp_path, own) == 300
    # Another process's group does not count.
    write("other", 10, 10, 0)
    assert left_in_container(tmp_path, own) == 300
