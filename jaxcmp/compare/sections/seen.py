"""What the weights that runs began from had seen, and what of it this comparison is about."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Block, Cell, Column, Table, Text
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.sections.tuned import Tuned

TITLE = "What the weights had seen"
# Of the arrays of a model, in the order of interest.
FATES = ("loaded", "resized", "new", "unused")
NOTE = (
    "Arrays: those of our model that were taken as they are, resized, or begun anew, and those of "
    "the weights that nothing took. What training the weights took is counted nowhere in this "
    "report: times and operations are those of fine-tuning alone."
)


def seen_blocks(group: Group, arms: Sequence[Tuned]) -> list[Block]:
    """A table with a row for each kind of weights, and in words how near they are to this task."""
    families: dict[str, list[Tuned]] = {}
    for each in arms:
        families.setdefault(each.arm.name, []).append(each)
    labels = ["Weights of", "data set", "of the classes here", "training images", "classes"]
    labels += ["epochs", "arrays", "from"]
    numeric = ("training images", "classes", "epochs")
    columns = [Column(label, is_numeric=label in numeric) for label in labels]
    rows = [_row(group, sizes) for sizes in families.values()]
    # Weights that had seen the same share their sentences.
    told: dict[str, list[str]] = {}
    for name, sizes in families.items():
        told.setdefault(_nearness(group, sizes[0].origin), []).append(name)
    spreads = dict.fromkeys(text for each in arms if (text := _spread(each)))
    return [
        *(Text(f"The weights of {' and of '.join(names)} {text}") for text, names in told.items()),
        Table(TITLE, columns, rows, NOTE),
        *(Text(text, "note") for text in spreads),
    ]


def _row(group: Group, sizes: Sequence[Tuned]) -> list[Cell]:
    """Of the runs on all numbers of images."""
    tuned, origin = sizes[0], sizes[0].origin
    runs = [run for each in sizes for run in each.arm.runs]
    arrays = [f"{origin.arrays[fate]:,} {fate}" for fate in FATES if origin.arrays.get(fate)]
    told = (origin.num_train, origin.num_classes, origin.epochs)
    return [
        cells.words(tuned.label, arm=tuned.index),
        cells.words(", then ".join((*origin.told_before, origin.name or "not said"))),
        cells.words(_overlap(group, tuned)),
        *(cells.number(value, f"{value or 0:,}", runs) for value in told),
        cells.words(", ".join(arrays)),
        cells.words(_source(sizes)),
    ]


def _overlap(group: Group, tuned: Tuned) -> str:
    shared, num = tuned.origin.shared(group.class_names), len(group.class_names)
    if shared is None:
        return "not known"
    if len(shared) in (0, num):
        return f"{'all' if shared else 'none'} of {num}"
    return f"{len(shared)} of {num}: {', '.join(shared)}"


def _source(sizes: Sequence[Tuned]) -> str:
    origin = sizes[0].origin
    if not origin.is_run:
        return f"{origin.file}, SHA-256 {origin.sha256[:12]}"
    origins = [run.origin for each in sizes for run in each.arm.outcomes if run.origin]
    seeds = sorted({each.seed for each in origins if each.seed is not None})
    told = f", seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}" if seeds else ""
    return f"runs of {origin.arm or 'an arm'}{told}"


def _nearness(group: Group, origin: Origin) -> str:
    """In words: which classes they had seen, and whether images of this data set."""
    if not origin.name:
        return "had seen what nobody has said: --config.init.seen is the place for it."
    shared, num = origin.shared(group.class_names), len(group.class_names)
    if shared is None:
        seen = f"had seen {origin.words}; which classes, nobody has said."
    elif not shared:
        seen = f"had seen none of these {num} classes."
    elif len(shared) == num:
        seen = f"had seen all of these {num} classes."
    else:
        seen = f"had seen {len(shared)} of these {num} classes: {', '.join(shared)}."
    if not origin.is_run:
        return (
            f"{seen} So it was said of the file; whether it had seen any of these test images, "
            "nobody has checked."
        )
    if origin.before:
        told = "" if shared is None else f" They come from {origin.words}."
        return f"{seen}{told} Whether these test images were among that, nobody has checked."
    here = str(group.arms[0].config["data"]["name"])
    if origin.name != here:
        return f"{seen} They come from {origin.words}, another data set than {here}."
    which = "images of these classes, too" if shared else "the training images of other classes"
    return (
        f"{seen} They come from the same data set, {origin.words}: {which}, but only of the "
        "training split, so that they had seen no test image."
    )


def _spread(tuned: Tuned) -> str | None:
    """Where runs share their weights, seeds show less of the spread than there is."""
    num, sources = len(tuned.arm.runs), tuned.num_sources
    if sources == num:
        return None
    begun = "the same weights" if sources == 1 else f"{sources:,} weights"
    return (
        f"The {num:,} runs of {tuned.arm.name} began from {begun}: the spread between them is that "
        "of fine-tuning, and leaves out that of pretraining."
    )
