"""Claims about trained models: each verdict both ways, by seeds, by test images, by device."""

import dataclasses
import math

import pytest

from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm, load_claims
from jaxcmp.compare.sections.claims import judge
from jaxcmp.compare.sections.judges import judge_each_class

POST = load_claims()
CLAIMS = {claim.id: claim for claim in POST.claims}


def classes(arm, shift=0.0, **changes):
    """The blog post's own accuracies by class, in [0, 1], of one seed."""
    stated = zip(POST.classes, CLAIMS[f"{arm}-classes"].stated, strict=True)
    return {name: [changes.get(name, value / 100 + shift)] for name, value in stated}


def measured(vit=None, resnet=None):
    """Returns the blog post's own numbers as measurements, but for what is given."""
    base = {
        "vit": MeasuredArm([0.8699], [0.868], classes("vit"), {"T4": [2640.0]}, 10_000, None, [3]),
        "resnet": MeasuredArm(
            [0.9343], [0.933], classes("resnet"), {"T4": [900.0]}, 10_000, None, [5, 6]
        ),
    }
    return Measured(
        {
            "vit": dataclasses.replace(base["vit"], **(vit or {})),
            "resnet": dataclasses.replace(base["resnet"], **(resnet or {})),
        }
    )


def best(*accuracies):
    return {"best_accuracies": list(accuracies)}


def judged(name, evidence):
    return judge(CLAIMS[name], POST, evidence)


def each_class(name):
    return judge_each_class(CLAIMS[name], measured().of(CLAIMS[name]))


# Of 10,000 images at 86.99 %: a standard error of 0.3364 points, and 1.96 of them are 0.659.
@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [(0.8699, "holds"), (0.8763, "holds"), (0.8635, "holds"), (0.8770, "open"), (0.8620, "open")],
)
def test_one_seed_is_judged_by_the_sampling_of_the_test_set(accuracy, verdict):
    evidence = measured(vit=best(accuracy))
    judgement = judged("vit-accuracy", evidence)
    assert judgement.verdict == verdict
    assert judgement.measured.interval is None and judgement.measured.num == 1
    assert "one seed" in judgement.reason
    assert "the 95 % interval for 10,000 test images" in judgement.reason


def test_several_seeds_widen_or_narrow_what_holds():
    # Mean 89, deviation 1: the t-interval reaches 86.516, and 0.613 more for the test set.
    wide, narrow = measured(vit=best(0.88, 0.89, 0.90)), measured(vit=best(0.889, 0.89, 0.891))
    judgement = judged("vit-accuracy", wide)
    assert judgement.verdict == "holds" and judgement.measured.text == "89.00 ± 2.48 %"
    assert "t-interval over 3 seeds" in judgement.reason
    # Wilson 1927, written out.
    z, n, share = 1.959964, 10_000, 0.89
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 89 - 2.4841 - 100 * (share - (middle - half)) - 0.005
    assert f"{low:.2f}" in judgement.reason
    judgement = judged("vit-accuracy", narrow)
    assert judgement.verdict == "fails"


def test_the_last_epoch_stands_beside_the_best():
    judgement = judged("resnet-accuracy", measured())
    assert judgement.reason.endswith("After the last epoch, which nothing selected: 93.30 %.")
    assert judgement.measured.runs == [5, 6]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.86986, "holds"), (0.8698, "open")])
def test_a_number_is_as_exact_as_it_was_given(accuracy, verdict):
    evidence = measured(vit=best(accuracy) | {"num_test": 10**12})
    judgement = judged("vit-accuracy", evidence)
    assert judgement.verdict == verdict and "two decimals are given" in judgement.reason


def test_fewer_test_images_say_less():
    evidence = measured(vit=best(0.88) | {"num_test": 1000})
    judgement = judged("vit-accuracy", evidence)
    assert judgement.verdict == "holds" and "1,000 test images" in judgement.reason


@pytest.mark.parametrize(("resnet", "verdict"), [(0.94, "holds"), (0.943, "open")])
def test_a_gap_has_the_sampling_error_of_both_arms(resnet, verdict):
    # Standard errors of 0.336 and 0.237 points: 1.96 of both are 0.81, of either one at most 0.66.
    judgement = judged("accuracy-gap", measured(resnet=best(resnet)))
    assert judgement.verdict == verdict
    assert judgement.measured.value == pytest.approx(100 * (resnet - 0.8699))
    assert judgement.measured.runs == [5, 6, 3]
    assert judgement.measured.text.startswith("+") and judgement.measured.text.endswith("points")


def test_a_gap_of_several_seeds_has_welchs_interval():
    evidence = measured(best(0.86, 0.87, 0.88), best(0.93, 0.94, 0.95))
    judgement = judged("accuracy-gap", evidence)
    # Equal deviations of 1 point: 2.776 x sqrt(2 / 3), with four degrees of freedom.
    assert judgement.measured.interval == pytest.approx((7 - 2.267, 7 + 2.267), abs=1e-3)


def test_a_claim_about_classes_holds_if_every_class_does():
    for name in ("vit-classes", "resnet-classes", "class-gaps"):
        judgement = judged(name, measured())
        assert (judgement.verdict, judgement.measured.text) == ("holds", "10 of 10 classes agree")
    wrong = measured(vit={"class_accuracies": classes("vit", cat=0.75)})
    judgement = judged("vit-classes", wrong)
    assert (judgement.verdict, judgement.measured.value) == ("open", 9)
    assert "Not clear: cat (75.00 %, not 68.4)." in judgement.reason
    three = seeds("vit", cat=0.75)
    judgement = judged("vit-classes", measured(vit={"class_accuracies": three}))
    assert (judgement.verdict, judgement.measured.value) == ("fails", 9)
    assert "Not so: cat (75.00 ± 0." in judgement.reason
    assert judged("resnet-classes", wrong).verdict == "holds"


def test_ten_numbers_at_once_are_each_given_more_room():
    each = each_class("vit-classes")
    assert len(each) == 10
    assert all("the 99.5 % interval for 1,000 test images" in one.reason for one in each)
    gaps = each_class("class-gaps")
    assert gaps[3].measured.text == "+18.60 points"


def seeds(arm, spread=0.001, **changes):
    """Returns `classes` of three seeds that are further apart for each next class."""
    return {
        name: [value - spread * (1 + i), value, value + spread * (1 + i)]
        for i, (name, (value,)) in enumerate(classes(arm, **changes).items())
    }


def largest(vit, resnet):
    evidence = measured({"class_accuracies": vit}, {"class_accuracies": resnet})
    return judged("largest-gap", evidence)


def test_the_largest_gap_is_that_of_a_class_whose_lead_over_each_other_is_real():
    judgement = largest(seeds("vit"), seeds("resnet"))
    assert (judgement.verdict, judgement.measured.text) == ("holds", "cat, +18.60 points")
    assert "deer, with +12.10 points" in judgement.reason
    judgement = largest(seeds("vit", cat=0.85), seeds("resnet"))
    assert (judgement.verdict, judgement.measured.text) == ("fails", "deer, +12.10 points")


@pytest.mark.parametrize("cat", [0.684, 0.85])
def test_which_gap_is_largest_is_open_without_three_seeds(cat):
    one, resnet = classes("vit", cat=cat), classes("resnet")
    assert largest(one, resnet).verdict == "open"
    two = {name: [value, value + i / 1e4] for i, (name, (value,)) in enumerate(one.items())}
    assert largest(two, seeds("resnet")).verdict == "open"


def test_which_gap_is_largest_is_open_where_seeds_or_images_can_explain_it():
    # Cat with 18.6 points, then deer: a point ahead is within what 1,000 images allow.
    assert largest(seeds("vit", deer=0.754), seeds("resnet")).verdict == "open"
    judgement = largest(seeds("vit", deer=0.744), seeds("resnet"))
    assert judgement.verdict == "open" and "is not clear" in judgement.reason
    assert largest(seeds("vit", spread=0.05), seeds("resnet")).verdict == "open"


def test_images_that_seeds_answer_alike_or_not_make_a_mean_less_sure_or_surer():
    """Counts each image once for three seeds that err on the same images; else up to thrice."""
    reach = []
    for num in (10_000.0, 30_000.0):
        evidence = measured(vit=best(0.889, 0.89, 0.891) | {"num_independent": num})
        reason = judged("vit-accuracy", evidence).reason
        low, high = map(float, reason.split("side ")[1].split(": ")[0].split(" to "))
        reach.append((high - low) / 2 - 0.005 - 0.248)
    error = 100 * math.sqrt(0.89 * 0.11 / 10_000)
    assert reach == pytest.approx([1.96 * error, 1.96 * error / math.sqrt(3)], abs=0.01)


def test_an_arm_without_an_error_is_not_sure_of_all_images():
    evidence = measured(vit=best(1.0, 1.0, 1.0) | {"num_test": 100})
    reason = judged("vit-accuracy", evidence).reason
    # 1 / (1 + 1.96**2 / 100), Wilson's lower end.
    assert "86.99 is outside 96.30 to 100.00" in reason


@pytest.mark.parametrize(
    ("name", "seconds", "verdict"),
    [
        ("time", 2640.0, "holds"),
        ("slower", 2640.0, "holds"),
        # Single runs show no spread, so that further ones may reach it.
        ("slower", 3200.0, "open"),
        ("time", 900.0, "open"),
    ],
)
def test_times_are_judged_by_their_ratio(name, seconds, verdict):
    evidence = measured(vit={"seconds": {"T4": [seconds]}})
    judgement = judged(name, evidence)
    assert judgement.verdict == verdict
    assert judgement.measured.value == pytest.approx(seconds / 900)
    assert "15 min on T4" in judgement.reason and "one seed" in judgement.reason


def test_times_on_different_devices_are_not_compared():
    for seconds in ({"H100": [100.0]}, {}):
        evidence = measured(vit={"seconds": seconds})
        judgement = judged("slower", evidence)
        assert judgement.verdict == "open" and judgement.measured.value is None
        assert "different devices" in judgement.reason


def test_the_device_with_the_most_runs_of_both_is_taken():
    vit = {"seconds": {"T4": [2700.0, 2800.0, 2900.0], "H100": [100.0, 101.0, 102.0]}}
    resnet = {"seconds": {"T4": [900.0], "H100": [50.0, 51.0, 52.0]}}
    judgement = judged("slower", measured(vit, resnet))
    assert "on H100" in judgement.reason and judgement.measured.num == 3
    assert judgement.measured.interval is not None and judgement.verdict == "fails"
