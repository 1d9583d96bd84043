"""The same images: where two arms are right together, and where they part."""

import base64
import io
import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.special import softmax

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, gathered, runs_of
from jaxcmp.compare.document import Block, Cell, Column, Gallery, Picture, Table, Text
from jaxcmp.compare.gaps import gap
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, texts, unanswered
from jaxcmp.compare.sections.commands import other_model
from jaxcmp.compare.statistics.agreement import (
    ensemble_accuracy,
    error_consistency,
    mcnemar,
    right_counts,
)
from jaxcmp.compare.statistics.means import Estimate, Lead

NUM_PICTURES = 18
PAIRS_NOTE = (
    "One row per pair of runs, of equal seed where there is one. McNemar's test asks whether "
    "the images that only one of the two gets right are shared out evenly."
)
AGREEMENT_NOTE = (
    "Mean over all pairs of runs. Kappa is 1 where two runs err on the same images and 0 where "
    "they do so no more often than chance (Geirhos et al. 2020). The ensemble averages the "
    "probabilities of two runs; its gain is over the better of the two. Two seeds of one arm "
    "show what an ensemble gains without another architecture."
)
Pair = tuple[Outcome, Outcome]


def same_images_section(group: Group) -> Answer:
    if not group.pairs:
        text = "A comparison of two models: a run of the other one on the same data."
        return unanswered(text, other_model(group.arms[0].outcomes[0]))
    blocks: list[Block] = []
    details: list[Block] = []
    sentences = []
    for leader, other in group.pairs:
        table, alike = _agreement(group, leader, other)
        sentences.append(_answer(leader, other))
        blocks += texts(sentences[-1], alike)
        (details if details else blocks).append(table)
        details += [_pairs_table(leader, other), _gallery(group, leader, other)]
    return answered(
        "same-images",
        "The same images",
        blocks,
        findings=[group.of_main_pair(sentences)],
        details=details,
        folded="run by run, and pictures",
    )


def _agreement(group: Group, leader: Arm, other: Arm) -> tuple[Table, str]:
    """Compares all pairs of runs of both arms, and of each; says how alike the errors are."""
    between = list(itertools.product(leader.outcomes, other.outcomes))
    rows = [_agreement_row(group, f"{leader.name} and {other.name}", between)]
    kappas = [(f"between {leader.name} and {other.name}", rows[0][2].value)]
    for arm in (leader, other):
        if within := list(itertools.combinations(arm.outcomes, 2)):
            rows.append(_agreement_row(group, f"{arm.name} and itself, another seed", within))
            kappas.append((f"between seeds of {arm.name}", rows[-1][2].value))
    headings = columns.of_words("runs")
    headings += columns.of_numbers("same answer", "error consistency, kappa")
    headings += columns.of_numbers("better of the two", "ensemble", "gain, points")
    title = "Agreement, and what an ensemble would gain"
    table = Table(title, headings, rows, AGREEMENT_NOTE)
    if kappas[0][1] is None:
        return table, ""
    parts = ", ".join(f"{kappa:.2f} {where}" for where, kappa in kappas if kappa is not None)
    return table, f"Errors fall on the same images with a kappa (0 by chance, 1 always) of {parts}."


def _agreement_row(group: Group, name: str, pairs: Sequence[Pair]) -> list[Cell]:
    runs = sorted({outcome.number for pair in pairs for outcome in pair})
    found, kappas = [], []
    for one, two in pairs:
        logits = [each.predictions.logits for each in (one, two)]
        same = float(np.mean(logits[0].argmax(axis=1) == logits[1].argmax(axis=1)))
        kappas.append(error_consistency(right_counts(one.is_right, two.is_right)))
        ensemble = ensemble_accuracy(logits, group.labels)
        own = one.test_accuracy, two.test_accuracy
        found.append((same, max(own), ensemble, ensemble - max(own)))
    same, better, together, gain = np.mean(found, axis=0).tolist()
    known = [kappa for kappa in kappas if kappa is not None]
    return [
        Cell(name),
        cells.share(same, runs),
        cells.decimal(float(np.mean(known)) if known else None, runs, digits=3),
        cells.share(better, runs),
        cells.share(together, runs),
        cells.as_cell(Estimate(100 * gain), runs),
    ]


def seed_pairs(first: Arm, second: Arm) -> list[Pair]:
    """Runs of equal seed side by side, then what is left in order, as far as both arms go."""
    by_seed = gathered(second.outcomes, lambda outcome: outcome.seed)
    # Runs from several weights may share a seed.
    pairs = [(one, by_seed[one.seed].pop(0)) for one in first.outcomes if by_seed.get(one.seed)]
    taken = {outcome.number for pair in pairs for outcome in pair}
    rest = [
        [outcome for outcome in arm.outcomes if outcome.number not in taken]
        for arm in (first, second)
    ]
    return pairs + list(zip(*rest, strict=False))


def _answer(leader: Arm, other: Arm) -> str:
    """Says who is right more often, and how much of that the choice of images could explain."""
    found = gap(leader, other).over_images
    if found.interval is None:
        return "Both were tested on a single image, which says nothing of others."
    if found.mean < 0:
        return _answer(other, leader)
    several = ", all seeds together" if len(leader.runs) + len(other.runs) > 2 else ""
    by = cells.in_words(found, also=f"paired over images{several}")
    said = f"over the same {leader.is_right.shape[1]:,}, {leader.name}"
    if found.lead is Lead.TIE:
        return f"On the test images, both are level: {said} and {other.name} are apart by {by}."
    explains, leads = "does not", "is right more often"
    if found.lead is Lead.UNKNOWN:
        explains, leads = "alone can", "scored more"
    return (
        f"The choice of test images {explains} explain the gap: {said} {leads} than {other.name} "
        f"by {by}."
    )


def _pairs_table(leader: Arm, other: Arm) -> Table:
    rows = []
    for one, two in seed_pairs(leader, other):
        counts = right_counts(one.is_right, two.is_right)
        (both, first), (second, neither) = counts.tolist()
        runs, num = [one.number, two.number], len(one.is_right)
        seeds = f"s {one.seed} and {two.seed}" if one.seed != two.seed else f" {one.seed}"
        rows.append(
            [
                Cell(f"seed{seeds}"),
                cells.p_value(mcnemar(counts), runs),
                cells.share(both / num, runs),
                cells.count(first, runs),
                cells.count(second, runs),
                cells.share(neither / num, runs),
            ]
        )
    headings = columns.of_words("runs") + columns.of_numbers("p, McNemar", "both right")
    headings += [Column(f"only {a.name}, images", arm=a.index) for a in (leader, other)]
    headings += columns.of_numbers("neither")
    return Table(f"{leader.name} and {other.name}, run by run", headings, rows, PAIRS_NOTE)


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
    ids, names = leader.outcomes[0].predictions.ids, group.class_labels
    stored = _stored_pictures(arms)
    pictures = []
    for i in chosen:
        lines = [f"is {names[group.labels[i]]}"]
        lines += [
            f"{arm.name}: {names[answer[i]]}, {100 * each[i].max():.2f} %"
            for arm, each, answer in zip(arms, sure, answers, strict=True)
        ]
        image = stored.get(ids[i].item())
        text = f"Test image {ids[i]}, {'; '.join(lines)}"
        file = [str(ids[i])] if ids.dtype.kind == "U" else []
        pictures.append(Picture(None if image is None else png(image), text, [*file, *lines]))
    return Gallery(
        pictures,
        f"The test images on which {leader.name} and {other.name} disagree most confidently, each "
        "by the mean probability over its seeds. An image is shown if a run stored it.",
    )


def _stored_pictures(arms: Sequence[Arm]) -> dict[int | str, np.ndarray]:
    """Returns the pictures that runs kept, by id; of several of one image, that of the first."""
    kept = [outcome.pictures for outcome in runs_of(arms) if outcome.pictures]
    return {
        number: image
        for pictures in reversed(kept)
        for number, image in zip(pictures.ids.tolist(), pictures.images, strict=True)
    }


def mean_probabilities(arm: Arm) -> np.ndarray:
    """Returns the probability of each class, [n, classes], mean over the arm's seeds."""
    return np.mean([softmax(each.astype(np.float64), axis=1) for each in arm.logits], axis=0)


def png(image: np.ndarray) -> str:
    """Encodes an image uint8 [height, width, 1, 3 or 4] as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
