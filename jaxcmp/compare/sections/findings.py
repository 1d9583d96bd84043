"""What the runs of a group say of sizes, and of a study's claims."""

from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import durations
from jaxcmp.compare.sections.evidence import Measured, MeasuredArm, study_difference
from jaxcmp.compare.sections.published import Study
from jaxcmp.compare.sections.step_time import ArmSizes


def sizes_of(arm: Arm) -> ArmSizes:
    """Counts of one run, which are those of all, and the step time of each."""
    first = arm.outcomes[0].run
    parts = {name: first.cost.get(name, {}) for name in ("parameters", "multiply_adds")}
    return ArmSizes(
        index=arm.index,
        name=arm.name,
        model=first.config["model"],
        num_channels=len(first.environment["data"].get("mean", [])),
        parameters=parts["parameters"].get("components", {}),
        multiply_adds=parts["multiply_adds"].get("components", {}),
        step_seconds=[
            outcome.run.cost.get("step_seconds", {}).get("median") for outcome in arm.outcomes
        ],
        batch_size=first.config["batch_size"],
        device=" and ".join(device for device, _, _ in durations(arm)),
        runs=arm.runs,
    )


def measured(group: Group, study: Study) -> Measured:
    """By model; of several arms of one model, the one in the study's setting speaks for it.

    Of several pretrained ones in it, the most accurate does: that weights reach something is a
    claim about the best of them.
    """
    whole = [*group.arms, *group.pretrained]
    random = [arm for arm in whole if arm.outcomes[0].origin is None]
    begun = [arm for arm in whole if arm.outcomes[0].origin]
    ranked = sorted(begun, key=lambda arm: -arm.mean_accuracy)
    return Measured(_by_model(group, random, study), _by_model(group, ranked[::-1], study))


def _by_model(group: Group, arms: Sequence[Arm], study: Study) -> dict[str, MeasuredArm]:
    """The last arm in the study's setting, or else the first."""
    found: dict[str, MeasuredArm] = {}
    for arm in arms:
        model, evidence = str(arm.config["model"]["name"]), _measured_arm(group, arm, study)
        if model not in found or evidence.difference is None:
            found[model] = evidence
    return found


def _measured_arm(group: Group, arm: Arm, study: Study) -> MeasuredArm:
    first = arm.outcomes[0]
    data = first.run.environment["data"]
    present = [c for c in range(len(group.class_names)) if np.any(group.labels == c)]
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
    )
