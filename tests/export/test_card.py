"""The model card: what it says is in the run's files, and what it cannot know it says so."""

import dataclasses
from typing import Any

import pytest
import sample_files
import yaml
from markdown_it import MarkdownIt
from sample_models import make_trained
from sample_runs import Sample, write_run
from sample_transfer import from_file

from jaxcmp.errors import JaxcmpError
from jaxcmp.export.card import ExportedFile, model_card
from jaxcmp.runs import Run, read_run

FILE = ExportedFile("a.npz", "npz", "Nine arrays.", "ab12", 1234)
# Of the sample's 50,000 images, 390 batches of 128 an epoch, six epochs.
LAST = 2340


FATES = ("loaded", "loaded", "loaded", "loaded", "resized", "new")
INIT = sample_files.INIT | {
    "path": "weights/Ti_16.npz",
    "seen": sample_files.INIT["seen"] | {"num_train": 14_000_000, "epochs": 300},
    "rows": [sample_files.INIT["rows"][0] | {"what": fate} for fate in FATES],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    sample = Sample("vit", seed=3, num_validation=100, accuracy=0.8, num_test=200)
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", sample))


def card(
    run: Run,
    name: str = "vit",
    *,
    step: int = LAST,
    which: int | str = "newest",
    images: tuple[int, int] | None = None,
    **fields: Any,
) -> str:
    return model_card(run, make_trained(name, step=step, images=images, **fields), which, FILE)


def changed(run: Run, **contents) -> Run:
    return dataclasses.replace(run, **contents)


def rows_of(run: Run, **options) -> dict[str, str]:
    """The cells of the card's tables, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(card(run, **options))
    cells = [
        "".join(child.content for child in tokens[i + 1].children or [])
        for i, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    return dict(zip(cells[::2], cells[1::2], strict=True))


def test_the_front_matter_is_what_a_hub_reads_and_claims_no_licence(run):
    front = yaml.safe_load(card(run).split("---\n")[1])
    assert front == {
        "library_name": "jaxcmp",
        "pipeline_tag": "image-classification",
        "tags": ["jax", "vit"],
    }


def test_accuracy_has_its_n_its_interval_and_its_limits(run):
    text = card(run)
    right = round(run.result["test_accuracy"] * 200)
    assert f"**{right / 2:.2f} %** of the test images, {right} of 200, after the last epoch" in text
    assert "95 % interval" in text and "Wilson" in text
    assert "one run with one seed" in text


def test_an_earlier_checkpoint_has_its_own_accuracy_not_the_last_epochs(run):
    middle = next(record for record in run.metrics if record["step"] == 780)
    assert middle["test_accuracy"] != run.result["test_accuracy"]
    text = card(run, step=780, which=780)
    assert f"**{100 * middle['test_accuracy']:.2f} %**" in text
    assert "after epoch 2 of 6." in text and "last epoch" not in text


def test_the_best_checkpoint_says_what_it_was_chosen_on(run):
    assert "after epoch 4 of 6, the best on 100 held-out images." in card(
        run, step=1560, which="best"
    )


def test_a_step_that_nobody_evaluated_has_no_accuracy(run):
    text = card(run, step=800, which=800)
    assert "Not measured: nothing was evaluated at step 800 (epoch 2)." in text
    assert "Wilson" not in text


def test_an_unfinished_run_says_so_at_the_top(run):
    stopped = changed(run, result={})
    text = card(stopped, step=780)
    first = text.partition("## Accuracy")[0]
    assert (
        "**The run is not finished**: these weights are of step 780, after epoch 2 of 6." in first
    )
    assert rows_of(stopped)["training time"] == "not known"
    assert "not finished" not in card(run)


def test_the_tables_are_those_of_model_data_training_and_file(run):
    assert rows_of(run) == {
        "architecture": "ViT: 2x2 patches, 16 tokens and CLS, 2 pre-norm blocks of width 12 with "
        "3 heads, MLP 20",
        # Patches 156, CLS 12, positions 204, two blocks of 1,184, the last norm 24, head 39.
        "parameters": "2,803",
        "multiply-adds of an image, forward": "52,116",
        "input": "8x8 pixels of 3 channels, levels 0 to 255",
        "normalisation": "/ 255, minus 0.47, 0.47, 0.47, divided by 0.23, 0.23, 0.23",
        "data set": "cifar10 3.0.2",
        "training images": "50,000",
        "held-out images": "100",
        "test images": "200",
        "classes": "5",
        "began from": "random weights",
        "optimizer": "AdamW, weight decay 0.05, gradients clipped to norm 1",
        "schedule": "1 epoch of linear warm-up to learning rate 0.001, cosine to 0 at epoch 6",
        "epochs": "6, batches of 128",
        "augmentation": "random crop (padding 4), horizontal flip, TrivialAugment, RandomErasing "
        "(rate 0.25), MixUp (alpha 0.8) or CutMix (alpha 1)",
        "regularisation": "none",
        "computed in": "float32",
        "seed": "3",
        "device": "cpu",
        "training time": "60 s",
        "jaxcmp's commit": "0123456789abcdef",
        "versions": "python 3.12.1, jax 0.12.0",
        "name": "a.npz",
        "format": "npz",
        "checkpoint": "step 2,340",
        "size": "1,234 bytes",
        "SHA-256": "ab12",
    }
    assert "python -m jaxcmp.main --config=configs/vit.py:cpu" in card(run)


def test_the_command_names_no_folder_of_the_machine_that_trained(run):
    typed = (
        "python -m jaxcmp.main --config=/home/me/configs/vit.py:cpu --config.init.path=../a/b.npz "
        "--workdir '/scratch/my runs/0' --config.data.dir=~/data --config.data.name=digits "
        "--config.model.width=8 --config.init.seen=x --config.data.manual_dir=/home/me/lr=3/raw"
    )
    shown = card(changed(run, environment=run.environment | {"command": typed}))
    assert (
        "python -m jaxcmp.main --config=vit.py:cpu --config.init.path=b.npz --workdir 0 "
        "--config.data.dir=data --config.data.name=digits --config.model.width=8 "
        "--config.init.seen=x --config.data.manual_dir=raw\n"
    ) in shown


def test_terms_are_those_of_the_weights_as_well_and_averaged_weights_are_called_so(run):
    text = card(run)
    assert "within the terms of the data." in text and "`a.npz` holds its weights." in text
    averaged = run.config | {"average_decay": 0.9}
    text = card(changed(run, init=from_file(), config=averaged))
    assert "within the terms of the data and of the weights that it began from." in text
    assert "`a.npz` holds its averaged weights, those evaluated." in text


def test_names_stay_text_whatever_is_in_them(run):
    text = card(run)
    assert "0: airplane, 1: cat \\| dog, 2: été." in text
    html = MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert html.count("<table>") == 4
    assert "1: cat | dog" in html


def test_each_way_to_load_stands_in_a_block_of_its_language(run):
    tokens = MarkdownIt("commonmark").parse(card(run))
    assert [token.info for token in tokens if token.type == "fence"] == ["sh", "sh", "python"]
    assert "Nine arrays." in card(run)


HOSTILE = "a\n```\n````\n# heading\n<script>alert(1)</script> | `x` [y](javascript:z)"


def test_nothing_from_a_run_folder_ends_a_block_or_becomes_markup(run):
    data = run.config["data"] | {"name": HOSTILE}
    told = run.environment["data"] | {"name": HOSTILE, "version": HOSTILE}
    config = run.config | {"arm": HOSTILE, "seed": HOSTILE, "num_epochs": HOSTILE, "data": data}
    session = {"command": f"python -m jaxcmp.main --config.data.name='{HOSTILE}'"}
    environment = run.environment | {"data": told, "git_commit": HOSTILE, **session}
    file = dataclasses.replace(FILE, name="a`` `b.npz")
    parser = MarkdownIt("commonmark").enable("table")
    for each in (changed(run, environment=environment, config=config), run):
        text = model_card(each, make_trained("vit", step=LAST), "newest", file)
        tokens = parser.parse(text.split("---\n", 2)[2])
        assert [token.info for token in tokens if token.type == "fence"] == ["sh", "sh", "python"]
        inline = [child for token in tokens for child in token.children or []]
        types = {token.type for token in (*tokens, *inline)}
        assert not types & {"html_block", "html_inline", "link_open"}
        headings = [token.tag for token in tokens if token.type == "heading_open"]
        assert headings == ["h1"] + ["h2"] * 7
        assert "a`` `b.npz" in [token.content for token in inline if token.type == "code_inline"]


def test_images_of_another_size_than_the_models_are_said_to_be_resized(run):
    rows = rows_of(run, images=(10, 6), channels=1)
    assert rows["input"] == "10x6 pixels of 1 channel, levels 0 to 255"
    assert rows["normalisation"] == "/ 255, minus 0.47, divided by 0.23, resized to 8x8 (bicubic)"


@pytest.mark.parametrize(
    ("stem", "words"), [("cifar", "3x3 stem without pooling"), ("imagenet", "7x7 stem, pooled")]
)
def test_a_resnet_says_which_stem_it_has(run, stem, words):
    rows = rows_of(run, name="resnet", stem=stem)
    assert rows["architecture"] == f"ResNet: {words}, stages of 1-2 basic blocks of width 4-8"


def test_a_part_of_the_images_or_of_the_classes_is_named(tmp_path):
    choice = {"data.train_fraction": 0.1, "data.classes": [0, 2, 3, 4, 7]}
    rows = rows_of(read_run(write_run(tmp_path / "run", Sample("resnet", config=choice))))
    assert rows["training images"] == "5,000, 10 % of the training set"
    assert rows["classes"] == "5, chosen from those of the data set"
    assert "held-out images" not in rows


def test_what_a_run_began_from_is_named_with_what_became_of_it(run):
    assert rows_of(changed(run, init=INIT))["began from"] == (
        "Ti_16.npz (SHA-256 fe98), trained on ImageNet-21k (14,000,000 images, 300 epochs); "
        "arrays: 4 loaded, 1 resized, 1 new"
    )
    address = f"hf:timm/vit.augreg@{'a' * 40}:model.safetensors"
    row = rows_of(changed(run, init=INIT | {"path": address}))["began from"]
    assert row.startswith(f"{address} (SHA-256 fe98), trained on ImageNet-21k")
    silent = INIT | {"seen": INIT["seen"] | {"name": ""}}
    assert rows_of(changed(run, init=silent))["began from"].startswith(
        "Ti_16.npz (SHA-256 fe98), of which nothing is said; arrays: "
    )


def test_what_a_run_folder_lacks_is_an_error_that_names_it(run):
    # Weights that nobody recorded are not called random.
    config = run.config | {"init": {"path": "Ti_16.npz"}}
    with pytest.raises(JaxcmpError, match="init.json cannot be used: it is missing, and config"):
        card(changed(run, config=config))


@pytest.mark.parametrize(
    ("commit", "is_dirty", "words"),
    [(None, None, "not known"), ("ab", False, "ab"), ("ab", True, "ab, with changes of its own")],
)
def test_source_that_was_changed_is_said_to_be(run, commit, is_dirty, words):
    environment = run.environment | {"git_commit": commit, "git_dirty": is_dirty}
    assert rows_of(changed(run, environment=environment))["jaxcmp's commit"] == words


def test_sessions_on_several_machines_are_all_named(run):
    environment = run.environment | {"device": "H100", "device_count": 8, "git_commit": "ff"}
    rows = rows_of(changed(run, environment=environment | {"earlier": [run.environment]}))
    assert rows["device"] == "cpu and 8 x H100"
    assert rows["jaxcmp's commit"] == "0123456789abcdef and ff"
