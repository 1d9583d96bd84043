"""The package as a wheel installs it, away from the checkout."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import processes
import pytest

from jaxcmp.runtime.entry_points import COMMANDS

BUILD = "import sys, setuptools.build_meta as build; build.build_wheel(sys.argv[1])"
SOURCES = ("jaxcmp", "configs", "pyproject.toml", "setup.py", "README.md", "LICENSE")
# A text file of the package, which the wheel has to hold.
CONTENT = (".py", ".jinja", ".css", ".js", ".toml")

pytestmark = pytest.mark.skipif(
    int(importlib.metadata.version("setuptools").partition(".")[0]) < 77,
    reason="setuptools is too old to build the wheel",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel from a copy of the sources, because building leaves files beside them."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        path = processes.ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Installs the wheel into a folder, and returns that."""
    folder = tmp_path_factory.mktemp("installed")
    install = ("install", "-q", "--no-index", "--no-deps", f"--target={folder}", str(wheel))
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    return folder


def call(installed: Path, cwd: Path, *words: str):
    """Runs the script with -S, or the tests' environment would add the checkout to the path."""
    others = [path for path in sys.path[1:] if path != str(processes.ROOT)]
    environment = processes.environment(PYTHONPATH=os.pathsep.join([str(installed), *others]))
    command = [sys.executable, "-S", str(installed / "bin" / "jaxcmp"), *words]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_wheel_holds_every_file_of_the_package_and_the_configurations(wheel):
    root = processes.ROOT
    package = {
        path.relative_to(root).as_posix()
        for path in (root / "jaxcmp").rglob("*.*")
        if path.suffix in CONTENT
    }
    configs = {f"jaxcmp/shipped/configs/{x.name}" for x in (root / "configs").glob("*.py")}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert package | configs == {name for name in names if ".dist-info/" not in name}


def test_a_run_is_trained_by_the_script_and_names_alone(installed, tmp_path):
    words = [f"--config=vit{processes.TINY[0].removeprefix('--config=configs/vit.py')}"]
    words += [*processes.TINY[1:], "--config.num_epochs=2", "--workdir=run"]
    code, out, err = call(installed, tmp_path, "train", *words)
    assert code == 0, err
    assert out.startswith("vit, seed 0: loading JAX and the images\n")
    assert "compare runs: jaxcmp compare run --out=report" in out
    # What the run records starts it from a checkout as well.
    assert '"file": "configs/vit.py"' in (tmp_path / "run" / "config.json").read_text()


def test_the_working_folder_goes_before_the_installed_configurations(installed, tmp_path):
    (tmp_path / "configs").mkdir()
    mine = "from configs import vit\ndef get_config():\n    raise ValueError(vit.__file__)\n"
    (tmp_path / "configs" / "resnet.py").write_text(mine)
    code, _, err = call(installed, tmp_path, "train", "--config=resnet")
    shipped = installed / "jaxcmp" / "shipped" / "configs" / "vit.py"
    assert (code, err) == (
        2,
        f"jaxcmp: configuration 'configs/resnet.py' cannot be loaded: ValueError: {shipped}\n",
    )


def test_the_script_lists_its_commands_and_starts_them(installed, tmp_path):
    code, out, _ = call(installed, tmp_path, "--help")
    assert code == 0 and [line.split()[0] for line in out.splitlines()[2:-2]] == list(COMMANDS)
    code, out, err = call(installed, tmp_path, "compare", "--help")
    assert (code, err) == (0, "") and out.startswith("usage: jaxcmp compare [")
