"""Out-of-memory errors: one line with the amounts requested and available."""

import re
import subprocess
import sys

import numpy as np
import processes
import pytest

from jaxcmp.cli import carry_out
from jaxcmp.errors import JaxcmpError
from jaxcmp.runtime import devices, memory_errors

THERE = r"[\d.,]+ [kMGT]B are free; lower --config.batch_size or --config.eval_batch_size, or raise"


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 26699280497216 bytes."),
            "26.7 TB",
        ),
        (RuntimeError("INTERNAL: Error dispatching: Out of memory allocating 12 bytes."), "0.0 kB"),
        (RuntimeError("Out of memory while trying to allocate 34.2GiB."), "34.2 GiB"),
        (MemoryError("Unable to allocate 3.05 TiB for an array with shape (9,)"), "3.05 TiB"),
        (MemoryError("std::bad_alloc"), None),
        (RuntimeError("std::bad_alloc"), None),
        (MemoryError(), None),
    ],
)
def test_an_out_of_memory_error_is_one_line_with_the_size_requested(capsys, error, asked):
    def fail():
        raise error

    assert carry_out(fail) == 1
    out, err = capsys.readouterr()
    words = f"{asked} were requested, and " if asked else ""
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"jaxcmp: memory does not suffice: {words}")
    assert re.search(THERE, err)


def test_a_huge_array_is_an_out_of_memory_error():
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 59)
    assert "4.00 EiB were requested" in memory_errors.describe(caught.value)


class Enormous:
    """A compiled step that needs a petabyte of temporary memory."""

    temp_size_in_bytes = 10**15

    def memory_analysis(self):
        return self


def test_a_huge_compiled_step_is_refused():
    with pytest.raises(
        JaxcmpError, match="memory does not suffice: a program needs 1,000.0 TB of at"
    ):
        devices.temporary_bytes(Enormous())


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no such limit")
def test_a_memory_limit_too_low_to_compile_is_one_line(tmp_path):
    words = " ".join(("-m", "jaxcmp.main", *processes.TINY[:1], f"--workdir={tmp_path / 'run'}"))
    limited = f"ulimit -v 1100000; exec '{sys.executable}' {words}"
    environment = processes.environment()
    done = subprocess.run(
        ["sh", "-c", limited], cwd=processes.ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("jaxcmp: memory does not suffice: compiling needs ")


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no such limit")
def test_free_memory_respects_ulimit():
    code = "from jaxcmp.runtime.host_memory import available_bytes; print(available_bytes())"
    limited = f"ulimit -v 2000000; exec '{sys.executable}' -c '{code}'"
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True)
    assert 0 < int(done.stdout) < 2_000_000 * 1024
