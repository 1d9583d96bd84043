"""Claims about the course of training, the reason, and models beside: each verdict both ways."""

import dataclasses

import numpy as np
import pytest
import sample_runs
from sample_inspections import inspect_sample
from sample_runs import Sample, make_group
from test_judges import CLAIMS, POST, measured

from jaxcmp.compare.inspected import read_inspected
from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm
from jaxcmp.compare.sections.blog_post import measured as measured_of
from jaxcmp.compare.sections.claims import judge
from jaxcmp.runs.inspections import read_inspection


def verdict(name, arm="vit", **curves):
    return judge(CLAIMS[name], POST, measured(**{arm: {"curves": curves}})).verdict


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([0.46], "holds"), ([0.60], "open"), ([0.6, 0.601, 0.602], "fails"), ([0.5, 0.51], "holds")],
)
def test_an_accuracy_after_an_epoch_is_judged_like_any_accuracy(accuracies, expected):
    assert verdict("accuracy-at-10", test_accuracy={10: accuracies}) == expected
    assert verdict("accuracy-at-10", test_accuracy={9: accuracies}) == "open"


def with_bend_at(epoch, num_seeds):
    """Rises by a point an epoch, and by two from `epoch` on."""
    rise = {e: 0.3 + 0.01 * e + 0.01 * max(e - epoch, 0) for e in range(1, 31)}
    return {e: [value + 0.001 * seed for seed in range(num_seeds)] for e, value in rise.items()}


@pytest.mark.parametrize(
    ("bend", "num_seeds", "expected"),
    [(10, 1, "holds"), (10, 3, "holds"), (12, 3, "fails"), (12, 2, "open")],
)
def test_a_jump_is_the_largest_second_difference_of_every_seed(bend, num_seeds, expected):
    assert verdict("jump", test_accuracy=with_bend_at(bend, num_seeds)) == expected


def test_learning_rates_are_judged_without_chance():
    assert verdict("learning-rates", learning_rate={10: [9.997e-4], 100: [1e-9]}) == "holds"
    assert verdict("learning-rates", learning_rate={10: [5e-4], 100: [0.0]}) == "fails"
    assert verdict("learning-rates", learning_rate={10: [1e-3]}) == "open"


@pytest.mark.parametrize(
    ("reached", "expected"), [((65, 66, 67), "holds"), ((90, 91, 92), "fails"), ((90,), "open")]
)
def test_convergence_is_the_epoch_from_which_the_accuracy_stays_close(reached, expected):
    # A step of 20 points, smoothed over 5 epochs, is close two epochs later.
    curve = {e: [0.7 + 0.2 * (e >= epoch - 2) for epoch in reached] for e in range(1, 101)}
    assert verdict("resnet-convergence", "resnet", test_accuracy=curve) == expected


@pytest.mark.parametrize(("conv", "expected"), [(0.90, "holds"), (0.80, "fails"), (0.8705, "open")])
def test_one_bias_closes_a_part_of_the_gap_where_its_lead_is_more_than_chance(conv, expected):
    def arm(accuracy):
        seeds = [accuracy - 0.001, accuracy, accuracy + 0.001]
        return MeasuredArm(last_accuracies=seeds, num_test=10_000, name="x")

    found = Measured({"vit": arm(0.87), "vit-conv": arm(conv)})
    assert judge(CLAIMS["inductive-bias"], POST, found).verdict == expected
    without = dataclasses.replace(found, arms={"vit": arm(0.87)})
    judgement = judge(CLAIMS["inductive-bias"], POST, without)
    assert judgement.reason.startswith("No run of ViT-Tiny with a convolutional stem is finished.")


def test_each_model_of_a_claim_is_found_among_the_runs(tmp_path):
    whole = {"num_epochs": 100, "batch_size": 128}
    vit = whole | {"model.width": 192, "model.mlp_width": 768, "schedule.warmup_epochs": 10.0}
    samples = {
        "vit": Sample("vit", 0, config=vit | {"model.depth": 12}),
        "vit-conv": Sample("vit", 1, config=vit | {"model.depth": 11, "model.stem": "conv"}),
        "vit-light": Sample(
            "vit",
            2,
            config=vit
            | {"model.depth": 12, "augment.trivial_augment": False, "augment.erase_rate": 0.0}
            | {"augment.mix_rate": 0.0, "augment.mixup_alpha": 0.0, "augment.cutmix_alpha": 0.0},
        ),
        "resnet-small": Sample(
            "resnet",
            3,
            config=whole
            | {"model.stage_widths": (44, 89, 177, 355), "model.stage_depths": (2, 2, 2, 2)},
        ),
    }
    long = [
        dataclasses.replace(each, num_epochs=100, class_names=POST.classes)
        for each in samples.values()
    ]
    found = measured_of(sample_runs.make_group(tmp_path, *long), POST).arms
    assert found["vit"].difference is None
    assert {key: found[key].seeds for key in samples} == {key: [i] for i, key in enumerate(samples)}
    assert found["resnet"].difference
    assert np.shape(found["vit"].curves["test_accuracy"][10]) == (1,)


@pytest.mark.parametrize(
    ("vit", "light", "heavy", "resnet", "expected"),
    [
        (0.87, 0.80, 0.94, 0.93, "holds"),
        # It helps the other model as much, or more; and it harms the first.
        (0.87, 0.80, 0.93, 0.86, "open"),
        (0.87, 0.86, 0.95, 0.90, "fails"),
        (0.80, 0.87, 0.70, 0.93, "fails"),
    ],
)
def test_a_model_needs_what_helps_it_and_more_than_the_other(vit, light, heavy, resnet, expected):
    def arm(accuracy):
        seeds = [accuracy - 0.001, accuracy, accuracy + 0.001]
        return MeasuredArm(last_accuracies=seeds, num_test=10_000, name="x")

    accuracies = {"vit": vit, "vit-light": light, "resnet-heavy": heavy, "resnet": resnet}
    found = Measured({key: arm(accuracy) for key, accuracy in accuracies.items()})
    judgement = judge(CLAIMS["augmentation"], POST, found)
    assert judgement.verdict == expected
    assert judgement.measured.value == pytest.approx(100 * (vit - light))
    three = Measured({key: each for key, each in found.arms.items() if key != "resnet-heavy"})
    assert judge(CLAIMS["augmentation"], POST, three).verdict == "open"


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
    found = measured_of(group, POST)
    for name in ("vit", "resnet"):
        (arm,) = (each for each in group.arms if each.name == name)
        assert found.arms[name].by_size.keys() == {25_000, 50_000}
        assert found.arms[name].by_size[50_000] == arm.accuracies
        one = found.arms[name].inspected
        assert one and list(one.inspections) == [read_inspection(arm.outcomes[0].run.folder)]
