"""The model card: what it says is in the run's files, and what it cannot know it says so."""

import dataclasses

import pytest
import yaml
from markdown_it import MarkdownIt
from sample_models import make_trained
from sample_runs import Sample, write_run
from sample_transfer import from_file

from jaxcmp.export.card import ExportedFile, accuracy_of, model_card
from jaxcmp.runs import Run, read_run

FILE = ExportedFile("a.npz", "npz", "Nine arrays.", "ab12", 1234)
# Of the sample's 50,000 images, 390 batches of 128 an epoch, six epochs.
LAST = 2340


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


def test_the_tables_are_those_of_model_data_training_and_file(run):
    rows = rows_of(card(run))
    assert rows["parameters"] == "2,803"
    assert rows["data set"] == "cifar10 3.0.2"
    assert rows["optimizer"] == "AdamW, weight decay 0.05, gradient norm up to 1"
    assert (rows["SHA-256"], rows["size"]) == ("ab12", "1,234 bytes")
    assert rows["checkpoint"] == "step 2,340"
    assert "python -m jaxcmp.main --config=configs/vit.py:cpu" in card(run)


def test_the_command_names_no_folder_of_the_machine_that_trained(run):
    typed = (
        "python -m jaxcmp.main --config=/home/me/configs/vit.py:cpu --config.init.path=../a/b.npz "
        "--workdir '/scratch/my runs/0' --config.data.dir=~/data --config.data.name=digits "
        "--config.model.width=8"
    )
    shown = card(changed(run, environment=run.environment | {"command": typed}))
    assert (
        "python -m jaxcmp.main --config=vit.py:cpu --config.init.path=b.npz --workdir 0 "
        "--config.data.dir=data --config.data.name=digits --config.model.width=8\n"
    ) in shown


def test_terms_are_those_of_the_weights_as_well(run):
    assert "within the terms of the data." in card(run)
    begun = changed(run, init=from_file())
    assert "within the terms of the data and of the weights that it began from." in card(begun)


def test_averaged_weights_are_called_so(run):
    assert "`a.npz` holds its weights." in card(run)
    averaged = changed(run, config=run.config | {"average_decay": 0.9})
    assert "`a.npz` holds its averaged weights, those evaluated." in card(averaged)


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
