"""What the runs of a group say about the blog post's claims."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import durations
from jaxcmp.compare.sections.evidence import Measured, MeasuredArm, study_difference
from jaxcmp.compare.sections.published import Study
from jaxcmp.compare.statistics.paired import num_independent


def is_near(study: Study, arm: Arm) -> bool:
    """Whether an arm has a model of the study's, and CIFAR-10 in some form."""
    config = arm.config
    arms = study.tuned if arm.outcomes[0].origin else study.arms
    stated = arms.get(config["model"]["name"])
    name = str(config["data"]["name"])
    if stated is None or not name.startswith("cifar10") or name.startswith("cifar100"):
        return False
    model = stated.config["model"]
    return all(_plain(config["model"].get(key)) == value for key, value in model.items())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def measured(group: Group, study: Study) -> Measured:
    """By model; of several arms of one model, the one in the study's setting speaks for it.

    Of several in it, that with the highest accuracy on held-out images does, and none where an arm
    held none out: the best on the test images would be taken for its luck.
    """
    whole = [*group.arms, *group.pretrained]
    random = [arm for arm in whole if arm.outcomes[0].origin is None]
    begun = [arm for arm in whole if arm.outcomes[0].origin]
    return Measured(_by_model(group, random, study), _by_model(group, begun, study))


def _by_model(group: Group, arms: Sequence[Arm], study: Study) -> dict[str, MeasuredArm]:
    """Chooses an arm for each model; the first says why where none is in the study's setting."""
    by_model: dict[str, list[Arm]] = {}
    for arm in arms:
        by_model.setdefault(str(arm.config["model"]["name"]), []).append(arm)
    return {model: _speaker(group, rivals, study) for model, rivals in by_model.items()}


def _speaker(group: Group, arms: Sequence[Arm], study: Study) -> MeasuredArm:
    evidence = [_measured_arm(group, arm, study) for arm in arms]
    fitting = [i for i, each in enumerate(evidence) if each.difference is None]
    if len(fitting) < 2:
        return evidence[fitting[0] if fitting else 0]
    held_out = {i: arms[i].held_out_accuracy for i in fitting}
    known = {i: accuracy for i, accuracy in held_out.items() if accuracy is not None}
    if len(known) < len(fitting):
        rivals = tuple(arms[i].name for i in fitting)
        return dataclasses.replace(evidence[fitting[0]], rivals=rivals)
    return evidence[max(known, key=lambda i: known[i])]


def _measured_arm(group: Group, arm: Arm, study: Study) -> MeasuredArm:
    first = arm.outcomes[0]
    data = first.run.environment["data"]
    present = [c for c in range(len(group.class_names)) if np.any(group.labels == c)]
    num_right, num_answers = arm.is_right.sum(axis=0), np.full(len(group.labels), len(arm.outcomes))
    return MeasuredArm(
        best_accuracies=[
            max(epoch["test_accuracy"] for epoch in outcome.epochs)
            for outcome in arm.outcomes
            if outcome.epochs
        ],
        last_accuracies=arm.accuracies,
        class_accuracies={
            group.class_names[c]: arm.is_right[:, group.labels == c].mean(axis=1).tolist()
            for c in present
        },
        seconds={device: seconds for device, seconds, _ in durations(arm)},
        num_test=len(group.labels),
        difference=study_difference(study, arm.config, data, first.origin),
        runs=arm.runs,
        name=arm.name,
        seeds=[outcome.seed for outcome in arm.outcomes],
        num_independent=num_independent(num_right, num_answers),
        class_independent={
            group.class_names[c]: num_independent(
                num_right[group.labels == c], num_answers[group.labels == c]
            )
            for c in present
        },
    )
