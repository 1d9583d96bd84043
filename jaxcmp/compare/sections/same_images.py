"""The same images: where two arms are right together, and where they part."""

from collections.abc import Iterator

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import (
    Block,
    Cell,
    Column,
    Gallery,
    Picture,
    Table,
    Text,
)
from jaxcmp.compare.sections.answer import Answer, answered, unanswered
from jaxcmp.compare.sections.commands import other_model
from jaxcmp.compare.sections.pictures import mean_probabilities, png
from jaxcmp.compare.statistics.agreement import (
    agreement,
    ensemble_accuracy,
    error_consistency,
    only_one_right,
)
from jaxcmp.compare.statistics.means import Lead
from jaxcmp.compare.statistics.paired import mcnemar, paired_difference

NUM_PICTURES = 18


def same_images_section(group: Group) -> Answer:
    if not group.pairs:
        text = "A comparison of two models: a run of the other one on the same data."
        return unanswered(text, other_model(group.arms[0].outcomes[0]))
    blocks: list[Block] = []
    details: list[Block] = []
    for leader, other in group.pairs:
        blocks += [_answer(leader, other), _agreement_table(group, leader, other)]
        details += [_pairs_table(leader, other), _gallery(group, leader, other)]
    finding = _agreement_finding(*group.pairs[0]) if len(group.pairs) == 1 else ""
    return answered(
        "same-images",
        "The same images",
        blocks,
        finding=finding,
        details=details,
        folded="run by run, and pictures",
    )


def _agreement_finding(leader: Arm, other: Arm) -> str:
    """Says how alike the two arms err, beside two seeds of one arm."""
    between = _kappas([(one, two) for one in leader.outcomes for two in other.outcomes])
    if not between:
        return ""
    within = [(arm.name, _kappas(list(_within(arm)))) for arm in (leader, other)]
    beside = [f"{np.mean(kappas):.2f} between seeds of {name}" for name, kappas in within if kappas]
    parts = [f"{np.mean(between):.2f} between {leader.name} and {other.name}", *beside]
    return (
        f"Errors on the same images, from 0 (by chance) to 1 (always): {', '.join(parts)} (kappa)."
    )


def _kappas(pairs: list[tuple[Outcome, Outcome]]) -> list[float]:
    found = [error_consistency(_right(one), _right(two)) for one, two in pairs]
    return [kappa for kappa in found if kappa is not None]


def seed_pairs(first: Arm, second: Arm) -> list[tuple[Outcome, Outcome]]:
    """Runs of equal seed side by side, then what is left in order, as far as both arms go."""
    by_seed = {outcome.seed: outcome for outcome in second.outcomes}
    pairs = [(one, by_seed[one.seed]) for one in first.outcomes if one.seed in by_seed]
    taken = {outcome.number for pair in pairs for outcome in pair}
    rest = [
        [outcome for outcome in arm.outcomes if outcome.number not in taken]
        for arm in (first, second)
    ]
    return pairs + list(zip(*rest, strict=False))


def _right(outcome: Outcome) -> np.ndarray:
    return outcome.predictions.logits.argmax(axis=1) == outcome.predictions.labels


def _answer(leader: Arm, other: Arm) -> Text:
    gap = paired_difference(leader.is_right.mean(axis=0) - other.is_right.mean(axis=0))
    num = leader.is_right.shape[1]
    if gap.interval is None or gap.p_value is None:
        return Text("Both were tested on a single image, which says nothing of others.")
    if gap.mean < 0:
        return _answer(other, leader)
    size, surely = f"{100 * gap.mean:.2f} points", ""
    said = f"{leader.name} is right more often than {other.name} by {size}"
    if gap.lead is Lead.TIE:
        said = f"{leader.name} and {other.name} are right equally often"
    elif gap.lead is Lead.UNKNOWN:
        said = f"{leader.name} scored {size} more than {other.name}"
        surely = ", which the choice of images alone can explain"
    low, high = (cells.points(100 * bound) for bound in gap.interval)
    return Text(
        f"Over the same {num:,} images, {said} (95 % interval {low} to {high}, paired over images "
        f"with all seeds of both arms, {cells.say_p(gap.p_value)}){surely}."
    )


def _pairs_table(leader: Arm, other: Arm) -> Table:
    rows = []
    for one, two in seed_pairs(leader, other):
        right = _right(one), _right(two)
        test, only = mcnemar(*right), only_one_right(*right)
        runs = [one.number, two.number]
        rows.append(
            [
                cells.words(_name_pair(one, two)),
                cells.p_value(test.p_value, runs),
                cells.share(only.both, None, runs),
                Cell(f"{test.only_first:,}", test.only_first, runs=runs),
                Cell(f"{test.only_second:,}", test.only_second, runs=runs),
                cells.share(only.neither, None, runs),
            ]
        )
    return Table(
        f"{leader.name} and {other.name}, run by run",
        [
            Column("runs", is_numeric=False),
            Column("p, McNemar"),
            Column("both right"),
            Column(f"only {leader.name}, images", arm=leader.index),
            Column(f"only {other.name}, images", arm=other.index),
            Column("neither"),
        ],
        rows,
        "One row per pair of runs, of equal seed where there is one. McNemar's test asks whether "
        "the images that only one of the two gets right are shared out evenly.",
    )


def _name_pair(one: Outcome, two: Outcome) -> str:
    if one.seed == two.seed:
        return f"seed {one.seed}"
    return f"seeds {one.seed} and {two.seed}"


def _agreement_table(group: Group, leader: Arm, other: Arm) -> Table:
    between = [(one, two) for one in leader.outcomes for two in other.outcomes]
    rows = [_agreement_row(group, f"{leader.name} and {other.name}", between)]
    rows += [
        _agreement_row(group, f"{arm.name} and itself, another seed", list(_within(arm)))
        for arm in (leader, other)
        if len(arm.outcomes) > 1
    ]
    labels = ["same answer", "error consistency, kappa", "one alone", "ensemble", "gain, points"]
    return Table(
        "Agreement, and what an ensemble would gain",
        [Column("runs", is_numeric=False), *(Column(label) for label in labels)],
        rows,
        "Mean over all pairs of runs. Kappa is 1 where two runs err on the same images and 0 where "
        "they do so no more often than chance (Geirhos et al. 2020). The ensemble averages the "
        "probabilities of two runs; its gain is over the better of the two. Two seeds of one arm "
        "show what an ensemble gains without another architecture.",
    )


def _within(arm: Arm) -> Iterator[tuple[Outcome, Outcome]]:
    for i, one in enumerate(arm.outcomes):
        yield from ((one, two) for two in arm.outcomes[i + 1 :])


def _agreement_row(group: Group, name: str, pairs: list[tuple[Outcome, Outcome]]) -> list[Cell]:
    runs = sorted({outcome.number for pair in pairs for outcome in pair})
    same, kappas, alone, together, gains = [], [], [], [], []
    for one, two in pairs:
        logits = [each.predictions.logits for each in (one, two)]
        same.append(agreement(*(each.argmax(axis=1) for each in logits)))
        kappa = error_consistency(_right(one), _right(two))
        kappas += [] if kappa is None else [kappa]
        ensemble = ensemble_accuracy(logits, group.labels)
        alone.append((one.test_accuracy + two.test_accuracy) / 2)
        together.append(ensemble)
        gains.append(ensemble - max(one.test_accuracy, two.test_accuracy))
    kappa = float(np.mean(kappas)) if kappas else None
    return [
        cells.words(name),
        cells.share(float(np.mean(same)), None, runs),
        cells.decimal(kappa, runs, digits=3),
        cells.share(float(np.mean(alone)), None, runs),
        cells.share(float(np.mean(together)), None, runs),
        cells.difference(float(np.mean(gains)), None, runs),
    ]


def _gallery(group: Group, leader: Arm, other: Arm) -> Gallery | Text:
    """Shows images on which the arms are sure of different classes, or says that there are none."""
    arms = (leader, other)
    sure = [mean_probabilities(arm) for arm in arms]
    answers = [each.argmax(axis=1) for each in sure]
    confidence = np.minimum(sure[0].max(axis=1), sure[1].max(axis=1))
    apart = np.flatnonzero(answers[0] != answers[1])
    if not apart.size:
        return Text(
            f"By the mean probability over its seeds, {leader.name} gives the same answer as "
            f"{other.name} to every test image."
        )
    chosen = apart[np.argsort(-confidence[apart], kind="stable")][:NUM_PICTURES]
    ids = leader.outcomes[0].predictions.ids
    stored = _stored_pictures(arms, set(ids[chosen].tolist()))
    names = group.class_labels
    pictures = []
    for i in chosen:
        file = [str(ids[i])] if ids.dtype.kind == "U" else []
        lines = [*file, f"is {names[group.labels[i]]}"]
        lines += [
            f"{arm.name}: {names[answer[i]]}, {100 * each[i].max():.2f} %"
            for arm, each, answer in zip(arms, sure, answers, strict=True)
        ]
        image = stored.get(ids[i].item())
        text = f"Test image {ids[i]}, {'; '.join(lines[len(file) :])}"
        pictures.append(Picture(None if image is None else png(image), text, lines))
    return Gallery(
        pictures,
        f"The test images on which {leader.name} and {other.name} disagree most confidently, each "
        "by the mean probability over its seeds. A picture is there if one of the runs kept it.",
    )


def _stored_pictures(arms: tuple[Arm, Arm], ids: set[int | str]) -> dict[int | str, np.ndarray]:
    found: dict[int | str, np.ndarray] = {}
    for outcome in (outcome for arm in arms for outcome in arm.outcomes):
        pictures = outcome.run.load_pictures()
        if pictures is None:
            continue
        for number, image in zip(pictures.ids.tolist(), pictures.images, strict=True):
            if number in ids:
                found.setdefault(number, image)
    return found
