"""Several devices and processes: the same run as on one."""

import signal
import time

import numpy as np
import processes
import pytest

from jaxcmp.runs import read_run

# Sums in another order round otherwise. At this rate steps make little more of it anywhere.
CALM_RESNET = (*processes.TINY_RESNET, "--config.schedule.peak_learning_rate=0.003")


def losses(folder):
    """Returns the loss of every step, in order."""
    return [record["loss"] for record in processes.values(folder) if "loss" in record]


def test_devices_and_processes_do_not_change_the_losses(unbroken, tmp_path):
    processes.train(tmp_path / "eight", num_devices=8)
    ends = processes.run_together(2, *processes.TINY, f"--workdir={tmp_path / 'two'}")
    assert [code for code, _, _ in ends] == [0, 0], ends
    for name in ("eight", "two"):
        count = read_run(tmp_path / name).environment["device_count"]
        assert count == (8 if name == "eight" else 2)
        actual, expected = losses(tmp_path / name)[:20], losses(unbroken)[:20]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5, err_msg=name)
    # What is finished is left alone, and one process says so.
    ends = processes.run_together(2, *processes.TINY, f"--workdir={tmp_path / 'two'}")
    says_so = ["is finished already" in out for _, out, _ in ends]
    assert [code for code, _, _ in ends] == [0, 0] and says_so == [True, False], ends


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Returns the folder of a small ResNet's run in one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    processes.train(folder, base=CALM_RESNET)
    return folder


@pytest.mark.parametrize("number", [1, 2, 4])
def test_batch_statistics_and_scores_are_those_of_one_process(number, alone, tmp_path):
    folder = tmp_path / "run"
    ends = processes.run_together(number, *CALM_RESNET, f"--workdir={folder}")
    assert [code for code, _, _ in ends] == [0] * number, ends
    here, there = read_run(folder), read_run(alone)
    assert here.environment["num_processes"] == number
    np.testing.assert_allclose(losses(folder)[:20], losses(alone)[:20], rtol=0, atol=3e-6)
    # The last of its batches is filled up.
    assert len(there.load_predictions().test.ids) % 100
    actual, expected = here.load_predictions().test, there.load_predictions().test
    np.testing.assert_array_equal(actual.ids, expected.ids)
    np.testing.assert_allclose(actual.logits, expected.logits, rtol=0, atol=1e-3)
    _, arrays = processes.final_arrays(folder)
    statistics = {name for name in arrays if name.startswith("batch_stats/")}
    assert statistics
    for name in statistics:
        expected_array = processes.final_arrays(alone)[1][name]
        np.testing.assert_allclose(arrays[name], expected_array, rtol=1e-3, atol=1e-4)


def test_a_signal_to_one_process_stops_both_and_a_single_process_resumes(unbroken, tmp_path):
    folder = tmp_path / "run"
    pair = processes.start_together(2, *processes.TINY, f"--workdir={folder}")
    processes.wait_for_lines(folder / "metrics.jsonl", 5, pair[0])
    pair[1].send_signal(signal.SIGTERM)
    stopped = stop_step(folder, pair)
    out = processes.train(folder)
    assert f"going on after step {stopped} of 44" in out
    np.testing.assert_allclose(losses(folder), losses(unbroken), rtol=0, atol=1e-4)


def stop_step(folder, started):
    """Returns the step after which all processes stopped, and whose state is saved."""
    ends = [processes.finish(process) for process in started]
    assert [code for code, _, _ in ends] == [75] * len(started), ends
    stopped, _ = processes.final_arrays(folder)
    assert stopped < 44
    for _, _, err in ends:
        assert err.splitlines()[-1].startswith(f"jaxcmp: stopped after step {stopped}"), err
    return stopped


def test_a_signalled_or_killed_run_resumes_with_another_number_of_processes(unbroken, tmp_path):
    folder = tmp_path / "run"
    command = (*processes.TINY, f"--workdir={folder}")
    started = processes.start_together(2, *command)
    processes.wait_for_lines(folder / "metrics.jsonl", 5, started[0])
    for process in started:
        process.send_signal(signal.SIGTERM)
    stopped = stop_step(folder, started)
    started = processes.start_together(4, *command)
    # Beyond the next epoch's end, whose checkpoint is what is left.
    processes.wait_for_lines(folder / "metrics.jsonl", stopped + 20, started[0])
    started[2].kill()
    killed = time.monotonic()
    ends = [processes.finish(process) for process in started]
    assert time.monotonic() - killed < 60
    assert [code for code, _, _ in ends] == [75, 75, -signal.SIGKILL, 75], ends
    for _, _, err in ends[:2] + ends[3:]:
        assert_names_a_loss(err)
    saved, _ = processes.final_arrays(folder)
    assert saved > stopped
    ends = processes.run_together(2, *command)
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert f"going on after step {saved} of 44" in ends[0][1]
    np.testing.assert_allclose(losses(folder), losses(unbroken), rtol=0, atol=1e-4)


def assert_names_a_loss(err):
    last = err.splitlines()[-1]
    assert last.startswith("jaxcmp: ") and "lost" in last, err
    assert "the same command goes on from the last checkpoint, with any number of processes" in last
    assert "Traceback" not in err


def test_the_others_end_when_the_first_process_is_lost(tmp_path):
    folder = tmp_path / "run"
    pair = processes.start_together(2, *processes.TINY, f"--workdir={folder}")
    processes.wait_for_lines(folder / "metrics.jsonl", 5, pair[0])
    pair[0].kill()
    killed = time.monotonic()
    code, _, err = processes.finish(pair[1])
    processes.finish(pair[0])
    assert time.monotonic() - killed < 60
    assert code == 75
    assert_names_a_loss(err)


def test_a_hanging_process_counts_as_lost_within_a_minute(tmp_path):
    folder = tmp_path / "run"
    pair = processes.start_together(2, *processes.TINY, f"--workdir={folder}")
    processes.wait_for_lines(folder / "metrics.jsonl", 5, pair[0])
    # Its connections stay open, as those of a machine without power do.
    pair[1].send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    code, _, err = processes.finish(pair[0])
    seconds = time.monotonic() - stopped
    pair[1].kill()
    processes.finish(pair[1])
    assert code == 75
    assert_names_a_loss(err)
    assert 10 < seconds < 60


def test_a_failure_of_the_first_process_stops_the_others(tmp_path):
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    ends = processes.run_together(2, *processes.TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    assert [code for code, _, _ in ends] == [1, 1], ends
    assert "cannot be written" in ends[0][2]
    assert "the first process cannot go on" in ends[1][2]
    assert time.monotonic() - started < 100


def test_a_failure_of_another_process_stops_the_first(tmp_path):
    job = processes.as_one_job(2)
    command = (*processes.TINY, f"--workdir={tmp_path / 'run'}", "--distributed")
    first = processes.start(*command, **job[0])
    second = processes.start(*command, "--config.accumulation=0", **job[1])
    ends = [processes.finish(process) for process in (first, second)]
    assert [code for code, _, _ in ends] == [1, 2], ends
    assert ends[0][2] == "jaxcmp: another process of this run cannot go on; it says why\n"
    assert ends[1][2] == "jaxcmp: --config.accumulation=0 must be at least 1 and below 2**31\n"


def test_an_indivisible_batch_is_one_line_from_each_process(tmp_path):
    command = (*processes.TINY, "--config.batch_size=127", f"--workdir={tmp_path / 'run'}")
    for code, out, err in processes.run_together(2, *command):
        assert code == 2
        words = "batch_size=127 is not divisible by 2 devices x accumulation 1; 126 or 128 would be"
        assert err == f"jaxcmp: {words}\n", out
    assert not (tmp_path / "run").exists()
