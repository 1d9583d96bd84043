"""The data that weights were pretrained on, and how much of this comparison's classes it has."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Block, Cell, Column, Table, Text
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.sections.pretrained_arms import Pretrained

TITLE = "What the weights were pretrained on"
# Of the arrays of a model, in the order of interest.
FATES = ("loaded", "resized", "new", "unused")
NOTE = (
    "Arrays: those of the model that were loaded, resized or begun anew, and those of the file "
    "that were not used. Times and operations in this report are those of fine-tuning alone."
)


def data_blocks(group: Group, arms: Sequence[Pretrained]) -> list[Block]:
    """A table with a row for each kind of weights, and in words how near they are to this task."""
    families: dict[str, list[Pretrained]] = {}
    for each in arms:
        families.setdefault(each.arm.name, []).append(each)
    labels = ["Weights of", "data set", "of the classes here", "training images", "classes"]
    labels += ["epochs", "arrays", "from"]
    numeric = ("training images", "classes", "epochs")
    columns = [Column(label, is_numeric=label in numeric) for label in labels]
    rows = [_row(group, sizes) for sizes in families.values()]
    # Weights that were pretrained on the same data share their sentences.
    names: dict[str, list[str]] = {}
    for name, sizes in families.items():
        names.setdefault(_nearness(group, sizes[0].origin), []).append(name)
    spreads = dict.fromkeys(text for each in arms if (text := _spread(each)))
    return [
        *(Text(f"The weights of {' and of '.join(own)} {text}") for text, own in names.items()),
        Table(TITLE, columns, rows, NOTE),
        *(Text(text, "note") for text in spreads),
    ]


def _row(group: Group, sizes: Sequence[Pretrained]) -> list[Cell]:
    """Makes the row of a pretrained arm, over all its sizes of training set."""
    pretrained, origin = sizes[0], sizes[0].origin
    runs = [run for each in sizes for run in each.arm.runs]
    arrays = [f"{origin.arrays[fate]:,} {fate}" for fate in FATES if origin.arrays.get(fate)]
    told = (origin.num_train, origin.num_classes, origin.epochs)
    return [
        cells.words(pretrained.label, arm=pretrained.index),
        cells.words(", then ".join((*origin.told_before, origin.name or "not said"))),
        cells.words(_overlap(group, pretrained)),
        *(cells.number(value, f"{value or 0:,}", runs) for value in told),
        cells.words(", ".join(arrays)),
        cells.words(_source(sizes)),
    ]


def _overlap(group: Group, pretrained: Pretrained) -> str:
    shared, num = pretrained.origin.shared(group.class_names), len(group.class_names)
    if shared is None:
        return "not known"
    if len(shared) in (0, num):
        return f"{'all' if shared else 'none'} of {num}"
    return f"{len(shared)} of {num}: {', '.join(shared)}"


def _source(sizes: Sequence[Pretrained]) -> str:
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
    shared, num = origin.shared(group.class_names), len(group.class_names)
    if shared is None:
        start = f"were trained on {origin.words}; on which classes is not known."
    elif len(shared) in (0, num):
        start = f"were trained on {'all' if shared else 'none'} of these {num} classes."
    else:
        start = f"were trained on {len(shared)} of these {num} classes: {', '.join(shared)}."
    unchecked = "Whether they were trained on any of these test images is not known."
    if not origin.is_run:
        return f"{start} That is what was said of the file. {unchecked}"
    if origin.before:
        source = "" if shared is None else f" They come from {origin.words}."
        return f"{start}{source} {unchecked}"
    here = str(group.arms[0].config["data"]["name"])
    if origin.name != here:
        return f"{start} They come from {origin.words}, another data set than {here}."
    which = "images of these classes too" if shared else "images of other classes"
    return (
        f"{start} They come from the same data set, {origin.words}: {which}, of the training "
        "split only, so that they were trained on no test image."
    )


def _spread(pretrained: Pretrained) -> str | None:
    """Warns where runs share their weights: their seeds then show too little of the spread."""
    num, sources = len(pretrained.arm.runs), pretrained.num_sources
    if sources == num:
        return None
    begun = "the same weights" if sources == 1 else f"{sources:,} weights"
    return (
        f"The {num:,} runs of {pretrained.arm.name} began from {begun}: the spread between them is "
        "that of fine-tuning alone, without that of pretraining."
    )
