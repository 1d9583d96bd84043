"""Why one arm is ahead: what each answers where images are moved, torn, filtered or spoiled."""

import shlex
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Block, Cell, Column, Commands, Suggestion, Table, Text
from jaxcmp.compare.inspected import InspectedArm, State, read_inspected
from jaxcmp.compare.sections import why_figures
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.classes import class_accuracies
from jaxcmp.compare.sections.why_attention import attention_parts
from jaxcmp.compare.sections.why_pictures import picture_blocks
from jaxcmp.compare.sections.why_questions import (
    Gap,
    Question,
    class_correlation,
    find_gaps,
    questions_for,
    shuffled_tile,
)
from jaxcmp.compare.sections.why_similarity import similarity_parts
from jaxcmp.compare.sections.why_stem import stem_block

TITLE = "Why"
NOTE = (
    "Mean over seeds with its 95 % t-interval; of fewer than three seeds, each is shown. Gaps in "
    "the text are on the same images, with Welch's interval over seeds, each of its question "
    "alone; Holm's correction of p is over the questions. Untrained: the random weights that each "
    "seed begins with. Such a model gives nearly all images one answer, and so keeps it: keeping "
    "answers is a merit only beside being right."
)
FOLDED = "corruptions, attention, positions, layers"


def why_section(group: Group) -> Answer:
    inspected = read_inspected(group)
    arms = inspected.arms
    pairs = [
        (arms[one.index], arms[two.index])
        for one, two in group.pairs
        if one.index in arms and two.index in arms
    ]
    stem = stem_block(group)
    if not pairs:
        return _uninspected(group, stem)
    first = pairs[0][0]
    questions = questions_for(first)
    gaps = [gap for one, two in pairs for gap in find_gaps(questions, one, two)]
    blocks: list[Block] = [*stem, Text(_images(list(arms.values())), "note")]
    shown = why_figures.figures(group, list(arms.values()))
    details: list[Block] = []
    for question, figure in zip(questions, shown, strict=True):
        own = [gap for gap in gaps if gap.question is question]
        blocks += [Text(gap.sentence) for gap in own]
        is_folded = question.is_folded or not all(gap.is_compared for gap in own)
        (details if is_folded else blocks).append(figure)
    parts = [attention_parts(list(arms.values()))]
    for number, pair in enumerate(pairs, start=1):
        parts.append(similarity_parts(*pair, "" if len(pairs) == 1 else f"-{number}"))
    for seen, unseen in parts:
        blocks, details = [*blocks, *seen], [*details, *unseen]
    classes = [text for one, two in pairs if (text := _by_class(group, one, two))]
    details += [_table(questions, list(arms.values())), *map(Text, classes)]
    galleries = [block for pair in pairs for block in picture_blocks(group, pair)]
    blocks, details = [*blocks, *galleries[:1]], [*details, *galleries[1:]]
    blocks += [Text(each, "note") for each in inspected.faults]
    if inspected.missing:
        blocks += [
            Text("These runs were not inspected, or on other images, and are not shown here:"),
            Commands([_command(inspected.missing)]),
        ]
    finding = _finding(gaps) if len(pairs) == len(group.pairs) == 1 else ""
    finding = stem[0].text if len(stem) == 1 else finding
    return answered("why", TITLE, blocks, finding=finding, details=details, folded=FOLDED)


def _uninspected(group: Group, stem: Sequence[Text]) -> Answer:
    if not group.pairs:
        return Answer()
    text = "Why: how both see images that are moved, torn, filtered or spoiled."
    outcomes = [outcome for arm in group.arms for outcome in arm.outcomes]
    more = (Suggestion(text, _command(outcomes)),)
    if not stem:
        return Answer(more=more)
    return answered("why", TITLE, stem, finding=stem[0].text, more=more)


def _command(outcomes: Sequence[Outcome]) -> str:
    folders = [outcome.folder for outcome in outcomes]
    return shlex.join(["python", "-m", "jaxcmp.inspect", *folders])


def _images(arms: Sequence[InspectedArm]) -> str:
    seeds = ", ".join(f"{len(each.inspections)} of {each.arm.name}" for each in arms)
    return (
        f"All on the same {arms[0].num_images:,} test images, after the last epoch; seeds: {seeds}."
    )


def _finding(gaps: Sequence[Gap]) -> str:
    """The gap that seeds explain least; that there is none, where seeds can explain all of them."""
    gaps = [gap for gap in gaps if gap.is_compared]
    known = [gap for gap in gaps if gap.p_value is not None]
    real = [gap for gap in known if gap.lead.is_real]
    if real:
        return min(real, key=lambda gap: gap.p_value or 0.0).sentence
    if len(known) < len(gaps) or not gaps:
        return ""
    one, two = gaps[0].first.arm.name, gaps[0].second.arm.name
    return (
        f"Moved, torn, filtered or spoiled images do not set {one} and {two} apart: seeds "
        f"alone can explain each of {len(gaps)} differences."
    )


def _by_class(group: Group, first: InspectedArm, second: InspectedArm) -> str:
    """Says whether the first arm leads by more in classes that need the arrangement of an image."""
    one, two = (class_accuracies(group, each.arm) for each in (first, second))
    leads = {c: 100 * (one[c][0] - two[c][0]) for c in one}
    found = class_correlation(leads, first, second)
    if found is None:
        return ""
    rho, p_value, num = found
    return (
        f"By class, the lead of {first.arm.name} over {second.arm.name} and the accuracy that "
        f"shuffled tiles of {shuffled_tile(first)} pixels cost both have a rank correlation of "
        f"{cells.two_digits(rho)} ({cells.say_p(p_value)}, n = {num} classes, too few for more "
        "than a hint)."
    )


def _table(questions: Sequence[Question], arms: Sequence[InspectedArm]) -> Table:
    columns = [Column("question", is_numeric=False)]
    for each in arms:
        columns += [
            Column(each.arm.name, arm=each.arm.index),
            Column(f"{each.arm.name}, untrained"),
        ]
    rows: list[list[Cell]] = []
    for question in questions:
        is_low = any(question.instead(each, each) for each in arms)
        row = [cells.words(question.name + ", near chance" * is_low)]
        for each in arms:
            states: tuple[State, State] = ("trained", "initial")
            row += [cells.mean(question.values(each, s), each.arm.runs, digits=2) for s in states]
        rows.append(row)
    return Table("Trained and untrained", columns, rows, NOTE)
