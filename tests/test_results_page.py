"""docs/results.md and the README: their figures are those of the run folders beside them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from jaxcmp.compare.__main__ import main
from jaxcmp.compare.sections.blog_post import load_claims

ROOT = Path(__file__).parent.parent
RUNS, STUDY, FULL, LONG = (
    ROOT / "docs" / "results" / name for name in ("cpu", "study", "full", "long")
)
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
# A number that a report rounds: with a decimal point, perhaps a sign.
FIGURE = re.compile(r"[−+]?\d+\.\d+")
BOTH = ("resnet", "vit")
# Parameters of the blog post's models, which tests/models count.
FULL_SIZE = {"vit": 5_362_762, "resnet": 11_173_962}


def report_of(runs: Path, folder: Path) -> Path:
    assert main([str(runs), f"--out={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return report_of(RUNS, tmp_path_factory.mktemp("results") / "report")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    return report_of(STUDY, tmp_path_factory.mktemp("study") / "report")


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    return report_of(FULL, tmp_path_factory.mktemp("full") / "report")


@pytest.fixture(scope="module")
def longer(tmp_path_factory) -> Path:
    return report_of(LONG, tmp_path_factory.mktemp("long") / "report")


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]


def our_results(text: str) -> str:
    return text[text.index("| Quantity | resnet | vit | vit-conv |") :].partition("\n\n")[0]


def part(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", [README, PAGE], ids=["README", "results"])
def test_each_row_of_our_results_is_one_of_the_report(page, report):
    made = (report / "report.md").read_text(encoding="utf-8").splitlines()
    ours = [row for row in rows(our_results(page)) if "full size" not in row.lower()]
    assert len(ours) > 3 and [row for row in ours if row not in made] == []


def test_each_row_and_figure_at_full_size_is_one_of_its_report(full):
    made = (full / "report.md").read_text(encoding="utf-8").splitlines()
    text = part(PAGE, "At full size")
    assert len(rows(text)) > 6 and [row for row in rows(text) if row not in made] == []
    figures = FIGURE.findall(text)
    assert len(figures) > 6 and set(figures) - figures_of(full) == set()


def test_the_readmes_row_on_full_size_is_of_runs_of_five_epochs(full):
    (row,) = (row for row in rows(our_results(README)) if row.startswith("| Full size, 5 epochs"))
    assert "5 epochs instead of 100, one run each: test accuracy | " in row
    made = (full / "report.md").read_text(encoding="utf-8")
    measured = row.partition("accuracy |")[2].removesuffix(" not run |")
    assert f"| Test accuracy, last epoch |{measured}" in made
    results = stored(FULL, "result.json")
    assert [result["epochs"] for result in results] == [5, 5]


def test_each_figure_of_the_longer_run_is_of_its_folder(longer):
    made = (longer / "report.md").read_text(encoding="utf-8").splitlines()
    text = part(PAGE, "A longer run of the ResNet")
    assert len(rows(text)) > 4 and [row for row in rows(text) if row not in made] == []
    (run,) = LONG.rglob("metrics.jsonl")
    records = [json.loads(line) for line in run.read_text(encoding="utf-8").splitlines()]
    by_epoch = {
        r["epoch"]: f"{100 * r['test_accuracy']:.2f}" for r in records if r["kind"] == "epoch"
    }
    said = re.findall(r"(\d+\.\d+)(?: %)? after (\d+)", " ".join(text.split()))
    assert said == [(by_epoch[epoch], str(epoch)) for epoch in (5, 10, 15, 20)]
    (result,) = stored(LONG, "result.json")
    assert (
        f"one run: test accuracy | {100 * result['test_accuracy']:.2f} % | not run | not run |"
        in README
    )
    assert (result["epochs"], len(by_epoch)) == (20, 20)


def test_five_epochs_judge_no_claim_of_the_blog_post(full):
    made = (full / "report.md").read_text(encoding="utf-8")
    assert "## The blog post's claims" in made and "can judge, 0 hold, 0 do not" in made


def test_losses_at_full_size_fell_with_each_epoch_and_small_models_scored_more():
    for arm in FULL_SIZE:
        (run,) = (FULL / arm).glob("*/metrics.jsonl")
        records = [json.loads(line) for line in run.read_text(encoding="utf-8").splitlines()]
        losses = [record["test_loss"] for record in records if record["kind"] == "epoch"]
        assert len(losses) == 5 and losses == sorted(losses, reverse=True)
        (large,) = stored(FULL / arm, "result.json")
        small = [run["test_accuracy"] for run in stored(RUNS / arm, "result.json")]
        assert large["test_accuracy"] < min(small)
    assert "The test loss of both fell with each epoch" in " ".join(PAGE.split())


def figures_of(report: Path) -> set[str]:
    made = set(FIGURE.findall((report / "report.md").read_text(encoding="utf-8")))
    return made | {figure.lstrip("+") for figure in made}


def test_each_figure_of_the_nine_runs_is_in_their_report(report):
    figures = FIGURE.findall(part(PAGE, "Who is ahead"))
    assert len(figures) > 6 and set(figures) - figures_of(report) == set()


def test_each_figure_of_the_reasons_is_in_the_report_of_its_runs(report, study):
    nine, _, of_study = part(PAGE, "Why").partition("The study's runs")
    for text, made in ((nine, report), (of_study, study)):
        figures = FIGURE.findall(text)
        assert len(figures) > 6 and set(figures) - figures_of(made) == set()


@pytest.mark.parametrize("heading", ["Architecture or recipe?", "How much data, at which cost?"])
def test_each_row_and_figure_of_the_study_is_in_its_report(heading, study):
    made = (study / "report.md").read_text(encoding="utf-8").splitlines()
    text = part(PAGE, heading)
    assert [row for row in rows(text) if row not in made] == []
    figures = FIGURE.findall(text)
    assert len(figures) > 6 and set(figures) - figures_of(study) == set()


def test_what_each_recipe_and_the_stem_add_is_what_the_study_says(study):
    page, made = " ".join(PAGE.split()), (study / "report.md").read_text(encoding="utf-8")
    own, first, second = re.findall(r"by ([\d.]+) (?:points )?where", page)
    assert f"resnet is ahead of vit by {own} points" in made
    assert f"by {first} points with resnet's recipe and by {second} with vit's recipe" in made
    adds = r"adds ([\d.]+) points to the ResNet and ([\d.]+) to the ViT, a difference of ([\d.]+)"
    ((one, two, apart),) = re.findall(adds, page)
    assert f"resnet by +{one} points and vit by +{two} points, a difference of {apart}" in made
    gains = r"With vit's it gains ([\d.]+) points.*With resnet's it gains ([\d.]+) points"
    ((own_gain, other_gain),) = re.findall(gains, page)
    assert f"With the same recipe it scores {own_gain} points more" in made
    assert f"scores {other_gain} points more than vit with that recipe" in made


def test_what_the_stem_closes_is_what_the_reports_say(report, study):
    pattern = r"closes (\d+) %[^,]*, 95 % interval (\d+) to (\d+) %"
    found = re.findall(pattern, " ".join(part(PAGE, "Architecture or recipe?").split()))
    gaps = (
        ("the gap of vit to resnet with vit's recipe", study),
        ("the gap of that vit to resnet", study),
        ("the gap of vit to resnet, which is one of model and recipe", report),
    )
    for (share, low, high), (gap, made) in zip(found, gaps, strict=True):
        words = f"{share} % of {gap} (95 % interval {low} to {high} %)"
        assert words in (made / "report.md").read_text(encoding="utf-8")


def test_the_readmes_effects_are_those_of_the_study(study):
    number = r"(\d+\.\d+)"
    effect = rf"{number} \({number} to {number}\)"
    pattern = (
        f"of {number} points there, on average the model is worth {effect} and the recipe {effect}"
    )
    ((gap, *effects),) = re.findall(pattern, " ".join(README.split()))
    text = (study / "report.md").read_text(encoding="utf-8")
    assert f"resnet is ahead of vit by {gap} points" in text
    sides = (
        "both recipes, resnet is ahead of vit",
        "resnet and vit, resnet's recipe is ahead of vit's recipe",
    )
    for side, found in zip(sides, (effects[:3], effects[3:]), strict=True):
        mean, low, high = found
        assert f"averaged over {side} by {mean} points (95 % interval {low} to {high}," in text


def test_the_readmes_lead_is_that_of_the_report(report):
    pattern = r"by ([\d.]+) points \(([\d.]+) to ([\d.]+)\)"
    ((gap, low, high),) = re.findall(pattern, " ".join(README.split()))
    lead = f"ahead of vit by {gap} points of test accuracy (95 % interval {low} to {high})"
    assert lead in (report / "report.md").read_text(encoding="utf-8")


def test_every_run_is_in_its_report(report, study, full, longer):
    reports = ((RUNS, report, 9), (STUDY, study, 45), (FULL, full, 2), (LONG, longer, 1))
    for runs, folder, least in reports:
        made = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        num = len(list(runs.glob("*/*/result.json")))
        assert made["left_out"] == [] and len(made["runs"]) == num >= least


def stored(runs: Path, file: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in runs.rglob(file)]


def spans_of(environment: dict[str, Any]) -> list[tuple[datetime, datetime]]:
    """Returns when a run started and ended, and when each session before that one did."""
    sessions = [environment, *environment.get("earlier", [])]
    ended = [each for each in sessions if each["end"]]
    return [(datetime.fromisoformat(e["start"]), datetime.fromisoformat(e["end"])) for e in ended]


def test_the_study_took_the_minutes_and_steps_that_its_runs_say():
    environments = stored(STUDY, "environment.json")
    seconds, done = 0.0, datetime.min.replace(tzinfo=UTC)
    for start, end in sorted(span for each in environments for span in spans_of(each)):
        seconds += max((end - max(start, done)).total_seconds(), 0)
        done = max(end, done)
    assert f"took {seconds / 60:.0f} minutes" in " ".join(PAGE.split())
    continued = [each for each in environments if each.get("earlier")]
    again = min(datetime.fromisoformat(each["start"]) for each in continued)
    before = [each for each in environments if datetime.fromisoformat(each["end"]) < again]
    words = f"with {len(before)} runs finished and {len(continued)} under way"
    assert words in " ".join(PAGE.split())
    for arm, images in (("vit-0.05-equal-steps", "2,250"), ("vit", "45,000")):
        (steps,) = {run["steps"] for run in stored(STUDY / arm, "result.json")}
        assert f"in {steps} steps with {images}" in " ".join(PAGE.split())
    fewest = [run for arm in BOTH for run in stored(STUDY / f"{arm}-0.05", "result.json")]
    (steps,) = {run["steps"] for run in fewest}
    assert f"at the fewest, after {steps} steps" in " ".join(PAGE.split())


def test_plain_pytorchs_accuracies_are_those_of_its_files():
    def percents(values: list[float]) -> str:
        *first, last = (f"{100 * value:.2f}" for value in values)
        return f"{', '.join(first)} and {last} %"

    ours, theirs = [], []
    for seed in range(3):
        ours += stored(RUNS / "resnet" / f"seed-{seed}", "result.json")
        file = ROOT / "docs" / "results" / "torch" / f"small-seed-{seed}.jsonl"
        about, *epochs = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        assert (about["run"], about["seed"]) == ("docs/results/cpu/resnet/seed-0", seed)
        assert len(epochs) == 8
        theirs.append(epochs[-1])
    found = [percents([each["test_accuracy"] for each in side]) for side in (ours, theirs)]
    text = part(PAGE, "Is the ResNet trained as PyTorch trains it?")
    assert f"| small resnet | {' | '.join(found)} |" in text


def places_in(drawing: Path) -> list[float]:
    paths = [e.attrib["d"] for e in ElementTree.parse(drawing).getroot().iter() if "d" in e.attrib]
    return [float(number) for number in re.findall(r"-?\d+\.\d+", " ".join(paths))]


def test_the_figures_are_those_of_the_reports(report, study):
    for name, folder in (("accuracy.svg", report), ("recipes.svg", study)):
        drawn = places_in(ROOT / "docs" / "results" / name)
        assert drawn == pytest.approx(places_in(folder / "figures" / name), abs=0.01)


def stated_accuracies() -> dict[str, float]:
    """Returns the blog post's best accuracy of each model, in percent."""
    claims = load_claims().claims
    return {claim.arms[0]: claim.stated[0] for claim in claims if "best epoch" in claim.says}


def test_the_paragraph_on_the_blog_post_has_its_gap_and_the_models_sizes():
    text = " ".join(part(PAGE, "What it says of the blog post").split())
    costs = {
        arm: json.loads((RUNS / arm / "seed-0" / "cost.json").read_text()) for arm in FULL_SIZE
    }
    ratios = [round(full / costs[arm]["parameters"]["total"]) for arm, full in FULL_SIZE.items()]
    assert f"have {ratios[1]} and {ratios[0]} times fewer parameters" in text
    stated = stated_accuracies()
    assert f"by {stated['resnet'] - stated['vit']:.2f} points after 100 epochs" in text


def test_the_blog_posts_row_has_its_numbers():
    (row,) = (row for row in rows(our_results(README)) if "blog post" in row)
    stated = stated_accuracies()
    cells = [cell.strip() for cell in row.split("|")[2:4]]
    assert cells == [f"{stated[arm]} %" for arm in ("resnet", "vit")]
