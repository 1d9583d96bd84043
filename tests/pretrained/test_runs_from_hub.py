"""A run that begins with weights of a model hub, by the real command."""

import shutil

import processes
from hub_server import Hub, Repository
from safetensors.numpy import save
from sample_weights import random_variables

from jaxcmp import models
from jaxcmp.pretrained.published import to_published, written_layouts
from jaxcmp.runs import INIT, read_run

OLD, NEW = "a" * 40, "b" * 40
MODEL = models.ViT(
    image_size=8, patch_size=2, width=16, depth=1, num_heads=2, mlp_width=16, num_classes=10
)
ONE_EPOCH = (*processes.TINY, "--config.num_epochs=1", "--config.schedule.warmup_epochs=0")


def weights(seed):
    layout = written_layouts(MODEL)["timm_vit"]
    return save(to_published(layout, random_variables(MODEL, seed, num_channels=1), MODEL))


def begin(hub, folder, cache, address="hf:o/vit"):
    return processes.run(
        *ONE_EPOCH,
        f"--config.init.path={address}",
        f"--workdir={folder}",
        HF_ENDPOINT=hub.url if hub else "http://127.0.0.1:1",
        HF_HOME=str(cache),
    )


def test_a_run_names_the_commit_and_begins_again_from_it_on_another_machine(tmp_path):
    commits = {OLD: {"model.safetensors": weights(0)}, NEW: {"model.safetensors": weights(1)}}
    repository = Repository(commits, {"main": OLD})
    with Hub({"o/vit": repository}) as hub:
        code, _, err = begin(hub, tmp_path / "run", tmp_path / "cache")
        assert code == 0, err
        assert f"hf:o/vit: downloading model.safetensors\nweights: hf:o/vit@{OLD}" in err
        # Ended before its first checkpoint, and moved to a machine that has not the file.
        (tmp_path / "moved").mkdir()
        for name in ("config.json", INIT):
            shutil.copy(tmp_path / "run" / name, tmp_path / "moved")
        repository.branches["main"] = NEW
        code, _, err = begin(hub, tmp_path / "moved", tmp_path / "empty")
        assert code == 0, err
    first, moved = read_run(tmp_path / "run"), read_run(tmp_path / "moved")
    assert first.init["path"] == f"hf:o/vit@{OLD}:model.safetensors"
    assert (first.init["revision"], first.config["init"]["path"]) == (OLD, "hf:o/vit")
    assert moved.init == first.init
    assert (moved.load_predictions().logits == first.load_predictions().logits).all()
    code, _, err = begin(None, tmp_path / "other", tmp_path / "empty", f"hf:o/vit@{NEW}")
    assert code == 1 and err.count("download it once with a network") == 1, err
