"""Run folders as training leaves them, with answers drawn at random: what the comparison reads."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sample_files import COST, DATA, RESULT, epoch_record, session

from configs import resnet, vit
from jaxcmp import runs
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.grouping import group
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.runs.predictions import Predictions, pictures_of_mistakes, write_predictions
from jaxcmp.settings.configuration import ConfigWords

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer")
ACCURACIES = {"vit": 0.7, "resnet": 0.8}
# Counts by component, as each model writes them into cost.json.
SIZES = {
    "vit": {
        "parameters": {"blocks.attention": 148_224, "blocks.mlp": 295_872, "head": 485},
        "multiply_adds": {
            "patch_embedding": 294_912,
            "blocks.qkv": 7_188_480,
            "blocks.attention_scores": 1_622_400,
            "blocks.attention_values": 1_622_400,
            "blocks.projection": 2_396_160,
            "blocks.mlp": 19_169_280,
            "head": 480,
        },
    },
    "resnet": {
        "parameters": {"stem": 464, "stage_1": 4_672, "stage_2": 14_528, "head": 165},
        "multiply_adds": {"stem": 442_368, "stage_1": 4_718_592, "stage_2": 3_538_944, "head": 160},
    },
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """The contents of a run folder; `config` overrides by dotted key, `init` is init.json."""

    arm: str
    seed: int = 0
    accuracy: float | None = None
    num_test: int = 200
    num_validation: int = 0
    num_epochs: int = 6
    train_seconds: float = 60.0
    device: str = "cpu"
    class_names: tuple[str, ...] = CLASS_NAMES
    is_finished: bool = True
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    init: dict[str, Any] = dataclasses.field(default_factory=dict)


def make_config(sample: Sample) -> dict[str, Any]:
    config = {"vit": vit, "resnet": resnet}[sample.arm].get_config("cpu")
    overrides = {"seed": sample.seed, "num_epochs": sample.num_epochs}
    overrides |= {"model.num_classes": len(sample.class_names), "model.image_size": 32}
    for key, value in (overrides | sample.config).items():
        section, _, name = key.rpartition(".")
        (config[section] if section else config)[name] = value
    return config.to_dict()


def make_predictions(
    rng: np.random.Generator, accuracy: float, labels: np.ndarray, names: tuple[str, ...]
) -> Predictions:
    """Logits that are right with probability `accuracy`, more surely so than wrong."""
    n, classes = len(labels), len(names)
    logits = rng.normal(size=(n, classes))
    wrong = (labels + rng.integers(1, max(classes, 2), size=n)) % classes
    answers = np.where(rng.random(n) < accuracy, labels, wrong)
    logits[np.arange(n), answers] += 2 + 2 * rng.random(n)
    return Predictions.of(logits, labels, np.arange(n), names)


def write_run(folder: Path, sample: Sample) -> Path:
    """Writes a run folder; the same sample gives the same files."""
    config = make_config(sample)
    rng = np.random.default_rng([sample.seed, len(sample.arm)])
    accuracy = sample.accuracy or ACCURACIES[sample.arm]
    labels = np.arange(sample.num_test) % len(sample.class_names)
    test = make_predictions(rng, accuracy, labels, sample.class_names)
    accuracy = float(np.mean(test.logits.argmax(axis=1) == labels))
    num_train = int(50_000 * config["data"]["train_fraction"])
    given = ConfigWords(f"configs/{sample.arm}.py", "cpu", {"seed": str(sample.seed)})
    with runs.open_run(folder, config, given) as run:
        run.write_environment(_environment(sample, config, num_train))
        if sample.init:
            run.write_json(runs.INIT, sample.init)
        for record in _records(config, accuracy, sample.train_seconds, num_train):
            run.log(record)
        held_out = None
        if sample.num_validation:
            held = np.arange(sample.num_validation) % len(sample.class_names)
            held_out = make_predictions(rng, accuracy, held, sample.class_names)
        images = rng.integers(0, 256, size=(sample.num_test, 8, 8, 3), dtype=np.uint8)
        pictures = pictures_of_mistakes(test, images)
        write_predictions(folder / runs.PREDICTIONS, test, held_out, pictures)
        if sample.is_finished:
            steps = num_train // config["batch_size"] * config["num_epochs"]
            run.finish(
                _write_costs(run, sample, config, steps, num_train)
                | {"test_accuracy": accuracy, "test_loss": test.loss}
            )
    return folder


def _environment(sample: Sample, config: dict[str, Any], num_train: int) -> dict[str, Any]:
    data = {
        "name": config["data"]["name"],
        "class_names": list(sample.class_names),
        "num_train": num_train,
        "num_validation": sample.num_validation,
        "num_test": sample.num_test,
    }
    command = f"python -m jaxcmp.main --config=configs/{sample.arm}.py:cpu"
    return session(command=command, device=sample.device, data=DATA | data)


def _records(
    config: dict[str, Any], accuracy: float, seconds: float, num_train: int
) -> list[dict[str, Any]]:
    steps, epochs = num_train // config["batch_size"], config["num_epochs"]
    return [
        epoch_record(
            epoch * steps,
            epoch,
            train_loss=2.0 / epoch,
            train_accuracy_mixed=accuracy * epoch / epochs,
            train_accuracy=accuracy * (epoch / epochs) ** 0.125,
            test_loss=1.5 / epoch,
            test_accuracy=accuracy * (epoch / epochs) ** 0.25,
            learning_rate=1e-3 * (1 - epoch / epochs),
            seconds=seconds / epochs,
        )
        for epoch in range(1, epochs + 1)
    ]


def _write_costs(
    run: runs.RunWriter,
    sample: Sample,
    config: dict[str, Any],
    steps: int,
    num_train: int,
) -> dict[str, Any]:
    """Writes cost.json and gives what result.json holds."""
    sizes: dict[str, Any] = {}
    for name, components in SIZES[sample.arm].items():
        sizes[name] = {"total": sum(components.values()), "components": components}
    totals = {name: sizes[name]["total"] for name in sizes}
    flops = 6 * totals["multiply_adds"] * steps * config["batch_size"]
    seconds = {"train_seconds": sample.train_seconds}
    run.write_json(runs.COST, COST | sizes | {"training_flops": flops} | seconds)
    counts = {"num_train": num_train, "num_test": sample.num_test, "steps": steps}
    return RESULT | counts | {"epochs": config["num_epochs"]} | totals | seconds


def write_runs(root: Path, *samples: Sample) -> list[Path]:
    """Writes one folder per sample below `root`."""
    return [write_run(root / f"{i}-{s.arm}-{s.seed}", s) for i, s in enumerate(samples)]


def make_groups(root: Path, *samples: Sample) -> list[Group]:
    outcomes, left_out = read_outcomes(write_runs(root, *samples))
    assert not left_out
    return group(outcomes)


def make_group(root: Path, *samples: Sample) -> Group:
    (only,) = make_groups(root, *samples)
    return only


def arm_named(group: Group, name: str) -> Arm:
    (found,) = (arm for arm in group.arms if arm.name == name)
    return found


TWO_SEEDS_EACH = tuple(Sample(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1))


def alter(group: Group, change: Callable[[Outcome], Outcome]) -> Group:
    """The same group with each of its runs changed."""

    def altered(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        return tuple(
            dataclasses.replace(arm, outcomes=tuple(map(change, arm.outcomes))) for arm in arms
        )

    parts = ("arms", "smaller", "other_lengths", "crossed", "pretrained")
    return dataclasses.replace(group, **{part: altered(getattr(group, part)) for part in parts})


def with_files(outcome: Outcome, **contents: Any) -> Outcome:
    """Gives runs other contents of these files: `metrics`, `cost`, `environment`, `result`."""
    return dataclasses.replace(outcome, run=dataclasses.replace(outcome.run, **contents))


def every_other_epoch_of(group: Group, seed: int) -> Group:
    """Halves the evaluations of the runs of that seed."""

    def thin(outcome: Outcome) -> Outcome:
        records = [each for each in outcome.run.metrics if each["epoch"] % 2 == 0]
        return with_files(outcome, metrics=records) if outcome.seed == seed else outcome

    return alter(group, thin)


def with_logits(
    group: Group, logits: dict[str, list[np.ndarray]], labels: np.ndarray, *names: str
) -> Group:
    """Gives the runs, by arm and in their order, these logits [n, classes]."""
    parts = {
        outcome.number: Predictions.of(each, labels, np.arange(len(labels)), names)
        for arm in group.arms
        for outcome, each in zip(arm.outcomes, logits[arm.name], strict=True)
    }

    def change(outcome: Outcome) -> Outcome:
        found = parts[outcome.number]
        accuracy = float(np.mean(found.logits.argmax(axis=1) == labels))
        return dataclasses.replace(outcome, predictions=found, test_accuracy=accuracy)

    return alter(group, change)


def logits_of(answers: Sequence[int], num_classes: int, *, sure: float = 5.0) -> np.ndarray:
    """Logits [n, classes] whose answers are these, all equally sure."""
    return sure * np.eye(num_classes)[list(answers)]
