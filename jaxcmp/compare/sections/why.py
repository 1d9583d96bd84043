"""Why one arm is ahead: what each answers where images are shifted, shuffled or corrupted."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, runs_of
from jaxcmp.compare.document import Block, Cell, Column, Commands, Table, Text
from jaxcmp.compare.inspected import InspectedArm, read_inspected
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts, unanswered
from jaxcmp.compare.sections.classes import class_accuracies
from jaxcmp.compare.sections.commands import on_runs
from jaxcmp.compare.sections.recipes import RECIPE_PARTS, part_of
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
from jaxcmp.compare.statistics.means import CONFIDENCE, Lead, compare_runs, share_of_gap
from jaxcmp.runs.inspections import STATES

TITLE = "Why"
INSPECT = "jaxcmp.inspect"
NOTE = (
    "Mean over seeds with its 95 % t-interval; of fewer than three seeds, each is shown. Gaps in "
    "the text are on the same images, with Welch's interval over seeds, each of its question "
    "alone; Holm's correction of p is over the questions. Untrained: random weights, drawn with "
    "the seed of each run, even if the run began with pretrained ones. Keeping answers is a merit "
    "only beside being right."
)
NO_CAUSE = (
    "How the arms differ here is a hint at the cause of the gap in accuracy, and no proof of it."
)
FOLDED = "corruptions, attention, positions, layers"
# A convolutional stem takes the place of the patches and of one block, and makes another arm.
SWAPPED = ("arm", "model.stem", "model.depth")


def why_section(group: Group) -> Answer:
    inspected, stem = read_inspected(group), stem_sentences(group)
    stems = texts(*stem, *crossed_stem_sentences(group))
    by_index, arms = inspected.arms, list(inspected.arms.values())
    found = [[by_index.get(arm.index) for arm in pair] for pair in group.pairs]
    pairs = [(one, two) for one, two in found if one and two]
    if not pairs:
        return _uninspected(group, stem, stems)
    questions = questions_for(pairs[0][0])
    by_pair = [find_gaps(questions, one, two) if one and two else [] for one, two in found]
    gaps = [gap for each in by_pair for gap in each]
    seeds = ", ".join(f"{len(each.inspections)} of {each.arm.name}" for each in arms)
    images = f"the same {arms[0].num_images:,} test images, after the last epoch; seeds: {seeds}."
    blocks: list[Block] = [*stems, *notes(f"All on {images} {NO_CAUSE}")]
    details: list[Block] = []
    for question in questions:
        own = [gap for gap in gaps if gap.question is question]
        blocks += [Text(gap.sentence) for gap in own]
        is_shown = not question.is_folded and all(gap.difference for gap in own)
        (blocks if is_shown else details).append(question.figure(arms))
    parts = [attention_parts(arms)]
    for number, pair in enumerate(pairs, start=1):
        parts.append(similarity_parts(*pair, "" if len(pairs) == 1 else f"-{number}"))
    for shown, folded in parts:
        blocks, details = [*blocks, *shown], [*details, *folded]
    by_class = [text for pair in pairs if (text := _by_class(group, *pair))]
    galleries = [block for pair in pairs for block in picture_blocks(group, pair)]
    blocks += [*galleries[:1], *notes(*inspected.faults)]
    if inspected.missing:
        text = "These runs were not inspected as the others were, and are not shown here:"
        blocks += [Text(text), Commands([on_runs(INSPECT, inspected.missing)])]
    strongest = _finding(group.of_main_pair(by_pair) or [])
    return answered(
        "why",
        TITLE,
        blocks,
        findings=[stem[0] if len(stem) == 1 else "", strongest],
        details=[*details, _table(questions, arms), *texts(*by_class), *galleries[1:]],
        folded=FOLDED,
    )


def _uninspected(group: Group, stem: Sequence[str], stems: Sequence[Block]) -> Answer:
    if not group.pairs:
        return Answer()
    text = "Why: what both answer where images are shifted, shuffled, filtered or corrupted."
    missing = unanswered(text, on_runs(INSPECT, runs_of(group.arms)))
    if not stems:
        return missing
    return answered("why", TITLE, stems, findings=stem[:1], more=missing.more)


def _finding(gaps: Sequence[Gap]) -> str:
    """The gap that seeds explain least; that there is none, where seeds can explain all of them."""
    known = [(gap.difference, gap) for gap in gaps if gap.difference]
    real = [(each.p_value, gap.sentence) for each, gap in known if each.lead.is_real]
    if real:
        return min(real, key=lambda each: each[0] or 0.0)[1]
    if not known or any(each.p_value is None for each, _ in known):
        return ""
    one, two = (each.arm.name for each in gaps[0].arms)
    return (
        f"These seeds do not show that shifted, shuffled, filtered or corrupted images set {one} "
        f"and {two} apart: seeds alone can explain each of {len(known)} differences."
    )


def _by_class(group: Group, first: InspectedArm, second: InspectedArm) -> str:
    """Says whether the first arm leads by more in classes that need the arrangement of an image."""
    one, two = (class_accuracies(group, each.arm) for each in (first, second))
    found = class_correlation({c: one[c].mean - two[c].mean for c in one}, first, second)
    if found is None:
        return ""
    rho, p_value, num = found
    surely = ", no clear relation" if p_value >= 1 - CONFIDENCE else ""
    return (
        f"Across classes, the lead of {first.arm.name} over {second.arm.name} and the accuracy "
        f"lost to shuffled tiles of {shuffled_tile(first)} pixels (mean of both arms) have the "
        f"rank correlation {cells.decimals(rho)} ({cells.say_p(p_value)}, n = {num}){surely}."
    )


def _table(questions: Sequence[Question], arms: Sequence[InspectedArm]) -> Table:
    headings = columns.of_words("measure")
    for each in arms:
        headings += [*columns.of_arms([each.arm]), Column(f"{each.arm.name}, untrained")]
    rows = []
    for question in questions:
        is_low = any(question.instead(each, each) for each in arms)
        row = [Cell(question.name + ", near chance" * is_low)]
        for each in arms:
            values = [question.values(each, state) for state in STATES]
            row += [cells.mean(own, each.arm.runs, digits=2) for own in values]
        rows.append(row)
    return Table("Trained and untrained", headings, rows, NOTE)


def stem_sentences(group: Group) -> list[str]:
    """Says how far the stem brings a ViT towards the ResNet; nothing where an arm is missing.

    That with the ViT's recipe, where it was trained: else the recipe is a part of the gap.
    """
    return [
        _sentence(patch, conv, resnets[0])
        for patch, conv in _with_stem(group.arms)
        if (resnets := _resnets_beside(group, patch))
    ]


def crossed_stem_sentences(group: Group) -> list[str]:
    """Says the same of ViTs with another model's recipe, beside a ResNet with that recipe."""
    return [
        _sentence(patch, conv, alike[0], is_again=True)
        for patch, conv in _with_stem(group.crossed)
        if (alike := _resnets_alike(group, patch))
    ]


def _with_stem(arms: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """Returns each ViT together with the same one with a convolutional stem."""
    return [(one, two) for one in arms for two in arms if _is_with_stem(one, two)]


def _resnets_beside(group: Group, patch: Arm) -> list[Arm]:
    """Returns the ResNets with this arm's recipe, then the others; none without a ResNet's own.

    The arms of the group themselves are of one length and on all images.
    """
    own = [arm for arm in group.ranked if arm.architecture == "resnet"]
    return _resnets_alike(group, patch) + own if own else []


def _resnets_alike(group: Group, patch: Arm) -> list[Arm]:
    """Returns the ResNets with this arm's recipe, as long and on as many images."""
    arms = (*group.ranked, *group.crossed, *group.other_lengths, *group.smaller)
    return [arm for arm in arms if _has_recipe_of(arm, patch)]


def _has_recipe_of(arm: Arm, patch: Arm) -> bool:
    """Returns whether an arm is a ResNet with all that makes the recipe of another arm."""
    one, two = (
        [each.outcomes[0].train_fraction, each.outcomes[0].num_epochs]
        + [part_of(each, part) for part in RECIPE_PARTS]
        for each in (arm, patch)
    )
    return arm.architecture == "resnet" and one == two


def _is_with_stem(patch: Arm, conv: Arm) -> bool:
    """Returns whether the second arm is the first with a convolutional stem, and no more."""
    one, two = (each.config["model"] for each in (patch, conv))
    if (one["name"], two["name"]) != ("vit", "vit"):
        return False
    is_swapped = (one.get("stem", "patch"), two.get("stem")) == ("patch", "conv")
    recipes = [
        {key: value for key, value in each.outcomes[0].recipe if key not in SWAPPED}
        for each in (patch, conv)
    ]
    return is_swapped and recipes[0] == recipes[1] and two["depth"] == one["depth"] - 1


def _sentence(patch: Arm, conv: Arm, ahead: Arm, *, is_again: bool = False) -> str:
    """Says what the stem gains; with `is_again`, after a sentence that says what the stem is."""
    percents = [arm.percents for arm in (patch, conv, ahead)]
    gap = compare_runs(percents[2], percents[0], most=100)
    gain = compare_runs(percents[1], percents[0], most=100)
    more, model = f"points {'more' if gain.mean >= 0 else 'less'}", patch.outcomes[0].name
    if is_again:
        text = f"{conv.name} scores {cells.in_words(gain, f'{more} than {model} with that recipe')}"
    else:
        text = (
            f"{conv.name} is {patch.name} with four convolutions in the place of its patches and "
            f"of one block. With the same recipe it scores {cells.in_words(gain, more)}"
        )
    whole = f"gap of {f'that {model}' if is_again else patch.name} to {ahead.name}"
    if gap.p_value is None:
        return f"{text}. So few seeds do not show a {whole} that it could close."
    if gap.lead is not Lead.FIRST:
        return f"{text}; there is no clear {whole} that it could close."
    share = share_of_gap(*percents)
    said = f"{100 * share.mean:.0f} % of the {whole}"
    said += ", which is one of model and recipe" * (not _has_recipe_of(ahead, patch))
    if share.interval is None:
        return f"{text}: {said} (fewer than three seeds, or equal ones: no interval)."
    low, high = (f"{100 * each:.0f}".replace("-", "−") for each in share.interval)
    return f"{text}: {said} (95 % interval {low} to {high} %)."
