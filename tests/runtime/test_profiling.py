"""The trace of a run: ten steps, whole and no more."""

import jax
import processes
import pytest

from jaxcmp.errors import JaxcmpError
from jaxcmp.runtime.profiling import Trace


def traced_steps(folder):
    """Reads the numbers of the traced dispatches from the profiler's own file."""
    (path,) = folder.rglob("*.xplane.pb")
    planes = jax.profiler.ProfileData.from_file(str(path)).planes
    events = [event for plane in planes for line in plane.lines for event in line.events]
    return sorted(dict(event.stats)["step_num"] for event in events if event.name == "train")


def test_a_run_writes_a_trace_of_ten_steps_and_is_trained_on(tmp_path):
    words = (*processes.TINY, f"--workdir={tmp_path / 'run'}", f"--profile={tmp_path / 'trace'}")
    code, out, err = processes.run(*words)
    assert code == 0, err
    assert f"a trace up to step 20 is in {tmp_path / 'trace'}\n" in out
    assert "finished: test accuracy" in out
    assert traced_steps(tmp_path / "trace") == list(range(11, 21))


@pytest.mark.parametrize(
    ("first_step", "total_steps", "most", "traced"),
    [
        (0, 12, 1, list(range(1, 11))),
        (100, 107, 1, list(range(101, 108))),
        (100, 200, 4, [112, 116, 120]),
        (0, 64, 32, [32]),
    ],
)
def test_short_runs_are_traced_from_the_start_and_dispatches_whole(
    tmp_path, first_step, total_steps, most, traced
):
    trace = Trace(tmp_path, first_step=first_step, total_steps=total_steps)
    for start in range(first_step, total_steps, most):
        with trace.dispatch(range(start + 1, start + most + 1)):
            pass
        if trace.is_complete(start + most):
            trace.close()
    assert traced_steps(tmp_path) == traced


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JaxcmpError, match="file/trace cannot be written: Not a directory"):
        Trace(tmp_path / "file" / "trace", first_step=0, total_steps=1)
