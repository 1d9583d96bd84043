"""Several devices, several processes: the same run as on one."""

import signal
import time

import numpy as np
import processes

from jaxcmp.runs import read_run


def test_devices_and_processes_do_not_change_the_losses(unbroken, tmp_path):
    expected = [record["loss"] for record in read_run(unbroken).metrics if "loss" in record][:20]
    code, _, err = processes.run(*processes.TINY, f"--workdir={tmp_path / 'eight'}", num_devices=8)
    assert code == 0, err
    pair = processes.start_pair(*processes.TINY, f"--workdir={tmp_path / 'two'}")
    for process in pair:
        code, _, err = processes.finish(process)
        assert code == 0, err
    for name in ("eight", "two"):
        run = read_run(tmp_path / name)
        assert run.environment["device_count"] == (8 if name == "eight" else 2)
        losses = [record["loss"] for record in run.metrics if "loss" in record][:20]
        np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5, err_msg=name)


def test_a_signal_to_one_process_stops_both_and_one_alone_goes_on(unbroken, tmp_path):
    folder = tmp_path / "run"
    pair = processes.start_pair(*processes.TINY, f"--workdir={folder}")
    processes.wait_for_lines(folder / "metrics.jsonl", 5, pair[0])
    pair[1].send_signal(signal.SIGTERM)
    ends = [processes.finish(process) for process in pair]
    assert [code for code, _, _ in ends] == [75, 75], ends
    stopped = processes.final_arrays(folder)[0]
    assert stopped < 44
    assert all(f"stopped after step {stopped}" in err for _, _, err in ends)
    code, out, err = processes.run(*processes.TINY, f"--workdir={folder}")
    assert code == 0, err
    assert f"going on after step {stopped} of 44" in out
    losses, expected = (
        [r["loss"] for r in processes.values(run) if "loss" in r] for run in (folder, unbroken)
    )
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)


def test_what_stops_the_first_process_stops_the_others(tmp_path):
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    pair = processes.start_pair(*processes.TINY, f"--workdir={tmp_path / 'file' / 'run'}")
    ends = [processes.finish(process) for process in pair]
    assert [code for code, _, _ in ends] == [1, 1], ends
    assert "cannot be written" in ends[0][2]
    assert "the first process cannot go on" in ends[1][2]
    assert time.monotonic() - started < 100
