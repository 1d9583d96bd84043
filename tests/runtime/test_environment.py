"""The recorded environment of a checkout, and of an installation without one."""

import datetime
import json
import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcmp.runtime import environment


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """Makes a checkout with one commit of a package like ours."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    # Neither the configuration nor the repository of whoever runs the tests.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "checkout"
    (root / "jaxcmp").mkdir(parents=True)
    (root / "jaxcmp" / "environment.py").write_text("one = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "One")
    return root


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_recorded_and_whether_it_was_changed(checkout):
    source = checkout / "jaxcmp" / "environment.py"
    commit = git(checkout, "rev-parse", "HEAD")
    assert environment._source_version(source) == (commit, False)
    (checkout / "runs").mkdir()
    (checkout / "runs" / "result.json").write_text("{}")
    assert environment._source_version(source) == (commit, False)
    (checkout / "jaxcmp" / "new.py").write_text("")
    assert environment._source_version(source) == (commit, True)
    (checkout / "jaxcmp" / "new.py").unlink()
    source.write_text("one = 2\n")
    assert environment._source_version(source) == (commit, True)


def test_a_package_inside_another_checkout_has_no_commit(checkout):
    installed = checkout / "venv" / "jaxcmp" / "environment.py"
    installed.parent.mkdir(parents=True)
    installed.write_text("")
    assert environment._source_version(installed) == (None, None)


def test_the_command_is_recorded_as_typed():
    line = environment.command_line(
        ["/a b/jaxcmp/main.py", "--config=configs/vit.py", "--workdir=a b"]
    )
    assert line == "python -m jaxcmp.main --config=configs/vit.py '--workdir=a b'"
    for file, module in (("scale.py", "jaxcmp.bench.scale"), ("__main__.py", "jaxcmp.bench")):
        line = environment.command_line([f"/jaxcmp/of/jaxcmp/bench/{file}", "--pairs=5"])
        # The package, not a folder above it that has its name.
        assert line == f"python -m {module} --pairs=5"
    assert environment.command_line(["/opt/other program", "x"]) == "'/opt/other program' x"


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    source = checkout / "jaxcmp" / "environment.py"
    assert environment._source_version(source) == (None, None)


def test_the_environment_describes_packages_and_machine():
    described = environment.describe_environment("bfloat16")
    assert described == json.loads(json.dumps(described))
    assert described["packages"]["jax"] == jax.__version__
    assert described["packages"]["numpy"] == np.__version__
    assert (described["device"], described["device_count"]) == ("cpu", 8)
    assert described["precision"] == "bfloat16"
    assert described["end"] is None and described["host_cores"] >= 1
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(described["start"])
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=1)
