"""The runs of a whole study, small: seeds, crossed recipes, subsets of images, equal FLOPs."""

import dataclasses
from typing import Any

from sample_runs import Sample, make_config

# Settings of a recipe, whatever model it trains.
RECIPE = (*("batch_size", "label_smoothing", "average_decay", "optimizer", "schedule", "augment"),)
OTHER = {"vit": "resnet", "resnet": "vit"}


def crossed(arm: str, seed: int = 0, *, accuracy: float | None = None, **config: Any) -> Sample:
    """Makes a sample of one model with the other's recipe; `config` overrides by dotted key."""
    other = make_config(Sample(OTHER[arm], num_epochs=6))
    recipe = {key: other[key] for key in RECIPE} | {"recipe": OTHER[arm]}
    return Sample(arm, seed, accuracy=accuracy, config=recipe | config)


def longer(arm: str, num_epochs: int, seed: int = 0, **config: Any) -> Sample:
    """Changes the number of epochs of an arm from 6; the warm-up keeps its share."""
    warmup = make_config(Sample(arm))["schedule"]["warmup_epochs"] * num_epochs / 6
    return Sample(
        arm, seed, num_epochs=num_epochs, config={"schedule.warmup_epochs": warmup} | config
    )


def part(arm: str, fraction: float, seed: int = 0, *, num_epochs: int = 6) -> Sample:
    return longer(arm, num_epochs, seed, **{"data.train_fraction": fraction})


def equal_steps(arm: str, fraction: float, seed: int = 0) -> Sample:
    return part(arm, fraction, seed, num_epochs=round(6 / fraction))


def whole_study(num_seeds: int = 3) -> list[Sample]:
    """Makes the runs that configs/study.py plans.

    The ResNet in 7 epochs costs as many operations as the ViT in 6.
    """
    samples = []
    for seed in range(num_seeds):
        for arm in ("vit", "resnet"):
            samples += [Sample(arm, seed), crossed(arm, seed)]
            for fraction in (0.1, 0.5):
                samples += [part(arm, fraction, seed), equal_steps(arm, fraction, seed)]
        samples.append(longer("resnet", 7, seed))
    return [_of_equal_cost(each) for each in samples]


def _of_equal_cost(sample: Sample) -> Sample:
    if sample.arm != "vit":
        return sample
    return dataclasses.replace(sample, config={"model.depth": 5} | sample.config)
