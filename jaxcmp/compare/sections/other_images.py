"""Other images: what each arm keeps of its accuracy there, and whether the same one leads."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Column, Commands, Figure, Plot, Table, Text
from jaxcmp.compare.evaluated import Evaluated, ImageSet, gaps_on, read_evaluated
from jaxcmp.compare.gaps import Gap, gap
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts, unanswered
from jaxcmp.compare.sections.commands import on_runs
from jaxcmp.compare.sections.over_seeds import accuracies, sideways
from jaxcmp.compare.statistics.means import Lead
from jaxcmp.compare.words import count

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
    "Holm's correction is over all rows of this table, intervals and p are of each row alone. Over "
    "images: paired over the images with all seeds of both arms, for these trained models. Ahead: "
    "more than seeds alone explain."
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
        gaps = gaps_on(group, sets)
        changes = [text for images, each in gaps if (text := _change(group, images, each))]
        blocks += [Text(text, "answer") for text in changes]
        if len(group.pairs) == 1 and not (changes and len(sets) == 1):
            blocks += texts(_summary([each for each in gaps if each[0].is_test]))
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
        findings=changes[:1],
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


def _change(group: Group, images: ImageSet, here: Gap) -> str:
    """Says that the other arm leads on these images, where both leads are real; else nothing."""
    own = {arm.index: arm for arm in group.arms}
    before = gap(own[here.first.index], own[here.second.index])
    if before.lead is not Lead.FIRST or here.lead is not Lead.SECOND or not images.is_test:
        return ""
    first, second = here.first.name, here.second.name
    by = cells.in_words(here.corrected, "points of accuracy", of="sets")
    return (
        f"The leader changes on other images: on {images.title}, {second} is ahead of {first} by "
        f"{by}; on their own test images, {first} is ahead by {before.over_seeds.mean:.2f}."
    )


def _summary(gaps: Sequence[tuple[ImageSet, Gap]]) -> str:
    """Counts the sets on which each of two arms is ahead; of one set says which."""
    if not gaps:
        return ""
    (images, first), num = gaps[0], len(gaps)
    one, two = first.first.name, first.second.name
    unknown = sum(each.corrected.p_value is None for _, each in gaps)
    if unknown == num:
        return (
            f"Whether {one} and {two} differ on other images by more than seeds explain takes "
            "three seeds of both."
        )
    if num == 1:
        ahead = _ahead(first)
        said = f"{ahead.name} is ahead by more than seeds explain." if ahead else ""
        return f"On {images.title}, {said or f'seeds can explain the gap between {one} and {two}.'}"
    without = f" Of {unknown:,} it is unknown, for want of three seeds of both." * (unknown > 0)
    counts = [sum(each.lead is side for _, each in gaps) for side in (Lead.FIRST, Lead.SECOND)]
    return (
        f"Of {num:,} sets of other images, {one} is ahead on {counts[0] or 'none'} and {two} on "
        f"{counts[1] or 'none'} by more than seeds explain, after Holm's correction.{without}"
    )


def _ahead(found: Gap) -> Arm | None:
    return {Lead.FIRST: found.first, Lead.SECOND: found.second}.get(found.lead)


def _accuracies(group: Group, sets: Sequence[ImageSet], name: str, title: str) -> list[Block]:
    """Shows in a figure and in a table what each arm reaches on its own images and on others."""
    headings = [*columns.of_words("images"), Column("number")]
    headings += columns.of_words(f"seeds of {' and '.join(arm.name for arm in group.arms)}")
    for arm in group.arms:
        headings += [Column(f"{arm.name}, accuracy", arm=arm.index), Column(f"{arm.name}, drop")]
    rows = [_row(OWN, len(group.labels), group.arms, [[] for _ in group.arms])]
    for each in sets:
        evaluated, drops = list(map(each.arm, group.arms)), list(map(each.drops, group.arms))
        rows.append(_row(each.title, each.num_images, evaluated, drops))
    note = NOTE + PART_NOTE * any(each.is_part for each in sets)
    note += MEAN_NOTE * any(each.num_sets > 1 for each in sets)
    places = [float(i) for i in range(1 + len(sets))]
    series = []
    for arm in group.arms:
        own = [arm, *(each.arm(arm) for each in sets)]
        series += sideways(accuracies(arm.name, places, own, "points", arm.index))
    axis = Axis("", "category", [OWN, *(each.title for each in sets)])
    figure = Figure(
        name,
        [Plot(title, Axis("accuracy, %"), axis, series)],
        "Mean over seeds with 95 % t-intervals, of three seeds or more.",
        "Accuracy of each arm on its own test images and on other images.",
    )
    return [figure, Table(title, headings, rows, note)]


def _row(
    title: str, num: int, arms: Sequence[Arm | None], drops: Sequence[Sequence[float]]
) -> list[Cell]:
    runs = [run for arm in arms if arm for run in arm.runs]
    num_seeds = " and ".join(str(len(arm.runs) if arm else 0) for arm in arms)
    row = [Cell(title), cells.count(num, runs), Cell(num_seeds)]
    for arm, own in zip(arms, drops, strict=True):
        row.append(columns.accuracy(arm) if arm else Cell("–"))
        row.append(cells.mean(own, arm.runs if arm else [], digits=2))
    return row


def _gaps_table(gaps: Sequence[tuple[ImageSet, Gap]]) -> Table:
    headings = [*columns.of_words("images"), *columns.of_gaps(), *columns.of_words("ahead")]
    rows = []
    for images, each in gaps:
        ahead = _ahead(each)
        last = columns.name(ahead) if ahead else Cell("–")
        rows.append([Cell(images.title), *columns.gap(each), last])
    return Table("Gaps on other images", headings, rows, GAPS_NOTE)


def _among_present(group: Group, parts: Sequence[ImageSet]) -> Table:
    headings = [*columns.of_words("images"), Column("classes"), *columns.of_arms(group.arms)]
    rows = []
    for each in parts:
        runs = [run for arm in each.arms for run in arm.runs]
        row = [Cell(each.title), cells.count(len(each.first.present), runs)]
        for found in map(each.arm, group.arms):
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
    runs, start = count(len(found), "run"), "Evaluated again on their own test images, "
    apart = [each for each in found if each["largest_difference"]]
    if not apart:
        return f"{start}{runs} {SAME_LOGITS}."
    largest = max(each["largest_difference"] for each in apart)
    changed = count(sum(each["num_changed_answers"] for each in apart), "answer")
    by = f"by at most {largest:.3g}, in {changed}"
    if len(apart) == len(found):
        return f"{start}the logits of {runs} differ {by}."
    return f"{start}{len(found) - len(apart):,} of {runs} {SAME_LOGITS}; the others differ {by}."
