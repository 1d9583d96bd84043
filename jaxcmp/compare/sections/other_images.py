"""Other images: what each arm keeps of its accuracy there, and whether the same one leads."""

import shlex
from collections.abc import Sequence

from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Commands,
    Figure,
    Plot,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.evaluated import (
    Evaluated,
    EvaluatedArm,
    Gap,
    ImageSet,
    find_gaps,
    read_evaluated,
)
from jaxcmp.compare.sections.answer import Answer, answered, unanswered
from jaxcmp.compare.sections.over_seeds import over_seeds
from jaxcmp.compare.statistics.means import Lead, compare_runs

TITLE = "On other images"
OWN = "own test images"
NOTE = (
    "± is half of the 95 % t-interval over seeds; of fewer than three seeds each is shown. Drop: "
    "accuracy on the run's own test images, of the same classes, minus accuracy on these, seed by "
    "seed, in points."
)
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


def other_images_section(group: Group) -> Answer:
    evaluated = read_evaluated(group)
    sets = evaluated.shown
    if not sets and not evaluated.faults:
        text = "On other images: how much of its accuracy each arm keeps there."
        outcomes = [outcome for arm in group.arms for outcome in arm.outcomes]
        return unanswered(text, _command(outcomes, [f"--config.data.name={_other(group)}"]))
    blocks: list[Block] = []
    changes: list[str] = []
    if sets:
        gaps = find_gaps(group, sets)
        changes = [text for gap in gaps if (text := _change(group, gap))]
        blocks += [Text(text, "answer") for text in changes]
        is_plain = len(group.pairs) == 1 and not (changes and len(sets) == 1)
        blocks += [Text(text) for text in _summary(gaps)] if is_plain else []
        blocks.append(_figure(group, sets, "other-images", "Accuracy on other images"))
        blocks.append(_accuracies(group, sets, "Accuracy on other images"))
        blocks += [_gaps_table(gaps)] if gaps else []
    blocks += [Text(text, "note") for text in _notes(evaluated)]
    blocks += _missing(evaluated)
    finding = changes[0] if changes else ""
    details = _details(group, evaluated)
    return answered("other-images", TITLE, blocks, finding=finding, details=details)


def _missing(evaluated: Evaluated) -> list[Block]:
    lines = [
        _command(each.missing, each.first.result["words"])
        for each in evaluated.single
        if each.missing
    ]
    text = "Some runs were not evaluated on all of these images; these commands do the rest:"
    return [Text(text), Commands(lines)] if lines else []


def _details(group: Group, evaluated: Evaluated) -> list[Block]:
    """Shows each of the sets that are averaged, and accuracy among some of the classes."""
    details: list[Block] = []
    if members := evaluated.members:
        title = "Accuracy on each set of images"
        details.append(_figure(group, members, "other-images-each", title))
        details.append(_accuracies(group, members, title))
    parts = [each for each in evaluated.single if each.is_part]
    return [*details, _among_present(group, parts)] if parts else details


def accuracy_rows(group: Group) -> list[tuple[str, dict[int, Cell]]]:
    """Returns for each set of other images its title, and the accuracy of each arm by index."""
    return [
        (
            each.title,
            {arm.index: cells.percent(arm.accuracies, arm.runs) for arm in each.arms},
        )
        for each in read_evaluated(group).shown
    ]


def _command(outcomes: Sequence[Outcome], words: Sequence[str]) -> str:
    folders = [outcome.folder for outcome in outcomes]
    return shlex.join(["python", "-m", "jaxcmp.evaluate", *folders, *words])


def _other(group: Group) -> str:
    """Names a data set with the same classes, where one is known."""
    names = {outcome.run.config["data"]["name"] for arm in group.arms for outcome in arm.outcomes}
    return "cifar10_1" if names == {"cifar10"} else "NAME"


def _change(group: Group, gap: Gap) -> str:
    """Says that the other arm leads on these images, where both leads are real; else nothing."""
    own = [arm for arm in group.arms if arm.index in (gap.first.index, gap.second.index)]
    first, second = sorted(own, key=lambda arm: arm.index != gap.first.index)
    before = compare_runs(first.accuracies, second.accuracies, most=1)
    if before.lead is not Lead.FIRST or gap.lead is not Lead.SECOND or not gap.images.is_test:
        return ""
    size = f"{-100 * gap.over_seeds.mean:.2f} points"
    return (
        f"The leader changes on other images: on {gap.images.title}, {second.name} is ahead of "
        f"{first.name} by {size} of accuracy ({_interval(gap)}{cells.say_p(gap.p_value or 0.0)} "
        f"after Holm's correction); on their own test images, {first.name} is ahead by "
        f"{100 * before.mean:.2f}."
    )


def _interval(gap: Gap) -> str:
    if gap.over_seeds.interval is None:
        return ""
    high, low = (cells.two_digits(-100 * bound) for bound in gap.over_seeds.interval)
    return f"95 % interval {low} to {high}, "


def _summary(gaps: Sequence[Gap]) -> list[str]:
    """Counts the sets on which each of two arms is ahead; of one set says which."""
    gaps = [gap for gap in gaps if gap.images.is_test]
    num, unknown = len(gaps), sum(gap.p_value is None for gap in gaps)
    if not gaps:
        return []
    one, two = gaps[0].first.name, gaps[0].second.name
    if unknown == num:
        return [
            f"Whether {one} and {two} differ on other images by more than seeds explain takes "
            "three seeds of both."
        ]
    if num == 1:
        ahead = {Lead.FIRST: one, Lead.SECOND: two}.get(gaps[0].lead)
        where = f"On {gaps[0].images.title}, "
        explained = f"{where}seeds can explain the gap between {one} and {two}."
        return [f"{where}{ahead} is ahead by more than seeds explain." if ahead else explained]
    without = f" Of {unknown:,} it is unknown, for want of three seeds of both." * (unknown > 0)
    counts = [sum(gap.lead is side for gap in gaps) for side in (Lead.FIRST, Lead.SECOND)]
    return [
        f"Of {num:,} sets of other images, {one} is ahead on {counts[0] or 'none'} and {two} on "
        f"{counts[1] or 'none'} by more than seeds explain, after Holm's correction.{without}"
    ]


def _accuracies(group: Group, sets: Sequence[ImageSet], title: str) -> Table:
    columns = [Column("images", is_numeric=False), Column("number")]
    columns.append(Column(f"seeds of {' and '.join(arm.name for arm in group.arms)}", False))
    for arm in group.arms:
        columns += [Column(f"{arm.name}, accuracy", arm=arm.index), Column(f"{arm.name}, drop")]
    rows = [_own_row(group)]
    for each in sets:
        runs = [run for arm in each.arms for run in arm.runs]
        row = [cells.words(each.title), cells.count(each.num_images, runs)]
        row.append(_num_seeds([each.arm(arm.index) for arm in group.arms]))
        for arm in group.arms:
            found = each.arm(arm.index)
            if found is None:
                row += [Cell("–"), Cell("–")]
                continue
            row.append(cells.percent(found.accuracies, found.runs))
            row.append(cells.mean(found.drops, found.runs, digits=2))
        rows.append(row)
    part = " Over all outputs of the model, also where images are of some classes alone."
    note = NOTE + part * any(each.is_part for each in sets)
    note += MEAN_NOTE * any(each.num_sets > 1 for each in sets)
    return Table(title, columns, rows, note)


def _own_row(group: Group) -> list[Cell]:
    runs = [run for arm in group.arms for run in arm.runs]
    row = [cells.words(OWN), cells.count(len(group.labels), runs), _num_seeds(group.arms)]
    for arm in group.arms:
        row += [cells.percent(arm.accuracies, arm.runs), Cell("–")]
    return row


def _num_seeds(arms: Sequence[Arm | EvaluatedArm | None]) -> Cell:
    return cells.words(" and ".join(str(len(arm.runs) if arm else 0) for arm in arms))


def _gaps_table(gaps: Sequence[Gap]) -> Table:
    columns = [Column(label, is_numeric=False) for label in ("images", "first", "second")]
    columns += [Column("over seeds, points [95 % interval]"), Column("p, Holm")]
    columns += [Column("over images, points [95 % interval]"), Column("ahead", is_numeric=False)]
    rows = []
    for gap in gaps:
        runs = gap.first.runs + gap.second.runs
        names = {Lead.FIRST: gap.first, Lead.SECOND: gap.second}
        ahead = names.get(gap.lead)
        rows.append(
            [
                cells.words(gap.images.title),
                cells.words(gap.first.name, arm=gap.first.index),
                cells.words(gap.second.name, arm=gap.second.index),
                cells.difference(gap.over_seeds.mean, gap.over_seeds.interval, runs),
                cells.p_value(gap.p_value, runs),
                cells.difference(gap.over_images.mean, gap.over_images.interval, runs),
                cells.words(ahead.name, arm=ahead.index) if ahead else Cell("–"),
            ]
        )
    return Table("Gaps on other images", columns, rows, GAPS_NOTE)


def _among_present(group: Group, parts: Sequence[ImageSet]) -> Table:
    columns = [Column("images", is_numeric=False), Column("classes")]
    columns += [Column(arm.name, arm=arm.index) for arm in group.arms]
    rows = []
    for each in parts:
        runs = [run for arm in each.arms for run in arm.runs]
        row = [cells.words(each.title), cells.count(len(each.first.present), runs)]
        for arm in group.arms:
            found = each.arm(arm.index)
            shares = each.among_present(found) if found else []
            row.append(cells.percent(shares, found.runs if found else []))
        rows.append(row)
    note = "The answer is the likeliest of the classes that these images are of."
    return Table("Accuracy among the classes of the images", columns, rows, note)


def _notes(evaluated: Evaluated) -> list[str]:
    notes = [each.title for each in evaluated.single if each.is_by_position]
    found = [f"The classes of {title} were matched by position, not by name." for title in notes]
    if evaluated.repetitions:
        found.append(_repetitions(evaluated))
    return found + [f"Left out: {fault}" for fault in evaluated.faults]


def _repetitions(evaluated: Evaluated) -> str:
    found = [each.result["repetition"] for each in evaluated.repetitions.values()]
    runs = f"{len(found):,} run{'' if len(found) == 1 else 's'}"
    apart = [each for each in found if each["largest_difference"]]
    if not apart:
        return (
            f"Evaluated again on their own test images, {runs} gave the same logits, bit for bit."
        )
    largest = max(each["largest_difference"] for each in apart)
    changed = sum(each["num_changed_answers"] for each in apart)
    same = len(found) - len(apart)
    return (
        f"Evaluated again on their own test images, {same:,} of {runs} gave the same logits, bit "
        f"for bit; the others differ by at most {largest:.3g}, in {changed:,} answers."
    )


def _figure(group: Group, sets: Sequence[ImageSet], name: str, title: str) -> Figure:
    places = [float(i) for i in range(1 + len(sets))]
    series: list[Series] = []
    for arm in group.arms:
        found = [arm, *(each.arm(arm.index) for each in sets)]
        percents = [[100 * x for x in each.accuracies] if each else [] for each in found]
        runs = sorted({run for each in found if each for run in each.runs})
        series += [_sideways(line) for line in _lines(arm, places, percents, runs)]
    axis = Axis("", "category", [OWN, *(each.title for each in sets)])
    return Figure(
        name,
        [Plot(title, Axis("accuracy, %"), axis, series)],
        "Mean over seeds with 95 % t-intervals, of three seeds or more.",
        "Accuracy of each arm on its own test images and on other images.",
    )


def _lines(
    arm: Arm, places: Sequence[float], percents: Sequence[Sequence[float]], runs: Sequence[int]
) -> list[Series]:
    known = [i for i, values in enumerate(percents) if values]
    found = over_seeds(
        arm.name,
        [places[i] for i in known],
        [percents[i] for i in known],
        "points",
        arm.index,
        runs,
    )
    return [line for line in found if line.style == "points"]


def _sideways(line: Series) -> Series:
    """Puts values along x, where categories are on y."""
    return structs.replace(line, x=[value or 0.0 for value in line.y], y=line.x)
