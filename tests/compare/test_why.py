"""The section "Why": its numbers, its intervals, and what it says of runs not inspected."""

import base64
import io

import numpy as np
import pytest
import sections
from PIL import Image
from sample_inspections import SIZES, inspect_group, inspect_sample
from sample_runs import arm_named
from scipy.special import softmax

from jaxcmp.compare.document import Figure, Gallery
from jaxcmp.compare.inspected import read_inspected
from jaxcmp.compare.sections.why import why_section
from jaxcmp.compare.statistics.means import compare_runs, estimate_mean
from jaxcmp.runs.inspections import (
    ARRAYS,
    INSPECTION,
    read_arrays,
    read_inspection,
    write_inspection,
)

RESNET = {"unchanged": 0.9, "black": 0.8, "tiles": 0.4, "else": 0.6}
VIT = {"unchanged": 0.8, "black": 0.5, "tiles": 0.5, "else": 0.5}


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return inspect_group(tmp_path_factory.mktemp("why"), {"resnet": RESNET, "vit": VIT})


@pytest.fixture(scope="module")
def answer(group):
    return why_section(group)


def inspections(group, name):
    """Returns the inspection of each seed, as its file has it."""
    return [read_inspection(each.run.folder) or {} for each in arm_named(group, name).outcomes]


def shares(group, name, measure, kind, level, count="right"):
    """The share of each seed, in percent."""
    found = []
    for inspection in inspections(group, name):
        (e,) = (e for e in inspection[measure] if (e["kind"], e["level"]) == (kind, level))
        found.append(100 * sum(e["trained"][count]) / (e["variants"] * sum(SIZES)))
    return found


def kept(group, name):
    return np.mean(
        [shares(group, name, "shifts", "black", d, "kept") for d in (1, 2, 3, 4)], axis=0
    )


def test_shifts_are_compared_on_the_same_images_with_welchs_interval_over_seeds(group, answer):
    one, two = kept(group, "resnet"), kept(group, "vit")
    interval = compare_runs(one.tolist(), two.tolist()).interval or (0, 0)
    words = (
        "Shifted by 1 to 4 pixels in eight directions, resnet keeps "
        f"{np.mean(one):.2f} % of its answers and vit {np.mean(two):.2f} %: "
        f"{np.mean(one) - np.mean(two):.2f} points apart (95 % interval {interval[0]:.2f} to "
        f"{interval[1]:.2f}, p < 0.001 after Holm's correction for all questions), more "
        "than seeds alone explain."
    )
    assert words in sections.texts(answer)
    assert "same 100 test images" in sections.texts(answer)
    assert "seeds: 3 of resnet, 3 of vit" in sections.texts(answer)


def test_a_loss_is_what_the_change_costs_of_the_unchanged_accuracy(group, answer):
    table = sections.table(answer, "Trained and untrained")
    cell = sections.row(table, "accuracy lost to shuffled tiles of 8 pixels, points")["vit"]
    unchanged = [
        100 * sum(each["unchanged"]["trained"]) / sum(SIZES) for each in inspections(group, "vit")
    ]
    after = shares(group, "vit", "arrangement", "tiles", 8)
    assert cell.value == pytest.approx(np.mean(unchanged) - np.mean(after))
    assert cell.num == 3 and cell.runs == arm_named(group, "vit").runs


def test_the_first_screen_has_the_gap_that_seeds_explain_least(group, answer):
    assert sections.finding(answer) in sections.texts(answer)
    assert sections.finding(answer).startswith("Shifted by 1 to 4 pixels")


def test_where_seeds_explain_every_gap_the_first_screen_says_so(tmp_path):
    group = inspect_group(tmp_path, {"resnet": VIT, "vit": VIT})
    assert sections.finding(why_section(group)) == (
        "These seeds do not show that shifted, shuffled, filtered or corrupted images set resnet "
        "and vit apart: seeds alone can explain each of 4 differences."
    )


def test_two_seeds_have_no_interval_and_make_no_finding(tmp_path):
    answer = why_section(inspect_group(tmp_path, {"resnet": RESNET, "vit": VIT}, (0, 1)))
    assert not answer.findings
    assert "fewer than three seeds" in sections.texts(
        answer
    ) and "interval 9" not in sections.texts(answer)


def test_figures_have_the_untrained_model_dashed_and_mark_the_crop(group, answer):
    figure = sections.figure(answer, "why-shifts")
    plot = sections.plot(figure, "Shifted, black behind")
    line = sections.series(plot, "resnet")
    assert line.x == [1, 2, 3, 4, 6, 8] and line.low is not None
    assert line.y[3] == pytest.approx(
        np.mean(shares(group, "resnet", "shifts", "black", 4, "kept"))
    )
    assert sections.series(plot, "resnet, untrained").style == "dashed"
    (mark,) = (each for each in plot.series if each.style == "reference")
    assert set(mark.x) == {4.0}


def test_the_map_of_places_is_relative_to_its_centre(group, answer):
    figure = sections.figure(answer, "why-places")
    (panel,) = (each for each in figure.panels if each.title.startswith("vit"))
    centre = np.mean(shares(group, "vit", "places", "place", 24))
    corner = np.mean(shares(group, "vit", "places", "place", 6))
    assert panel.title == f"vit: {centre:.1f} % at the centre"
    values = sections.heatmap(figure, panel.title).values
    assert values[3][3] == 0 and values[0][6] == pytest.approx(corner - centre)


def test_places_are_not_compared_where_an_arm_hardly_recognises_the_small_images(tmp_path):
    # Chance is 20 %. A quarter of the way from there to 90 % is 37.5 %.
    low = inspect_group(tmp_path / "low", {"resnet": RESNET, "vit": VIT | {"place": 0.25}})
    answer, text = why_section(low), sections.texts(why_section(low))
    centre = np.mean(shares(low, "vit", "places", "place", 24))
    near = "That is near chance for vit, as the largest class has 20.0 % of the images: the effect"
    assert f"and vit in {centre:.1f} %. {near}" in text
    assert "Over 49 places of a smaller, pasted image" not in text
    figure = sections.figure(answer, "why-places")
    assert "near chance, as that of vit: above the share of the largest class" in figure.caption
    assert answer.section is not None and figure in answer.section.details
    high = inspect_group(tmp_path / "high", {"resnet": RESNET, "vit": VIT | {"place": 0.5}})
    text = sections.texts(why_section(high))
    assert "Over 49 places of a smaller, pasted image" in text and "near chance" not in text


def test_one_figure_of_each_question_is_shown_and_what_experts_read_is_folded(answer):
    assert answer.section is not None
    shown, folded = (
        [block.name for block in blocks if isinstance(block, Figure)]
        for blocks in (answer.section.blocks, answer.section.details)
    )
    assert shown == ["why-shifts", "why-places", "why-arrangement", "why-layers"]
    assert "why-corruptions" in folded and "why-positions" in folded


def test_how_much_the_place_matters_is_the_spread_over_all_places(group, answer):
    by_place = [shares(group, "vit", "places", "place", place) for place in range(49)]
    table = sections.table(answer, "Trained and untrained")
    cell = sections.row(table, "spread of the accuracy over 49 places, points")["vit"]
    assert cell.value == pytest.approx(np.mean(np.std(by_place, axis=0)))


def test_corruptions_are_thirteen_each_with_the_mean_over_its_severities(group, answer):
    (panel,) = sections.figure(answer, "why-corruptions").panels
    plot = sections.plot(sections.figure(answer, "why-corruptions"), panel.title)
    assert len(plot.y.categories) == 13
    line = sections.series(plot, "vit")
    severities = [shares(group, "vit", "corruptions", "fog", level) for level in range(1, 6)]
    place = plot.y.categories.index("fog")
    assert line.x[place] == pytest.approx(np.mean(severities))
    low, _ = estimate_mean(np.mean(severities, axis=0).tolist()).interval or (0, 0)
    assert line.low is not None and line.low[place] == pytest.approx(low)


def test_the_rank_correlation_over_classes_says_how_few_they_are(answer):
    assert "have the rank correlation " in sections.texts(answer)
    assert ", n = 5), no clear relation." in sections.texts(answer)


def test_runs_inspected_otherwise_or_not_at_all_or_damaged_are_named(tmp_path):
    group = inspect_group(tmp_path, {"resnet": RESNET, "vit": VIT}, (0, 1, 2, 3))
    (resnet, vit) = group.arms
    other, damaged, lost, _ = resnet.outcomes
    without, changed = vit.outcomes[:2]
    (lost.run.folder / ARRAYS).write_bytes(b"no archive")
    inspect_sample(other.run.folder, RESNET, digest="4567")
    (damaged.run.folder / INSPECTION).write_text("{")
    (without.run.folder / INSPECTION).unlink()
    inspection = read_inspection(changed.run.folder)
    assert inspection is not None
    write_inspection(changed.run.folder, inspection | {"shifts": inspection["shifts"][1:]})
    answer = why_section(group)
    (command,) = sections.commands(answer)
    missing = (other, damaged, lost, without, changed)
    assert set(command.split()[3:]) == {each.folder for each in missing}
    for path in (damaged.run.folder / INSPECTION, lost.run.folder / ARRAYS):
        assert f"{path} cannot be used" in sections.texts(answer)
    assert "seeds: 1 of resnet, 2 of vit" in sections.texts(answer)


def of_vit(group, part, state, name):
    return np.array([each[part][state][name] for each in inspections(group, "vit")])


def test_attention_is_compared_with_the_untrained_model_within_each_seed(group, answer):
    trained, initial = (of_vit(group, "attention", s, "distance") for s in ("trained", "initial"))
    changes = (trained - initial).mean(axis=(1, 2))
    low, high = estimate_mean(changes.tolist()).interval or (0, 0)
    words = (
        f"Training changes it by −{-changes.mean():.2f} pixels (95 % interval "
        f"−{-low:.2f} to −{-high:.2f}, 3 seeds)"
    )
    assert words in sections.texts(answer)
    first = trained.mean(axis=0)[0]
    assert f"between {first.min():.1f} and {first.max():.1f} pixels" in sections.texts(answer)


def test_the_figure_of_attention_has_every_head_and_marks_uniform_and_local_attention(
    group, answer
):
    plot = sections.plot(sections.figure(answer, "why-attention"), "vit: entropy of attention")
    entropy = 100 * of_vit(group, "attention", "trained", "entropy")
    heads = sections.series(plot, "one head")
    assert heads.y == pytest.approx(entropy.mean(axis=0).ravel())
    assert heads.x == [1, 1, 1, 2, 2, 2]
    assert sections.series(plot, "vit").y == pytest.approx(entropy.mean(axis=(0, 2)))
    marks = [each.y for each in plot.series if each.style == "reference"]
    assert marks == [[100.0, 100.0], [50.0, 50.0]]


def test_the_map_of_positions_is_a_grid_of_maps(group, answer):
    cosines = 100 * of_vit(group, "positions", "trained", "cosines").mean(axis=0)
    figure = sections.figure(answer, "why-positions")
    values = sections.heatmap(figure, "vit: cosine of position embeddings").values
    # Patch 1 is the upper right one, with patch 2 at the lower left of its map.
    assert values[1][2] == pytest.approx(cosines[1][2])
    assert values[2][3] == pytest.approx(cosines[3][1])
    rho = of_vit(group, "positions", "trained", "correlation").mean()
    assert f"rank correlation of −{-rho:.2f} with" in sections.texts(answer)


def arrays(group, name):
    folders = [each.run.folder for each in arm_named(group, name).outcomes]
    pairs = zip(folders, inspections(group, name), strict=True)
    return [read_arrays(folder, inspection) for folder, inspection in pairs]


def cka(one, two):
    """As a double loop over layers, of rows with a mean square of 1."""
    rows = [each["similarity_trained"].astype(float) for each in (one, two)]
    return np.array([[np.mean(a * b) for b in rows[1]] for a in rows[0]])


def test_layers_are_compared_over_all_pairs_of_seeds(group, answer):
    resnet, vit = arrays(group, "resnet"), arrays(group, "vit")
    expected = np.mean([cka(one, two) for one in resnet for two in vit], axis=0)
    panel = sections.heatmap(sections.figure(answer, "why-layers"), "resnet and vit")
    np.testing.assert_allclose(np.array(panel.values, float), 100 * expected, atol=0.1)
    assert panel.rows == ["1.1", "1.2", "2.1"] and panel.columns == ["1", "2"]
    best = np.mean([expected.max(axis=0).mean(), expected.max(axis=1).mean()])
    words = f"most similar layer of vit have a CKA of {100 * best:.0f} %, mean over layers of both "
    assert f"{words}and 9 pairs of seeds" in sections.texts(answer)


def test_two_seeds_of_one_arm_are_the_ceiling(group, answer):
    vit = arrays(group, "vit")
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    expected = np.mean([cka(vit[i], vit[j]) for i, j in pairs], axis=0)
    panel = sections.heatmap(sections.figure(answer, "why-layers-seeds"), "Two seeds of vit")
    np.testing.assert_allclose(np.array(panel.values, float), 100 * expected, atol=0.1)
    best = np.mean([expected.max(axis=0).mean(), expected.max(axis=1).mean()])
    assert f"{100 * best:.0f} % for vit (3 pairs of seeds)" in sections.texts(answer)


def opened(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.png))))


def test_the_gallery_has_images_that_exactly_one_arm_gets_right_with_both_maps(group, answer):
    assert answer.section is not None
    (gallery,) = (b for b in answer.section.blocks if isinstance(b, Gallery))
    assert gallery.is_wide and "attention rollout of vit" in gallery.caption
    (resnet, vit) = (each.arm for each in read_inspected(group).arms.values())
    sure = [np.mean([softmax(x, axis=1) for x in arm.logits], axis=0) for arm in (resnet, vit)]
    right = [each.argmax(axis=1) == group.labels for each in sure]
    assert 0 < len(gallery.pictures) <= 8
    ids = resnet.outcomes[0].predictions.ids.tolist()
    for picture in gallery.pictures:
        row = ids.index(int(picture.alternative.split()[2]))
        assert right[0][row] != right[1][row]
        is_said = group.class_labels[group.labels[row]]
        assert picture.lines[0] == f"is {is_said}"
        assert [f": {is_said}," in line for line in picture.lines[1:]] == [
            each[row] for each in right
        ]
        # Three images of 8x8 pixels, with a gap of 1.
        assert opened(picture).shape == (8, 26, 4)


def test_a_map_is_laid_over_the_grey_image(group, answer):
    assert answer.section is not None
    (gallery,) = (b for b in answer.section.blocks if isinstance(b, Gallery))
    picture = gallery.pictures[0]
    number = int(picture.alternative.split()[2])
    tiles = opened(picture)[..., :3].astype(float)
    mean = np.mean([each["maps_trained"][number] for each in arrays(group, "vit")], axis=0) / 255
    size = Image.fromarray(mean.astype(np.float32)).resize((8, 8), Image.Resampling.BICUBIC)
    share = 0.75 * np.clip(np.asarray(size), 0, 1)[..., None]
    grey = tiles[:, :8].mean(axis=-1, keepdims=True)
    # The ViT, which has fewer right answers, comes second.
    expected = (1 - share) * grey + share * np.array([255, 120, 0])
    np.testing.assert_allclose(tiles[:, 18:], expected, atol=1)
