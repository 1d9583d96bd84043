"""Claims about the reason and about the course of training: each verdict both ways."""

import dataclasses

import numpy as np
import pytest
from sample_inspections import inspect_sample
from sample_runs import Sample, make_group
from test_curve_claims import verdict
from test_judges import CLAIMS, POST

from jaxcmp.compare.inspected import read_inspected
from jaxcmp.compare.sections import blog_post
from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm
from jaxcmp.compare.sections.claims import judge
from jaxcmp.runs.inspections import read_inspection

LOW = {"unchanged": 0.8, "black": 0.4, "else": 0.5}
HIGH = LOW | {"black": 0.9}


@pytest.mark.parametrize(
    ("fall", "num_seeds", "expected"),
    [(0.019, 3, "holds"), (0.019, 1, "holds"), (0.03, 3, "fails"), (0.03, 1, "open")],
)
def test_a_curve_is_smooth_where_no_epoch_loses_more_than_stated(fall, num_seeds, expected):
    rise = {
        epoch: 0.5 + 0.02 * epoch - fall * (epoch >= 7) - 0.02 * (epoch >= 7)
        for epoch in range(1, 11)
    }
    rough = {epoch: [value] * num_seeds for epoch, value in rise.items()}
    even = {epoch: [0.5 + 0.02 * epoch] * num_seeds for epoch in range(1, 11)}
    both = {"vit": {"test_accuracy": even}, "resnet": {"test_accuracy": rough}}
    found = Measured(
        {arm: MeasuredArm(curves=curves, num_test=100, name=arm) for arm, curves in both.items()}
    )
    judgement = judge(CLAIMS["smooth"], POST, found)
    assert judgement.verdict == expected
    assert f"resnet loses at most {100 * fall:.2f}" in judgement.reason


def test_without_epochs_no_curve_is_smooth_or_not():
    assert verdict("smooth") == "open"


def sized(**accuracies):
    def arm(name, means):
        by_size = {n: [mean - 0.01, mean, mean + 0.01] for n, mean in means.items()}
        return MeasuredArm(by_size=by_size, num_test=100, name=name)

    return Measured({name: arm(name, means) for name, means in accuracies.items()})


@pytest.mark.parametrize(
    ("vit", "expected"),
    [
        ({100: 0.3, 1000: 0.5}, "holds"),
        ({100: 0.3, 1000: 0.7}, "fails"),
        ({100: 0.395, 1000: 0.5}, "open"),
        ({1000: 0.5}, "open"),
    ],
)
def test_there_is_no_crossover_where_the_resnet_leads_at_every_size(vit, expected):
    found = sized(resnet={100: 0.4, 1000: 0.6}, vit=vit)
    assert judge(CLAIMS["crossover"], POST, found).verdict == expected


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    """Inspections of three seeds of each arm; the ResNet keeps more answers."""
    root = tmp_path_factory.mktemp("claims")
    group = make_group(root, *(Sample(arm, seed) for arm in ("resnet", "vit") for seed in range(3)))
    for arm in group.arms:
        for outcome in arm.outcomes:
            inspect_sample(outcome.run.folder, HIGH if arm.name == "resnet" else LOW)
    return {each.arm.name: each for each in read_inspected(group).arms.values()}


def with_inspections(**arms):
    return Measured(
        {
            name: MeasuredArm(num_test=200, name=name, inspected=each, runs=list(each.arm.runs))
            for name, each in arms.items()
        }
    )


def test_keeping_answers_under_shifts_is_judged_by_the_lead(inspected):
    resnet, vit = inspected["resnet"], inspected["vit"]
    judgement = judge(CLAIMS["anywhere"], POST, with_inspections(resnet=resnet, vit=vit))
    assert judgement.verdict == "holds"
    assert judgement.measured.value == pytest.approx(50, abs=5)
    assert set(judgement.measured.runs) == {*resnet.arm.runs, *vit.arm.runs}
    turned = with_inspections(resnet=vit, vit=resnet)
    assert judge(CLAIMS["anywhere"], POST, turned).verdict == "fails"
    equal = with_inspections(resnet=resnet, vit=resnet)
    assert judge(CLAIMS["anywhere"], POST, equal).verdict == "open"


@pytest.mark.parametrize(("sign", "expected"), [(1, "holds"), (-1, "fails"), (0, "open")])
def test_global_shape_is_judged_by_classes_that_lose_more_to_shuffled_tiles(
    inspected, sign, expected
):
    arms = inspected["vit"], inspected["resnet"]
    losses = np.mean([each.class_losses("arrangement", "tiles", 8) for each in arms], axis=0)
    ranks = sign * np.argsort(np.argsort(losses)) if sign else np.array([0, 2, 1, 4, 0])
    names = arms[0].arm.outcomes[0].predictions.class_names
    found = with_inspections(vit=arms[0], resnet=arms[1])
    accuracies = {
        "vit": {n: [0.5 + 0.01 * r] for n, r in zip(names, ranks, strict=True)},
        "resnet": {n: [0.5] for n in names},
    }
    found = Measured(
        {k: dataclasses.replace(v, class_accuracies=accuracies[k]) for k, v in found.arms.items()}
    )
    assert judge(CLAIMS["global-shape"], POST, found).verdict == expected


def with_entropy(inspected, change, spread):
    """The same arm with attention whose entropy training has changed by so many percent."""
    made = []
    for seed, each in enumerate(inspected.inspections):
        initial = np.full((2, 3), 0.9)
        trained = initial + (change + spread * (seed - 1)) / 100
        values = {
            "trained": {"entropy": trained.tolist()},
            "initial": {"entropy": initial.tolist()},
        }
        made.append({**each, "attention": values})
    return dataclasses.replace(inspected, inspections=tuple(made))


@pytest.mark.parametrize(
    ("change", "spread", "expected"),
    [(-20, 1, "fails"), (0.1, 0.1, "holds"), (-1, 1, "open"), (20, 1, "open")],
)
def test_attention_that_gathers_has_specialised(inspected, change, spread, expected):
    found = with_inspections(vit=with_entropy(inspected["vit"], change, spread))
    judgement = judge(CLAIMS["specialise"], POST, found)
    assert judgement.verdict == expected
    assert judgement.measured.value == pytest.approx(change)


def test_runs_that_were_not_inspected_leave_the_claim_open():
    arm = MeasuredArm(num_test=200)
    found = Measured({"vit": dataclasses.replace(arm, name="vit"), "resnet": arm})
    for name in ("anywhere", "global-shape", "specialise"):
        judgement = judge(CLAIMS[name], POST, found)
        assert judgement.verdict == "open" and "python -m jaxcmp.inspect" in judgement.reason


def test_what_a_claim_needs_is_found_among_the_runs(tmp_path):
    parts = {"data.train_fraction": 0.5}
    samples = [
        Sample("vit"),
        Sample("vit", config=parts),
        Sample("resnet"),
        Sample("resnet", config=parts),
    ]
    group = make_group(tmp_path, *samples)
    for arm in group.arms:
        inspect_sample(arm.outcomes[0].run.folder, LOW)
    found = blog_post.measured(group, POST)
    for name in ("vit", "resnet"):
        (arm,) = (each for each in group.arms if each.name == name)
        assert found.arms[name].by_size.keys() == {25_000, 50_000}
        assert found.arms[name].by_size[50_000] == arm.accuracies
        one = found.arms[name].inspected
        assert one and list(one.inspections) == [read_inspection(arm.outcomes[0].run.folder)]
