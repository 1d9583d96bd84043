"""Arms that speak for the blog post's models, with answers, curves and times as they are given."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sample_outcomes
import sample_runs

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.sections.blog_post import Speaker, load_claims
from jaxcmp.runs.predictions import Predictions

POST = load_claims()
CLAIMS = {claim.id: claim for claim in POST.claims}
# Test images of each class, if its accuracy is given.
NUM = 1000
Curve = Mapping[int, Sequence[float]]


def make_speaker(
    model: str,
    last: Sequence[float] = (),
    *,
    by_class: Mapping[str, Sequence[float]] | None = None,
    curve: Curve | None = None,
    rates: Curve | None = None,
    seconds: Mapping[str, Sequence[float]] | None = None,
    first: int = 0,
    name: str = "",
) -> Speaker:
    """An arm of as many runs as the longest of these has values; what is shorter is repeated.

    `last` are accuracies after the last epoch, `curve` and `rates` test accuracies and learning
    rates by epoch, `seconds` of training by device. `first` is the number and the seed of the first
    run.
    """
    by_class, curve, rates = by_class or {}, curve or {}, rates or {}
    times = [(device, each) for device, own in (seconds or {}).items() for each in own]
    values = [last, times, *by_class.values(), *curve.values(), *rates.values()]
    outcomes = []
    for i in range(max(map(len, values))):

        def nth(values: Sequence[Any], i: int = i) -> Any:
            return values[i % len(values)]

        device, train_seconds = nth(times or [("T4", 60.0)])
        outcome = sample_outcomes.make_outcome(
            sample_outcomes.make_config(model, first + i),
            predictions=_predictions({name: nth(each) for name, each in by_class.items()}),
            test_accuracy=nth(last or [0.5]),
            train_seconds=train_seconds,
        )
        metrics = [
            {
                "kind": "epoch",
                "epoch": epoch,
                "test_accuracy": nth(curve.get(epoch, [0.0])),
                "learning_rate": nth(rates.get(epoch, [0.0])),
            }
            for epoch in sorted({*curve, *rates})
        ]
        outcome = sample_runs.with_files(outcome, metrics=metrics)
        outcomes.append(dataclasses.replace(outcome, number=first + i, device=device))
    arm = Arm(name or model, tuple(outcomes))
    return Speaker(arm, Group("cifar10", (arm,)))


def _predictions(by_class: Mapping[str, float]) -> Predictions:
    """So large a share of right answers in each class; all in the others."""
    names = POST.classes
    shares = np.array([by_class.get(name, 1.0) for name in names])
    num = NUM if by_class else 1
    labels = np.repeat(np.arange(len(names)), num)
    is_right = np.tile(np.arange(num), len(names)) < np.round(shares * num)[labels]
    answers = np.where(is_right, labels, (labels + 1) % len(names))
    logits = sample_runs.logits_of(answers.tolist(), len(names))
    return Predictions.of(logits, labels, np.arange(len(labels)), names)


def stated_classes(model: str, **changes: float) -> dict[str, list[float]]:
    """The blog post's own accuracies by class, in [0, 1], of one seed, but for what is given."""
    stated = zip(POST.classes, CLAIMS[f"{model}-classes"].stated, strict=True)
    return {name: [changes.get(name, value / 100)] for name, value in stated}


OWN: dict[str, dict[str, Any]] = {
    "vit": {"last": [0.868], "curve": {100: [0.8699]}, "seconds": {"T4": [2640.0]}, "first": 3},
    "resnet": {"last": [0.933], "curve": {100: [0.9343]}, "seconds": {"T4": [900.0]}, "first": 5},
}


def post_speakers(
    vit: dict[str, Any] | None = None, resnet: dict[str, Any] | None = None
) -> dict[str, Speaker]:
    """One run of each model with the blog post's own numbers, but for what is given."""
    found = {}
    for model, given in (("vit", vit), ("resnet", resnet)):
        values: dict[str, Any] = {"by_class": stated_classes(model)} | OWN[model] | (given or {})
        found[model] = make_speaker(model, **values)
    return found
