"""Why one arm is ahead: what each answers where images are moved, torn, filtered or spoiled."""

import dataclasses
import shlex
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Block, Cell, Column, Commands, Suggestion, Table, Text
from jaxcmp.compare.inspected import InspectedArm, State, mean_over, read_inspected
from jaxcmp.compare.sections import why_figures
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.classes import class_accuracies
from jaxcmp.compare.sections.why_attention import attention_blocks
from jaxcmp.compare.sections.why_pictures import picture_blocks
from jaxcmp.compare.sections.why_similarity import similarity_blocks
from jaxcmp.compare.sections.why_stem import stem_block
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, lead
from jaxcmp.compare.statistics.paired import holm

TITLE = "Why"
NOTE = (
    "Mean over seeds with its 95 % t-interval; of fewer than three seeds, each is shown. Gaps in "
    "the text are on the same images, with Welch's interval over seeds; Holm's correction is over "
    "the questions. Untrained: the random weights that each seed begins with. Such a model gives "
    "nearly all images one answer, and so keeps it: keeping answers is a merit only beside being "
    "right."
)


@dataclasses.dataclass(frozen=True)
class Question:
    """A number of an arm for each seed, in percent or points, and the words for it.

    `values` takes the state; `sentence` has places for both arms' names and numbers.
    """

    name: str
    values: Callable[[InspectedArm, State], list[float]]
    sentence: str


@dataclasses.dataclass(frozen=True)
class Gap:
    """A question with the difference of two arms, the first minus the second, and its p value."""

    question: Question
    first: InspectedArm
    second: InspectedArm
    difference: Difference
    p_value: float | None

    @property
    def lead(self) -> Lead:
        return lead(self.difference.mean, self.p_value)

    @property
    def sentence(self) -> str:
        arms = (self.first, self.second)
        values = [float(np.mean(self.question.values(each, "trained"))) for each in arms]
        numbers = dict(zip("xy", (cells.two_digits(value) for value in values), strict=True))
        said = self.question.sentence.format(
            a=self.first.arm.name, b=self.second.arm.name, **numbers
        )
        return f"{said}: {self._apart()}."

    def _apart(self) -> str:
        size = f"{abs(self.difference.mean):.2f} points apart"
        if self.difference.interval is None or self.p_value is None:
            return f"{size} (too few seeds, or equal ones, for an interval)"
        bounds = self.difference.interval
        low, high = sorted(np.sign(self.difference.mean or 1) * bound for bound in bounds)
        surely = "more than seeds alone explain" if self.lead.is_real else "which seeds can explain"
        return (
            f"{size} (95 % interval {cells.two_digits(low)} to {cells.two_digits(high)}, "
            f"{cells.say_p(self.p_value)} after Holm's correction), {surely}"
        )


def why_section(group: Group) -> Answer:
    inspected = read_inspected(group)
    arms = inspected.arms
    pairs = [
        (arms[one.index], arms[two.index])
        for one, two in group.pairs
        if one.index in arms and two.index in arms
    ]
    if not pairs:
        if not group.pairs:
            return Answer()
        text = "Why: how both see images that are moved, torn, filtered or spoiled."
        outcomes = [outcome for arm in group.arms for outcome in arm.outcomes]
        suggestion = Suggestion(text, _command(outcomes))
        stem = stem_block(group)
        return (
            answered("why", TITLE, stem, more=[suggestion]) if stem else Answer(more=(suggestion,))
        )
    first = pairs[0][0]
    questions = _questions(first)
    gaps = [gap for one, two in pairs for gap in find_gaps(questions, one, two)]
    blocks: list[Block] = [*stem_block(group), Text(_images(list(arms.values())), "note")]
    shown = why_figures.figures(group, list(arms.values()))
    for question, figure in zip(questions, shown, strict=True):
        own = [gap for gap in gaps if gap.question is question]
        blocks += [*(Text(gap.sentence) for gap in own), figure]
    blocks += attention_blocks(list(arms.values()))
    for number, pair in enumerate(pairs, start=1):
        blocks += similarity_blocks(*pair, "" if len(pairs) == 1 else f"-{number}")
    classes = [text for one, two in pairs if (text := _by_class(group, one, two))]
    details: list[Block] = [_table(questions, list(arms.values())), *map(Text, classes)]
    details += [block for pair in pairs for block in picture_blocks(group, pair)]
    blocks += [Text(each, "note") for each in inspected.faults]
    if inspected.missing:
        blocks += [
            Text("These runs were not inspected, or on other images, and are not shown here:"),
            Commands([_command(inspected.missing)]),
        ]
    finding = _finding(gaps) if len(pairs) == len(group.pairs) == 1 else ""
    return answered("why", TITLE, blocks, finding=finding, details=details)


def _command(outcomes: Sequence[Outcome]) -> str:
    folders = [outcome.folder for outcome in outcomes]
    return shlex.join(["python", "-m", "jaxcmp.inspect", *folders])


def _images(arms: Sequence[InspectedArm]) -> str:
    seeds = ", ".join(f"{len(each.inspections)} of {each.arm.name}" for each in arms)
    return (
        f"All on the same {arms[0].num_images:,} test images, after the last epoch; seeds: {seeds}."
    )


def _questions(arm: InspectedArm) -> list[Question]:
    """The questions in their order; distances are those of the inspected images."""
    side = arm.side
    distances = [d for d in arm.levels("shifts", "black") if d <= max(side / 8, 1)]
    tile = _nearest(arm.levels("arrangement", "tiles"), side / 4)
    kinds, num_places = arm.kinds("corruptions"), len(arm.levels("places", "place"))
    pixels = "1 pixel" if distances == [1] else f"{distances[0]} to {distances[-1]} pixels"
    return [
        Question(
            f"answers kept after shifts by {pixels}, %",
            lambda each, state: mean_over(
                [each.shares("shifts", "black", d, "kept", state) for d in distances]
            ),
            f"Shifted by {pixels} in eight directions, {{a}} keeps {{x}} % of its answers and "
            "{b} {y} %",
        ),
        Question(
            f"spread of the accuracy over {num_places} places, points",
            why_figures.spread_over_places,
            "Where a smaller image is pasted changes the accuracy of {a} by {x} points (standard "
            f"deviation over {num_places} places) and of {{b}} by {{y}}",
        ),
        Question(
            f"accuracy lost to shuffled tiles of {tile} pixels, points",
            lambda each, state: _loss(
                each, state, each.shares("arrangement", "tiles", tile, "right", state)
            ),
            f"Shuffled tiles of {tile} pixels cost {{a}} {{x}} points of accuracy and {{b}} {{y}}",
        ),
        Question(
            f"accuracy under {len(kinds)} corruptions, %",
            lambda each, state: mean_over(
                [
                    each.shares("corruptions", kind, level, "right", state)
                    for kind in kinds
                    for level in each.levels("corruptions", kind)
                ]
            ),
            f"Over {len(kinds)} corruptions at five severities, {{a}} is right in {{x}} % of cases "
            "and {b} in {y} %",
        ),
    ]


def _nearest(levels: Sequence[int], wanted: float) -> int:
    return min(levels, key=lambda level: abs(level - wanted))


def _loss(arm: InspectedArm, state: State, after: Sequence[float]) -> list[float]:
    return [x - y for x, y in zip(arm.unchanged(state), after, strict=True)]


def find_gaps(
    questions: Sequence[Question], first: InspectedArm, second: InspectedArm
) -> list[Gap]:
    """Compares two arms on each question; Holm's correction is over these."""
    differences = [
        compare_runs(question.values(first, "trained"), question.values(second, "trained"))
        for question in questions
    ]
    known = [each.p_value for each in differences if each.p_value is not None]
    corrected = iter(holm(known))
    return [
        Gap(question, first, second, each, None if each.p_value is None else next(corrected))
        for question, each in zip(questions, differences, strict=True)
    ]


def _finding(gaps: Sequence[Gap]) -> str:
    """The gap that seeds explain least; that there is none, where seeds can explain all of them."""
    known = [gap for gap in gaps if gap.p_value is not None]
    real = [gap for gap in known if gap.lead.is_real]
    if real:
        return min(real, key=lambda gap: gap.p_value or 0.0).sentence
    if len(known) < len(gaps):
        return ""
    one, two = gaps[0].first.arm.name, gaps[0].second.arm.name
    return (
        f"Moved, torn, filtered or spoiled images do not set {one} and {two} apart: seeds can "
        f"explain each of {len(gaps)} differences."
    )


def _by_class(group: Group, first: InspectedArm, second: InspectedArm) -> str:
    """Says whether the first arm leads by more in classes that need the arrangement of an image."""
    tile = _nearest(first.levels("arrangement", "tiles"), first.side / 4)
    both = [each.class_losses("arrangement", "tiles", tile) for each in (first, second)]
    losses = np.mean(both, axis=0)
    shares = [class_accuracies(group, each.arm) for each in (first, second)]
    present = [c for c in shares[0] if np.isfinite(losses[c])]
    if len(present) < 4:
        return ""
    leads = [100 * (shares[0][c][0] - shares[1][c][0]) for c in present]
    if np.ptp(leads) == 0 or np.ptp(losses[present]) == 0:
        return ""
    result = stats.spearmanr(leads, losses[present])
    rho, p_value = (float(np.asarray(each)) for each in tuple(result))
    num = len(present)
    return (
        f"By class, the lead of {first.arm.name} over {second.arm.name} and the accuracy that "
        f"shuffled tiles of {tile} pixels cost both have a rank correlation of "
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
        row = [cells.words(question.name)]
        for each in arms:
            states: tuple[State, State] = ("trained", "initial")
            row += [cells.mean(question.values(each, s), each.arm.runs, digits=2) for s in states]
        rows.append(row)
    return Table("Trained and untrained", columns, rows, NOTE)
