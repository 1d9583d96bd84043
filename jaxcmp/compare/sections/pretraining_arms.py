"""Arms that began from weights: those beside which they stand, and where the weights come from."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, gathered
from jaxcmp.compare.document import Block, Cell, Table
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.recipe_keys import SCALE_KEYS, Settings, differing, unsized
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import notes, texts

DATA_TITLE = "What the weights were pretrained on"
# Of the arrays of a model, in the order of interest.
FATES = ("loaded", "resized", "new", "unused")
DATA_NOTE = (
    "Arrays: those of the model that were loaded, resized or begun anew, and those of the file "
    "that were not used. Times and operations in this report are those of fine-tuning alone."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Pretrained:
    """A pretrained arm, and arms that began at random, on the same images.

    `baselines` start with the one whose recipe is nearest, which is the same if there is such; the
    architecture's own recipe follows where that is another. `label` is short: it tells arms apart
    within this report.
    """

    arm: Arm
    origin: Origin
    baselines: tuple[Arm, ...]
    label: str

    @property
    def baseline(self) -> Arm | None:
        return self.baselines[0] if self.baselines else None

    @property
    def architecture(self) -> str:
        return self.arm.outcomes[0].architecture

    @property
    def num_train(self) -> int:
        return self.arm.outcomes[0].num_train


def pretrained_arms(group: Group) -> list[Pretrained]:
    """Sorts by architecture, the ViT first, then by training images, the most first."""
    begun = [(arm, origin) for arm in group.all_arms if (origin := arm.outcomes[0].origin)]
    random = [arm for arm in group.all_arms if arm.outcomes[0].origin is None]
    plain = [unsized(arm.outcomes[0].recipe) for arm in group.arms]
    found = []
    for arm, origin in begun:
        own = arm.outcomes[0].name
        names = {other.name for other, _ in begun if other.outcomes[0].name == own}
        label = f"{own}, pretrained" if len(names) == 1 else arm.name
        found.append(Pretrained(arm, origin, _baselines(arm, random, plain), label))
    return sorted(
        found, key=lambda each: (each.architecture != "vit", each.architecture, -each.num_train)
    )


def of_sizes(
    arms: Sequence[Pretrained], *choices: Callable[[Iterable[int]], int]
) -> list[Pretrained]:
    """Chooses arms of each architecture by training images: the most (max), the fewest (min)."""
    found = []
    for own in gathered(arms, lambda each: each.architecture).values():
        sizes = [each.num_train for each in own]
        chosen = [choose(sizes) for choose in choices]
        found += [each for each in own if each.num_train in chosen]
    return found


def differences(pretrained: Pretrained, baseline: Arm) -> list[str]:
    """The parts of the configuration that differ, beside the weights."""
    keys = differing(pretrained.arm.outcomes[0].recipe, baseline.outcomes[0].recipe)
    names = ("normalisation" if key in SCALE_KEYS else key.partition(".")[0] for key in keys)
    return list(dict.fromkeys(names))


def _baselines(arm: Arm, random: Sequence[Arm], plain: Sequence[Settings]) -> tuple[Arm, ...]:
    first = arm.outcomes[0]

    def distance(other: Arm) -> tuple[int, int]:
        return len(differing(first.recipe, other.outcomes[0].recipe)), -len(other.runs)

    alike = [
        each
        for each in random
        if each.outcomes[0].architecture == first.architecture
        and each.outcomes[0].num_train == first.num_train
    ]
    fitting = sorted(alike, key=distance)
    own = [each for each in fitting if unsized(each.outcomes[0].recipe) in plain]
    chosen = {tuple(each.runs): each for each in (*fitting[:1], *own[:1])}
    return tuple(chosen.values())


def data_blocks(group: Group, arms: Sequence[Pretrained]) -> list[Block]:
    """A table with a row for each kind of weights, and in words how near they are to this task."""
    families = gathered(arms, lambda each: each.arm.name).values()
    headings = columns.of_words("Weights of", "data set", "of the classes here")
    headings += columns.of_numbers("training images", "classes", "epochs")
    headings += columns.of_words("arrays", "from")
    rows = [_data_row(group, sizes) for sizes in families]
    # Weights that were pretrained on the same data share their sentences.
    alike = gathered((sizes[0] for sizes in families), lambda each: _nearness(group, each.origin))
    said = [
        f"The weights of {' and of '.join(each.arm.name for each in own)} {text}"
        for text, own in alike.items()
    ]
    return [
        *texts(*said),
        Table(DATA_TITLE, headings, rows, DATA_NOTE),
        *notes(*dict.fromkeys(map(_shared_weights, arms))),
    ]


def _data_row(group: Group, sizes: Sequence[Pretrained]) -> list[Cell]:
    """Makes the row of a pretrained arm, over all its sizes of training set."""
    pretrained, origin = sizes[0], sizes[0].origin
    runs = [run for each in sizes for run in each.arm.runs]
    arrays = [f"{origin.arrays[fate]:,} {fate}" for fate in FATES if origin.arrays.get(fate)]
    counts = (origin.num_train, origin.num_classes, origin.epochs)
    return [
        Cell(pretrained.label, arm=columns.colour(pretrained.arm)),
        Cell(", then ".join((*origin.told_before, origin.name or "not said"))),
        Cell(_overlap(group, origin) or "not known"),
        *(cells.number(value, f"{value or 0:,}", runs) for value in counts),
        Cell(", ".join(arrays)),
        Cell(_file_or_runs(sizes)),
    ]


def _overlap(group: Group, origin: Origin, these: str = "", classes: str = "") -> str:
    """Writes how many of the classes here the weights had seen, and which; "" if not known."""
    shared, num = origin.shared(group.class_names), len(group.class_names)
    if shared is None:
        return ""
    is_whole = len(shared) in (0, num)
    how_many = ("all" if shared else "none") if is_whole else str(len(shared))
    names = "" if is_whole else f": {', '.join(shared)}"
    return f"{how_many} of {these}{num}{classes}{names}"


def _file_or_runs(sizes: Sequence[Pretrained]) -> str:
    origin = sizes[0].origin
    if not origin.is_run:
        return f"{origin.short_file}, SHA-256 {origin.sha256[:12]}"
    origins = [run.origin for each in sizes for run in each.arm.outcomes if run.origin]
    seeds = sorted({each.seed for each in origins if each.seed is not None})
    plural = "" if len(seeds) == 1 else "s"
    own = f", seed{plural} {', '.join(map(str, seeds))}" if seeds else ""
    return f"runs of {origin.arm or 'an arm'}{own}"


def _nearness(group: Group, origin: Origin) -> str:
    """Says which of the classes here they were trained on, and whether on images of this data."""
    if not origin.name:
        return "come with no word on what they were trained on; --config.init.seen is its place."
    overlap = _overlap(group, origin, "these ", " classes")
    start = f"were trained on {overlap}."
    if not overlap:
        start = f"were trained on {origin.words}; on which classes is not known."
    unchecked = "Whether they were trained on any of these test images is not known."
    if not origin.is_run:
        return f"{start} That is what was said of the file. {unchecked}"
    if origin.before:
        source = f" They come from {origin.words}." if overlap else ""
        return f"{start}{source} {unchecked}"
    here = str(group.arms[0].config["data"]["name"])
    if origin.name != here:
        return f"{start} They come from {origin.words}, another data set than {here}."
    which = (
        "images of these classes too"
        if origin.shared(group.class_names)
        else "images of other classes"
    )
    return (
        f"{start} They come from the same data set, {origin.words}: {which}, of the training "
        "split only, so that they were trained on no test image."
    )


def _shared_weights(pretrained: Pretrained) -> str:
    """Warns where runs share their weights: their seeds then show too little of the spread."""
    outcomes = pretrained.arm.outcomes
    num, sources = len(outcomes), len({each.origin.sha256 for each in outcomes if each.origin})
    if sources == num:
        return ""
    begun = "the same weights" if sources == 1 else f"{sources:,} weights"
    return (
        f"The {num:,} runs of {pretrained.arm.name} began from {begun}: the spread between them is "
        "that of fine-tuning alone, without that of pretraining."
    )
