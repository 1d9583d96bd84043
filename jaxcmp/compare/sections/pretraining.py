"""Pretraining: what weights are worth beside random ones, and whether they change who is ahead."""

import dataclasses
import itertools
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Figure,
    Plot,
    Series,
    Style,
    Suggestion,
    Table,
)
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, texts, unanswered
from jaxcmp.compare.sections.classes import class_gaps, gap_table
from jaxcmp.compare.sections.commands import (
    PUBLISHED,
    fine_tune,
    from_random,
    has_a_batch,
    other_model,
    vary,
)
from jaxcmp.compare.sections.over_seeds import accuracies, over_seeds
from jaxcmp.compare.sections.pretraining_arms import (
    Pretrained,
    data_blocks,
    differences,
    of_sizes,
    pretrained_arms,
)
from jaxcmp.compare.statistics.means import Estimate, Lead, compare_runs, contrast
from jaxcmp.compare.verdict import lead_sentence

TITLE = "Pretraining"
SMALL_PART = 0.1
NOTE = (
    "Mean over seeds with half of its 95 % t-interval, or each of fewer than three; n is the "
    "number of seeds. The gain is the pretrained arm's accuracy minus the other's, with "
    "Welch's 95 % interval."
)
GAPS_TITLE = "The gap between architectures, from random and from pretrained weights"
GAPS_NOTE = (
    "Gaps: Welch's test. Their change is a contrast of the four means, each with its own spread "
    "between seeds (Satterthwaite's degrees of freedom). With fewer than three seeds of an arm "
    "there is no interval and no p value. n counts the seeds of each arm."
)
ACCURACY = Axis("test accuracy, %")
RANDOM, PRETRAINED = "random weights", "pretrained"
INTERVAL = "Mean over seeds with its 95 % t-interval, or each of fewer than three."
DASHED = " Dashed: from random weights."


def pretraining_section(group: Group) -> Answer:
    arms = pretrained_arms(group)
    if not arms:
        run = group.arms[0].outcomes[0]
        text = "Pretraining: a run from published weights, once their file is there:"
        known = run.architecture if run.architecture in PUBLISHED else "vit"
        return unanswered(text, fine_tune(run, known))
    gains = [
        f"On {each.num_train:,} training images, {lead_sentence(each.arm, _named(each.baseline))}"
        for each in of_sizes(arms, min, max)
        if each.baseline
    ]
    gaps, table = gaps_and_table(arms)
    # On the most images, beside the counterpart.
    by_class: list[Block] = [
        gap_table(
            group, each.arm, _named(each.baseline), class_gaps(group, each.arm, each.baseline)
        )
        for each in of_sizes([each for each in arms if each.baseline], max)
        if each.baseline
    ]
    return answered(
        "pretraining",
        TITLE,
        [*texts(*gains, *gaps), *pretraining_figures(arms), _gain_table(arms)],
        findings=(gaps or gains)[:1],
        details=[*table, *by_class, *data_blocks(group, arms)],
        folded="gaps, classes, origin of the weights",
        more=_missing(arms),
    )


def _named(baseline: Arm) -> Arm:
    return dataclasses.replace(baseline, name=f"{baseline.name} from random weights")


def _gain_table(arms: Sequence[Pretrained]) -> Table:
    # The gain comes early: on a phone the last columns are out of sight.
    headings = columns.of_words("Arm")
    headings += columns.of_numbers("training images", "gain, points [95 % interval]", "p")
    headings += columns.of_numbers("pretrained", "from random weights")
    headings += columns.of_words("which is of") + columns.of_numbers("epochs")
    rows = [_gain_row(each, baseline) for each in arms for baseline in each.baselines or (None,)]
    return Table("Test accuracy from random and from pretrained weights", headings, rows, NOTE)


def _gain_row(pretrained: Pretrained, baseline: Arm | None) -> list[Cell]:
    arm, nothing = pretrained.arm, Cell("–")
    gain, random = [nothing, nothing], [Cell("not trained"), nothing]
    if baseline:
        found = compare_runs(arm.percents, baseline.percents, most=100)
        runs, apart = arm.runs + baseline.runs, ", ".join(differences(pretrained, baseline))
        gain = [cells.as_cell(found, runs), cells.p_value(found.p_value, runs)]
        name = f"{baseline.name}, another {apart}" if apart else baseline.name
        random = [columns.accuracy_and_num(baseline), Cell(name)]
    return [
        Cell(pretrained.label, arm=columns.colour(arm)),
        cells.count(pretrained.num_train, arm.runs),
        *gain,
        columns.accuracy_and_num(arm),
        *random,
        cells.count(arm.outcomes[0].num_epochs, arm.runs),
    ]


def gaps_and_table(arms: Sequence[Pretrained]) -> tuple[list[str], list[Block]]:
    """A sentence for each number of images, and a table; nothing without two architectures."""
    sentences: list[str] = []
    rows: list[list[Cell]] = []
    for one, two in _pairs(arms):
        if one.baseline and two.baseline:
            own = [one.arm, two.arm, one.baseline, two.baseline]
            percents = [arm.percents for arm in own]
            tuned = compare_runs(*percents[:2], most=100)
            random = compare_runs(*percents[2:], most=100)
            change = contrast(percents, (1, -1, -1, 1), most=100)
            sentences.append(_gap_sentence(one, two, tuned, random, change))
            name = f"{one.architecture} − {two.architecture}"
            for label, gap, used in (
                (f"{name}, from random weights", random, own[2:]),
                (f"{name}, pretrained", tuned, own[:2]),
                ("Change by pretraining", change, own),
            ):
                rows.append(_gap_row(label, one.num_train, gap, used))
    headings = columns.of_words("gap")
    headings += columns.of_numbers("training images", "points [95 % interval]", "p")
    table = Table(GAPS_TITLE, headings + columns.of_words("n"), rows, GAPS_NOTE)
    return sentences, [table] if rows else []


def _pairs(arms: Sequence[Pretrained]) -> list[tuple[Pretrained, Pretrained]]:
    """Pairs the arms by size; of several, those pretrained on the same data, if there are such."""
    found = []
    for size in sorted({each.num_train for each in arms}, reverse=True):
        pairs = [
            (one, two)
            for one, two in itertools.combinations(arms, 2)
            if one.num_train == two.num_train == size and one.architecture != two.architecture
        ]
        alike = [(one, two) for one, two in pairs if one.origin.words == two.origin.words]
        found += alike or pairs
    return found


def _gap_row(label: str, num_train: int, gap: Estimate, arms: Sequence[Arm]) -> list[Cell]:
    runs = [run for arm in arms for run in arm.runs]
    return [
        Cell(label),
        cells.count(num_train, runs),
        cells.as_cell(gap, runs),
        cells.p_value(gap.p_value, runs),
        Cell(", ".join(str(len(arm.runs)) for arm in arms)),
    ]


def _gap_sentence(
    one: Pretrained, two: Pretrained, tuned: Estimate, random: Estimate, change: Estimate
) -> str:
    before, after, by = (cells.in_words(each, is_signed=True) for each in (random, tuned, change))
    text = (
        f"On {one.num_train:,} training images, {one.architecture} minus {two.architecture} is "
        f"{before} from random weights and {after} from pretrained ones: "
        f"{_meaning(random, tuned)}. The gap changes by {by}."
    )
    origins = (one.origin.words, two.origin.words)
    if origins[0] != origins[1]:
        text += f" They were pretrained on different data: {'; '.join(origins)}."
    return text


def _meaning(random: Estimate, tuned: Estimate) -> str:
    """Says whether the lead changes hands, which takes two leads that are real."""
    leads = (random.lead, tuned.lead)
    if Lead.TIE in leads:
        level = "both" if leads == (Lead.TIE, Lead.TIE) else "one of the two"
        return f"in {level} they are level"
    if all(each.is_real for each in leads):
        changes = "changes" if random.lead is not tuned.lead else "does not change"
        return f"pretraining {changes} who is ahead"
    if None in (random.p_value, tuned.p_value):
        return "with fewer than three seeds, it is unknown whether the lead changes hands"
    if random.mean * tuned.mean < 0:
        return "the means change places, but these seeds do not show that pretraining is why"
    which = "one of the gaps" if any(each.is_real for each in leads) else "either gap"
    return f"the means do not change places, though seeds alone can explain {which}"


def _missing(arms: Sequence[Pretrained]) -> list[Suggestion]:
    more = []
    mixed = [each.arm for each in arms if each.baseline and differences(each, each.baseline)]
    alone = [each.arm for each in arms if not each.baseline]
    for found, what in (
        (mixed, " may be partly its recipe's: a run from random weights, else the same."),
        (alone, ": the same run from random weights."),
    ):
        if found:
            command = from_random(found[0].outcomes[0])
            more.append(Suggestion(f"The gain of {found[0].name}{what}", command))
    for architecture in PUBLISHED:
        if all(each.architecture != architecture for each in arms):
            more.append(_other_architecture(arms[0], architecture))
    run = arms[0].arm.outcomes[0]
    if len({each.num_train for each in arms}) == 1 and has_a_batch(run, SMALL_PART):
        fraction = f"{SMALL_PART * run.train_fraction:g}"
        text = "Pretraining may be worth more with fewer images: a run on a tenth of them."
        more.append(Suggestion(text, vary(run, {TRAIN_FRACTION: fraction}, suffix=f"-{fraction}")))
    return more


def _other_architecture(pretrained: Pretrained, architecture: str) -> Suggestion:
    """Returns the command of a run that begins with weights of the same kind."""
    start = f"Whether pretraining changes who is ahead: a pretrained {architecture} as well"
    run = pretrained.arm.outcomes[0]
    if not pretrained.origin.is_run:
        return Suggestion(f"{start}, with published weights.", fine_tune(run, architecture))
    source = f"runs/pretrained/{architecture}/seed-0"
    folder = f"runs/{architecture}-pretrained/seed-{run.seed}"
    text = f"{start}, from {source}, a run of it on {pretrained.origin.words}."
    return Suggestion(text, other_model(run, source, folder))


def pretraining_figures(arms: Sequence[Pretrained]) -> list[Block]:
    """Draws the arms that have a counterpart which began at random; nothing where none has."""
    pairs = [(each, each.baseline) for each in arms if each.baseline]
    beside = [each for each, _ in pairs]
    if not beside:
        return []
    panels, caption = [_both_ways(beside)], INTERVAL
    if len({each.architecture for each in beside}) > 1:
        caption += " Lines that cross: the means change places; the text says how surely."
    if len({each.num_train for each in beside}) > 1:
        panels.append(_by_images(pairs))
        caption += DASHED
    names = "; ".join(dict.fromkeys(each.label for each in beside))
    alternative = f"Test accuracy from random and from pretrained weights: {names}."
    # On the most and on the fewest images of each architecture.
    curves = [_curve(each) for each in of_sizes(beside, min, max)]
    by_epoch = "Test accuracy by epoch, from random and from pretrained weights."
    return [
        Figure("pretraining", panels, caption, alternative),
        Figure("pretraining-curves", curves, INTERVAL + DASHED, by_epoch),
    ]


def _both_ways(beside: Sequence[Pretrained]) -> Plot:
    series, arms = [], of_sizes(beside, max)
    for each in arms:
        pair = [each.baseline, each.arm]
        series += accuracies(_name(each), [0.0, 1.0], pair, "thick", columns.colour(each.arm))
    starts = Axis("", "category", [f"from {RANDOM}", PRETRAINED], (-0.25, 1.15))
    sizes = " or ".join(f"{num:,}" for num in dict.fromkeys(each.num_train for each in arms))
    title = f"From random and from pretrained weights, {sizes} images"
    return Plot(title, starts, ACCURACY, series)


def _by_images(pairs: Sequence[tuple[Pretrained, Arm]]) -> Plot:
    series = []
    for label in dict.fromkeys(each.label for each, _ in pairs):
        # By size, the fewest images first.
        own = {each.num_train: (each.arm, random) for each, random in pairs if each.label == label}
        sizes = sorted(own)
        tuned, random = zip(*(own[size] for size in sizes), strict=True)
        x, index = [float(size) for size in sizes], columns.colour(tuned[-1])
        series += accuracies(label, x, tuned, "thick", index)
        series += accuracies(_untrained(random[-1]), x, random, "dashed", index)
    return Plot("Accuracy by training images", Axis("training images", "log"), ACCURACY, series)


def _curve(pretrained: Pretrained) -> Plot:
    index, baseline = columns.colour(pretrained.arm), pretrained.baseline
    series = _epochs(pretrained.label, pretrained.arm, "thick", index)
    if baseline:
        series += _epochs(_untrained(baseline), baseline, "dashed", index)
    title = f"{_name(pretrained)} on {pretrained.num_train:,} images"
    return Plot(title, Axis("epoch"), ACCURACY, series)


def _epochs(label: str, arm: Arm, style: Style, index: int | None) -> list[Series]:
    found = arm.by_epoch(lambda run: [100 * each["test_accuracy"] for each in run.epochs])
    epochs = [float(epoch) for epoch in found]
    return over_seeds(label, epochs, list(found.values()), style, index, arm.runs)


def _name(pretrained: Pretrained) -> str:
    """Returns the label of both starts, where one source is enough to tell."""
    return pretrained.label.removesuffix(f", {PRETRAINED}")


def _untrained(baseline: Arm) -> str:
    return f"{baseline.name}, {RANDOM}"
