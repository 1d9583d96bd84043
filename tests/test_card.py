"""The model card: what it says is in the run's files, and what it cannot know it says so."""

import dataclasses

import pytest
import yaml
from markdown_it import MarkdownIt
from sample_models import make_trained
from sample_runs import Sample, write_run

from jaxcmp.export.card import ExportedFile, accuracy_of, model_card
from jaxcmp.runs import Run, read_run

FILE = ExportedFile("a.npz", "npz", "Nine arrays.", "ab12", 1234)
# Of the sample's 50,000 images, 390 batches of 128 an epoch, six epochs.
LAST = 2340
INIT = {
    "path": "weights/Ti_16.npz",
    "sha256": "fe98",
    "seen": {
        **{"name": "ImageNet-21k", "num_train": 14_000_000, "num_classes": None},
        **{"class_names": None, "epochs": 300, "arm": None, "seed": None},
    },
    "rows": [{"name": f"block_{i}", "what": "loaded"} for i in range(4)]
    + [{"name": "positions", "what": "resized"}, {"name": "head/kernel", "what": "new"}],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    sample = Sample("vit", seed=3, num_validation=100, accuracy=0.8, num_test=200)
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", sample))


def card(run: Run, *, step: int = LAST, which: int | str = "newest", name: str = "vit") -> str:
    return model_card(run, make_trained(name, step=step), which, FILE)


def changed(run: Run, **contents) -> Run:
    return dataclasses.replace(run, **contents)


def unfinished(run: Run) -> Run:
    return changed(run, result=None)


def rows_of(text: str) -> dict[str, str]:
    """The cells of the tables, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
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
    middle = next(each for each in run.metrics if each["step"] == 780)
    assert accuracy_of(run, 780) == middle["test_accuracy"] != run.result["test_accuracy"]
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
    text = card(unfinished(run), step=780)
    first = text.partition("## Accuracy")[0]
    assert (
        "**The run is not finished**: these weights are of step 780, after epoch 2 of 6." in first
    )
    assert rows_of(text)["training time"] == "not known"
    assert "not finished" not in card(run)


def test_the_tables_say_what_was_trained_on_what_and_how(run):
    rows = rows_of(card(run))
    assert rows["architecture"] == (
        "ViT: 2x2 patches, 16 tokens and CLS, 2 pre-norm blocks of width 12 with 3 heads, MLP 20"
    )
    # Patches 156, CLS 12, positions 204, two blocks of 1,184, the last norm 24, head 39.
    assert rows["parameters"] == "2,791"
    assert rows["data set"] == "cifar10 3.0.2"
    assert (rows["training images"], rows["test images"]) == ("50,000", "200")
    assert rows["held-out images"] == "100"
    assert rows["optimizer"] == "AdamW, weight decay 0.05, gradient norm up to 1"
    assert rows["epochs"] == "6, batches of 128"
    assert rows["device"] == "cpu" and rows["training time"] == "60 s"
    assert rows["jaxcmp's commit"] == "0123456789abcdef"
    assert rows["versions"] == "python 3.12.1, jax 0.12.0"
    assert (rows["SHA-256"], rows["size"]) == ("ab12", "1,234 bytes")
    assert rows["checkpoint"] == "step 2,340"
    assert "python -m jaxcmp.main --config=configs/vit.py:cpu" in card(run)


def test_a_part_of_the_images_is_named(tmp_path):
    sample = Sample("resnet", config={"data.train_fraction": 0.1})
    run = read_run(write_run(tmp_path / "run", sample))
    rows = rows_of(card(run, name="resnet"))
    assert rows["training images"] == "5,000, 10 % of the training set"
    assert "held-out images" not in rows
    assert rows["architecture"] == (
        "ResNet: 3x3 stem without pooling, stages of 1-2 basic blocks of width 4-8"
    )


def test_what_a_run_began_from_is_told_with_what_became_of_it(run):
    assert rows_of(card(run))["began from"] == "random weights"
    assert rows_of(card(changed(run, init=INIT)))["began from"] == (
        "weights/Ti_16.npz (SHA-256 fe98), which had seen ImageNet-21k, 14,000,000 images, "
        "300 epochs; arrays: 4 loaded, 1 resized, 1 new"
    )
    silent = INIT | {"seen": {"name": ""}}
    assert "which had seen" not in card(changed(run, init=silent))


@pytest.mark.parametrize(
    ("commit", "is_dirty", "words"),
    [(None, None, "not known"), ("ab", False, "ab"), ("ab", True, "ab, with changes of its own")],
)
def test_source_that_was_changed_is_said_to_be(run, commit, is_dirty, words):
    environment = run.environment | {"git_commit": commit, "git_dirty": is_dirty}
    assert rows_of(card(changed(run, environment=environment)))["jaxcmp's commit"] == words


def test_names_stay_text_whatever_is_in_them(run):
    text = card(run)
    assert "0 airplane, 1 cat \\| dog, 2 été." in text
    html = MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert html.count("<table>") == 4
    assert "1 cat | dog" in html


def test_each_way_to_load_stands_in_a_block_of_its_language(run):
    tokens = MarkdownIt("commonmark").parse(card(run))
    assert [token.info for token in tokens if token.type == "fence"] == ["sh", "sh", "python"]
    assert "Nine arrays." in card(run)
