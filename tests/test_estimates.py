"""What a study will take, by what its finished runs took."""

import json

import pytest
import sample_runs

from jaxcmp.study.estimates import Taken, estimate
from jaxcmp.study.folder import Entry


def finished(workdir, folder, *, arm, step_seconds, seconds, steps):
    """A finished run of known times."""
    path = sample_runs.write_run(workdir / folder, sample_runs.Sample(arm))
    for name, changes in (
        ("cost.json", {"step_seconds": {"median": step_seconds, "p95": 1, "num_samples": 3}}),
        ("environment.json", {"end": f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}+00:00"}),
    ):
        stored = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(stored | changes))
    return Entry(folder, arm, steps, 1)


def test_nothing_is_known_before_a_run_of_the_arm_is_finished(tmp_path):
    done = finished(tmp_path, "a/0", arm="vit", step_seconds=0.1, seconds=60, steps=500)
    waiting = Entry("b/0", "resnet", 500, 1)
    assert estimate(tmp_path, [waiting]) == [Taken(None, None)]
    assert estimate(tmp_path, [done, waiting])[1] == Taken(None, None)


def test_time_grows_with_steps_beside_what_every_run_takes(tmp_path):
    # 50 s of steps and 10 s beside them; 100 s and 20 s.
    entries = [
        finished(tmp_path, "a/0", arm="vit", step_seconds=0.1, seconds=60, steps=500),
        finished(tmp_path, "a/1", arm="vit", step_seconds=0.2, seconds=120, steps=500),
        Entry("b/0", "vit", 1000, 1),
    ]
    own, _, waiting = estimate(tmp_path, entries)
    assert own.seconds == 60
    assert waiting.seconds == pytest.approx(0.15 * 1000 + 15)
    sizes = [sum(p.stat().st_size for p in (tmp_path / f"a/{i}").iterdir()) for i in range(2)]
    assert waiting.num_bytes == pytest.approx(sum(sizes) / 2, abs=1)


def test_a_damaged_run_is_no_ground_for_an_estimate(tmp_path):
    entry = finished(tmp_path, "a/0", arm="vit", step_seconds=0.1, seconds=60, steps=500)
    (tmp_path / "a/0/cost.json").write_text("{")
    assert estimate(tmp_path, [entry]) == [Taken(None, None)]
