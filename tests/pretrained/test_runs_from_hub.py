"""A run that begins with weights of a model hub, by the real command."""

import shutil

import processes
from hub_server import Repository, serving_hub
from safetensors.numpy import save
from sample_weights import random_variables

from jaxcmp import models
from jaxcmp.compare.sections.commands import repeat_run
from jaxcmp.pretrained.published import to_published, written_layouts
from jaxcmp.runs import INIT, read_run

OLD = "a" * 40
MODEL = models.ViT(
    image_size=8, patch_size=2, width=16, depth=1, num_heads=2, mlp_width=16, num_classes=10
)
ONE_EPOCH = (*processes.TINY, "--config.num_epochs=1", "--config.schedule.warmup_epochs=0")


def weights():
    layout = written_layouts(MODEL)["timm_vit"]
    return save(to_published(layout, random_variables(MODEL, num_channels=1), MODEL))


def begin(hub, folder, cache):
    return processes.run(
        *ONE_EPOCH,
        "--config.init.path=hf:o/vit",
        f"--workdir={folder}",
        HF_ENDPOINT=hub.url if hub else "http://127.0.0.1:1",
        HF_HOME=str(cache),
    )


def test_a_run_names_the_commit_and_begins_again_from_it_on_another_machine(tmp_path):
    repository = Repository({OLD: {"model.safetensors": weights()}}, {"main": OLD})
    with serving_hub({"o/vit": repository}) as hub:
        code, _, err = begin(hub, tmp_path / "run", tmp_path / "cache")
        assert code == 0, err
        assert f"hf:o/vit: downloading model.safetensors\nweights: hf:o/vit@{OLD}" in err
    run = read_run(tmp_path / "run")
    pinned = f"hf:o/vit@{OLD}:model.safetensors"
    assert (run.init["path"], run.init["revision"]) == (pinned, OLD)
    assert run.config["init"]["path"] == "hf:o/vit"
    assert f"--config.init.path={pinned} " in repeat_run(run)
    # Ended before its first checkpoint, and moved to a machine without the file or a network.
    (tmp_path / "moved").mkdir()
    for name in ("config.json", INIT):
        shutil.copy(tmp_path / "run" / name, tmp_path / "moved")
    code, _, err = begin(None, tmp_path / "moved", tmp_path / "empty")
    assert code == 1, err
    assert f"jaxcmp: --config.init.path={pinned} is not in the cache" in err
    assert "download it once with a network" in err
