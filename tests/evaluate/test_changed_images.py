"""Evaluations of the user's own images that change, or go, between two commands."""

import shutil

import pytest
from sample_photos import put

from jaxcmp.evaluate import images
from jaxcmp.evaluate.__main__ import main
from jaxcmp.runs.evaluations import read_evaluation


@pytest.fixture
def evaluate(unbroken, tmp_path):
    """Evaluates a run on a folder, as another process would."""
    run = shutil.copytree(unbroken, tmp_path / "run")
    for number, name in enumerate(("3/a.png", "7/b.png")):
        put(tmp_path / "mine" / name, number, size=(8, 8), mode="L")

    def command():
        for kept in (images._load, images.find_version):
            kept.cache_clear()
        place = f"--config.data.dir={tmp_path / 'mine'}"
        assert main([str(run), "--config.data.name=folder", place]) == 0
        return len(read_evaluation(run, "folder-mine-test").predictions.labels)

    return command


def test_what_the_folder_holds_now_is_evaluated_and_what_is_gone_stays(evaluate, tmp_path, capsys):
    assert evaluate() == 2
    put(tmp_path / "mine" / "7/c.png", 9, size=(8, 8), mode="L")
    assert evaluate() == 3
    assert evaluate() == 3 and "evaluated before" in capsys.readouterr().out
    (tmp_path / "mine").rename(tmp_path / "elsewhere")
    assert evaluate() == 3 and "evaluated before" in capsys.readouterr().out
