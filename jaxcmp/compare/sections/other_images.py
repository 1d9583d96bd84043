"""Other images: what each arm keeps of its accuracy there, and whether the same one leads."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Column, Commands, Figure, Plot, Table, Text
from jaxcmp.compare.evaluated import (
    Evaluated,
    EvaluatedArm,
    Gap,
    ImageSet,
    find_gaps,
    read_evaluated,
)
from jaxcmp.compare.sections import columns, differences
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts, unanswered
from jaxcmp.compare.sections.commands import on_runs
from jaxcmp.compare.sections.over_seeds import accuracies, sideways
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs

TITLE = "On other images"
OWN = "own test images"
EVALUATE = "jaxcmp.evaluate"
NOTE = (
    "± is half of the 95 % t-interval over seeds; of fewer than three seeds each is shown. Drop: "
    "accuracy on the run's own test images, of the same classes, minus accuracy on these, seed by "
    "seed, in points."
)
PART_NOTE = " Over all outputs of the model, also where images are of some classes alone."
MEAN_NOTE = (
    " A mean of sets is over the same images changed in several ways, and over runs that have all "
    "of them; each image counts once, with its share of right answers."
)
GAPS_NOTE = (
    "Points of accuracy by which the first arm is above the second; the first is the more accurate "
    "on its own test images. Over seeds: Welch's interval, for arms with three seeds or more; "
    "Holm's correction is over all rows of this table. Over images: paired over the images with "
    "all seeds of both arms, for these trained models. Ahead: more than seeds alone explain."
)
SAME_LOGITS = "gave the same logits, bit for bit"


def other_images_section(group: Group) -> Answer:
    evaluated = read_evaluated(group)
    sets, members = evaluated.shown, evaluated.members
    if not sets and not evaluated.faults:
        text = "On other images: how much of its accuracy each arm keeps there."
        outcomes = [outcome for arm in group.arms for outcome in arm.outcomes]
        words = [f"--config.data.name={_other(group)}"]
        return unanswered(text, on_runs(EVALUATE, outcomes, words))
    blocks: list[Block] = []
    changes: list[str] = []
    if sets:
        gaps = find_gaps(group, sets)
        changes = [text for gap in gaps if (text := _change(group, gap))]
        blocks += [Text(text, "answer") for text in changes]
        if len(group.pairs) == 1 and not (changes and len(sets) == 1):
            blocks += texts(_summary(gaps))
        blocks += _accuracies(group, sets, "other-images", "Accuracy on other images")
        blocks += [_gaps_table(gaps)] if gaps else []
    title = "Accuracy on each set of images"
    details = _accuracies(group, members, "other-images-each", title) if members else []
    if parts := [each for each in evaluated.single if each.is_part]:
        details.append(_among_present(group, parts))
    return answered(
        "other-images",
        TITLE,
        [*blocks, *notes(*_notes(evaluated)), *_missing(evaluated)],
        finding=changes[0] if changes else "",
        details=details,
    )


def _missing(evaluated: Evaluated) -> list[Block]:
    lines = [
        on_runs(EVALUATE, each.missing, each.first.result["words"])
        for each in evaluated.single
        if each.missing
    ]
    text = "Some runs were not evaluated on all of these images; these commands do the rest:"
    return [Text(text), Commands(lines)] if lines else []


def _other(group: Group) -> str:
    """Names a data set with the same classes, where one is known."""
    names = {outcome.run.config["data"]["name"] for arm in group.arms for outcome in arm.outcomes}
    return "cifar10_1" if names == {"cifar10"} else "NAME"


def _change(group: Group, gap: Gap) -> str:
    """Says that the other arm leads on these images, where both leads are real; else nothing."""
    own = {arm.index: arm for arm in group.arms}
    first, second = own[gap.first.index], own[gap.second.index]
    before = compare_runs(first.accuracies, second.accuracies, most=1)
    if before.lead is not Lead.FIRST or gap.lead is not Lead.SECOND or not gap.images.is_test:
        return ""
    here = Difference(gap.over_seeds.mean, gap.over_seeds.interval, gap.p_value)
    by = differences.in_words(differences.in_points(here), "points of accuracy", of=", sets")
    return (
        f"The leader changes on other images: on {gap.images.title}, {second.name} is ahead of "
        f"{first.name} by {by}; on their own test images, {first.name} is ahead by "
        f"{100 * before.mean:.2f}."
    )


def _summary(gaps: Sequence[Gap]) -> str:
    """Counts the sets on which each of two arms is ahead; of one set says which."""
    gaps = [gap for gap in gaps if gap.images.is_test]
    num, unknown = len(gaps), sum(gap.p_value is None for gap in gaps)
    if not gaps:
        return ""
    one, two = gaps[0].first.name, gaps[0].second.name
    if unknown == num:
        return (
            f"Whether {one} and {two} differ on other images by more than seeds explain takes "
            "three seeds of both."
        )
    if num == 1:
        ahead = {Lead.FIRST: one, Lead.SECOND: two}.get(gaps[0].lead)
        said = f"{ahead} is ahead by more than seeds explain."
        unclear = f"seeds can explain the gap between {one} and {two}."
        return f"On {gaps[0].images.title}, {said if ahead else unclear}"
    without = f" Of {unknown:,} it is unknown, for want of three seeds of both." * (unknown > 0)
    counts = [sum(gap.lead is side for gap in gaps) for side in (Lead.FIRST, Lead.SECOND)]
    return (
        f"Of {num:,} sets of other images, {one} is ahead on {counts[0] or 'none'} and {two} on "
        f"{counts[1] or 'none'} by more than seeds explain, after Holm's correction.{without}"
    )


def _accuracies(group: Group, sets: Sequence[ImageSet], name: str, title: str) -> list[Block]:
    """Shows in a figure and in a table what each arm reaches on its own images and on others."""
    headings = [*columns.of_words("images"), Column("number")]
    headings += columns.of_words(f"seeds of {' and '.join(arm.name for arm in group.arms)}")
    for arm in group.arms:
        headings += [Column(f"{arm.name}, accuracy", arm=arm.index), Column(f"{arm.name}, drop")]
    rows = [_row(OWN, len(group.labels), group.arms)]
    by_arm = [[each.arm(arm.index) for each in sets] for arm in group.arms]
    for each, own in zip(sets, zip(*by_arm, strict=True), strict=True):
        rows.append(_row(each.title, each.num_images, own))
    note = NOTE + PART_NOTE * any(each.is_part for each in sets)
    note += MEAN_NOTE * any(each.num_sets > 1 for each in sets)
    places = [float(i) for i in range(1 + len(sets))]
    series = []
    for arm, own in zip(group.arms, by_arm, strict=True):
        series += sideways(accuracies(arm.name, places, [arm, *own], "points", arm.index))
    axis = Axis("", "category", [OWN, *(each.title for each in sets)])
    figure = Figure(
        name,
        [Plot(title, Axis("accuracy, %"), axis, series)],
        "Mean over seeds with 95 % t-intervals, of three seeds or more.",
        "Accuracy of each arm on its own test images and on other images.",
    )
    return [figure, Table(title, headings, rows, note)]


def _row(title: str, num: int, arms: Sequence[Arm | EvaluatedArm | None]) -> list[Cell]:
    runs = [run for arm in arms if arm for run in arm.runs]
    num_seeds = " and ".join(str(len(arm.runs) if arm else 0) for arm in arms)
    row = [cells.words(title), cells.count(num, runs), cells.words(num_seeds)]
    for arm in arms:
        row.append(columns.accuracy(arm) if arm else Cell("–"))
        drops = arm.drops if isinstance(arm, EvaluatedArm) else []
        row.append(cells.mean(drops, arm.runs if arm else [], digits=2))
    return row


def _gaps_table(gaps: Sequence[Gap]) -> Table:
    headings = columns.of_words("images", "first", "second")
    headings += columns.of_numbers("over seeds, points [95 % interval]", "p, Holm")
    headings += columns.of_numbers("over images, points [95 % interval]")
    rows = []
    for gap in gaps:
        runs = gap.first.runs + gap.second.runs
        ahead = {Lead.FIRST: gap.first, Lead.SECOND: gap.second}.get(gap.lead)
        rows.append(
            [
                cells.words(gap.images.title),
                columns.name(gap.first),
                columns.name(gap.second),
                cells.difference(gap.over_seeds.mean, gap.over_seeds.interval, runs),
                cells.p_value(gap.p_value, runs),
                cells.difference(gap.over_images.mean, gap.over_images.interval, runs),
                columns.name(ahead) if ahead else Cell("–"),
            ]
        )
    headings += columns.of_words("ahead")
    return Table("Gaps on other images", headings, rows, GAPS_NOTE)


def _among_present(group: Group, parts: Sequence[ImageSet]) -> Table:
    headings = [*columns.of_words("images"), Column("classes"), *columns.of_arms(group.arms)]
    rows = []
    for each in parts:
        runs = [run for arm in each.arms for run in arm.runs]
        row = [cells.words(each.title), cells.count(len(each.first.present), runs)]
        for found in (each.arm(arm.index) for arm in group.arms):
            shares = each.among_present(found) if found else []
            row.append(cells.percent(shares, found.runs if found else []))
        rows.append(row)
    note = "The answer is the likeliest of the classes that these images are of."
    return Table("Accuracy among the classes of the images", headings, rows, note)


def _notes(evaluated: Evaluated) -> list[str]:
    titles = [each.title for each in evaluated.single if each.is_by_position]
    found = [f"The classes of {title} were matched by position, not by name." for title in titles]
    found.append(_repetitions([each.result for each in evaluated.repetitions.values()]))
    return found + [f"Left out: {fault}" for fault in evaluated.faults]


def _repetitions(results: Sequence[dict]) -> str:
    """Says whether runs that were evaluated again gave the same answers; "" where none was."""
    if not results:
        return ""
    found = [each["repetition"] for each in results]
    runs = f"{len(found):,} run{'' if len(found) == 1 else 's'}"
    start = "Evaluated again on their own test images, "
    apart = [each for each in found if each["largest_difference"]]
    if not apart:
        return f"{start}{runs} {SAME_LOGITS}."
    largest = max(each["largest_difference"] for each in apart)
    changed = sum(each["num_changed_answers"] for each in apart)
    return (
        f"{start}{len(found) - len(apart):,} of {runs} {SAME_LOGITS}; the others differ by at most "
        f"{largest:.3g}, in {changed:,} answers."
    )
