"""The part of "Why" that shows what two arms look at, where exactly one of them is right."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Block, Gallery, Picture
from jaxcmp.compare.inspected import InspectedArm
from jaxcmp.compare.sections.answer import notes
from jaxcmp.compare.sections.same_images import mean_probabilities, png

# For each of the two arms.
NUM_PICTURES = 4
# Laid over the grey image, more of it where a map is higher.
COLOUR, MOST = np.array([255, 120, 0]), 0.75
METHODS = {
    "vit": "attention rollout of {name} (Abnar and Zuidema 2020)",
    "resnet": "Grad-CAM of {name} for its own answer (Selvaraju et al. 2017)",
}


def picture_blocks(group: Group, arms: Sequence[InspectedArm]) -> list[Block]:
    """Returns a gallery of images that exactly one of two arms gets right, or says there is none.

    Right is an arm by its mean probability over seeds; only inspected images count.
    """
    sure, maps = [mean_probabilities(each.arm) for each in arms], [_maps(each) for each in arms]
    pictures, ids = _pictures(arms), arms[0].arm.outcomes[0].predictions.ids.tolist()
    shown = set(pictures).intersection(*maps)
    if not shown:
        return []
    chosen = _choose(group, sure, np.array([each in shown for each in ids]))
    names = " and ".join(each.arm.name for each in arms)
    if not chosen:
        return notes(
            f"No inspected image with a picture is answered rightly by one of {names} alone."
        )
    methods = "; ".join(
        METHODS[arm.outcomes[0].architecture].format(name=arm.name)
        for arm in (each.arm for each in arms)
    )
    made = []
    for row in chosen:
        number, image = ids[row], pictures[ids[row]]
        colours = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
        tiles = [colours, *(_overlaid(colours, each[number]) for each in maps)]
        lines = [f"is {group.class_labels[group.labels[row]]}"]
        for arm, each in zip(arms, sure, strict=True):
            answer = group.class_labels[each[row].argmax()]
            lines.append(f"{arm.arm.name}: {answer}, {100 * each[row].max():.0f} %")
        text = f"Test image {number} and what both arms look at, {'; '.join(lines)}"
        made.append(Picture(png(_beside(tiles)), text, lines))
    caption = (
        f"Test images that exactly one of {names} gets right, the most confident answers first: "
        f"the image; {methods}. Orange is what counts, mean over seeds. {_sanity(arms)}"
    )
    return [Gallery(made, caption, is_wide=True)]


def _choose(group: Group, sure: Sequence[np.ndarray], is_shown: np.ndarray) -> list[int]:
    """Returns rows of the test images, those that the first arm alone gets right first."""
    right = [each.argmax(axis=1) == group.labels for each in sure]
    confidence = np.minimum(*(each.max(axis=1) for each in sure))
    chosen: list[int] = []
    for own, other in (right, right[::-1]):
        rows = np.flatnonzero(own & ~other & is_shown)
        chosen += rows[np.argsort(-confidence[rows], kind="stable")][:NUM_PICTURES].tolist()
    return chosen


def _maps(arm: InspectedArm) -> dict[int | str, np.ndarray]:
    """Returns maps [rows, columns] in [0, 1], means over seeds, by the ids of images."""
    mean = np.mean([each["maps_trained"] for each in arm.arrays], axis=0) / 255
    return dict(zip(arm.arrays[0]["map_ids"].tolist(), mean, strict=True))


def _pictures(arms: Sequence[InspectedArm]) -> dict[int | str, np.ndarray]:
    return {
        number: image
        for each in arms
        for arrays in each.arrays
        for number, image in zip(arrays["picture_ids"].tolist(), arrays["pictures"], strict=True)
    }


def _overlaid(image: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Lays a map [rows, columns] in [0, 1] over an image uint8 [height, width, 3], made grey."""
    size = image.shape[1], image.shape[0]
    high = Image.fromarray(shown.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    share = MOST * np.clip(np.asarray(high), 0, 1)[..., None]
    grey = image.mean(axis=-1, keepdims=True)
    return np.rint((1 - share) * grey + share * COLOUR).astype(np.uint8)


def _beside(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Joins images side by side, with a transparent gap of a sixteenth of their width."""
    opaque = [np.dstack([tile, np.full(tile.shape[:2], 255, np.uint8)]) for tile in tiles]
    gap = np.zeros((len(tiles[0]), max(tiles[0].shape[1] // 16, 1), 4), np.uint8)
    return np.concatenate([part for tile in opaque for part in (gap, tile)][1:], axis=1)


def _sanity(arms: Sequence[InspectedArm]) -> str:
    """Says how much a map owes to training: like Adebayo et al. (2018), beside random weights."""
    found = [
        f"{cells.decimals(rho)} for {each.arm.name}"
        for each in arms
        if (rho := _correlation(each)) is not None
    ]
    if not found:
        return ""
    return (
        f"Rank correlation of a map with that of the untrained model: {' and '.join(found)}; where "
        "it is high, the map shows the image and the network's build more than what was learned "
        "(Adebayo et al. 2018)."
    )


def _correlation(arm: InspectedArm) -> float | None:
    """Returns the mean over images and seeds; maps of one value have none."""
    found = [
        tuple(stats.spearmanr(trained.ravel(), initial.ravel()))[0]
        for each in arm.arrays
        for trained, initial in zip(each["maps_trained"], each["maps_initial"], strict=True)
        if np.ptp(trained) and np.ptp(initial)
    ]
    return float(np.mean(np.array(found, np.float64))) if found else None
