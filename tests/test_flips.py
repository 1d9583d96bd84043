"""The gap between two architectures, before and after pretraining, against sums of one's own."""

import dataclasses

import pytest
import sections
from sample_runs import Sample, alter, make_group
from sample_transfer import MEANS, from_file, keep, make_transfer, pretrained, with_means

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Section
from jaxcmp.compare.sections.flips import TITLE, flip_blocks
from jaxcmp.compare.sections.tuned import tuned_arms


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_transfer(tmp_path_factory.mktemp("transfer"))


def flips(group: Group) -> Section:
    return Section("flips", "Flips", flip_blocks(tuned_arms(group)))


def changed(group: Group, **vit: float) -> str:
    """The sentence on all images, with these means of the ViT."""
    means = MEANS | {("vit", start, 50_000): mean for start, mean in vit.items()}
    return sections.texts(flips(with_means(group, means))).splitlines()[0]


def test_each_gap_has_its_interval_and_so_has_their_change(group):
    rows = sections.table(flips(group), TITLE).rows
    assert [cells[0].text for cells in rows[:3]] == [
        "vit − resnet, from random weights",
        "vit − resnet, pretrained",
        "Change by pretraining",
    ]
    assert [cells[1].value for cells in rows] == [50_000] * 3 + [5_000] * 3
    assert [cells[2].value for cells in rows] == pytest.approx([-10, 5, 15, -20, -10, 10])
    # Each cell has the variance 2 * 0.5 ** 2 of two seeds half a point to either side. A gap has
    # t(0.975, 2) = 4.303 times sqrt(2 * 0.5 / 2), the change t(0.975, 4) = 2.776 times sqrt(1).
    bounds = [cells[2].interval or (0, 0) for cells in rows[:3]]
    assert [(high - low) / 2 for low, high in bounds] == pytest.approx(
        [3.042, 3.042, 2.776], abs=1e-3
    )
    assert [cells[4].text for cells in rows[:3]] == ["2, 2", "2, 2", "2, 2, 2, 2"]
    assert [len(cells[2].runs) for cells in rows[:3]] == [4, 4, 8]


def test_a_gap_that_turns_clearly_is_flipped(group):
    text = sections.texts(flips(group)).splitlines()[0]
    assert text.startswith(
        "On 50,000 training images, vit minus resnet is −10.00 points (95 % interval −13.04 "
        "to −6.96, p = 0.005) from random weights and +5.00 points"
    )
    assert "from pretrained ones: pretraining flips the gap." in text
    assert "The gap changes by +15.00 points (95 % interval +12.22 to +17.78, p < 0.001)." in text


@pytest.mark.parametrize(
    ("pretrained", "random", "meaning"),
    [
        (0.80, 0.70, "pretraining does not flip the gap."),
        (0.86, 0.70, "the means change places, but these seeds do not show that pretraining is"),
        (0.84, 0.70, "the means do not change places, though seeds alone could explain one"),
        (0.85, 0.70, "in one of the two they are level."),
        (0.95, 0.90, "pretraining does not flip the gap."),
    ],
)
def test_what_is_less_clear_is_said_as_it_is(group, pretrained, random, meaning):
    assert meaning in changed(group, pretrained=pretrained, random=random)


def test_single_seeds_say_that_their_spread_is_unknown(tmp_path):
    samples = [Sample("vit"), Sample("resnet"), pretrained("vit"), pretrained("resnet")]
    text = sections.texts(flips(make_group(tmp_path, *samples)))
    assert text.count("single seeds: spread unknown") == 3
    assert "pretraining flips the gap" not in text


def test_weights_that_had_not_seen_the_same_are_named(tmp_path):
    samples = [Sample("vit"), Sample("resnet"), pretrained("vit", 0, from_file())]
    text = sections.texts(flips(make_group(tmp_path, *samples, pretrained("resnet"))))
    assert "Their weights had not seen the same: ImageNet-21k; cifar10 (25,000 images" in text


def test_weights_that_had_seen_the_same_are_preferred(tmp_path):
    files = [pretrained(arm, 0, from_file(path=f"{arm}.npz")) for arm in ("vit", "resnet")]
    samples = [Sample("vit"), Sample("resnet"), *files, pretrained("vit")]
    section = flips(make_group(tmp_path, *samples))
    assert len(sections.table(section, TITLE).rows) == 3
    assert "had not seen the same" not in sections.texts(section)


def test_one_architecture_alone_has_no_gap(group):
    assert flip_blocks(tuned_arms(keep(group, "vit"))) == []
    alone = dataclasses.replace(group, arms=group.arms[:1], smaller=())
    assert flip_blocks(tuned_arms(alone)) == []


def test_every_number_names_its_runs(group):
    assert not list(sections.without_source(flips(alter(group, lambda outcome: outcome))))


def test_models_of_other_names_are_told_by_their_architecture(tmp_path):
    names = {"arm": "vit_ti16", "recipe": "vit_ti16"}
    samples = [Sample("vit"), Sample("resnet"), pretrained("vit", **names), pretrained("resnet")]
    rows = sections.table(flips(make_group(tmp_path, *samples)), TITLE).rows
    assert [cells[0].text for cells in rows[:2]] == [
        "vit − resnet, from random weights",
        "vit − resnet, pretrained",
    ]
